import { Agent, get } from 'node:http';
import { type Clock, systemClock } from '@weft/base/clock';

export interface WaitOptions {
  /** Default: `WEFT_READY_URL`, which weft sets, else `http://localhost:15021/healthz/ready`. '' waits for nothing. */
  readonly url?: string | undefined;
  /** How often it is asked before giving up. Default 60. */
  readonly attempts?: number;
  /** Between two attempts. Default 500 ms. */
  readonly delayMs?: number;
  /** How long one attempt may take. Default 1 s. */
  readonly timeoutMs?: number;
  readonly clock?: Clock;
  /** Default: the process's own. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** `absent`: there is no mesh, so there is nothing to wait for. */
export type SidecarState = 'ready' | 'absent';

/** Where Istio's sidecar says whether it is ready, and ours. */
const DEFAULT_URL = 'http://localhost:15021/healthz/ready';

/**
 * Resolves when the sidecar carries traffic. Rejects, with the reason, when it has been asked `attempts` times in vain.
 *
 * Without an address from you or from `WEFT_READY_URL`, a refused connection means that there is no mesh. Where a sidecar
 * may start after the application (Istio without `holdApplicationUntilProxyStarts`), set `WEFT_READY_URL`.
 */
export const waitForSidecar = async (options: WaitOptions = {}): Promise<SidecarState> => {
  const named = options.url ?? (options.env ?? process.env).WEFT_READY_URL;
  if (named === '') return 'absent';
  const url = named ?? DEFAULT_URL;
  const clock = options.clock ?? systemClock;
  const attempts = Math.max(1, options.attempts ?? 60);
  for (let attempt = 1; ; attempt++) {
    const answer = await ask(url, options.timeoutMs ?? 1_000);
    if (answer === 'ready') return 'ready';
    if (answer === 'refused' && named === undefined) return 'absent';
    if (attempt === attempts) {
      const why = answer === 'refused' ? 'nothing listens there' : answer.failure;
      throw new Error(`the sidecar at ${url} is not ready after ${attempts} attempts: ${why}`);
    }
    await clock.sleep(options.delayMs ?? 500);
  }
};

type Answer = 'ready' | 'refused' | { readonly failure: string };

/** With an agent of its own: the way to the sidecar must not lead through the sidecar. */
const ask = (url: string, timeoutMs: number): Promise<Answer> =>
  new Promise((resolve) => {
    const request = get(url, { agent: new Agent(), timeout: timeoutMs }, (response) => {
      response.resume();
      resolve(response.statusCode === 200 ? 'ready' : { failure: `it answers ${response.statusCode}` });
    });
    request.on('timeout', () => request.destroy(new Error(`no answer in ${timeoutMs} ms`)));
    request.on('error', (error: NodeJS.ErrnoException) =>
      resolve(error.code === 'ECONNREFUSED' ? 'refused' : { failure: error.message }),
    );
  });
