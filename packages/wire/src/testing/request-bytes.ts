// Bytes that are, or nearly are, HTTP/1.1 requests, for fuzz tests. The same random numbers give the same bytes.

/** In [0, 1). */
type Random = () => number;

const pick = <T>(random: Random, list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
const chance = (random: Random, share: number): boolean => random() < share;

const methods = ['GET', 'GET', 'GET', 'POST', 'POST', 'PUT', 'HEAD', 'OPTIONS', 'DELETE', 'PATCH', 'CONNECT', 'QUERY'];
const targets = [
  '/',
  '/a',
  '/a?b=c',
  '/%2e%2e/x',
  '/a//b',
  '/a;b',
  '/[x]',
  '/{x}|',
  '*',
  'http://a/',
  'http://b:80/x?y',
  'HTTPS://B',
  'a:443',
  '[::1]:80',
  '/\xe9',
  '/a#b',
  '/a b',
  '',
  'a',
  'http://u@a/',
  '//a/b',
  '/\\',
];
const versions = [
  'HTTP/1.1',
  'HTTP/1.1',
  'HTTP/1.1',
  'HTTP/1.1',
  'HTTP/1.0',
  'HTTP/1.2',
  'HTTP/2.0',
  'http/1.1',
  'HTTP/1.10',
  '',
];
const hosts = ['Host: a', 'host: A:80', 'Host:a', 'HOST:  a\t', 'Host: [::1]:8080', 'Host:', 'Host: a b', 'Host: a/b'];
const names = [
  'X',
  'x-y',
  'Accept',
  'Cookie',
  'X_Y',
  'User-Agent',
  "a!#$%&'*+-.^`|~",
  'X Y',
  'X\x01',
  '',
  'X\x7f',
  'Ä',
  'Content-Lengt',
  '(x)',
];
const values = [
  '',
  'v',
  'a b',
  'a\tb',
  '"q"',
  'a, b',
  '\xff\xe9',
  'a\x00b',
  'a\x7fb',
  'a\x01',
  'a\rb',
  'a\nb',
  'a\r\n b',
  ':',
  '=?',
];
const separators = [': ', ': ', ': ', ': ', ':', ':  ', ':\t', ' : ', '\t:', ': \x0b'];
const lineEnds = ['\r\n', '\r\n', '\r\n', '\r\n', '\r\n', '\r\n', '\r\n', '\n', '\r', '\r\r\n', ' \r\n', '\t\r\n'];
const connections = [
  'close',
  'keep-alive',
  'Keep-Alive, X',
  'x-y',
  'upgrade',
  'close, x',
  'Upgrade, close',
  '',
  ',',
  'content-length',
];
const codings = [
  'chunked',
  'Chunked',
  'chunked ',
  'gzip',
  'gzip, chunked',
  'chunked, chunked',
  'identity',
  '',
  'chunked;q=1',
  'xchunked',
];
const oddLengths = [
  '+5',
  '-1',
  '5,5',
  '5, 5',
  '0x5',
  '',
  ' 5',
  '5 ',
  '05',
  '5a',
  '1e1',
  '99999999999999999999',
  '5\t',
  '٥',
];
const oddSizes = [
  '+5',
  '0x5',
  '5 ',
  ' 5',
  '',
  'g',
  '5;',
  '5;a=b',
  '5;a="b;c"',
  '5;a="\r\n',
  '5;\x01',
  '5 ;a',
  '05',
  '00000000000000005',
  '-5',
  '5;a\nb',
  '5;=',
  '5;a b',
];
const trailers = [
  'T: u\r\n',
  'T:\r\n',
  'Content-Length: 5\r\n',
  'Host: b\r\n',
  'Transfer-Encoding: chunked\r\n',
  'T : u\r\n',
  ' T: u\r\n',
  'T: u\n',
  'T\r\n',
  'Connection: close\r\n',
];

const header = (random: Random): string => {
  const kind = random();
  // Mostly sound, so that what is rare does not hide behind what is refused at once.
  if (kind < 0.55) return `${pick(random, names.slice(0, 7))}: ${pick(random, values.slice(0, 7))}\r\n`;
  if (kind < 0.7) return `Connection: ${pick(random, connections)}\r\n`;
  if (kind < 0.76) return 'Upgrade: websocket\r\n';
  if (kind < 0.8) return 'Expect: 100-continue\r\n';
  if (kind < 0.84) return 'Keep-Alive: timeout=5\r\n';
  return pick(random, names) + pick(random, separators) + pick(random, values) + pick(random, lineEnds);
};

const chunk = (random: Random): string => {
  const data = 'hello'.slice(0, 1 + Math.floor(random() * 5));
  if (chance(random, 0.75)) return `${data.length.toString(16)}\r\n${data}\r\n`;
  if (chance(random, 0.5)) return `${pick(random, oddSizes)}\r\nhello\r\n`;
  return `${data.length.toString(16)}${pick(random, lineEnds)}${data}${pick(random, lineEnds)}`;
};

const chunks = (random: Random): string => {
  let out = '';
  for (let n = Math.floor(random() * 3); n > 0; n--) out += chunk(random);
  out += chance(random, 0.9) ? '0\r\n' : pick(random, ['00\r\n', '0;a\r\n', '0\n', '0 \r\n', '']);
  for (let n = Math.floor(random() * 2); n > 0; n--) out += pick(random, trailers);
  return `${out}\r\n`;
};

/** Headers that frame, and a body that fits them, or nearly. */
const framing = (random: Random): [headers: string, body: string] => {
  const kind = random();
  const body = 'hello world'.slice(0, Math.floor(random() * 11));
  if (kind < 0.35) return ['', ''];
  if (kind < 0.6) return [`Content-Length: ${body.length}\r\n`, body];
  if (kind < 0.8) return ['Transfer-Encoding: chunked\r\n', chunks(random)];
  if (kind < 0.85) return [`Content-Length: ${pick(random, oddLengths)}\r\n`, 'hello'];
  if (kind < 0.9) return [`Transfer-Encoding${pick(random, separators)}${pick(random, codings)}\r\n`, chunks(random)];
  if (kind < 0.93) return [`Content-Length: 5\r\nContent-Length: ${pick(random, ['5', '6'])}\r\n`, 'hello'];
  const both = [`Content-Length: ${body.length}\r\n`, 'Transfer-Encoding: chunked\r\n'];
  return [chance(random, 0.5) ? both.join('') : both.reverse().join(''), chunks(random)];
};

const request = (random: Random): string => {
  const sound = chance(random, 0.8);
  const method = pick(random, methods);
  const target = method === 'CONNECT' ? 'a:443' : sound ? pick(random, targets.slice(0, 8)) : pick(random, targets);
  const version = sound ? 'HTTP/1.1' : pick(random, versions);
  const start = `${method}${sound ? ' ' : pick(random, [' ', '  ', '\t'])}${target} ${version}\r\n`;
  const [frame, body] = framing(random);
  const lines = [pick(random, sound ? hosts.slice(0, 5) : hosts) + (sound ? '\r\n' : pick(random, lineEnds)), frame];
  for (let n = Math.floor(random() * 4); n > 0; n--) lines.splice(Math.floor(random() * 3), 0, header(random));
  return `${start}${lines.join('')}\r\n${body}`;
};

const splices = [
  '\r',
  '\n',
  '\r\n',
  '\0',
  ' ',
  '\t',
  ':',
  ',',
  ';',
  '0',
  '\x0b',
  '\x7f',
  '\xff',
  '\r\n\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Content-Length: 3\r\n',
];

const mutate = (random: Random, text: string): string => {
  const at = Math.floor(random() * (text.length + 1));
  const kind = random();
  if (kind < 0.4) return text.slice(0, at) + pick(random, splices) + text.slice(at);
  if (kind < 0.6) return text.slice(0, at) + text.slice(at + 1 + Math.floor(random() * 2));
  if (kind < 0.8) return text.slice(0, at) + String.fromCharCode(Math.floor(random() * 256)) + text.slice(at + 1);
  const to = Math.floor(random() * (text.length + 1));
  return text.slice(0, at) + text.slice(Math.min(at, to), Math.max(at, to)) + text.slice(at);
};

/** One to three requests, more than half of the cases with something changed afterwards; as latin1. */
export const requestBytes = (random: Random): string => {
  let text = chance(random, 0.05) ? '\r\n' : '';
  for (let n = pick(random, [1, 1, 1, 2, 3]); n > 0; n--) text += request(random);
  for (let n = pick(random, [0, 0, 0, 1, 1, 2]); n > 0; n--) text = mutate(random, text);
  return text;
};
