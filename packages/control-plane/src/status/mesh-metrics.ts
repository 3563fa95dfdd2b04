import type { Clock } from '@weft/base/clock';
import { errors } from '@weft/base/errors';
import { objectKey } from '@weft/model/identify';
import type { Gauge, Registry } from '@weft/telemetry/metrics';
import { typeUrls } from '@weft/xds-api/type-urls';
import type { ProxySession } from '../serving/proxy-sessions.ts';
import type { StoreState } from '../store/mesh-store.ts';

/**
 * What the mesh and its proxies are like now, under istiod's names where they mean the same. Looked up when it is asked
 * for: nothing is counted while configuration travels.
 */
export const meshMetrics = (
  registry: Registry,
  clock: Clock,
  state: () => StoreState | null,
  sessions: () => readonly ProxySession[],
): void => {
  const gauge = (name: string, help: string): Gauge => registry.gauge(name, help).with();
  const startedAt = clock.monotonic();
  const uptime = gauge('istiod_uptime_seconds', 'Seconds since the control plane started.');
  const services = gauge('pilot_services', 'Services of the mesh.');
  const virtualServices = gauge('pilot_virt_services', 'VirtualServices of the mesh.');
  const pods = gauge('weft_pods', 'Running pods of the mesh.');
  const noIp = gauge('pilot_no_ip', 'Pods without an address.');
  const notReady = gauge('pilot_endpoint_not_ready', 'Pods that are not ready.');
  const connected = gauge('pilot_xds', 'Connected proxies.');
  const rejectedConfigs = gauge('pilot_total_rejected_configs', 'Objects that are not in force as they are written.');
  const duplicateDomains = gauge('pilot_vservice_dup_domain', 'Hosts that several VirtualServices define on the mesh.');
  const lagging = gauge(
    'weft_proxies_lagging',
    'Connected proxies that have not acknowledged all that they should have.',
  );
  const rejects = REJECTS.map(([type, typeUrl]) => ({
    typeUrl,
    gauge: gauge(`pilot_xds_${type}_reject`, 'Resources that proxies refuse at present.'),
  }));
  registry.onCollect(() => {
    const now = state();
    const mesh = now?.load.mesh;
    const all = sessions();
    uptime.set((clock.monotonic() - startedAt) / 1000);
    services.set(mesh?.services.size ?? 0);
    virtualServices.set(mesh?.virtualServices.length ?? 0);
    let counted = 0;
    let withoutIp = 0;
    let unready = 0;
    for (const pod of mesh?.pods.values() ?? []) {
      counted += 1;
      if (pod.ip === '') withoutIp += 1;
      if (!pod.ready) unready += 1;
    }
    pods.set(counted);
    noIp.set(withoutIp);
    notReady.set(unready);
    connected.set(all.length);
    lagging.set(all.filter((s) => s.syncedVersion !== s.snapshot.version).length);
    const diagnostics = now?.diagnostics ?? [];
    rejectedConfigs.set(notInForce(now));
    duplicateDomains.set(diagnostics.filter((d) => d.code === errors.conflictingVirtualServices.code).length);
    for (const { typeUrl, gauge: rejected } of rejects)
      rejected.set(all.reduce((n, s) => n + [...s.nacks.values()].filter((k) => k.typeUrl === typeUrl).length, 0));
  });
};

const notInForce = (state: StoreState | null): number => {
  const objects = new Set<string>();
  for (const { code, level, kind, namespace, name } of state?.diagnostics ?? []) {
    const key = objectKey(kind, namespace, name);
    const setAside = level === 'error' && !state?.load.lastGood.objects.has(key);
    if (setAside || code === errors.frozen.code || code === errors.failedClosed.code) objects.add(key);
  }
  return objects.size;
};

const REJECTS = [
  ['cds', typeUrls.cluster],
  ['eds', typeUrls.clusterLoadAssignment],
  ['lds', typeUrls.listener],
  ['rds', typeUrls.routeConfiguration],
] as const;
