// Where weft answers otherwise than Envoy on purpose, each checked for being that difference and no other; the reasons
// are in docs/envoy-differences.md, under the same names.

/** Of one request. */
export interface Outcome {
  /** Status, headers, body. */
  readonly answers: readonly (readonly [number, Readonly<Record<string, string>>, unknown])[];
  readonly closed: boolean;
  /** What the application got. */
  readonly seen: readonly unknown[];
  /** Status and response flags in the access log; of requests that have a name. */
  readonly records?: readonly string[];
}

export interface Difference {
  readonly why: string;
  /** Of "side name". */
  readonly requests: RegExp;
  /** Whether it is that which differs. */
  holds(envoy: Outcome, weft: Outcome): boolean;
}

const head = ({ answers }: Outcome): Outcome['answers'][number] | undefined => answers[0];
const status = (outcome: Outcome): number => head(outcome)?.[0] ?? 0;

/** As said by one who could not read it: nothing went on, and the connection is over. */
const refused = (weft: Outcome): boolean =>
  (status(weft) === 400 || status(weft) === 501) && weft.answers.length === 1 && weft.closed && weft.seen.length === 0;

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

/** Without the end of the connection. */
const message = ([code, headers, body]: Outcome['answers'][number]): unknown => [
  code,
  { ...headers, connection: undefined },
  body,
];

/** What the application saw, `change` made to the headers of each. */
const seenAs = (outcome: Outcome, change: (headers: Record<string, string>) => void): unknown =>
  outcome.seen.map((seen) => {
    const { headers, ...rest } = structuredClone(seen) as { headers: Record<string, string> };
    change(headers);
    return { ...rest, headers };
  });

const but = (change: (headers: Record<string, string>) => void) => (envoy: Outcome, weft: Outcome) =>
  same([envoy.answers, envoy.records], [weft.answers, weft.records]) &&
  same(seenAs(envoy, change), seenAs(weft, change));

export const differences: readonly Difference[] = [
  {
    why: 'methods are not a closed list',
    requests: /method (BREW|get|M-SEARCH|QUERY)|QUERY (with|in)/,
    holds: (envoy, weft) => status(envoy) === 400 && (weft.seen.length === 1 || weft.records?.length === 1),
  },
  {
    why: 'what RFC 9112 calls invalid is refused, and with 400',
    requests:
      /header: (bare|folded)|path .*(#|u:p)|start line|lines that end|Host: (u@HOST|HOST:x|$)|no Host|Connection: host|two (equal )?Hosts|without Host|smuggling/,
    holds: (_, weft) => refused(weft),
  },
  {
    why: 'trailers are passed on',
    requests: /trailers$/,
    holds: (envoy, weft) =>
      same(envoy.records, weft.records) &&
      (JSON.stringify(weft.seen).includes('"trailers":["x-t","up"]') ||
        /trailers \S*x-t/.test(weft.answers[0]?.[2] as string)),
  },
  {
    why: 'x-forwarded-proto is http or https',
    requests: /x-forwarded-proto odd/,
    holds: but((headers) => void delete headers['x-forwarded-proto']),
  },
  {
    why: 'expectations are passed on, not answered here',
    requests: /Expect: 100|an expectation/i,
    holds: but((headers) => void delete headers.expect),
  },
  {
    why: 'an answer before the end of the request does not end the connection',
    requests: /%00|upgrade of another kind|server CONNECT$|POST route|denied with a body/,
    holds: (envoy, weft) =>
      envoy.closed && same(envoy.answers.map(message)[0], weft.answers.map(message)[0]) && envoy.answers.length === 1,
  },
  {
    why: 'HTTP/1.0 is answered',
    requests: /start line: HTTP\/1\.0/,
    holds: (envoy, weft) => status(envoy) === 426 && status(weft) === 200,
  },
  {
    why: 'an absolute target without a path means /',
    requests: /path http:\/\/HOST\?x/,
    holds: (envoy, weft) => status(envoy) === 404 && status(weft) === 200,
  },
  {
    why: 'a target without a route is recorded with NR',
    requests: /OPTIONS \*/,
    holds: (envoy, weft) => same(envoy.answers, weft.answers) && same(weft.records, ['404 NR']),
  },
  {
    why: 'informational answers are passed on',
    requests: /answer: hints/,
    holds: (envoy, weft) => status(weft) === 103 && same(envoy.answers, weft.answers.slice(1)),
  },
  {
    why: 'headers that connection names stay on their hop',
    requests: /answer: hop/,
    holds: (envoy, weft) => head(envoy)?.[1]['x-hop'] === '1' && head(weft)?.[1]['x-hop'] === undefined,
  },
  {
    why: 'a length that connection names is a length',
    requests: /a length that connection names/,
    holds: but((headers) => {
      delete headers['content-length'];
      delete headers['transfer-encoding'];
    }),
  },
  {
    why: 'what RFC 9112 calls invalid is no answer',
    requests: /answer: (folded|unasked)/,
    holds: (_, weft) => same(weft.records, ['502 UPE']),
  },
  {
    why: 'heads of answers end at 60 KiB',
    requests: /answer: large/,
    holds: (_, weft) => same(weft.records, ['502 UPE']),
  },
  {
    why: 'upgrades are written in one form, and the end of a tunnel is no fault',
    requests: /to WebSocket|upgrade with a body/,
    holds: (envoy, weft) =>
      same(envoy.answers, weft.answers) &&
      same([envoy.records, weft.records], [['101 UC'], ['101 -']]) &&
      JSON.stringify(envoy.seen).toLowerCase() === JSON.stringify(weft.seen).toLowerCase(),
  },
  {
    why: 'a CONNECT to ourselves is not recorded, what is inside it is',
    requests: /caller CONNECT$/,
    holds: (envoy, weft) => same(envoy.answers, weft.answers) && weft.records?.length === 0,
  },
  {
    why: 'a redirect has the same length for HEAD as for GET',
    requests: /HEAD route \/redirect/,
    holds: (_, weft) => status(weft) === 301 && head(weft)?.[1]['content-length'] === '0',
  },
  {
    why: 'a port that is none is not asked for',
    requests: /Host: HOST:(99999)?$/,
    holds: (envoy, weft) => same(envoy.records, ['503 DF']) && same(weft.records, ['403 -']),
  },
  {
    why: 'a kept connection that closes just then is not the fault of the request, which is repeated once',
    requests: /\/cut\//,
    holds: (envoy, weft) => weft.seen.length === envoy.seen.length + 1 || same(envoy.answers, weft.answers),
  },
];

const isReset = ({ answers }: Outcome): boolean => answers.length === 1 && String(answers[0]?.[2]).startsWith('reset');

/** Over HTTP/2, where most of those above cannot be said. */
export const http2Differences: readonly Difference[] = [
  {
    why: 'over HTTP/2: what a field must not hold is a stream error',
    requests: /path .*#|Host: |no Host/,
    holds: (_, weft) => isReset(weft) && weft.seen.length === 0,
  },
  {
    why: 'over HTTP/2: a head that is too large is answered 431',
    requests: /a header of 61 KiB/,
    holds: (envoy, weft) => isReset(envoy) && status(weft) === 431,
  },
  {
    why: 'over HTTP/2: the scheme is that of x-forwarded-proto',
    requests: /match scheme$/,
    holds: (envoy, weft) => status(envoy) === 404 && status(weft) === 200,
  },
  ...differences,
];
