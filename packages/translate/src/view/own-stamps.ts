import { isWildcard, resolveHost } from '@weft/model/host';
import type { VirtualService } from '@weft/model/kinds/virtual-service';
import type { Mesh, MeshObject, Service } from '@weft/model/mesh';
import { following } from '@weft/model/revision';
import { isTcp } from '../service-port.ts';
import { dependentsIn } from '@weft/model/dependents';

/**
 * Counters of the changes that may concern what a proxy has for itself: its listeners, and the clusters that lead to its
 * application. While those of its namespace stay, its own resources do.
 *
 * | changed | counts for |
 * |---|---|
 * | mesh configuration, Sidecars, denials, policies of the root namespace, the tracing collector's service | all proxies |
 * | policies and Services of a namespace, DestinationRules for these | its proxies |
 * | TCP services, DestinationRules for them, `tcp` and `tls` rules and the services that they lead to | all proxies |
 */
export class OwnStamps {
  #all = 0;
  readonly #byNamespace = new Map<string, number>();

  /** Equal (`===` for each) as long as nothing changed for proxies of a namespace. */
  of(namespace: string): readonly unknown[] {
    return [this, this.#all, this.#byNamespace.get(namespace) ?? 0];
  }

  countAll(): void {
    this.#all++;
  }

  count(namespace: string): void {
    this.#byNamespace.set(namespace, (this.#byNamespace.get(namespace) ?? 0) + 1);
  }
}

type Rule = MeshObject<VirtualService>;

const isL4 = ({ spec }: Rule): boolean => Boolean(spec.tcp?.length || spec.tls?.length);
const hasTcp = (service: Service | undefined): boolean =>
  service?.ports.some(({ protocol }) => isTcp(protocol)) ?? false;

export const ownStampsOf = following<OwnStamps>(
  () => new OwnStamps(),
  (stamps, changes, mesh) => {
    if (changes.meshConfig || changes.denied || changes.sidecars.length > 0) stamps.countAll();
    for (const { before, after } of [...changes.authorizationPolicies, ...changes.peerAuthentications])
      for (const policy of [before, after]) {
        if (policy?.namespace === mesh.rootNamespace) stamps.countAll();
        else if (policy) stamps.count(policy.namespace);
      }
    for (const { before, after } of changes.services) {
      const service = (after ?? before) as Service;
      stamps.count(service.namespace);
      const leadsTo = [...dependentsIn(mesh).byDestination.get(service.host)].some(isL4);
      if (leadsTo || hasTcp(before) || hasTcp(after) || isCollector(mesh, service)) stamps.countAll();
    }
    for (const { before, after } of changes.destinationRules)
      for (const rule of [before, after]) {
        const host = rule && resolveHost(rule.spec.host, rule.namespace, mesh);
        const service = host === undefined ? undefined : mesh.services.get(host);
        if (service !== undefined) stamps.count(service.namespace);
        if (host !== undefined && (isWildcard(host) || hasTcp(service))) stamps.countAll();
      }
    if (changes.virtualServices.some(({ before, after }) => (before && isL4(before)) || (after && isL4(after))))
      stamps.countAll();
  },
);

const isCollector = ({ meshConfig: { tracing } }: Mesh, { host }: Service): boolean =>
  tracing !== null && host.startsWith(tracing.provider.host.split('.')[0] ?? '');
