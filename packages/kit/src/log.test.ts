import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createLog, traceOf } from './log.ts';
import { withPropagation } from './propagation.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SPAN = 'b7ad6b7169203331';

const logged = (write: (log: ReturnType<typeof createLog>) => void, env = {}): Record<string, unknown>[] => {
  const lines: string[] = [];
  write(createLog({ service: 'orders', env, destination: { write: (line) => void lines.push(line) } }));
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
};

describe('the log', () => {
  it('has one JSON object a line, with level, time, service and message', () => {
    const [line] = logged((log) => log.info({ order: 7 }, 'taken'));
    assert.match(String(line?.time), /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    assert.deepEqual({ ...line, time: '' }, { level: 'info', time: '', service: 'orders', order: 7, msg: 'taken' });
  });

  it('names the trace and the request that is being served, also after an await', async () => {
    const lines: string[] = [];
    const log = createLog({ destination: { write: (line) => void lines.push(line) } });
    await withPropagation({ headers: { traceparent: `00-${TRACE}-${SPAN}-01`, 'x-request-id': 'r1' } }, async () => {
      await Promise.resolve();
      log.warn('late');
    });
    log.info('outside');
    const [inside, outside] = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    assert.deepEqual([inside?.trace_id, inside?.span_id, inside?.request_id], [TRACE, SPAN, 'r1']);
    assert.equal('trace_id' in (outside ?? {}), false);
  });

  it('reads the trace from W3C’s header, else from B3’s', () => {
    const of = (headers: Record<string, string>) => traceOf(new Map(Object.entries(headers)));
    const both = { traceId: TRACE, spanId: SPAN };
    assert.deepEqual(of({ traceparent: `00-${TRACE}-${SPAN}-00`, b3: `${SPAN}-${SPAN}` }), both);
    assert.deepEqual(of({ b3: `${TRACE}-${SPAN}-1-05e3ac9a4f6e3b90` }), both);
    assert.deepEqual(of({ 'x-b3-traceid': TRACE, 'x-b3-spanid': SPAN }), both);
    assert.deepEqual(of({ traceparent: 'nonsense', b3: '0' }), {});
  });

  it('is as chatty as LOG_LEVEL says', () => {
    const lines = logged(
      (log) => {
        log.info('no');
        log.error('yes');
      },
      { LOG_LEVEL: 'error' },
    );
    assert.deepEqual(
      lines.map((line) => line.msg),
      ['yes'],
    );
  });
});
