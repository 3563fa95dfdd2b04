import { type Diagnostic, formatDiagnostic } from '@weft/base/diagnostic';
import { errors, WeftError } from '@weft/base/errors';
import type { Plan } from '@weft/local/plan/replica-plan';
import type { Addresses } from '@weft/local/runtime/addresses';
import type { Supervisor, SupervisorChange } from '@weft/local/runtime/supervisor';
import { controlPlanePorts, proxyPorts } from '@weft/model/proxy-ports';
import type { Colors } from './colors.ts';
import type { Screen } from './screen.ts';

/** A line of our own logs (`TIME LEVEL EVENT …`) that tells of nothing wrong. */
const ROUTINE = /^\S+Z (info|debug) /;

/** Everything `weft up` says, apart from the table of traffic. */
export class Reporter {
  readonly #screen: Screen;
  readonly #colors: Colors;
  readonly #verbose: boolean;
  readonly #palette: readonly ((text: string) => string)[];
  /** Shown already: a diagnostic stays true while its file stays as it is, and is said once. */
  #shown = new Set<string>();
  #width = 0;
  #isReady = false;

  /** `verbose`: also what our own processes say in the normal course of things. */
  constructor(screen: Screen, colors: Colors, verbose: boolean) {
    this.#verbose = verbose;
    this.#screen = screen;
    this.#colors = colors;
    this.#palette = [colors.cyan, colors.magenta, colors.blue, colors.green, colors.yellow];
  }

  diagnostics(list: readonly Diagnostic[]): void {
    const texts = list.map((d) => ({ text: formatDiagnostic(d), level: d.level }));
    for (const { text, level } of texts) {
      if (this.#shown.has(text)) continue;
      const color = level === 'error' ? this.#colors.red : level === 'warning' ? this.#colors.yellow : this.#colors.dim;
      this.#screen.print(color(text));
    }
    this.#shown = new Set(texts.map((t) => t.text));
  }

  /** A line of output of a process, with its name in front. */
  line(process: string, line: string): void {
    const ours = process === 'control-plane' || process.endsWith('/proxy');
    // The control plane reads the same manifests and says the same about them.
    if (ours && (this.#shown.has(line) || (!this.#verbose && ROUTINE.test(line)))) return;
    this.#screen.print(`${this.#name(process)} ${this.#colors.dim('|')} ${line}`);
  }

  change({ process, note, failed }: SupervisorChange): void {
    if (note === '' || (!failed && note.startsWith('started'))) return;
    this.#screen.print(
      `${this.#name(process)} ${this.#colors.dim('|')} ${(failed ? this.#colors.red : this.#colors.yellow)(note)}`,
    );
  }

  problem(error: unknown): void {
    this.#screen.print(this.#colors.red(formatError(error)));
  }

  starting({ replicas }: Plan, addressBlock: string): void {
    const names = [...replicas.values()].flatMap((r) => [r.pod, `${r.pod}/proxy`]);
    this.#width = Math.max(...names.map((n) => n.length));
    this.#screen.print(this.#colors.dim(`starting ${replicas.size} pods at ${addressBlock}`));
  }

  /** How many are ready, in place; after that the traffic has the place. */
  progress(supervisor: Supervisor): void {
    if (this.#isReady || !this.#screen.live) return;
    const { replicas } = supervisor;
    const waiting = replicas.filter((r) => !r.ready).map((r) => r.plan.pod);
    this.#screen.show([
      this.#colors.dim(
        `ready: ${replicas.length - waiting.length} of ${replicas.length}; waiting for ${waiting.join(', ')}`,
      ),
    ]);
  }

  ready(supervisor: Supervisor, addresses: Addresses, stateDir: string, tookMs: number): void {
    this.#isReady = true;
    const { bold, dim, green } = this.#colors;
    const { replicas } = supervisor;
    if (this.#screen.live) this.#screen.show([]);
    const width = Math.max(13, ...replicas.map((r) => r.plan.pod.length));
    const row = (name: string, text: string): string => `  ${name.padEnd(width)}  ${text}`;
    const caller = replicas.find((r) => r.sidecar);
    this.#screen.print(
      [
        green(bold(`ready in ${(tookMs / 1000).toFixed(1)} s`)) +
          dim(`, ${replicas.length} pods at ${addresses.name}, state in ${stateDir}`),
        row(
          'control plane',
          `http://${addresses.controlPlane}:${controlPlanePorts.metrics}/metrics  ${dim(`xDS at ${addresses.controlPlane}:${controlPlanePorts.xds}`)}`,
        ),
        ...replicas.map((r) => row(r.plan.pod, `${podUrl(r)}${dim(adminUrl(r))}`)),
        ...(caller
          ? [
              dim(
                `  a request as ${caller.plan.pod} would make it: curl -x http://${caller.address}:${proxyPorts.outbound} http://SERVICE/`,
              ),
            ]
          : []),
        dim('  Ctrl-C ends it'),
      ].join('\n'),
    );
  }

  notReady(supervisor: Supervisor): void {
    const parts = [supervisor.controlPlane, ...supervisor.replicas.flatMap((r) => r.processes)].filter((p) => !p.ready);
    const { code, title } = errors.notReady;
    this.#screen.print(this.#colors.yellow(`warning ${code}: ${title}: ${parts.map((p) => p.name).join(', ')}`));
  }

  ending(): void {
    this.#isReady = true;
    this.#screen.close();
    this.#screen.print(this.#colors.dim('ending; once more to force'));
  }

  ended(): void {
    this.#screen.print(this.#colors.dim('ended'));
  }

  #name(process: string): string {
    let hash = 0;
    for (const c of process.split('/')[0] as string) hash = (hash * 31 + c.charCodeAt(0)) | 0;
    const color = this.#palette[Math.abs(hash) % this.#palette.length] as (text: string) => string;
    return color(process.padEnd(this.#width));
  }
}

type ReplicaView = Supervisor['replicas'][number];

const podUrl = ({ plan, address }: ReplicaView): string => {
  const port = plan.containers[0]?.ports[0]?.port;
  return port === undefined ? address : `http://${address}:${port}`;
};

const adminUrl = ({ sidecar, address }: ReplicaView): string =>
  sidecar
    ? `  admin http://${address}:${proxyPorts.admin}  metrics http://${address}:${proxyPorts.metrics}/stats/prometheus`
    : '';

/** `error WEFT0123: what is wrong; what to do` */
export const formatError = (error: unknown): string =>
  error instanceof WeftError
    ? `error ${error.kind.code}: ${error.message}`
    : `error: ${(error as Error).stack ?? String(error)}`;
