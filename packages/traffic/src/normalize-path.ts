/**
 * Path normalisation as Envoy's `normalize_path` and `merge_slashes` do it: RFC 3986 section 6 with Chromium's URL
 * canonicalisation. https://www.envoyproxy.io/docs/envoy/latest/api-v3/extensions/filters/network/http_connection_manager/v3/http_connection_manager.proto
 *
 * Dot segments are removed (`%2e` is a dot), `\` becomes `/`, unreserved characters that were percent-encoded are
 * decoded, characters that may not stand in a path are encoded. `%2F` and other reserved ones stay as they are.
 * The query string is never touched.
 */
export interface NormalizePathOptions {
  /** `//` becomes `/`, after everything else. */
  readonly mergeSlashes: boolean;
}

const PASS = 0;
const ESCAPE = 1;
/** Percent, backslash: they need the slow way. */
const SPECIAL = 2;

const charClass = new Uint8Array(128);
charClass.fill(ESCAPE, 0, 0x21);
for (const c of '"<>^`{|}\x7f') charClass[c.charCodeAt(0)] = ESCAPE;
for (const c of '%\\') charClass[c.charCodeAt(0)] = SPECIAL;

const SLASH = 0x2f;
const DOT = 0x2e;

/**
 * The normalised path with its query, the very same string where nothing had to change. Null: the request must be
 * refused (400), as the path has `%00`, a fragment, or does not begin with `/`. `*` (OPTIONS) passes.
 */
export const normalizePath = (path: string, options: NormalizePathOptions): string | null => {
  if (path.charCodeAt(0) !== SLASH) return path === '*' ? path : null;
  if (path.indexOf('#') !== -1) return null;
  const question = path.indexOf('?');
  const end = question === -1 ? path.length : question;
  if (isNormal(path, end, options.mergeSlashes)) return path;
  const normalized = canonicalize(path.slice(0, end));
  if (normalized === null) return null;
  const merged = options.mergeSlashes ? normalized.replace(/\/{2,}/g, '/') : normalized;
  return question === -1 ? merged : merged + path.slice(question);
};

const isNormal = (path: string, end: number, mergeSlashes: boolean): boolean => {
  let afterSlash = false;
  for (let i = 0; i < end; i++) {
    const c = path.charCodeAt(i);
    if (c >= 128 || charClass[c] !== PASS) return false;
    if (c === SLASH) {
      if (afterSlash && mergeSlashes) return false;
      afterSlash = true;
    } else {
      if (afterSlash && c === DOT) return false;
      afterSlash = false;
    }
  }
  return true;
};

const canonicalize = (path: string): string | null => {
  const segments: string[] = [];
  const parts = path.split(/[/\\]/);
  // The path begins with a slash, so the first part is empty.
  for (let i = 1; i < parts.length; i++) {
    const segment = canonicalSegment(parts[i] as string);
    if (segment === null) return null;
    const last = i === parts.length - 1;
    if (segment === '.') {
      if (last) segments.push('');
    } else if (segment === '..') {
      segments.pop();
      if (last) segments.push('');
    } else {
      segments.push(segment);
    }
  }
  return `/${segments.join('/')}`;
};

const utf8 = new TextEncoder();
const hex = (byte: number): string => `%${byte < 16 ? '0' : ''}${byte.toString(16).toUpperCase()}`;
const isHexPair = (text: string): boolean => /^[0-9a-fA-F]{2}$/.test(text);
const isUnreserved = (char: string): boolean => /^[A-Za-z0-9._~-]$/.test(char);

const canonicalSegment = (segment: string): string | null => {
  let out = '';
  /** Where in `out` the last percent sign stands that begins no escape. */
  let lonePercent = -3;
  for (let i = 0; i < segment.length; i++) {
    const c = segment.charCodeAt(i);
    if (c === 0) return null;
    if (c === 0x25) {
      const pair = segment.slice(i + 1, i + 3);
      if (!isHexPair(pair)) {
        // Browsers pass a lone % through; so does Chromium's canonicaliser, and with it Envoy.
        lonePercent = out.length;
        out += '%';
        continue;
      }
      if (pair === '00') return null;
      i += 2;
      const char = String.fromCharCode(Number.parseInt(pair, 16));
      if (!isUnreserved(char)) {
        out += `%${pair}`;
        continue;
      }
      out += char;
      if (lonePercent >= out.length - 3 && formsEscape(out, lonePercent, segment[i + 1] ?? '')) {
        out = `${out.slice(0, lonePercent)}%25${out.slice(lonePercent + 1)}`;
      }
    } else if (c >= 128) {
      // A parsed head is latin1: each character is a byte. What is above came from a caller's text: its UTF-8 bytes.
      const codePoint = segment.codePointAt(i) as number;
      if (codePoint < 256) out += hex(codePoint);
      else for (const byte of utf8.encode(String.fromCodePoint(codePoint))) out += hex(byte);
      if (codePoint > 0xffff) i++;
    } else {
      out += charClass[c] === ESCAPE ? hex(c) : segment[i];
    }
  }
  return out;
};

/**
 * Decoding may complete an escape that was none before: `%%32e` → `%2e`, which the next hop would take for a dot. The
 * lone percent sign is then encoded. `next` is the character of the input that comes after what was just decoded.
 */
const formsEscape = (out: string, lonePercent: number, next: string): boolean =>
  isHexPair(out.slice(lonePercent + 1) + (lonePercent === out.length - 2 ? next : ''));
