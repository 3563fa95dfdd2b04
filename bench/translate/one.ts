// One measurement in a process of its own, so that memory is its own: node one.ts KIND SERVICES; prints steps as JSON.
import { type LoadResult, loadMesh, loadObjects } from '@weft/model/load';
import type { Mesh } from '@weft/model/mesh';
import { translateParts } from '@weft/translate/translate';
import { type Manifest, manifests, NAMESPACES, podManifest, serviceManifest, splitManifest, toYaml } from './mesh.ts';

const [kind = 'objects', count = '5000'] = process.argv.slice(2);
const services = Number(count);

interface Step {
  readonly name: string;
  readonly cpuMs: number;
  readonly rssMb: number;
}

const steps: Step[] = [];

const measure = <T>(name: string, run: () => T): T => {
  const before = process.cpuUsage();
  const result = run();
  const { user, system } = process.cpuUsage(before);
  steps.push({ name, cpuMs: (user + system) / 1000, rssMb: process.memoryUsage().rss / 2 ** 20 });
  return result;
};

/** What a proxy of each namespace is told, those that take virtual hosts one by one and those that take tables. */
const translateAll = (mesh: Mesh): void => {
  for (let i = 0; i < NAMESPACES; i++) {
    const pod = mesh.pods.get(`ns-${i}/svc-${i}-0`);
    if (!pod) throw new Error(`no pod of svc-${i}`);
    translateParts(mesh, { pod, dataPlane: 'weft', bindAddress: pod.ip, vhds: true });
    translateParts(mesh, { pod, dataPlane: 'envoy', bindAddress: pod.ip });
  }
};

const check = (load: LoadResult): LoadResult => {
  const error = load.diagnostics.find((d) => d.level === 'error');
  if (error) throw new Error(JSON.stringify(error));
  if (load.mesh.services.size < services) throw new Error('services are missing');
  return load;
};

/** The median of several, each with its own change. */
const repeated = (name: string, times: number, run: (n: number) => void): void => {
  const costs: number[] = [];
  for (let n = 0; n < times; n++) {
    const before = process.cpuUsage();
    run(n);
    const { user, system } = process.cpuUsage(before);
    costs.push((user + system) / 1000);
  }
  const median = costs.sort((a, b) => a - b)[Math.floor(times / 2)] as number;
  steps.push({ name, cpuMs: median, rssMb: process.memoryUsage().rss / 2 ** 20 });
};

const put = (manifest: Manifest) => ({ kind: 'put', manifest }) as const;

const asFiles = (many: boolean): { path: string; text: string }[] => {
  const texts = [...manifests(services, 10)].map((manifest) => `${toYaml(manifest).slice(1)}\n`);
  return many
    ? texts.map((text, i) => ({ path: `${String(i).padStart(6, '0')}.yaml`, text }))
    : [{ path: 'mesh.yaml', text: texts.join('---\n') }];
};

if (kind === 'objects') {
  const all = [...manifests(services, 10)];
  let load = measure('objects to mesh', () => check(loadObjects(all.map(put))));
  measure('mesh to resources', () => translateAll(load.mesh));
  const apply = (...changed: Manifest[]): void => {
    load = check(loadObjects(changed.map(put), load));
    translateAll(load.mesh);
  };
  for (let n = 0; n < 10; n++) apply(podManifest(7, 1, n % 2 === 0), splitManifest(10, 50 + n));
  repeated('one endpoint', 41, (n) => apply(podManifest(5 + n, 1, false)));
  repeated('one VirtualService', 41, (n) => apply(splitManifest(5 * n, 40)));
  repeated('one service', 21, (n) => apply(serviceManifest(services + n)));
} else {
  const files = asFiles(kind === 'files');
  let load = measure('YAML to mesh', () => check(loadMesh(files)));
  measure('mesh to resources', () => translateAll(load.mesh));
  repeated('one endpoint, its text changed', 11, (n) => {
    const last = files.at(-1) as { path: string; text: string };
    files[files.length - 1] = { path: last.path, text: last.text.replace(/weight: \d+/, `weight: ${80 + n}`) };
    load = check(loadMesh(files, load));
    translateAll(load.mesh);
  });
}
process.stdout.write(JSON.stringify(steps));
