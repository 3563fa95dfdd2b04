// The same requests to Envoy and to our proxy, which have the same configuration from one control plane: the same answers,
// the same seen by the application, the same response flags in the access log. What differs on purpose is in
// differences.ts, and in docs/envoy-differences.md.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { RunFilePod } from '@weft/commands/up/run-file';
import { envoyBinary, needs } from '@weft/testkit/require';
import { RunningMesh } from '../../apps/demo/src/running-mesh.ts';
import { differences, type Outcome } from './differences.ts';
import { byName, exchange } from './exchange.ts';
import { type DifferentialRequest, requests } from './requests.ts';

type Plane = 'envoy' | 'weft';

/** Requests under way at a time: most of their time they wait for silence. */
const CONCURRENCY = 8;
const LOG_DEADLINE_MS = 15_000;

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

/** The application's description of what it got has headers too, and those are compared as seen. */
const readable = (body: string): string => {
  if (body.startsWith('{"method"')) return 'description';
  return body.length > 300 ? `${body.length} bytes` : body;
};

describe('Envoy and weft under one configuration', { skip: needs('envoy', 'linux') }, () => {
  let mesh: RunningMesh;
  const pods = new Map<string, RunFilePod>();
  before(async () => {
    const envoys = ['caller', 'server'].flatMap((name) => ['--data-plane', `diff/${name}-envoy=envoy`]);
    mesh = new RunningMesh({
      folder: join(import.meta.dirname, 'mesh'),
      args: [...envoys, '--envoy', envoyBinary() as string],
    });
    await mesh.ready(60_000).catch((error: Error) => assert.fail(`${error.message}\n${mesh.lastLines(40)}`));
    for (const pod of mesh.runFile()?.pods ?? []) pods.set(pod.workload, pod);
    assert.deepEqual([...pods.keys()].sort(), ['caller-envoy', 'caller-weft', 'echo', 'server-envoy', 'server-weft']);
  });
  after(() => mesh.stop());

  const podOf = (name: string): RunFilePod => pods.get(name) ?? assert.fail(name);

  const seenBy = async (request: DifferentialRequest, pod: RunFilePod, id: string): Promise<unknown[]> => {
    const app = request.side === 'caller' ? podOf('echo') : pod;
    const at = app.dataPlane === 'none' ? `${app.ip}:8080` : `127.0.0.1:${app.appPorts[8080]}`;
    const seen = JSON.parse(await fetchText(`http://${at}/__seen?case=${id}`)) as { headers: string[] }[];
    return seen.map((s) => ({ ...s, headers: byName(s.headers) }));
  };

  const outcomeOf = async (request: DifferentialRequest, name: string, plane: Plane): Promise<Outcome> => {
    const pod = podOf(`${request.side}-${plane}`);
    const id = `${name}-${plane}`;
    const host = request.side === 'caller' ? 'echo' : 'server';
    const own = (text: string): string => text.replaceAll('ID', id).replaceAll('HOST', host);
    const { answers, closed } = await exchange(pod.ip, request.side === 'caller' ? 15001 : 8080, {
      ...request,
      bytes: own(request.bytes),
      ...(request.then !== undefined && { then: own(request.then) }),
    });
    const text = JSON.stringify({
      answers: answers.map(([status, headers, body]) => [status, headers, readable(body)]),
      // Who says that it will close does, sooner or later.
      closed: closed || answers.at(-1)?.[1].connection === 'close',
      seen: await seenBy(request, pod, id),
    });
    return JSON.parse(neutral(text, pod).replace(new RegExp(id, 'gi'), 'ID')) as Outcome;
  };

  /** By case and plane: status and flags of each of its records. */
  const accessRecords = async (expected: ReadonlySet<string>): Promise<Map<string, string[]>> => {
    const deadline = performance.now() + LOG_DEADLINE_MS;
    for (;;) {
      const found = new Map<string, string[]>();
      for (const [, id, record] of readFileSync(mesh.logFile, 'utf8').matchAll(/ACCESS (case\d+-\w+) (.*)/g))
        found.set(id as string, [...(found.get(id as string) ?? []), record as string]);
      if ([...expected].every((id) => found.has(id)) || performance.now() > deadline) return found;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  };

  it(`${requests.length} requests have the same answers, and the application sees the same`, async (t) => {
    const only = process.env.WEFT_DIFFERENTIAL ?? '';
    const chosen = [...requests.entries()].filter(([, r]) => `${r.side} ${r.name}`.includes(only));
    const outcomes: (readonly [Outcome, Outcome])[] = [];
    let next = 0;
    const lane = async (): Promise<void> => {
      while (next < chosen.length) {
        const at = next++;
        const [i, request] = chosen[at] as (typeof chosen)[number];
        outcomes[at] = [await outcomeOf(request, `case${i}`, 'envoy'), await outcomeOf(request, `case${i}`, 'weft')];
      }
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, lane));

    const answered = chosen.flatMap(([i], at) =>
      (outcomes[at] as readonly [Outcome, Outcome]).every((outcome) => outcome.seen.length > 0)
        ? [`case${i}-envoy`, `case${i}-weft`]
        : [],
    );
    const records = await accessRecords(new Set(answered));
    const recordsOf = (i: number, plane: Plane): string[] => records.get(`case${i}-${plane}`) ?? [];

    const different = new Map<string, number>();
    const wrong: string[] = [];
    let same = 0;
    for (const [at, [i, request]] of chosen.entries()) {
      const [theirs, ours] = outcomes[at] as readonly [Outcome, Outcome];
      const both = [
        { ...theirs, records: recordsOf(i, 'envoy') },
        { ...ours, records: recordsOf(i, 'weft') },
      ] as const;
      const name = `${request.side} ${request.name}`;
      const listed = differences.find((d) => d.requests.test(name) && d.holds(...both));
      const [envoy, weft] = both.map((outcome) => JSON.stringify(outcome));
      if (envoy === weft) same++;
      else if (listed) different.set(listed.why, (different.get(listed.why) ?? 0) + 1);
      else wrong.push(`${name}\n    Envoy ${envoy}\n    weft  ${weft}`);
    }
    t.diagnostic(`${chosen.length} requests: ${same} the same, ${wrong.length} different`);
    for (const [why, count] of different) t.diagnostic(`${count}, on purpose: ${why}`);
    assert.ok(wrong.length === 0, `${wrong.length} differ:\n${wrong.join('\n')}`);
  });
});
