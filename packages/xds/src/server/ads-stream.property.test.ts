// Any story of pushes, answers, refusals and delays must keep two promises: a client's route never points to a cluster
// that it does not have with its endpoints, and once everything is answered it has what the snapshot says.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Protocol } from './protocol.ts';
import { type Received, ScriptedClient, TestServer } from './testing/scripted-client.ts';

const NAMES = ['a', 'b', 'c', 'd'];

/** Clusters with a mark of their content, endpoints for each, and one route `r` that points to one of them. */
interface State {
  readonly clusters: readonly string[];
  readonly target: string;
  /** The route's mark; `bad` marks are refused. */
  readonly mark: string;
}

const states: fc.Arbitrary<State> = fc
  .tuple(
    fc.subarray(NAMES, { minLength: 1 }),
    fc.array(fc.nat(1), { minLength: 4, maxLength: 4 }),
    fc.nat(3),
    fc.nat(9),
  )
  .map(([names, marks, target, mark]) => ({
    clusters: names.map((name, i) => `${name}=${marks[i]}`),
    target: names[target % names.length] as string,
    mark: mark === 9 ? 'bad' : String(mark),
  }));

const shapeOf = (state: State) => ({
  clusters: state.clusters,
  routes: [`r=${state.target}/${state.mark}`],
  listeners: [`l=${state.target}/${state.mark}`],
});

type Step = { readonly kind: 'push'; readonly state: State } | { readonly kind: 'answer' };
const steps: fc.Arbitrary<Step> = fc.oneof(
  { weight: 1, arbitrary: states.map((state): Step => ({ kind: 'push', state })) },
  { weight: 3, arbitrary: fc.constant<Step>({ kind: 'answer' }) },
);

/** A client that behaves as Envoy does: asks for the endpoints of its clusters, and drops them with them. */
class Sidecar {
  readonly #client: ScriptedClient;
  readonly #protocol: Protocol;
  /** Not yet answered, in the order of arrival. */
  readonly #inbox: Received[] = [];
  readonly clusters = new Map<string, string>();
  readonly endpoints = new Set<string>();
  /** The listener stands for all that points to clusters: it is the part with a mark that both protocols show. */
  target = '';
  listener = '';
  #asked: string[] = [];
  #nonce = '';

  constructor(server: TestServer, protocol: Protocol) {
    this.#protocol = protocol;
    this.#client = new ScriptedClient(server.ads, protocol);
    this.#client.send('cluster');
    this.#client.send('listener');
  }

  /** Answers the oldest response. False if there is none. */
  answer(): boolean {
    this.#inbox.push(...this.#client.takeResponses());
    const response = this.#inbox.shift();
    if (!response) return false;
    if (response.resources.some((r) => r.endsWith('/bad'))) this.#client.nack(response, 'no');
    else this.#accept(response);
    return true;
  }

  #accept(response: Received): void {
    const parts = response.resources.map((r) => r.split('=') as [string, string]);
    if (response.type === 'cluster') {
      if (this.#protocol === 'sotw') this.clusters.clear();
      for (const [name, mark] of parts) this.clusters.set(name, mark);
      for (const name of response.removed) this.clusters.delete(name);
      this.#client.ack(response);
      this.#askForEndpoints();
    } else if (response.type === 'clusterLoadAssignment') {
      this.#nonce = response.nonce;
      for (const [name] of parts) this.endpoints.add(name);
      for (const name of response.removed) this.endpoints.delete(name);
      this.#client.ack(response, this.#protocol === 'sotw' ? { resourceNames: this.#asked } : {});
    } else {
      for (const [, mark] of parts) [this.listener, this.target] = [mark, mark.split('/')[0] as string];
      this.#client.ack(response);
    }
  }

  #askForEndpoints(): void {
    const wanted = [...this.clusters.keys()];
    const added = wanted.filter((name) => !this.#asked.includes(name));
    const dropped = this.#asked.filter((name) => !wanted.includes(name));
    if (added.length === 0 && dropped.length === 0) return;
    this.#asked = wanted;
    for (const name of dropped) this.endpoints.delete(name);
    if (this.#protocol === 'sotw')
      this.#client.send('clusterLoadAssignment', { resourceNames: wanted, responseNonce: this.#nonce });
    else
      this.#client.send('clusterLoadAssignment', {
        resourceNamesSubscribe: added,
        resourceNamesUnsubscribe: dropped,
      });
  }
}

for (const [protocol, maxBytes] of [['sotw'], ['delta'], ['delta', 1]] as const)
  test(`routes never point into the void, and all settles: ${protocol}, ${maxBytes ?? 'many'} bytes a response`, () => {
    fc.assert(
      fc.property(states, fc.array(steps, { maxLength: 40 }), (first, story) => {
        const server = new TestServer(shapeOf(first), maxBytes);
        const sidecar = new Sidecar(server, protocol);
        let last = first;
        const check = (): void => {
          if (sidecar.target === '') return;
          assert.ok(sidecar.clusters.has(sidecar.target), `the cluster ${sidecar.target} is gone`);
          assert.ok(sidecar.endpoints.has(sidecar.target), `${sidecar.target} has no endpoints`);
        };
        for (const step of story) {
          if (step.kind === 'push') {
            last = step.state;
            server.push(shapeOf(last));
          } else sidecar.answer();
          check();
        }
        for (let i = 0; sidecar.answer(); i++) {
          check();
          assert.ok(i < 500, 'it never comes to rest');
        }
        assert.ok(server.synced, 'synced is reported');
        if (last.mark === 'bad') return;
        assert.deepEqual(
          [...sidecar.clusters.keys()].sort(),
          last.clusters.map((c) => c[0]),
        );
        assert.equal(sidecar.listener, `${last.target}/${last.mark}`);
      }),
      { numRuns: Number(process.env['WEFT_FUZZ_RUNS'] ?? 300) },
    );
  });
