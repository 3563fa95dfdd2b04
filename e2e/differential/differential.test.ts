// The same requests to Envoy and to our proxy, which have the same configuration from one control plane: the same answers,
// and the same seen by the application. What differs on purpose is in differences.ts, and in docs/envoy-differences.md.
import assert from 'node:assert/strict';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { RunFilePod } from '@weft/commands/up/run-file';
import { envoyBinary, needs } from '@weft/testkit/require';
import type { ResponseHead } from '@weft/wire/http1/response-head';
import { ResponseReader } from '@weft/wire/http1/response-reader';
import { RunningMesh } from '../../apps/demo/src/running-mesh.ts';
import { differences } from './differences.ts';
import { type DifferentialRequest, requests } from './requests.ts';

interface Outcome {
  /** Each response: status, headers by name, body. */
  readonly answers: readonly (readonly [number, Readonly<Record<string, string>>, string])[];
  readonly closed: boolean;
  readonly seen: readonly unknown[];
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
/** Silence for so long is the end of an answer. */
const QUIET_MS = 40;
const SLOWEST_MS = 3000;

const byName = (flat: readonly string[]): Record<string, string> => {
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

const exchange = (host: string, port: number, { bytes, then }: DifferentialRequest): Promise<Omit<Outcome, 'seen'>> =>
  new Promise((resolve) => {
    const answers: [number, Record<string, string>, string][] = [];
    const methods = methodsOf(bytes + (then ?? ''));
    let open = 0;
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
          if (head.status >= 200) open--;
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
      } else if (reader.idle) quiet = setTimeout(() => done(false), QUIET_MS);
    });
    socket.on('end', () => {
      reader.finish();
      done(true);
    });
    socket.on('error', () => done(true));
  });

const fetchText = (url: string): Promise<string> =>
  new Promise((resolve, reject) => {
    httpRequest(url, { agent: false }, (response) => {
      let body = '';
      response.on('data', (part: Buffer) => (body += part.toString()));
      response.on('end', () => resolve(body));
    })
      .on('error', reject)
      .end();
  });

/** Names and addresses of either side's own, as one. */
const neutral = (text: string, pod: RunFilePod): string =>
  text.replaceAll(pod.ip, 'POD').replaceAll(/(caller|server)-(envoy|weft)(-[a-z0-9]+)*/g, '$1');

describe('Envoy and weft under one configuration', { skip: needs('envoy', 'linux') }, () => {
  let mesh: RunningMesh;
  const pods = new Map<string, RunFilePod>();
  before(async () => {
    mesh = new RunningMesh({
      folder: join(import.meta.dirname, 'mesh'),
      args: [
        '--data-plane',
        'diff/caller-envoy=envoy',
        '--data-plane',
        'diff/server-envoy=envoy',
        '--envoy',
        envoyBinary() as string,
      ],
    });
    await mesh.ready(60_000).catch((error: Error) => assert.fail(`${error.message}\n${mesh.lastLines(40)}`));
    for (const pod of mesh.runFile()?.pods ?? []) pods.set(pod.workload, pod);
    assert.deepEqual([...pods.keys()].sort(), ['caller-envoy', 'caller-weft', 'echo', 'server-envoy', 'server-weft']);
  });
  after(() => mesh.stop());

  const podOf = (name: string): RunFilePod => pods.get(name) ?? assert.fail(name);

  const outcomeOf = async (request: DifferentialRequest, id: string, plane: 'envoy' | 'weft'): Promise<Outcome> => {
    const pod = podOf(`${request.side}-${plane}`);
    const app = request.side === 'caller' ? podOf('echo') : pod;
    const seenUrl =
      app.dataPlane === 'none' ? `http://${app.ip}:8080/__seen` : `http://127.0.0.1:${app.appPorts[8080]}/__seen`;
    const host = request.side === 'caller' ? 'echo' : 'server';
    const own = (text: string): string => text.replaceAll('ID', `${id}-${plane}`).replaceAll('HOST', host);
    await fetchText(seenUrl);
    const port = request.side === 'caller' ? 15001 : 8080;
    const sent = {
      ...request,
      bytes: own(request.bytes),
      ...(request.then !== undefined && { then: own(request.then) }),
    };
    const { answers, closed } = await exchange(pod.ip, port, sent);
    const seen = JSON.parse(await fetchText(seenUrl)) as { headers: string[] }[];
    const text = JSON.stringify({
      answers: answers.map(([status, headers, body]) => [status, headers, readable(body)]),
      // Who says that it will close does, sooner or later.
      closed: closed || answers.at(-1)?.[1].connection === 'close',
      seen: seen.map((s) => ({ ...s, headers: byName(s.headers) })),
    });
    return JSON.parse(neutral(text, pod).replace(new RegExp(`${id}-${plane}`, 'gi'), 'ID')) as Outcome;
  };

  /** The application's description of what it got has headers too. */
  const readable = (body: string): unknown => {
    if (!body.startsWith('{"method"')) return body.length > 300 ? `${body.length} bytes` : body;
    return 'description';
  };

  it(`${requests.length} requests have the same answers, and the application sees the same`, async (t) => {
    const different = new Map<string, number>();
    const wrong: string[] = [];
    let same = 0;
    const only = process.env.WEFT_DIFFERENTIAL;
    for (const [i, request] of requests.entries()) {
      if (only && !`${request.side} ${request.name}`.includes(only)) continue;
      const [theirs, ours] = [
        await outcomeOf(request, `case${i}`, 'envoy'),
        await outcomeOf(request, `case${i}`, 'weft'),
      ];
      const listed = differences.find(
        (d) => d.requests.test(`${request.side} ${request.name}`) && d.holds(theirs, ours),
      );
      if (JSON.stringify(theirs) === JSON.stringify(ours)) same++;
      else if (listed) different.set(listed.why, (different.get(listed.why) ?? 0) + 1);
      else
        wrong.push(
          `${request.side} ${request.name}\n    Envoy ${JSON.stringify(theirs)}\n    weft  ${JSON.stringify(ours)}`,
        );
    }
    t.diagnostic(`${requests.length} requests: ${same} the same, ${wrong.length} different`);
    for (const [why, count] of different) t.diagnostic(`${count}, on purpose: ${why}`);
    assert.ok(wrong.length === 0, `${wrong.length} differ:\n${wrong.join('\n')}`);
  });
});
