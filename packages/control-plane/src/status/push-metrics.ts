import type { Counter, Histogram } from '@weft/telemetry/metrics';
import { Registry } from '@weft/telemetry/metrics';
import { typeUrls } from '@weft/xds-api/type-urls';

/** Istio's short names of the resource types, as its metrics and boards have them. */
export const shortTypes: Readonly<Record<string, string>> = {
  [typeUrls.listener]: 'lds',
  [typeUrls.routeConfiguration]: 'rds',
  [typeUrls.virtualHost]: 'vhds',
  [typeUrls.cluster]: 'cds',
  [typeUrls.clusterLoadAssignment]: 'eds',
  [typeUrls.secret]: 'sds',
};

export const shortType = (typeUrl: string): string => shortTypes[typeUrl] ?? 'other';

/** Istio's buckets, and finer ones below: on one machine a change takes milliseconds. Seconds. */
const CONVERGENCE_BUCKETS = [0.005, 0.01, 0.05, 0.1, 0.5, 1, 3, 5, 10, 20, 30];

/** The control plane's metrics under the names of istiod's (https://istio.io/latest/docs/reference/commands/pilot-discovery/#metrics). */
export class PushMetrics {
  readonly registry = new Registry();
  readonly #pushes = this.registry.counter('pilot_xds_pushes', 'Pushes of configuration to proxies, by type.', [
    'type',
  ]);
  readonly #rejects = this.registry.counter('pilot_total_xds_rejects', 'Responses that proxies rejected, by type.', [
    'type',
  ]);
  readonly #refusals: Counter = this.registry
    .counter('weft_proxies_refused_total', 'Proxies refused for want of the identity they claimed.')
    .with();
  readonly #convergence: Histogram = this.registry
    .histogram(
      'pilot_proxy_convergence_time',
      'Seconds from a change until a proxy has acknowledged all of it.',
      [],
      CONVERGENCE_BUCKETS,
    )
    .with();

  readonly #debounce = this.#seconds('pilot_debounce_time', 'From the first event of a change until it is read.');
  readonly #load = this.#seconds('pilot_pushcontext_init_seconds', 'To make a mesh of what changed.');
  readonly #pushTime = this.#seconds('pilot_xds_push_time', 'To translate and encode a change for all proxies.');
  readonly #updates: Counter = this.registry
    .counter('pilot_inbound_updates', 'Changes of manifests.', ['type'])
    .with('config');

  #seconds(name: string, help: string): Histogram {
    return this.registry.histogram(name, `Seconds: ${help}`, [], CONVERGENCE_BUCKETS).with();
  }

  /** A change of manifests, and what it took in this process. Milliseconds. */
  changed(times: { readonly waitedMs: number; readonly loadMs: number; readonly pushMs: number }): void {
    this.#updates.add(1);
    this.#debounce.observe(times.waitedMs / 1000);
    this.#load.observe(times.loadMs / 1000);
    this.#pushTime.observe(times.pushMs / 1000);
  }

  pushed(types: Iterable<string>): void {
    for (const typeUrl of types) this.#pushes.with(shortType(typeUrl)).add(1);
  }

  rejected(typeUrl: string): void {
    this.#rejects.with(shortType(typeUrl)).add(1);
  }

  refused(): void {
    this.#refusals.add(1);
  }

  converged(seconds: number): void {
    this.#convergence.observe(seconds);
  }
}
