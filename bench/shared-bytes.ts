// node bench/shared-bytes.ts: how much of what proxies are sent is the same bytes. The figures of
// docs/decisions/0003-shared-bytes.md: 1,000 services in 20 namespaces and 3 zones, 200 of them split 90/10, every tenth
// visible in its own namespace only, 8 with matches on sourceLabels; half of the namespaces are narrowed as by a Sidecar.
import type { Mesh, Pod } from '@weft/model/mesh';
import { type ResourceSet, translateProxy } from '@weft/translate/translate';
import { encodeMessage } from '@weft/xds/codec';
import { type EncodedResource, encodeResource } from '@weft/xds/resource';
import { makeSnapshot, resourcesOf } from '@weft/xds/snapshot';
import { typeUrls } from '@weft/xds-api/type-urls';
import { namespaceOf, type ScaleMeshOptions, scaleMesh, serviceName } from './scale/mesh.ts';

const SHAPE: ScaleMeshOptions = {
  services: 1000,
  namespaces: 20,
  replicas: 10,
  zones: 3,
  splitEvery: 5,
  privateEvery: 10,
  sourceLabelMatches: 8,
};
const PROXIES = 100;
const SIDECARS = 10;

const mesh = scaleMesh(SHAPE);

/** What a Sidecar resource with `egress: [./*, ns-a/*, ns-b/*]` leaves of the mesh, for the proxies of one namespace. */
const narrowed = new Map<string, Mesh>();
for (let n = 0; n < SIDECARS; n++) {
  const seen = new Set([n, n + 1, n + 2].map((k) => `ns-${k % SHAPE.namespaces}`));
  const services = new Map([...mesh.services].filter(([, service]) => seen.has(service.namespace)));
  const inSight = <T extends { readonly namespace: string }>(objects: readonly T[]): T[] =>
    objects.filter((o) => seen.has(o.namespace));
  const [virtualServices, destinationRules] = [inSight(mesh.virtualServices), inSight(mesh.destinationRules)];
  narrowed.set(`ns-${n}`, { ...mesh, services, virtualServices, destinationRules });
}

const lists = (set: ResourceSet): Record<string, readonly object[]> => ({
  [typeUrls.cluster]: set.clusters,
  [typeUrls.clusterLoadAssignment]: set.endpoints,
  [typeUrls.listener]: set.listeners,
  [typeUrls.routeConfiguration]: set.routes,
});

const translateFor = (whole: Mesh, pod: Pod): ResourceSet => {
  const view = whole === mesh ? (narrowed.get(pod.namespace) ?? mesh) : whole;
  return translateProxy(view, { pod, dataPlane: 'weft', bindAddress: pod.ip });
};

const pods: Pod[] = [];
for (let i = 0; i < PROXIES; i++) {
  const pod = mesh.pods.get(`${namespaceOf(i, SHAPE)}/${serviceName(i)}-${i % SHAPE.replicas}`);
  if (!pod) throw new Error(`no pod of ${serviceName(i)}`);
  pods.push(pod);
}

const kb = (bytes: number): string => (bytes / 1024).toFixed(0);
const size = (resource: EncodedResource): number => resource.delta.length;
const shortType = (typeUrl: string): string => typeUrl.slice(typeUrl.lastIndexOf('.') + 1);

const started = process.cpuUsage();
const sets = pods.map((pod) => translateFor(mesh, pod));
const translated = process.cpuUsage(started);
const snapshots = sets.map((set) => makeSnapshot(lists(set)));
const encoded = process.cpuUsage(started);
const ms = (usage: NodeJS.CpuUsage): string => ((usage.user + usage.system) / 1000).toFixed(0);
console.log(`${PROXIES} proxies: translated in ${ms(translated)} ms of CPU, with encoding ${ms(encoded)} ms`);

console.log(
  '\n| type | resources per proxy | KB per proxy | KB over all proxies | distinct resources | distinct KB |\n|---|---|---|---|---|---|',
);
let [all, distinctAll] = [0, 0];
for (const typeUrl of Object.keys(lists(sets[0] as ResourceSet))) {
  const each = snapshots.map((s) => {
    const map = resourcesOf(s, typeUrl);
    return [...map.keys()].map((name) => map.get(name)).filter((r) => r !== undefined);
  });
  const sums = each.map((list) => list.reduce((sum, r) => sum + size(r), 0)).sort((a, b) => a - b);
  const distinct = new Map(each.flat().map((r) => [r.sotw, size(r)]));
  const counts = each.map((list) => list.length).sort((a, b) => a - b);
  const total = sums.reduce((a, b) => a + b, 0);
  const distinctBytes = [...distinct.values()].reduce((a, b) => a + b, 0);
  const equal = new Set(each.flat().map((r) => r.version)).size;
  if (equal !== distinct.size) console.log(`(${shortType(typeUrl)}: ${distinct.size} objects, but ${equal} contents)`);
  [all, distinctAll] = [all + total, distinctAll + distinctBytes];
  console.log(
    `| ${shortType(typeUrl)} | ${counts[0]}–${counts.at(-1)} | ${kb(sums[0] as number)}–${kb(sums.at(-1) as number)} | ${kb(total)} | ${distinct.size} | ${kb(distinctBytes)} |`,
  );
}
console.log(`| all | | ${kb(all / PROXIES)} on average | ${kb(all)} | | ${kb(distinctAll)} |`);

