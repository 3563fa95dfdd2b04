// The control plane under measurement: model, translation, sessions and the mTLS server that ships, without files around it.
// Told by its parent what changes; says when it began to work on it.
import { readFileSync } from 'node:fs';
import { systemClock } from '@weft/base/clock';
import { PushMetrics } from '@weft/control-plane/status/push-metrics';
import { provenSpiffeId } from '@weft/control-plane/authority/caller';
import { listen } from '@weft/control-plane/serving/listen';
import { ProxySessions } from '@weft/control-plane/serving/proxy-sessions';
import { createXdsServer } from '@weft/control-plane/serving/xds-server';
import { TrustBundle } from '@weft/identity/trust-bundle';
import { Credentials } from '@weft/identity/workload-identity';
import { type LoadResult, loadObjects, type ObjectEvent } from '@weft/model/load';
import { LineLog } from '@weft/telemetry/log';
import { translateParts } from '@weft/translate/translate';
import type { Certificates } from './certificates.ts';
import { machineMs } from './proc.ts';

const certificates = JSON.parse(readFileSync(process.argv[2] as string, 'utf8')) as Certificates;
const trustDomain = 'cluster.local';
const bundle = new TrustBundle([certificates.root]);
const { spiffeId, key, chain } = certificates.server;
const credentials = new Credentials(spiffeId, key, { chain: [chain], roots: [certificates.root] }, systemClock.now());

let load: LoadResult | undefined;
const sessions = new ProxySessions({
  clock: systemClock,
  log: new LineLog(systemClock, () => {}),
  metrics: new PushMetrics(),
  translate: translateParts,
  currentMesh: () => load?.mesh ?? null,
  refresh: () => {},
});
const peerOf = ({ socket }: { socket: Parameters<typeof provenSpiffeId>[0] }) => ({
  principal: provenSpiffeId(socket, bundle, trustDomain, systemClock.now()) ?? '',
});
const { server } = createXdsServer(credentials, new Map(sessions.server.routes(peerOf)), systemClock);

const apply = (events: readonly ObjectEvent[]): void => {
  const at = machineMs();
  const first = load === undefined;
  load = loadObjects(events, load);
  // Put together when asked for; a control plane asks when the proxies have their change.
  const error = first && load.diagnostics.find((d) => d.level === 'error');
  if (error) throw new Error(`${error.kind} ${error.name}: ${error.message}`);
  sessions.update(load.mesh, at);
};

process.on('message', (message: { kind: 'load' | 'change'; events: ObjectEvent[] }) => {
  const startedMs = machineMs();
  apply(message.events);
  process.send?.({ kind: 'applied', startedMs, tookMs: machineMs() - startedMs });
});
process.on('disconnect', () => process.exit());
process.send?.({ kind: 'listening', port: await listen(server, '127.0.0.1', 0, 'xDS') });
