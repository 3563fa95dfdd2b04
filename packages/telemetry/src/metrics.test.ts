import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Registry } from './metrics.ts';
import { parsePrometheusText } from './prometheus-text.ts';

describe('the registry of metrics', () => {
  it('writes counters and gauges with help, type and escaped labels', () => {
    const registry = new Registry();
    registry.counter('a_total', 'Back\\slash\nand line.', ['x', 'y']).with('q"uote', 'new\nline\\').add(2);
    registry.gauge('b', 'A gauge.').with().set(1.5);
    assert.equal(
      registry.expose(),
      '# HELP a_total Back\\\\slash\\nand line.\n# TYPE a_total counter\na_total{x="q\\"uote",y="new\\nline\\\\"} 2\n' +
        '# HELP b A gauge.\n# TYPE b gauge\nb 1.5\n',
    );
  });

  it('writes histograms cumulatively, a value on a bound belonging to its bucket', () => {
    const registry = new Registry();
    const h = registry.histogram('h', 'H.', ['l'], [1, 10]).with('v');
    for (const value of [0.5, 1, 2, 100]) h.observe(value);
    assert.equal(
      registry.expose(),
      '# HELP h H.\n# TYPE h histogram\nh_bucket{l="v",le="1"} 2\nh_bucket{l="v",le="10"} 3\n' +
        'h_bucket{l="v",le="+Inf"} 4\nh_sum{l="v"} 103.5\nh_count{l="v"} 4\n',
    );
  });

  it('gives equal labels one series, and handles stay good while the family grows', () => {
    const family = new Registry().counter('c', 'C.', ['l']);
    const first = family.with('0');
    for (let i = 1; i < 100; i++) family.with(String(i)).add(i);
    first.add(7);
    assert.equal(family.with('0').value, 7);
    assert.equal(family.with('99').value, 99);
  });

  it('has a bounded number of series and reports what overflows', () => {
    const reported: string[] = [];
    const registry = new Registry({ maxSeries: 2, onOverflow: (metric) => reported.push(metric) });
    const family = registry.counter('c', 'C.', ['l']);
    for (const l of ['a', 'b', 'c', 'd', 'a']) family.with(l).add(1);
    const samples = parsePrometheusText(registry.expose()).map((s) => [s.name, [...s.labels.values()].join(), s.value]);
    assert.deepEqual(samples, [
      ['c', 'a', 2],
      ['c', 'b', 1],
      ['c', 'overflow', 2],
      ['weft_metric_overflow_total', 'c', 2],
    ]);
    assert.deepEqual(reported, ['c']);
  });

  it('refuses one name for two things', () => {
    const registry = new Registry();
    registry.counter('c', 'C.', ['l']);
    assert.throws(() => registry.gauge('c', 'C.', ['l']), /another type/);
    assert.throws(() => registry.counter('c', 'C.', ['m']), /other labels/);
    assert.throws(() => registry.counter('c-d', 'C.'), /not a metric name/);
  });

  it('collects before it writes', () => {
    const registry = new Registry();
    const gauge = registry.gauge('g', 'G.').with();
    registry.onCollect(() => gauge.set(3));
    assert.match(registry.expose(), /^g 3$/m);
  });
});

describe('Prometheus text', () => {
  it('is read as it was written, whatever stands in the labels', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: 'binary' }), { minLength: 2, maxLength: 2 }),
        fc.double(),
        (labels, value) => {
          const registry = new Registry();
          registry
            .gauge('g', 'G.', ['a', 'b'])
            .with(...labels)
            .set(value);
          const samples = parsePrometheusText(registry.expose());
          assert.equal(samples.length, 1);
          assert.deepEqual([...(samples[0]?.labels.values() ?? [])], labels);
          assert.equal(samples[0]?.value, value === 0 ? 0 : value);
        },
      ),
    );
  });

  it('may have spaces, a comma before the brace, a timestamp, and lines that are nothing', () => {
    const text = 'a{ x = "1" , } 2 1700000000\nnothing\n# c\nb{} +Inf\nc{x="1} 3\nd 4\n';
    assert.deepEqual(
      parsePrometheusText(text).map((s) => [s.name, s.labels.get('x'), s.value]),
      [
        ['a', '1', 2],
        ['b', undefined, Infinity],
        ['d', undefined, 4],
      ],
    );
  });
});
