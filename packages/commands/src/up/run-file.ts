import type { Supervisor } from '@weft/local/runtime/supervisor';
import { controlPlanePorts, proxyPorts } from '@weft/model/proxy-ports';

/** `STATE/run/up.json`: what runs where, for other programs (the tour, tests). Replaced as a whole at each change. */
export interface RunFile {
  /** Of `weft up`. */
  readonly pid: number;
  /** Whether every pod is ready. */
  readonly ready: boolean;
  readonly addressBlock: string;
  readonly controlPlane: { readonly pid: number; readonly address: string; readonly statusUrl: string };
  readonly pods: readonly RunFilePod[];
}

export interface RunFilePod {
  readonly namespace: string;
  readonly name: string;
  readonly workload: string;
  readonly ip: string;
  readonly ready: boolean;
  readonly dataPlane: 'weft' | 'envoy' | 'none';
  /** The applications' own ports on 127.0.0.1, by container port: what a check may ask behind the mesh's back. */
  readonly appPorts: Readonly<Record<number, number>>;
  readonly pids: { readonly apps: readonly number[]; readonly sidecar: number };
  /** Empty without a sidecar. */
  readonly outboundProxyUrl: string;
  readonly metricsUrl: string;
  readonly adminUrl: string;
}

export const runFile = (supervisor: Supervisor, addressBlock: string, controlPlane: string): RunFile => ({
  pid: process.pid,
  ready: supervisor.ready,
  addressBlock,
  controlPlane: {
    pid: supervisor.controlPlane.pid,
    address: controlPlane,
    statusUrl: `http://${controlPlane}:${controlPlanePorts.metrics}`,
  },
  pods: supervisor.replicas.map(({ plan, address, appPorts, ready, apps, sidecar }) => ({
    namespace: plan.namespace,
    name: plan.pod,
    workload: plan.workload,
    ip: address,
    ready,
    dataPlane: plan.dataPlane,
    appPorts,
    pids: { apps: apps.map((app) => app.pid), sidecar: sidecar?.pid ?? 0 },
    outboundProxyUrl: sidecar ? `http://${address}:${proxyPorts.outbound}` : '',
    metricsUrl: sidecar ? `http://${address}:${proxyPorts.metrics}/stats/prometheus` : '',
    adminUrl: sidecar ? `http://${address}:${proxyPorts.admin}` : '',
  })),
});
