// Requests without a pause, while routing changes under them: not one may fail.
import assert from 'node:assert/strict';
import { Agent, get, type IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { systemClock } from '@weft/base/clock';
import { seededRandom } from '@weft/base/random';
import { type OrderMesh, SERVICE_PORT } from './order-mesh.ts';

const CALLERS = 4;
const DEADLINE_MS = 10_000;

/** What came of the requests so far. */
class Load {
  readonly #mesh: OrderMesh;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: CALLERS });
  #stopped = false;
  #callers: Promise<void>[] = [];
  requests = 0;
  last = '';
  readonly failures: string[] = [];

  constructor(mesh: OrderMesh) {
    this.#mesh = mesh;
  }

  start(): void {
    this.#callers = Array.from({ length: CALLERS }, () => this.#call());
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#callers);
    this.#agent.destroy();
  }

  async ask(): Promise<{ status: number; text: string }> {
    const { host, port } = this.#mesh.proxy;
    const headers = { host: `shop.default:${SERVICE_PORT}` };
    const request = get({ host, port, path: '/', headers, agent: this.#agent });
    try {
      const [response] = (await once(request, 'response')) as [IncomingMessage];
      let text = '';
      for await (const chunk of response) text += String(chunk);
      return { status: response.statusCode ?? 0, text };
    } catch (error) {
      return { status: 0, text: String(error) };
    }
  }

  async #call(): Promise<void> {
    while (!this.#stopped) {
      const { status, text } = await this.ask();
      this.requests++;
      if (status === 200) this.last = text;
      else this.failures.push(`request ${this.requests}: ${status} ${text}`);
    }
  }
}

const until = async (what: string, holds: () => boolean | Promise<boolean>): Promise<void> => {
  const deadline = systemClock.monotonic() + DEADLINE_MS;
  while (!(await holds())) {
    assert.ok(systemClock.monotonic() < deadline, `not in time: ${what}`);
    await systemClock.sleep(2);
  }
};

const ORDERS = [
  ['rule', 'route'],
  ['route', 'rule'],
] as const;

/**
 * So many times: a batch that adds a subset and the route to it and takes the last subset away, its files in any order,
 * and the reverse. Answers how many requests there were.
 */
export const switchManyTimes = async (mesh: OrderMesh, rounds: number): Promise<number> => {
  const random = seededRandom(7);
  const load = new Load(mesh);
  await until('the first answer', async () => (await load.ask()).status === 200);
  load.start();
  try {
    for (let round = 1; round <= rounds; round++) {
      for (const [subset, version] of [
        [`s${round}`, 'v2'],
        ['first', 'v1'],
      ] as const) {
        mesh.switchTo(subset, version, ORDERS[random() < 0.5 ? 0 : 1]);
        await until(`round ${round}, subset ${subset}`, () => load.last === version || load.failures.length > 0);
        assert.deepEqual(load.failures, [], `round ${round}, subset ${subset}`);
      }
    }
  } finally {
    await load.stop();
  }
  assert.deepEqual(load.failures, []);
  return load.requests;
};
