/** Files that attack: each named, each with what must come of it at least. */
export interface HostileFile {
  readonly name: string;
  readonly bytes: Buffer;
  /** The first diagnostic's `line:column level code`; undefined where the file is fine. */
  readonly says: RegExp | undefined;
}

const service = (name: string): string =>
  `apiVersion: v1\nkind: Service\nmetadata: { name: ${name} }\nspec: { ports: [{ name: http, port: 80 }] }\n`;

const repeat = (times: number, make: (i: number) => string): string =>
  Array.from({ length: times }, (_, i) => make(i)).join('');

/** `a: &a [x × 10]`, then each ten of the one before: 10^12 items, were they counted out. */
const bomb = (): string =>
  repeat(12, (i) => {
    const [name, last] = [String.fromCharCode(97 + i), String.fromCharCode(96 + i)];
    return `${name}: &${name} [${Array<string>(10)
      .fill(i === 0 ? 'x' : `*${last}`)
      .join(', ')}]\n`;
  });

const file = (name: string, content: string | Buffer, says?: RegExp): HostileFile => ({
  name,
  bytes: typeof content === 'string' ? Buffer.from(content) : content,
  says,
});

const TEN_MB = 10 * 1024 * 1024;

export const hostileFiles = (): HostileFile[] => [
  file(
    'ten MB of services',
    repeat(100_000, (i) => `${i ? '---\n' : ''}${service(`s-${i}`)}`),
  ),
  file('ten MB in one value', service('a').replace('http', 'x'.repeat(TEN_MB)), /^\d+:\d+ error/),
  file('ten MB in one comment', `#${' x'.repeat(TEN_MB / 2)}\n${service('a')}`),
  file('ten MB of one line of flow', `[${'a,'.repeat(TEN_MB / 2)}]`, /^1:1 (error|warning)/),
  file('ten MB of colons', ':'.repeat(TEN_MB), /^1:\d+ (error|warning)/),
  file('ten MB of quotes', '"'.repeat(TEN_MB), /^1:\d+ error WEFT0001/),
  file('a million open brackets', '['.repeat(1_000_000), /error WEFT0001/),
  file(
    'a hundred thousand nested blocks',
    repeat(3000, (i) => `${' '.repeat(i)}a:\n`),
    /^\d+:\d+ (error|warning)/,
  ),
  file('a million dashes in a line', '- '.repeat(1_000_000), /^1:\d+ (error|warning)/),
  file('aliases that multiply', bomb(), /error WEFT0001/),
  file(
    'an alias that contains itself',
    'apiVersion: v1\nkind: Service\nmetadata: &m\n  name: a\n  labels: *m\n',
    /^\d+:\d+ error/,
  ),
  file(
    'merges that multiply',
    repeat(2000, (i) => `m${i}: &m${i} {${i ? `<<: *m${i - 1}, ` : ''}k${i}: 1}\n`),
    /^\d+:\d+ (error|warning)/,
  ),
  file('a key twice', service('a').replace('kind: Service', 'kind: Service\nkind: Pod'), /^3:1 error WEFT0001/),
  file(
    'the same object a thousand times',
    repeat(1000, () => `---\n${service('a')}`),
    /error WEFT0008|error WEFT00\d\d/,
  ),
  file('a byte order mark', `\uFEFF${service('a')}`),
  file(
    'UTF-16',
    Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(service('a'), 'utf16le')]),
    /^\d+:\d+ (error|warning)/,
  ),
  file(
    'bytes that are no UTF-8',
    Buffer.concat([Buffer.from(service('a')), Buffer.from([0x80, 0xff, 0xc0])]),
    /^\d+:\d+ (error|warning)/,
  ),
  file(
    'a program',
    Buffer.from(Array.from({ length: 65_536 }, (_, i) => (i * 2654435761) & 0xff)),
    /^\d+:\d+ (error|warning)/,
  ),
  file('nothing but zeros', Buffer.alloc(100_000), /^\d+:\d+ (error|warning)/),
  file('tabs for indentation', 'apiVersion: v1\nkind: Service\nmetadata:\n\tname: a\n', /^4:1 error WEFT0001/),
  file('Windows line ends', service('a').replaceAll('\n', '\r\n')),
  file('old Mac line ends', service('a').replaceAll('\n', '\r'), /^\d+:\d+ (error|warning)/),
  file('a name in Unicode', service('größe-💥'), /^3:\d+ error/),
  file('a name of a megabyte', service('a'.repeat(1 << 20)), /^3:\d+ error/),
  file('a name from right to left', service('"a\\u202eb"'), /^3:\d+ error/),
  file('numbers out of all ranges', service('a').replace('80', '1e400'), /^4:\d+ error/),
  file('a port beyond 2^53', service('a').replace('80', '9007199254740993'), /^4:\d+ error/),
  file('a port of a thousand digits', service('a').replace('80', '9'.repeat(1000)), /^4:\d+ error/),
  file('a port in octal, hexadecimal or as a date', service('a').replace('80', '0o120'), undefined),
  file('infinity', service('a').replace('80', '.inf'), /^4:\d+ error/),
  file('tags of other languages', service('a').replace('http', '!!python/object:os.system ls')),
  file('a template', service('{{ .Values.name }}'), /^3:\d+ error/),
  file(
    'a regular expression that never ends',
    `apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: { name: a }\nspec: { hosts: [a.example], http: [{ match: [{ uri: { regex: "${'(a+)+'.repeat(200)}$" } }], route: [{ destination: { host: a.example } }] }] }\n`,
    /^4:\d+ (error|warning)/,
  ),
  file(
    'ten thousand hosts and routes',
    `apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: { name: a }\nspec: { hosts: [${repeat(10_000, (i) => `h${i}.example, `)}], http: [${repeat(2000, () => '{ route: [{ destination: { host: a.example } }] }, ')}] }\n`,
    /^4:\d+ (error|warning)/,
  ),
];
