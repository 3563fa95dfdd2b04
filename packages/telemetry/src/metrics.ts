/**
 * Counters, gauges and histograms, written out in Prometheus' text format 0.0.4
 * (https://prometheus.io/docs/instrumenting/exposition_formats/). A caller looks a series up once and keeps the handle;
 * from then on a measurement is an addition in a typed array that all series of the family share:
 *
 *     counter    [ a ][ b ][ c ] …
 *     histogram  [ ≤0.5 | ≤1 | … | ≤∞ | sum ][ ≤0.5 | … ] …      counts per bucket, made cumulative when written out
 */
export interface RegistryOptions {
  /** Most series of one metric; further label sets share one whose labels all say `overflow`. Default 2,000. */
  readonly maxSeries?: number;
  /** Told once of each metric that overflows. */
  readonly onOverflow?: (metric: string) => void;
}

const DEFAULT_MAX_SERIES = 2000;

export class Registry {
  readonly #families = new Map<string, Family>();
  readonly #collectors: (() => void)[] = [];
  readonly #maxSeries: number;
  readonly #onOverflow: (metric: string) => void;
  #overflows: CounterFamily | null = null;

  constructor(options: RegistryOptions = {}) {
    this.#maxSeries = options.maxSeries ?? DEFAULT_MAX_SERIES;
    this.#onOverflow = options.onOverflow ?? (() => undefined);
  }

  /** The same name gives the same family; with other labels or another type it throws. */
  counter(name: string, help: string, labelNames: readonly string[] = []): CounterFamily {
    return this.#family(name, () => new CounterFamily(this.#shape(name, help, labelNames)), CounterFamily, labelNames);
  }

  gauge(name: string, help: string, labelNames: readonly string[] = []): GaugeFamily {
    return this.#family(name, () => new GaugeFamily(this.#shape(name, help, labelNames)), GaugeFamily, labelNames);
  }

  /** `bounds`: upper bounds of the buckets, rising, without infinity. */
  histogram(
    name: string,
    help: string,
    labelNames: readonly string[] = [],
    bounds: readonly number[] = DEFAULT_BUCKETS,
  ): HistogramFamily {
    const make = (): HistogramFamily => new HistogramFamily(this.#shape(name, help, labelNames), bounds);
    return this.#family(name, make, HistogramFamily, labelNames);
  }

  /** `collect` runs before each exposition, to set gauges that are read from elsewhere. */
  onCollect(collect: () => void): void {
    this.#collectors.push(collect);
  }

  /** The body of `/metrics`. */
  expose(): string {
    for (const collect of this.#collectors) collect();
    let text = '';
    for (const family of this.#families.values()) text += family.expose();
    return text;
  }

  #shape(name: string, help: string, labelNames: readonly string[]): FamilyShape {
    if (!METRIC_NAME.test(name)) throw new RangeError(`not a metric name: ${name}`);
    for (const label of labelNames) if (!LABEL_NAME.test(label)) throw new RangeError(`not a label name: ${label}`);
    const onOverflow = (first: boolean): void => {
      this.#overflows ??= this.counter(OVERFLOW_METRIC, 'Look-ups of series beyond the limit of a metric.', ['metric']);
      this.#overflows.with(name).add(1);
      if (first) this.#onOverflow(name);
    };
    return { name, help, labelNames, maxSeries: this.#maxSeries, onOverflow };
  }

  #family<T extends Family>(
    name: string,
    make: () => T,
    type: new (...args: never[]) => T,
    labelNames: readonly string[],
  ): T {
    const known = this.#families.get(name);
    if (known) {
      if (known instanceof type && known.labelNames.join() === labelNames.join()) return known;
      throw new RangeError(`metric ${name} exists with another type or other labels`);
    }
    const family = make();
    this.#families.set(name, family);
    return family;
  }
}

/** Envoy's default histogram buckets, which Istio leaves as they are, for milliseconds and bytes alike. */
export const DEFAULT_BUCKETS: readonly number[] = [
  0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 300_000, 600_000, 1_800_000,
  3_600_000,
];

const OVERFLOW_METRIC = 'weft_metric_overflow_total';
const METRIC_NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LABEL_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

interface FamilyShape {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
  readonly maxSeries: number;
  readonly onOverflow: (first: boolean) => void;
}

abstract class Family {
  readonly labelNames: readonly string[];
  /** `stride` numbers for each series, in the order of `index`. Replaced when it grows: never keep a reference. */
  values: Float64Array;
  protected readonly index = new Map<string, number>();
  protected readonly shape: FamilyShape;
  readonly #stride: number;
  readonly #type: string;
  #overflowed = false;

  constructor(shape: FamilyShape, type: string, stride: number) {
    this.labelNames = shape.labelNames;
    this.shape = shape;
    this.#type = type;
    this.#stride = stride;
    this.values = new Float64Array(stride * (shape.labelNames.length === 0 ? 1 : 4));
  }

  /** Where the values of a series begin; makes the series if there is room for one more. */
  protected offset(labels: string): number {
    const known = this.index.get(labels);
    if (known !== undefined) return known;
    if (this.index.size >= this.shape.maxSeries) {
      const overflow = this.labelNames.map((name) => `${name}="overflow"`).join(',');
      const first = !this.#overflowed;
      this.#overflowed = true;
      if (this.shape.name !== OVERFLOW_METRIC) this.shape.onOverflow(first);
      return this.index.get(overflow) ?? this.#add(overflow);
    }
    return this.#add(labels);
  }

  #add(labels: string): number {
    const offset = this.index.size * this.#stride;
    if (offset + this.#stride > this.values.length) {
      const larger = new Float64Array(this.values.length * 2);
      larger.set(this.values);
      this.values = larger;
    }
    this.index.set(labels, offset);
    return offset;
  }

  expose(): string {
    if (this.index.size === 0) return '';
    const { name, help } = this.shape;
    let text = `# HELP ${name} ${escapeHelp(help)}\n# TYPE ${name} ${this.#type}\n`;
    for (const [labels, offset] of this.index) text += this.exposeSeries(name, labels, offset);
    return text;
  }

  protected exposeSeries(name: string, labels: string, offset: number): string {
    return `${name}${labels === '' ? '' : `{${labels}}`} ${formatValue(this.values[offset] as number)}\n`;
  }
}

export class CounterFamily extends Family {
  constructor(shape: FamilyShape) {
    super(shape, 'counter', 1);
  }

