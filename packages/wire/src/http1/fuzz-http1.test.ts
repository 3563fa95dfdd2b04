// Our request reader and Node's own parser over the same bytes. `npm run fuzz:http1` for many cases; WEFT_FUZZ_SEED
// repeats a run.
import assert from 'node:assert/strict';
import { METHODS } from 'node:http';
import { it } from 'node:test';
import { seededRandom } from '@weft/base/random';
import { type NodesView, type ParsedRequest, readAsNode } from '../testing/node-parser.ts';
import { requestBytes } from '../testing/request-bytes.ts';
import type { RequestHead } from './request-head.ts';
import { RequestReader } from './request-reader.ts';

const cases = Number(process.env.WEFT_FUZZ_CASES ?? 2000);
const seed = Number(process.env.WEFT_FUZZ_SEED ?? 1);
const BATCH = 200;

interface OurRequest {
  readonly head: RequestHead;
  body: string;
  trailers: readonly string[] | null;
}

/** Behind it there may be no further request: the connection closes, or becomes something else. */
const mayBeLast = (head: RequestHead): boolean => head.method === 'CONNECT' || head.upgrade !== '' || !head.keepAlive;

interface OurView {
  readonly requests: OurRequest[];
  /** Empty if there was none. */
  error: string;
  /** All bytes were understood, up to an end of the connection's HTTP. */
  accepted: boolean;
}

/** `random` says where the bytes are cut. */
const readOurselves = (bytes: string, random: () => number): OurView => {
  const view: OurView = { requests: [], error: '', accepted: false };
  let over = false;
  const reader: RequestReader = new RequestReader(
    {
      onHead: (head) => void view.requests.push({ head, body: '', trailers: null }),
      onData(buffer, start, end) {
        (view.requests.at(-1) as OurRequest).body += buffer.toString('latin1', start, end);
      },
      onEnd(trailers) {
        const last = view.requests.at(-1) as OurRequest;
        last.trailers = trailers;
        over = mayBeLast(last.head);
        if (!over) reader.next();
      },
      onError: (error) => void (view.error = error.reason),
    },
    { maxHeadBytes: 60 * 1024, maxHeaders: 100 },
  );
  const buffer = Buffer.from(bytes, 'latin1');
  for (let from = 0; from < buffer.length; ) {
    const to = random() < 0.5 ? buffer.length : Math.min(buffer.length, from + 1 + Math.floor(random() * 40));
    reader.push(buffer.subarray(from, to));
    from = to;
  }
  view.accepted = view.requests.length > 0 && view.error === '' && (over || reader.idle);
  return view;
};

const ofTheConnection = ['host', 'connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade'];

/** What is passed on of a list of headers: that which is not for this hop alone. */
const forwarded = (headers: readonly string[], connection: string): string[] => {
  const named = connection
    .toLowerCase()
    .split(',')
    .map((token) => token.trim());
  const drop = new Set([...ofTheConnection, ...named.filter((name) => name !== 'content-length')]);
  return headers.filter((_, i) => !drop.has(headers[i & ~1] as string));
};

const valueOf = (headers: readonly string[], name: string): string =>
  headers.filter((_, i) => i % 2 === 1 && headers[i - 1] === name).join(',');

const difference = (ours: OurRequest, theirs: ParsedRequest): string => {
  const { head } = ours;
  const { headers } = theirs;
  if (head.method !== theirs.method) return `method ${head.method}, ${theirs.method}`;
  if (head.target !== theirs.target) return `target ${head.target}, ${theirs.target}`;
  if (head.minor !== theirs.minor) return `version 1.${head.minor}, 1.${theirs.minor}`;
  if (head.host !== valueOf(headers, 'host')) return `host ${head.host}, ${valueOf(headers, 'host')}`;
  const [mine, other] = [head.headers, forwarded(headers, valueOf(headers, 'connection'))].map((h) =>
    JSON.stringify(h),
  );
  if (mine !== other) return `headers ${mine}, ${other}`;
  if (ours.trailers === null || head.method === 'CONNECT') return '';
  if (!theirs.complete) return 'complete, not complete';
  if (ours.body !== theirs.body) return `body ${ours.body}, ${theirs.body}`;
  const kept = forwarded(theirs.trailers, '').filter((_, i, all) => all[i & ~1] !== 'content-length');
  const trailers = [ours.trailers, kept].map((t) => JSON.stringify(t));
  return trailers[0] === trailers[1] ? '' : `trailers ${trailers.join(', ')}`;
};

