/** One line of Prometheus' text format. */
export interface Sample {
  readonly name: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly value: number;
}

const LABEL = /\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*"((?:[^"\\\n]|\\.)*)"\s*(?:,\s*|(?=\}))/y;
const NAME = /[a-zA-Z_:][a-zA-Z0-9_:]*/y;
const VALUE = /\s*([^\s]+)(?:\s+-?\d+)?\s*$/y;

/** The samples of an exposition in format 0.0.4; comments and lines that are none are passed over. */
export const parsePrometheusText = (text: string): Sample[] => {
  const samples: Sample[] = [];
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const sample = parseLine(line);
    if (sample) samples.push(sample);
  }
  return samples;
};

const parseLine = (line: string): Sample | null => {
  NAME.lastIndex = 0;
  const name = NAME.exec(line)?.[0];
  if (name === undefined) return null;
  const labels = new Map<string, string>();
  let at = NAME.lastIndex;
  if (line[at] === '{') {
    for (at++; line[at] !== '}'; at = LABEL.lastIndex) {
      LABEL.lastIndex = at;
      const m = LABEL.exec(line);
      if (!m) return null;
      labels.set(m[1] as string, unescape(m[2] as string));
    }
    at++;
  }
  VALUE.lastIndex = at;
  const number = VALUE.exec(line)?.[1];
  const value = number === undefined ? Number.NaN : parseValue(number);
  return Number.isNaN(value) && number !== 'NaN' ? null : { name, labels, value };
};

const parseValue = (text: string): number => (text === '+Inf' ? Infinity : text === '-Inf' ? -Infinity : Number(text));

const unescape = (text: string): string =>
  text.includes('\\') ? text.replace(/\\(.)/g, (_, c: string) => (c === 'n' ? '\n' : c)) : text;