  with(...values: readonly string[]): Counter {
    return this.series(renderLabels(this.labelNames, values));
  }

  /** `labels`: what `renderLabels` made, where several families share it. */
  series(labels: string): Counter {
    return new Counter(this, this.offset(labels));
  }
}

export class Counter {
  readonly #family: Family;
  readonly #offset: number;

  constructor(family: Family, offset: number) {
    this.#family = family;
    this.#offset = offset;
  }

  /** `n` must not be negative. */
  add(n: number): void {
    this.#family.values[this.#offset] = (this.#family.values[this.#offset] as number) + n;
  }

  get value(): number {
    return this.#family.values[this.#offset] as number;
  }
}

export class GaugeFamily extends Family {
  constructor(shape: FamilyShape) {
    super(shape, 'gauge', 1);
  }

  with(...values: readonly string[]): Gauge {
    return new Gauge(this, this.offset(renderLabels(this.labelNames, values)));
  }

  /** Forgets all series: for gauges whose label sets are collected anew each time. Handles made before are void. */
  clear(): void {
    this.index.clear();
    this.values.fill(0);
  }
}

export class Gauge extends Counter {
  readonly #family: Family;
  readonly #offset: number;

  constructor(family: Family, offset: number) {
    super(family, offset);
    this.#family = family;
    this.#offset = offset;
  }

  set(value: number): void {
    this.#family.values[this.#offset] = value;
  }
}

export class HistogramFamily extends Family {
  readonly bounds: Float64Array;

  constructor(shape: FamilyShape, bounds: readonly number[]) {
    super(shape, 'histogram', bounds.length + 2);
    this.bounds = Float64Array.from(bounds);
  }

  with(...values: readonly string[]): Histogram {
    return this.series(renderLabels(this.labelNames, values));
  }

  series(labels: string): Histogram {
    return new Histogram(this, this.offset(labels));
  }

  protected override exposeSeries(name: string, labels: string, offset: number): string {
    const before = labels === '' ? '' : `${labels},`;
    const infinity = this.bounds.length;
    let count = 0;
    let text = '';
    for (let i = 0; i <= infinity; i++) {
      count += this.values[offset + i] as number;
      const le = i === infinity ? '+Inf' : formatValue(this.bounds[i] as number);
      text += `${name}_bucket{${before}le="${le}"} ${count}\n`;
    }
    const of = labels === '' ? '' : `{${labels}}`;
    const sum = this.values[offset + infinity + 1] as number;
    return `${text}${name}_sum${of} ${formatValue(sum)}\n${name}_count${of} ${count}\n`;
  }
}

export class Histogram {
  readonly #family: HistogramFamily;
  readonly #offset: number;

  constructor(family: HistogramFamily, offset: number) {
    this.#family = family;
    this.#offset = offset;
  }

  /** A scan from below: most measurements fall into the first buckets, and there are twenty. */
  observe(value: number): void {
    const { bounds, values } = this.#family;
    let bucket = 0;
    while (bucket < bounds.length && value > (bounds[bucket] as number)) bucket++;
    const at = this.#offset + bucket;
    values[at] = (values[at] as number) + 1;
    const sum = this.#offset + bounds.length + 1;
    values[sum] = (values[sum] as number) + value;
  }
}

/** `a="b",c="d"`, escaped. A missing value is the empty string, which to Prometheus is no label. */
export const renderLabels = (names: readonly string[], values: readonly string[]): string => {
  if (values.length > names.length) throw new RangeError(`${values.length} values for the labels ${names.join()}`);
  let text = '';
  for (let i = 0; i < names.length; i++) {
    text += `${i === 0 ? '' : ','}${names[i]}="${escapeLabel(values[i] ?? '')}"`;
  }
  return text;
};

const escapeLabel = (value: string): string =>
  /[\\"\n]/.test(value) ? value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n') : value;

const escapeHelp = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');

const formatValue = (value: number): string =>
  value === Infinity ? '+Inf' : value === -Infinity ? '-Inf' : String(value);