// A route table by virtual hosts: what VHDS would send.
const hosts = new Map<string, number>();
const hostOf = new Map<object, [string, number]>();
let hostsSent = 0;
for (const set of sets)
  for (const host of set.routes.flatMap((r) => r.virtualHosts ?? [])) {
    let known = hostOf.get(host);
    if (!known) {
      const bytes = encodeMessage('envoy.config.route.v3.VirtualHost', host);
      hostOf.set(host, (known = [Buffer.from(bytes).toString('latin1'), bytes.length]));
    }
    hosts.set(...known);
    hostsSent += known[1];
  }
console.log(
  `\nvirtual hosts: ${kb(hostsSent)} KB over all proxies, ${hosts.size} distinct, ${kb([...hosts.values()].reduce((a, b) => a + b, 0))} KB`,
);

/** What a push of another mesh writes: what changed, for each proxy. */
const push = (what: string, change: (mesh: Mesh) => Mesh): void => {
  const views = new Map<Mesh, Mesh>();
  const changed = (view: Mesh): Mesh => views.get(view) ?? (views.set(view, change(view)), views.get(view) as Mesh);
  const before = process.cpuUsage();
  let [bytes, proxies, virtualHosts] = [0, 0, 0];
  const encodedNow = new Set<Uint8Array>();
  for (const [i, pod] of pods.entries()) {
    const set = translateFor(changed(narrowed.get(pod.namespace) ?? mesh), pod);
    let told = 0;
    for (const [typeUrl, list] of Object.entries(lists(set))) {
      for (const json of list) {
        const resource = encodeResource(typeUrl, json);
        if (snapshots[i]?.resources.get(typeUrl)?.get(resource.name)?.version === resource.version) continue;
        told += size(resource);
        encodedNow.add(resource.sotw);
      }
    }
    for (const host of set.routes.flatMap((r) => r.virtualHosts ?? []))
      if (
        !hostOf.has(host) &&
        !hosts.has(Buffer.from(encodeMessage('envoy.config.route.v3.VirtualHost', host)).toString('latin1'))
      )
        virtualHosts += encodeMessage('envoy.config.route.v3.VirtualHost', host).length;
    bytes += told;
    proxies += told > 0 ? 1 : 0;
  }
  const distinct = [...encodedNow].reduce((sum, b) => sum + b.length, 0);
  const used = process.cpuUsage(before);
  console.log(
    `| ${what} | ${proxies} | ${kb(bytes)} | ${encodedNow.size} | ${kb(distinct)} | ${virtualHosts ? kb(virtualHosts) : '–'} | ${ms(used)} |`,
  );
};

console.log(
  '\n| change | proxies told | KB sent | distinct resources | distinct KB | KB if virtual hosts were sent singly | CPU ms, translation and diff |\n|---|---|---|---|---|---|---|',
);
push('one pod goes away', (m) => ({
  ...m,
  pods: new Map([...m.pods].filter(([key]) => key !== `${namespaceOf(501, SHAPE)}/${serviceName(501)}-1`)),
}));
push('one weight of a VirtualService', (m) => ({
  ...m,
  virtualServices: m.virtualServices.map((v) =>
    v.name !== serviceName(1)
      ? v
      : {
          ...v,
          spec: {
            ...v.spec,
            http: v.spec.http?.map((h) => ({
              ...h,
              route: h.route?.map((r, i) => ({ ...r, weight: i === 0 ? 80 : 20 })),
            })),
          },
        },
  ),
}));
push('one service is new', (m) => {
  const service = m.services.get(`${serviceName(2)}.${namespaceOf(2, SHAPE)}.svc.cluster.local`);
  if (!service) return m;
  const host = `new.${service.namespace}.svc.cluster.local`;
  return { ...m, services: new Map([...m.services, [host, { ...service, name: 'new', host }]]) };
});
