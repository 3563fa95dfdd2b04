import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { continueTrace, type HopOptions } from './trace-headers.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const PARENT = '00f067aa0ba902b7';
const SPAN = 'aaaaaaaaaaaaaaaa';

const options = (over: Partial<HopOptions> = {}): HopOptions => ({
  prefer: 'w3c',
  sample: () => true,
  newTraceId: () => 'b'.repeat(32),
  newSpanId: () => SPAN,
  ...over,
});

const asObject = (headers: readonly string[]): Record<string, string> =>
  Object.fromEntries(headers.flatMap((name, i) => (i % 2 === 0 ? [[name, headers[i + 1] as string]] : [])));

describe('a hop in a trace', () => {
  test('without a context begins one, in both formats', () => {
    const headers = ['accept', '*/*'];
    const span = continueTrace(headers, options());
    assert.deepEqual(span, { traceId: 'b'.repeat(32), spanId: SPAN, parentSpanId: '', sampled: true });
    assert.deepEqual(asObject(headers), {
      accept: '*/*',
      traceparent: `00-${'b'.repeat(32)}-${SPAN}-01`,
      'x-b3-traceid': 'b'.repeat(32),
      'x-b3-spanid': SPAN,
      'x-b3-sampled': '1',
    });
  });

  test('a trace that is not sampled is begun all the same, and says so', () => {
    const headers: string[] = [];
    assert.equal(continueTrace(headers, options({ sample: () => false })).sampled, false);
    assert.match(asObject(headers).traceparent ?? '', /-00$/);
    assert.equal(asObject(headers)['x-b3-sampled'], '0');
  });

  test('W3C: a new span whose parent is the caller’s; tracestate stays', () => {
    const headers = ['traceparent', `00-${TRACE}-${PARENT}-01`, 'tracestate', 'a=b', 'x', 'y'];
    const span = continueTrace(headers, options({ sample: () => assert.fail() }));
    assert.deepEqual(span, { traceId: TRACE, spanId: SPAN, parentSpanId: PARENT, sampled: true });
    assert.deepEqual(asObject(headers), { traceparent: `00-${TRACE}-${SPAN}-01`, tracestate: 'a=b', x: 'y' });
  });

  test('B3 in one header and in several', () => {
    const single = ['b3', `${TRACE}-${PARENT}-1`];
    continueTrace(single, options());
    assert.deepEqual(asObject(single), { b3: `${TRACE}-${SPAN}-1-${PARENT}` });
    const multi = ['x-b3-traceid', TRACE, 'x-b3-spanid', PARENT, 'x-b3-flags', '1'];
    continueTrace(multi, options());
    assert.deepEqual(asObject(multi), {
      'x-b3-traceid': TRACE,
      'x-b3-spanid': SPAN,
      'x-b3-parentspanid': PARENT,
      'x-b3-sampled': '1',
    });
  });

  test('not sampled by the caller: nothing is recorded, nothing changes', () => {
    for (const before of [
      ['traceparent', `00-${TRACE}-${PARENT}-00`],
      ['b3', `${TRACE}-${PARENT}-0`],
      ['x-b3-traceid', TRACE, 'x-b3-spanid', PARENT, 'x-b3-sampled', '0'],
    ]) {
      const headers = [...before];
      const span = continueTrace(headers, options({ sample: () => assert.fail() }));
      assert.equal(span.sampled, false);
      assert.equal(span.traceId, TRACE);
      assert.deepEqual(headers, before);
    }
  });

  test('B3 leaves the decision open, or decides without a trace', () => {
    assert.equal(continueTrace(['b3', `${TRACE}-${PARENT}`], options()).sampled, true);
    assert.equal(continueTrace(['b3', `${TRACE}-${PARENT}`], options({ sample: () => false })).sampled, false);
    const denied = ['b3', '0'];
    assert.equal(continueTrace(denied, options({ sample: () => assert.fail() })).sampled, false);
    assert.match(asObject(denied).traceparent ?? '', /-00$/);
    assert.equal(continueTrace(['x-b3-sampled', '1'], options({ sample: () => false })).sampled, true);
  });

  test('where both are there and differ, the tracer’s own format counts', () => {
    const other = 'c'.repeat(32);
    const headers = (): string[] => ['traceparent', `00-${TRACE}-${PARENT}-01`, 'b3', `${other}-${PARENT}-1`];
    assert.equal(continueTrace(headers(), options()).traceId, TRACE);
    assert.equal(continueTrace(headers(), options({ prefer: 'b3' })).traceId, other);
  });

  test('whatever comes, what goes on is a context that the next hop reads as this span', () => {
    const text = fc.oneof(
      fc.string(),
      fc.constantFrom(`00-${TRACE}-${PARENT}-01`, `${TRACE}-${PARENT}-1`, '0', '1', 'd', TRACE, PARENT, '-'),
    );
    const names = ['traceparent', 'b3', 'x-b3-traceid', 'x-b3-spanid', 'x-b3-sampled', 'x-b3-flags', 'other'];
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.constantFrom(...names), text)), (pairs) => {
        const headers = pairs.flat();
        const span = continueTrace(headers, options());
        const next = continueTrace(headers, options({ sample: () => assert.fail(), newSpanId: () => 'd'.repeat(16) }));
        assert.equal(next.traceId, span.traceId);
        assert.equal(next.sampled, span.sampled);
        if (span.sampled) assert.equal(next.parentSpanId, SPAN);
      }),
    );
  });
});
