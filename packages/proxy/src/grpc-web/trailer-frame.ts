const TRAILERS = 0x80;

/**
 * Trailers as gRPC-Web has them: the last message of the body, marked by its first bit.
 * https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md
 */
export const trailerFrame = (trailers: readonly string[]): Buffer => {
  let block = '';
  for (let i = 0; i < trailers.length; i += 2) block += `${trailers[i]}:${trailers[i + 1]}\r\n`;
  const frame = Buffer.allocUnsafe(5 + block.length);
  frame[0] = TRAILERS;
  frame.writeUInt32BE(block.length, 1);
  frame.write(block, 5, 'latin1');
  return frame;
};
