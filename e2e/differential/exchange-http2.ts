// The requests of the differential run that HTTP/2 can say too, and an exchange of one of them by prior knowledge.
import { connect, constants, type OutgoingHttpHeaders } from 'node:http2';
import { type Answered, byName } from './exchange.ts';
import type { DifferentialRequest, Side } from './requests.ts';

export interface Http2Request {
  readonly side: Side;
  readonly name: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string;
}

const SLOWEST_MS = 3000;
/** Of a connection, which HTTP/2 does not have. */
const HOP = new Set(['connection', 'transfer-encoding', 'keep-alive', 'proxy-connection', 'upgrade', 'http2-settings']);
const WELL_FORMED =
  /^([A-Z-]+) (\/[\x21-\x7e]*) HTTP\/1\.1\r\n((?:[A-Za-z0-9_!#$%&'*+.^`|~-]+:[\t\x20-\x7e]*\r\n)+)\r\n([\s\S]*)$/;

/** None or one: a single request, whole and in order. */
export const overHttp2 = ({ side, name, bytes, then }: DifferentialRequest): Http2Request[] => {
  const [, method, path, lines = '', rest = ''] = WELL_FORMED.exec(bytes) ?? [];
  if (method === undefined || path === undefined || method === 'CONNECT' || then !== undefined) return [];
  const fields = lines
    .trimEnd()
    .split('\r\n')
    .map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()] as const);
  const of = (field: string): string | undefined => fields.find(([n]) => n === field)?.[1];
  const length = of('content-length');
  const chunked = of('transfer-encoding') !== undefined;
  if (/smuggling|prior knowledge|headers more|many small/.test(name)) return [];
  if (fields.filter(([n]) => n === 'host' || n === 'content-length').length > 2 || of('expect') !== undefined)
    return [];
  // Node's client says nothing but trailers there.
  if (fields.some(([n, v]) => n === 'connection' || n === 'upgrade' || (n === 'te' && v !== 'trailers'))) return [];
  const body = chunked ? unchunked(rest) : rest;
  if (body === null || (!chunked && body.length !== Number(length ?? 0))) return [];
  return [
    {
      side,
      name: `over HTTP/2: ${name}`,
      headers: [
        [':method', method],
        [':scheme', 'http'],
        [':authority', of('host') ?? ''],
        [':path', path],
        ...fields.filter(([n]) => n !== 'host' && !HOP.has(n)),
      ],
      body,
    },
  ];
};

/** Null: there is more to it, an extension or a trailer. */
const unchunked = (text: string): string | null => {
  let body = '';
  for (let rest = text; ; ) {
    const size = /^([0-9a-fA-F]+)\r\n/.exec(rest);
    if (!size) return null;
    const length = Number.parseInt(size[1] as string, 16);
    const from = size[0].length;
    if (length === 0) return rest.slice(from) === '\r\n' ? body : null;
    body += rest.slice(from, from + length);
    rest = rest.slice(from + length + 2);
  }
};

export const exchangeHttp2 = (
  { headers, body }: Http2Request,
  host: string,
  port: number,
  own: (text: string) => string,
): Promise<Answered> =>
  new Promise((resolve) => {
    const answers: [number, Record<string, string>, string][] = [];
    const session = connect(`http://${host}:${port}`);
    const slowest = setTimeout(() => done('slow'), SLOWEST_MS);
    const done = (end: string): void => {
      clearTimeout(slowest);
      session.destroy();
      resolve({ answers: end === '' ? answers : [...answers, [0, {}, end]], closed: false });
    };
    session.on('error', (error: Error & { code?: string }) => done(`session: ${error.code ?? error.message}`));
    const outgoing: OutgoingHttpHeaders = {};
    for (const [name, value] of headers) {
      const known = outgoing[name];
      outgoing[name] = known === undefined ? own(value) : [known as string, own(value)].flat();
    }
    const stream = session.request(outgoing, { endStream: body === '' });
    if (body !== '') stream.end(own(body), 'latin1');
    stream.on('headers', (early) => void answers.push([early[':status'] ?? 0, {}, 'early']));
    stream.on('response', (head) => {
      const flat = Object.entries(head).flatMap(([name, value]) => [
        name,
        ([] as string[]).concat(value as string).join(),
      ]);
      answers.push([Number(head[':status']), byName(flat), '']);
    });
    stream.on('data', (part: Buffer) => {
      const answer = answers.at(-1);
      if (answer) answer[2] += part.toString('latin1');
    });
    stream.on('trailers', (trailers) => {
      const answer = answers.at(-1);
      if (answer) answer[2] += `trailers ${JSON.stringify(trailers)}`;
    });
    stream.on('error', () => {});
    stream.on('close', () => {
      const code = stream.rstCode;
      done(code === constants.NGHTTP2_NO_ERROR ? '' : `reset ${code}`);
    });
  });
