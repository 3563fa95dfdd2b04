/**
 * A time by a format of `strftime` in UTC, with Envoy's `%f` (fractions of a second: `%3f`, `%6f`, `%9f`), compiled.
 * Undefined if the format has a specifier that is not known here.
 */
export const compileStrftime = (format: string): ((ms: number) => string) | undefined => {
  const parts: (string | ((date: Date) => string))[] = [];
  let at = 0;
  for (const m of format.matchAll(/%([1-9]?)(.)/gs)) {
    parts.push(format.slice(at, m.index));
    at = m.index + m[0].length;
    const [, digits = '', letter = ''] = m;
    if (letter === 'f') parts.push((date) => fraction(date, digits === '' ? 9 : Number(digits)));
    else {
      const specifier = digits === '' ? SPECIFIERS[letter] : undefined;
      if (specifier === undefined) return undefined;
      parts.push(specifier);
    }
  }
  parts.push(format.slice(at));
  return (ms) => {
    const date = new Date(ms);
    let text = '';
    for (const part of parts) text += typeof part === 'string' ? part : part(date);
    return text;
  };
};

const pad = (value: number, length = 2): string => String(value).padStart(length, '0');

const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const MONTHS = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
];
const DAY_MS = 86_400_000;

const date = (d: Date): string => d.toISOString().slice(0, 10);
const time = (d: Date): string => d.toISOString().slice(11, 19);
const dayOfYear = (d: Date): number => Math.floor((d.getTime() - Date.UTC(d.getUTCFullYear(), 0, 1)) / DAY_MS) + 1;
const fraction = (d: Date, digits: number): string => `${pad(d.getUTCMilliseconds(), 3)}000000`.slice(0, digits);

const SPECIFIERS: Readonly<Record<string, string | ((date: Date) => string)>> = {
  '%': '%',
  n: '\n',
  t: '\t',
  Y: (d) => String(d.getUTCFullYear()),
  y: (d) => pad(d.getUTCFullYear() % 100),
  m: (d) => pad(d.getUTCMonth() + 1),
  d: (d) => pad(d.getUTCDate()),
  e: (d) => String(d.getUTCDate()).padStart(2, ' '),
  j: (d) => pad(dayOfYear(d), 3),
  H: (d) => pad(d.getUTCHours()),
  I: (d) => pad(d.getUTCHours() % 12 || 12),
  p: (d) => (d.getUTCHours() < 12 ? 'AM' : 'PM'),
  M: (d) => pad(d.getUTCMinutes()),
  S: (d) => pad(d.getUTCSeconds()),
  s: (d) => String(Math.floor(d.getTime() / 1000)),
  a: (d) => (DAYS[d.getUTCDay()] as string).slice(0, 3),
  A: (d) => DAYS[d.getUTCDay()] as string,
  b: (d) => (MONTHS[d.getUTCMonth()] as string).slice(0, 3),
  B: (d) => MONTHS[d.getUTCMonth()] as string,
  F: date,
  T: time,
  R: (d) => time(d).slice(0, 5),
  D: (d) => `${pad(d.getUTCMonth() + 1)}/${pad(d.getUTCDate())}/${pad(d.getUTCFullYear() % 100)}`,
  z: '+0000',
  Z: 'UTC',
};
