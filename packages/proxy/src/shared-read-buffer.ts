import { Socket } from 'node:net';

/**
 * Every connection reads into this one buffer: a read and the callback with its bytes are one step of the event loop,
 * so whoever gets bytes copies them before the next. Saves an allocation of 64 KiB, shrunk afterwards, for each read,
 * and the garbage collections that follow from those.
 */
export const readBuffer = Buffer.allocUnsafeSlow(64 * 1024);

/** What `net.Socket`'s option `onread` sets up, and what it takes to set it up on a socket that is there already. */
interface ReadSetup {
  readonly buffer: symbol;
  readonly callback: symbol;
  readonly next: symbol;
}

type WithHandle = Socket & { _handle?: { useUserBuffer?: (buffer: Uint8Array) => void } | null } & Record<
    symbol,
    unknown
  >;

/** Node has `onread` for sockets that connect, not for those that are accepted. Null if this Node has it otherwise. */
const findSetup = (): ReadSetup | null => {
  const socket = new Socket({ onread: { buffer: readBuffer, callback: () => true } });
  const symbols = Object.getOwnPropertySymbols(socket);
  const holding = (name: string, type: string): symbol | undefined =>
    symbols.find((s) => s.description === name && typeof (socket as WithHandle)[s] === type);
  const buffer = holding('kBuffer', 'object');
  const callback = holding('kBufferCb', 'function');
  const next = holding('kBufferGen', 'object');
  socket.destroy();
  return buffer && callback && next ? { buffer, callback, next } : null;
};

const setup = findSetup();

/**
 * From now on bytes that arrive go to `onBytes`, in the shared buffer; what was put back with `unshift` still comes as
 * `data`. False if this Node cannot: then all comes as `data`. Call it before the socket reads. `nextBuffer` is asked
 * after each read where the next one goes, if not into the shared buffer.
 */
export const readIntoSharedBuffer = (
  socket: Socket,
  onBytes: (buffer: Buffer, start: number, end: number) => void,
  nextBuffer: (() => Buffer) | null = null,
): boolean => {
  const target = socket as WithHandle;
  const handle = target._handle;
  if (setup === null || typeof handle?.useUserBuffer !== 'function') return false;
  handle.useUserBuffer(readBuffer);
  target[setup.buffer] = readBuffer;
  if (nextBuffer !== null) target[setup.next] = nextBuffer;
  target[setup.callback] = (length: number, buffer: Buffer): boolean => {
    onBytes(buffer, 0, length);
    return true;
  };
  return true;
};
