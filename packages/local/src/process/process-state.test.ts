import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { initialState, type ProcessEvent, type ProcessState, transition } from './process-state.ts';

const exited: ProcessEvent = { kind: 'exited', status: { kind: 'code', code: 1 } };
const run = (...events: ProcessEvent[]): { state: ProcessState; effects: string[] } => {
  let state = initialState;
  const effects: string[] = [];
  for (const event of events) {
    const next = transition(state, event);
    state = next.state;
    effects.push(...next.effects);
  }
  return { state, effects };
};

describe('the life of a supervised process', () => {
  it('starts again after a pause when it ends by itself', () => {
    const { state, effects } = run({ kind: 'start' }, exited, { kind: 'back-off-over' });
    assert.deepEqual(state, { kind: 'running', ready: false, restarts: 1 });
    assert.deepEqual(effects, ['spawn', 'wait-back-off', 'spawn']);
  });

  it('is killed when the grace period is over and it still runs', () => {
    const { state, effects } = run({ kind: 'start' }, { kind: 'stop' }, { kind: 'grace-over' }, exited);
    assert.equal(state.kind, 'idle');
    assert.deepEqual(effects, ['spawn', 'terminate', 'kill']);
  });

  it('is ended and started again when its liveness probe gives up', () => {
    const { state, effects } = run({ kind: 'start' }, { kind: 'unhealthy' }, exited, { kind: 'back-off-over' });
    assert.equal(state.kind, 'running');
    assert.deepEqual(effects, ['spawn', 'terminate', 'wait-back-off', 'spawn']);
  });

  it('does not start again when it is told to stop while it waits, or while it is being restarted', () => {
    assert.equal(run({ kind: 'start' }, exited, { kind: 'stop' }, { kind: 'back-off-over' }).state.kind, 'idle');
    assert.equal(run({ kind: 'start' }, { kind: 'unhealthy' }, { kind: 'stop' }, exited).state.kind, 'idle');
  });

  it('never runs two processes, never leaves one behind, and always ends when stopped', () => {
    const kinds = [
      'start',
      'stop',
      'force-stop',
      'exited',
      'ready',
      'unready',
      'unhealthy',
      'back-off-over',
      'grace-over',
      'stable',
    ] as const;
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...kinds), { maxLength: 60 }), (script) => {
        let state = initialState;
        let processes = 0;
        const step = (kind: (typeof kinds)[number]): void => {
          if (kind === 'exited' && processes === 0) return; // only a process that runs can end
          const event: ProcessEvent = kind === 'exited' ? exited : { kind };
          if (kind === 'exited') processes--;
          const next = transition(state, event);
          state = next.state;
          processes += next.effects.filter((e) => e === 'spawn').length;
          const alive = state.kind === 'running' || state.kind === 'stopping' ? 1 : 0;
          assert.equal(processes, alive, `${kind} → ${state.kind}`);
        };
        for (const kind of script) step(kind);
        step('force-stop');
        step('exited');
        assert.equal(state.kind, 'idle');
      }),
    );
  });
});
