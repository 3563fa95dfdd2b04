import type { MessageReader, MessageSink } from '../http1/message-reader.ts';

export const requestLimits = { maxHeadBytes: 8 * 1024, maxHeaders: 100 };

/** What a reader says of `text`, cut at `cuts`; neighbouring pieces of a body joined. */
export const events = <Head>(
  make: (sink: MessageSink<Head>) => MessageReader<Head>,
  text: string,
  cuts: readonly number[],
): unknown[] => {
  const list: Record<string, unknown>[] = [];
  const reader: MessageReader<Head> = make({
    onHead: (head) => void list.push({ head }),
    onData(buffer, start, end) {
      const data = buffer.toString('latin1', start, end);
      const last = list.at(-1);
      if (last && typeof last.data === 'string') last.data += data;
      else list.push({ data });
    },
    onEnd(trailers) {
      list.push({ end: trailers });
      reader.next();
    },
    onError: (error) => void list.push({ error }),
  });
  let from = 0;
  for (const cut of [...new Set(cuts)].sort((a, b) => a - b)) {
    if (cut <= from || cut >= text.length) continue;
    push(reader, text.slice(from, cut));
    from = cut;
  }
  push(reader, text.slice(from));
  return list;
};

/** In the middle of a buffer with other bytes, as a reused read buffer has them. */
const push = <Head>(reader: MessageReader<Head>, text: string): void => {
  const around = '\r\n\r\nGET';
  const buffer = Buffer.from(around + text + around, 'latin1');
  reader.push(buffer, around.length, around.length + text.length);
  buffer.fill('!');
};
