import type { ExitStatus } from './spawner.ts';

/**
 * The life of one supervised process. `transition` is the only place that changes it; `SupervisedProcess` carries out
 * the effects.
 *
 *     idle ──start──► running ──exited──► waiting ──back-off-over──► running
 *      ▲               │   ▲                 │
 *      │        stop / unhealthy            stop
 *      │               ▼   └── then: restart │
 *      └──exited── stopping                  └──► idle
 */
export type ProcessState =
  /** Not wanted: never started, or stopped. */
  | { readonly kind: 'idle' }
  | { readonly kind: 'running'; readonly ready: boolean; readonly restarts: number }
  /** It ended by itself and will be started again after a pause. */
  | { readonly kind: 'waiting'; readonly restarts: number; readonly last: ExitStatus }
  /** Told to end, by SIGTERM or, once `forced`, by SIGKILL. */
  | {
      readonly kind: 'stopping';
      readonly then: 'idle' | 'restart';
      readonly forced: boolean;
      readonly restarts: number;
    };

export type ProcessEvent =
  | { readonly kind: 'start' }
  | { readonly kind: 'stop' }
  /** Do not wait for the grace period. */
  | { readonly kind: 'force-stop' }
  | { readonly kind: 'exited'; readonly status: ExitStatus }
  | { readonly kind: 'ready' }
  | { readonly kind: 'unready' }
  /** Its liveness or startup probe gave up on it. */
  | { readonly kind: 'unhealthy' }
  | { readonly kind: 'back-off-over' }
  | { readonly kind: 'grace-over' }
  /** It has run long enough for its next end not to be a crash loop. */
  | { readonly kind: 'stable' };

/** Each starts with the timers of the state before cancelled. */
export type Effect = 'spawn' | 'terminate' | 'kill' | 'wait-back-off' | 'reset-back-off';

export interface Transition {
  readonly state: ProcessState;
  readonly effects: readonly Effect[];
}

export const initialState: ProcessState = { kind: 'idle' };

export const transition = (state: ProcessState, event: ProcessEvent): Transition => {
  const stay = { state, effects: [] };
  switch (state.kind) {
    case 'idle':
      return event.kind === 'start' ? spawn(0) : stay;
    case 'running':
      switch (event.kind) {
        case 'exited':
          return {
            state: { kind: 'waiting', restarts: state.restarts, last: event.status },
            effects: ['wait-back-off'],
          };
        case 'ready':
        case 'unready':
          return state.ready === (event.kind === 'ready')
            ? stay
            : { state: { ...state, ready: !state.ready }, effects: [] };
        case 'unhealthy':
          return stop('restart', state.restarts);
        case 'stop':
          return stop('idle', state.restarts);
        case 'force-stop':
          return forceStop(state.restarts);
        case 'stable':
          return { state: { ...state, restarts: 0 }, effects: ['reset-back-off'] };
        default:
          return stay;
      }
    case 'waiting':
      switch (event.kind) {
        case 'back-off-over':
          return spawn(state.restarts + 1);
        case 'stop':
        case 'force-stop':
          return { state: initialState, effects: [] };
        default:
          return stay;
      }
    case 'stopping':
      switch (event.kind) {
        case 'exited':
          return state.then === 'restart'
            ? { state: { kind: 'waiting', restarts: state.restarts, last: event.status }, effects: ['wait-back-off'] }
            : { state: initialState, effects: [] };
        case 'grace-over':
        case 'force-stop':
          return state.forced && event.kind === 'grace-over'
            ? stay
            : {
                state: { ...state, then: event.kind === 'force-stop' ? 'idle' : state.then, forced: true },
                effects: ['kill'],
              };
        case 'stop':
          return { state: { ...state, then: 'idle' }, effects: [] };
        case 'start':
          return { state: { ...state, then: 'restart' }, effects: [] };
        default:
          return stay;
      }
  }
};

const spawn = (restarts: number): Transition => ({
  state: { kind: 'running', ready: false, restarts },
  effects: ['spawn'],
});
const stop = (then: 'idle' | 'restart', restarts: number): Transition => ({
  state: { kind: 'stopping', then, forced: false, restarts },
  effects: ['terminate'],
});
const forceStop = (restarts: number): Transition => ({
  state: { kind: 'stopping', then: 'idle', forced: true, restarts },
  effects: ['kill'],
});
