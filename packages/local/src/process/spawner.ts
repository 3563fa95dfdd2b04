/**
 * Starting processes, as the supervisor sees it. `node-spawner.ts` does it for real; tests pass their own.
 */
export interface Spawner {
  /** Never throws. `onExit` follows exactly once and never before `spawn` has returned, if only to say `not-started`. */
  spawn(spec: ProcessSpec, events: ProcessEvents): Child;
}

export interface ProcessSpec {
  /** What its lines of output are prefixed with: `catalog-v1-0`, `catalog-v1-0/proxy`. */
  readonly name: string;
  /** The program, already looked up in PATH. */
  readonly file: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /**
   * How it ends when we do, however we die. `stdin`: our own programs end when their standard input does
   * (`--exit-on-stdin-close`). `group`: any program; a watcher in its process group kills the group.
   */
  readonly lifeline: 'stdin' | 'group';
  /** Between SIGTERM and SIGKILL. */
  readonly graceMs: number;
}

export interface ProcessEvents {
  /** One line of standard output or error, without its end. */
  onLine(line: string): void;
  onExit(status: ExitStatus): void;
}

export type ExitStatus =
  | { readonly kind: 'code'; readonly code: number }
  | { readonly kind: 'signal'; readonly signal: string }
  | { readonly kind: 'not-started'; readonly message: string };

export interface Child {
  /** 0 if it could not be started. */
  readonly pid: number;
  /** SIGTERM to the process itself, as Kubernetes does: what it started is its own business. */
  terminate(): void;
  /** SIGKILL to the process and all that it started and kept in its group. */
  kill(): void;
}

export const describeExit = (status: ExitStatus): string => {
  switch (status.kind) {
    case 'code':
      return `exit status ${status.code}`;
    case 'signal':
      return `signal ${status.signal}`;
    case 'not-started':
      return status.message;
  }
};
