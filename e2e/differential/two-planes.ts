// One mesh with an Envoy and a sidecar of ours in each place that matters, and what requests to them came to.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { join } from 'node:path';
import type { RunFilePod } from '@weft/commands/up/run-file';
import { envoyBinary } from '@weft/testkit/require';
import { RunningMesh } from '../../apps/demo/src/running-mesh.ts';
import type { Difference, Outcome } from './differences.ts';
import { type Answered, byName } from './exchange.ts';
import type { Side } from './requests.ts';

export type Plane = 'envoy' | 'weft';

/** Something to ask both planes. */
export interface Asked {
  readonly side: Side;
  readonly name: string;
}

/** Requests under way at a time: most of their time they wait for silence. */
const CONCURRENCY = 8;
const LOG_DEADLINE_MS = 15_000;

export class TwoPlanes {
  readonly #mesh: RunningMesh;
  readonly #pods = new Map<string, RunFilePod>();
  #runs = 0;

  constructor() {
    const envoys = ['caller', 'server'].flatMap((name) => ['--data-plane', `diff/${name}-envoy=envoy`]);
    this.#mesh = new RunningMesh({
      folder: join(import.meta.dirname, 'mesh'),
      args: [...envoys, '--envoy', envoyBinary() as string],
    });
  }

  async ready(): Promise<void> {
    await this.#mesh
      .ready(60_000)
      .catch((error: Error) => assert.fail(`${error.message}\n${this.#mesh.lastLines(40)}`));
    for (const pod of this.#mesh.runFile()?.pods ?? []) this.#pods.set(pod.workload, pod);
    assert.deepEqual([...this.#pods.keys()].sort(), [
      'caller-envoy',
      'caller-weft',
      'echo',
      'server-envoy',
      'server-weft',
    ]);
  }

  stop(): Promise<void> {
    return this.#mesh.stop();
  }

  /**
   * Each of them asked of both, by `ask` (at an address and port, `own` puts the case's names into a text). Fails if an outcome differs and
   * `differences` does not say so. Returns what to tell: how many, and how many of each difference.
   */
  async compare<T extends Asked>(
    asked: readonly T[],
    differences: readonly Difference[],
    ask: (request: T, host: string, port: number, own: (text: string) => string) => Promise<Answered>,
  ): Promise<string[]> {
    const run = ++this.#runs;
    const only = process.env.WEFT_DIFFERENTIAL ?? '';
    const chosen = [...asked.entries()].filter(([, r]) => `${r.side} ${r.name}`.includes(only));
    const outcomes: (readonly [Outcome, Outcome])[] = [];
    let next = 0;
    const lane = async (): Promise<void> => {
      while (next < chosen.length) {
        const at = next++;
        const [i, request] = chosen[at] as (typeof chosen)[number];
        outcomes[at] = [
          await this.#outcomeOf(request, `run${run}case${i}`, 'envoy', ask),
          await this.#outcomeOf(request, `run${run}case${i}`, 'weft', ask),
        ];
      }
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, lane));

    const answered = chosen.flatMap(([i], at) =>
      (outcomes[at] as readonly [Outcome, Outcome]).every((outcome) => outcome.seen.length > 0)
        ? [`run${run}case${i}-envoy`, `run${run}case${i}-weft`]
        : [],
    );
    const records = await this.#accessRecords(new Set(answered));
    const recordsOf = (i: number, plane: Plane): string[] => records.get(`run${run}case${i}-${plane}`) ?? [];

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
    assert.ok(wrong.length === 0, `${same} are the same, ${wrong.length} differ:\n${wrong.join('\n')}`);
    return [
      `${chosen.length} requests: ${same} the same`,
      ...[...different].map(([why, count]) => `${count}, on purpose: ${why}`),
    ];
  }

  async #outcomeOf<T extends Asked>(
    request: T,
    name: string,
    plane: Plane,
    ask: (request: T, host: string, port: number, own: (text: string) => string) => Promise<Answered>,
  ): Promise<Outcome> {
    const pod = this.#pod(`${request.side}-${plane}`);
    const id = `${name}-${plane}`;
    const host = request.side === 'caller' ? 'echo' : 'server';
    const own = (text: string): string => text.replaceAll('ID', id).replaceAll('HOST', host);
    const { answers, closed } = await ask(request, pod.ip, request.side === 'caller' ? 15001 : 8080, own);
    const text = JSON.stringify({
      answers: answers.map(([status, headers, body]) => [status, headers, readable(body)]),
      // Who says that it will close does, sooner or later.
      closed: closed || answers.at(-1)?.[1].connection === 'close',
      seen: await this.#seenBy(request, pod, id),
    });
    return JSON.parse(neutral(text, pod).replace(new RegExp(id, 'gi'), 'ID')) as Outcome;
  }

  async #seenBy(request: Asked, pod: RunFilePod, id: string): Promise<unknown[]> {
    const app = request.side === 'caller' ? this.#pod('echo') : pod;
    const at = app.dataPlane === 'none' ? `${app.ip}:8080` : `127.0.0.1:${app.appPorts[8080]}`;
    const seen = JSON.parse(await fetchText(`http://${at}/__seen?case=${id}`)) as { headers: string[] }[];
    return seen.map((s) => ({ ...s, headers: byName(s.headers) }));
  }

  /** By case and plane: status and flags of each of its records. */
  async #accessRecords(expected: ReadonlySet<string>): Promise<Map<string, string[]>> {
    const deadline = performance.now() + LOG_DEADLINE_MS;
    for (;;) {
      const found = new Map<string, string[]>();
      for (const [, id, record] of readFileSync(this.#mesh.logFile, 'utf8').matchAll(
        /ACCESS (run\d+case\d+-\w+) (.*)/g,
      ))
        found.set(id as string, [...(found.get(id as string) ?? []), record as string]);
      if ([...expected].every((id) => found.has(id)) || performance.now() > deadline) return found;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  #pod(name: string): RunFilePod {
    return this.#pods.get(name) ?? assert.fail(name);
  }
}

/** Names and addresses of either side's own, as one. */
const neutral = (text: string, pod: RunFilePod): string =>
  text.replaceAll(pod.ip, 'POD').replaceAll(/(caller|server)-(envoy|weft)(-[a-z0-9]+)*/g, '$1');

/** The application's description of what it got has headers too, and those are compared as seen. */
const readable = (body: string): string => {
  if (body.startsWith('{"method"')) return 'description';
  return body.length > 300 ? `${body.length} bytes` : body;
};

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