/** Where we accept more than Node does, each with the reason that it does no harm. */
const exceptions: readonly { why: string; holds: (error: string, request: OurRequest, bytes: string) => boolean }[] = [
  {
    why: 'methods that Node does not know pass, as RFC 9110 section 9.1 leaves the list open',
    holds: (error, { head }) => error.startsWith('HPE_INVALID_METHOD') && !METHODS.includes(head.method),
  },
  {
    why: 'chunk extensions may have any printable characters, as they are never passed on',
    // Of a request that asks for an upgrade Node drops the error.
    holds: (error, { head }, bytes) =>
      /^HPE_(STRICT|INVALID_CHUNK_SIZE): Invalid character in chunk extensions/.test(error) ||
      (error === '' && head.upgrade !== '' && /\r\n[0-9a-f]+;/i.test(bytes)),
  },
  {
    why: 'a tab may follow `chunked`, as white space is space or tab (RFC 9110 section 5.6.3); it is not passed on',
    holds: (error, { head }, bytes) =>
      error.startsWith('HPE_INVALID_TRANSFER_ENCODING') && head.chunked && /chunked[ \t]*\t[ \t]*\r\n/i.test(bytes),
  },
  {
    why: '`connection` among trailers is left out, not obeyed (RFC 9110 section 6.5.1)',
    holds: (error, _, bytes) =>
      error.startsWith('HPE_CLOSED_CONNECTION') && /\r\n0+(;[^\r]*)?\r\n([^\r]+\r\n)*connection:/i.test(bytes),
  },
];

/** What is wrong with how we read it; empty if nothing. */
const verdict = (ours: OurView, node: NodesView, bytes: string): string => {
  for (const [i, request] of ours.requests.entries()) {
    const theirs = node.requests[i];
    const what = theirs === undefined ? 'accepted' : difference(request, theirs);
    if (what === '') continue;
    if (exceptions.some(({ holds }) => holds(node.error, request, bytes))) return '';
    return `request ${i}: ${what} (Node: ${node.error || 'no error'})`;
  }
  const last = ours.requests.at(-1);
  if (!ours.accepted || last === undefined || mayBeLast(last.head)) return '';
  if (node.error === '' || exceptions.some(({ holds }) => holds(node.error, last, bytes))) return '';
  return `accepted as a whole (Node: ${node.error})`;
};

it(`${cases} requests, sound and not, are read as Node reads them, or refused`, async (t) => {
  const random = seededRandom(seed);
  const counts = { accepted: 0, refused: 0, unfinished: 0, 'refused by us alone': 0, 'refused by Node': 0 };
  const reasons = new Map<string, number>();
  const wrong: string[] = [];
  for (let done = 0; done < cases; done += BATCH) {
    const batch = Array.from({ length: Math.min(BATCH, cases - done) }, () => requestBytes(random));
    const nodes = await readAsNode(batch);
    for (const [i, bytes] of batch.entries()) {
      const node = nodes[i] as NodesView;
      const ours = readOurselves(bytes, random);
      if (ours.error !== '') {
        counts.refused++;
        reasons.set(ours.error, (reasons.get(ours.error) ?? 0) + 1);
        if (node.error === '') counts['refused by us alone']++;
      } else if (ours.accepted) counts.accepted++;
      else counts.unfinished++;
      if (node.error !== '') counts['refused by Node']++;
      const what = verdict(ours, node, bytes);
      if (what !== '') wrong.push(`case ${done + i}: ${what}\n  ${JSON.stringify(bytes)}`);
    }
  }
  const share = (count: number): string => `${count} (${((100 * count) / cases).toFixed(1)} %)`;
  t.diagnostic(
    `seed ${seed}: ${Object.entries(counts)
      .map(([name, count]) => `${name} ${share(count)}`)
      .join(', ')}`,
  );
  t.diagnostic(
    `why: ${[...reasons]
      .sort((a, b) => b[1] - a[1])
      .map(([name, count]) => `${name} ${count}`)
      .join(', ')}`,
  );
  t.diagnostic(`exceptions: ${exceptions.map(({ why }) => why).join('; ')}`);
  assert.deepEqual(wrong.slice(0, 20), [], `${wrong.length} cases`);
  assert.ok(counts.accepted > cases / 10 && counts.refused > cases / 10, 'both happen often');
});
