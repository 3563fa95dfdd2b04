import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { seededRandom } from '@weft/base/random';
import fc from 'fast-check';
import { childOf, formatTraceparent, parseB3, parseB3Multi, parseTraceparent, startTrace } from './trace-context.ts';

const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
const span = '00f067aa0ba902b7';

describe('traceparent', () => {
  it('is read as W3C has it', () => {
    assert.deepEqual(parseTraceparent(`00-${trace}-${span}-01`), { traceId: trace, spanId: span, sampled: true });
    assert.equal(parseTraceparent(`00-${trace}-${span}-00`)?.sampled, false);
    assert.equal(parseTraceparent(`cc-${trace}-${span}-03-more`)?.sampled, true, 'a later version may go on');
  });

  it('is refused where malformed', () => {
    for (const bad of [
      '',
      `00-${trace}-${span}`,
      `00-${trace}-${span}-01-more`,
      `ff-${trace}-${span}-01`,
      `00-${trace.toUpperCase()}-${span}-01`,
      `00-${'0'.repeat(32)}-${span}-01`,
      `00-${trace}-${'0'.repeat(16)}-01`,
      ` 00-${trace}-${span}-01`,
    ])
      assert.equal(parseTraceparent(bad), null, bad);
  });

  it('survives being written and read, for new traces and children', () => {
    fc.assert(
      fc.property(fc.integer(), fc.boolean(), (seed, sampled) => {
        const random = seededRandom(seed);
        const root = startTrace(random, sampled);
        const child = childOf(root, random);
        assert.deepEqual(parseTraceparent(formatTraceparent(root)), root);
        assert.deepEqual(parseTraceparent(formatTraceparent(child)), child);
        assert.equal(child.traceId, root.traceId);
        assert.notEqual(child.spanId, root.spanId);
      }),
    );
    assert.notEqual(parseTraceparent(formatTraceparent(startTrace(() => 0, false))), null, 'ids are never all zero');
  });
});

describe('b3', () => {
  it('is read in its single form', () => {
    assert.deepEqual(parseB3(`${trace}-${span}-1-05e3ac9a4f6e3b90`), { traceId: trace, spanId: span, sampled: true });
    assert.equal(parseB3(`${trace}-${span}`)?.sampled, false);
    assert.equal(parseB3(`${trace}-${span}-d`)?.sampled, true);
    assert.equal(parseB3(`${span}-${span}-0`)?.traceId, `${'0'.repeat(16)}${span}`);
    for (const bad of ['0', 'd', '', `${trace}-${span}-2`, trace]) assert.equal(parseB3(bad), null, bad);
  });

  it('is read from its older headers', () => {
    assert.equal(parseB3Multi(trace, span, '1')?.sampled, true);
    assert.equal(parseB3Multi(trace, span, '', '1')?.sampled, true);
    assert.equal(parseB3Multi(trace, span)?.sampled, false);
    assert.equal(parseB3Multi('x', span), null);
  });
});
