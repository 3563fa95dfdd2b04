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

  /** Gauges are read when they are asked for. */
  observe(gauges: {
    proxies: () => number;
    services: () => number;
    virtualServices: () => number;
    pods: () => number;
  }): void {
    const proxies = this.registry.gauge('pilot_xds', 'Connected proxies.').with();
    const services = this.registry.gauge('pilot_services', 'Services of the mesh.').with();
    const virtualServices = this.registry.gauge('pilot_virt_services', 'VirtualServices of the mesh.').with();
    const pods = this.registry.gauge('weft_pods', 'Running pods of the mesh.').with();
    this.registry.onCollect(() => {
      proxies.set(gauges.proxies());
      services.set(gauges.services());
      virtualServices.set(gauges.virtualServices());
      pods.set(gauges.pods());
    });
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
