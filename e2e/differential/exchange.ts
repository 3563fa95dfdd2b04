// One exchange with a proxy over a plain connection, as it happens on the wire.
import { connect } from 'node:net';
import type { ResponseHead } from '@weft/wire/http1/response-head';
import { ResponseReader } from '@weft/wire/http1/response-reader';
import type { DifferentialRequest } from './requests.ts';

export interface Answered {
  /** Each response: status, headers by name, body. */
  readonly answers: readonly (readonly [number, Readonly<Record<string, string>>, string])[];
  readonly closed: boolean;
}

/** As it happens, or what belongs to the proxy and not to the message. */
const volatile = new Set([
  'date',
  'x-request-id',
  'x-envoy-upstream-service-time',
  'traceparent',
  'tracestate',
  'x-envoy-peer-metadata',
  'x-envoy-peer-metadata-id',
  'x-envoy-decorator-operation',
  'x-b3-traceid',
  'x-b3-spanid',
  'x-b3-sampled',
  'x-b3-parentspanid',
]);
/** Silence for so long is the end of the answers; of fewer than there were requests, for longer. */
const QUIET_MS = 40;
const QUIET_TOO_SOON_MS = 500;
const SLOWEST_MS = 3000;

/** Headers by name in lower case, values of one name joined, without what is different each time. */
export const byName = (flat: readonly string[]): Record<string, string> => {
  const out: Record<string, string> = {};
  for (let i = 0; i < flat.length; i += 2) {
    const name = (flat[i] as string).toLowerCase();
    if (volatile.has(name)) continue;
    const value = flat[i + 1] as string;
    out[name] = name in out ? `${out[name]},${value}` : value;
  }
  return Object.fromEntries(Object.entries(out).sort(([a], [b]) => (a < b ? -1 : 1)));
};

const methodsOf = (bytes: string): string[] =>
  [...bytes.matchAll(/(?:^|\n|[^A-Za-z])([A-Z-]+) \S* HTTP\//g)].map((match) => match[1] as string);

/** Sends the bytes as they are and reads what comes back until nothing more does. */
export const exchange = (host: string, port: number, { bytes, then }: DifferentialRequest): Promise<Answered> =>
  new Promise((resolve) => {
    const answers: [number, Record<string, string>, string][] = [];
    const methods = methodsOf(bytes + (then ?? ''));
    let tunnel = false;
    let second = then;
    const reader: ResponseReader = new ResponseReader(
      {
        onHead(head: ResponseHead) {
          answers.push([
            head.status,
            byName([...head.headers, ...(head.keepAlive ? [] : ['connection', 'close'])]),
            '',
          ]);
          tunnel ||= head.status === 101 || (methods[0] === 'CONNECT' && head.status === 200);
        },
        onData(buffer, start, end) {
          const answer = answers.at(-1) as (typeof answers)[number];
          answer[2] += buffer.toString('latin1', start, end);
        },
        onEnd(trailers) {
          const answer = answers.at(-1) as (typeof answers)[number];
          if (trailers.length > 0) answer[2] += `trailers ${trailers.join()}`;
          reader.expect(methods[answers.filter(([status]) => status >= 200).length] ?? 'GET');
        },
        onError: (error) => void answers.push([0, {}, `unreadable: ${error.reason}`]),
      },
      { maxHeadBytes: 128 * 1024, maxHeaders: 2000 },
    );
    reader.expect(methods[0] ?? 'GET');
    const socket = connect({ host, port, allowHalfOpen: true });
    let quiet: NodeJS.Timeout | undefined;
    const slowest = setTimeout(() => done(false), SLOWEST_MS);
    const done = (closed: boolean): void => {
      clearTimeout(quiet);
      clearTimeout(slowest);
      socket.destroy();
      resolve({ answers, closed });
    };
    socket.on('connect', () => socket.write(bytes, 'latin1'));
    socket.on('data', (part: Buffer) => {
      reader.push(part);
      clearTimeout(quiet);
      if (second !== undefined && (reader.idle || tunnel || answers.at(-1)?.[0] === 100)) {
        socket.write(second, 'latin1');
        second = undefined;
      } else if (reader.idle) {
        const final = answers.filter(([status]) => status >= 200).length;
        quiet = setTimeout(() => done(false), final >= methods.length ? QUIET_MS : QUIET_TOO_SOON_MS);
      }
    });
    socket.on('end', () => {
      reader.finish();
      done(true);
    });
    socket.on('error', () => done(true));
  });
