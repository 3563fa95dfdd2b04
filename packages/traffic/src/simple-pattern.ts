/**
 * Regular expressions that need no RE2: a sequence of characters, classes and `.`, each alone or with `*`, `+` or `?`,
 * for which a backtracking matcher is linear. That is so when at each repeated atom the next character says whether to
 * go on (its set is disjoint from what may follow), with one exception allowed, after which nothing is repeated.
 * Everything else (groups, counted repetition, flags) is left to RE2.
 */
export interface SimplePattern {
  /** Set if the pattern is nothing but characters, with `.*` allowed at its ends. */
  readonly literal: { readonly text: string; readonly openStart: boolean; readonly openEnd: boolean } | null;
  /** The same language as a JavaScript expression; to be anchored at both ends. */
  readonly source: string;
}

interface Atom {
  /** Which characters: index below 128 for ASCII, 128 for all others. */
  readonly set: Uint8Array;
  readonly source: string;
  /** Set if the atom is one character. */
  readonly char: string | null;
  repeat: '' | '*' | '+' | '?';
}

const OTHER = 128;
const META = '\\^$.|?*+()[]{}';

/** Null: not simple, or not a valid pattern at all; RE2 will tell. */
export const parseSimplePattern = (pattern: string): SimplePattern | null => {
  const atoms = parseAtoms(pattern);
  if (!atoms) return null;
  const literal = literalOf(atoms);
  if (!literal && !isLinear(atoms)) return null;
  return { literal, source: atoms.map((a) => a.source + a.repeat).join('') };
};

const literalOf = (atoms: readonly Atom[]): SimplePattern['literal'] => {
  const isRest = (atom: Atom | undefined): boolean => atom?.source === '[^\\n]' && atom.repeat === '*';
  const openStart = atoms.length > 1 && isRest(atoms[0]);
  const openEnd = isRest(atoms.at(-1));
  const inner = atoms.slice(openStart ? 1 : 0, openEnd ? -1 : undefined);
  let text = '';
  for (const atom of inner) {
    if (atom.char === null || atom.repeat) return null;
    text += atom.char;
  }
  return { text, openStart, openEnd };
};

const isLinear = (atoms: readonly Atom[]): boolean => {
  const ambiguous = atoms.findIndex((atom, i) => atom.repeat !== '' && overlapsWhatFollows(atoms, i));
  return ambiguous === -1 || atoms.slice(ambiguous + 1).every((later) => later.repeat === '');
};

const overlapsWhatFollows = (atoms: readonly Atom[], index: number): boolean => {
  const { set } = atoms[index] as Atom;
  for (let i = index + 1; i < atoms.length; i++) {
    const next = atoms[i] as Atom;
    if (next.set.some((bit, c) => bit && set[c])) return true;
    if (next.repeat === '' || next.repeat === '+') return false;
  }
  return false;
};

const parseAtoms = (pattern: string): Atom[] | null => {
  let i = pattern.startsWith('^') ? 1 : 0;
  let end = pattern.length;
  if (pattern.endsWith('$') && !endsEscaped(pattern)) end--;
  const atoms: Atom[] = [];
  while (i < end) {
    const c = pattern[i] as string;
    if (c === '*' || c === '+' || c === '?') {
      const last = atoms.at(-1);
      if (!last || last.repeat) return null;
      last.repeat = c;
      i++;
      continue;
    }
    let atom: Atom | null;
    if (c === '.') {
      atom = { set: negated(setOf('\n')), source: '[^\\n]', char: null, repeat: '' };
      i++;
    } else if (c === '\\') {
      atom = i + 1 < end ? escapeAtom(pattern[i + 1] as string) : null;
      i += 2;
    } else if (c === '[') {
      const close = pattern.indexOf(']', i + (pattern[i + 1] === '^' ? 3 : 2));
      atom = close === -1 || close >= end ? null : classAtom(pattern.slice(i + 1, close));
      i = close + 1;
    } else {
      atom = META.includes(c) ? null : charAtom(c);
      i++;
    }
    if (!atom) return null;
    atoms.push(atom);
  }
  return atoms;
};

const endsEscaped = (pattern: string): boolean => {
  let backslashes = 0;
  for (let i = pattern.length - 2; i >= 0 && pattern[i] === '\\'; i--) backslashes++;
  return backslashes % 2 === 1;
};

const setOf = (chars: string): Uint8Array => {
  const set = new Uint8Array(OTHER + 1);
  for (let i = 0; i < chars.length; i++) set[Math.min(chars.charCodeAt(i), OTHER)] = 1;
  return set;
};
const negated = (set: Uint8Array): Uint8Array => {
  const result = set.map((bit) => 1 - bit);
  result[OTHER] = 1;
  return result;
};

const quote = (char: string): string => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
const charAtom = (char: string): Atom | null =>
  char.charCodeAt(0) >= 0xd800 && char.charCodeAt(0) < 0xe000
    ? null
    : { set: setOf(char), source: quote(char), char, repeat: '' };

const DIGITS = '0123456789';
const WORD = `${DIGITS}ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz`;
const isPunctuation = (char: string): boolean => char.charCodeAt(0) < 128 && !WORD.includes(char);

const escapeAtom = (char: string): Atom | null => {
  if (char === 'd') return { set: setOf(DIGITS), source: '[0-9]', char: null, repeat: '' };
  if (char === 'w') return { set: setOf(WORD), source: '[0-9A-Za-z_]', char: null, repeat: '' };
  return isPunctuation(char) ? charAtom(char) : null;
};

/** `a-z0-9_.-` or `^/`: ASCII characters and ranges; no classes within, and of escapes those of punctuation, \d and \w. */
const classAtom = (body: string): Atom | null => {
  const isNegated = body.startsWith('^');
  const set = new Uint8Array(OTHER + 1);
  let source = '';
  for (let i = isNegated ? 1 : 0; i < body.length; i++) {
    let c = body[i] as string;
    if (c === '[' || c.charCodeAt(0) >= 128) return null;
    if (c === '\\') {
      c = body[++i] ?? '';
      if (c === 'd' || c === 'w') {
        const chars = c === 'd' ? DIGITS : WORD;
        for (let k = 0; k < chars.length; k++) set[chars.charCodeAt(k)] = 1;
        source += `\\${c}`;
        continue;
      }
      if (c === '' || !isPunctuation(c)) return null;
    }
    let last = c;
    if (body[i + 1] === '-' && i + 2 < body.length) {
      last = body[i + 2] as string;
      i += 2;
      if (last === '\\' || last === '[' || last.charCodeAt(0) >= 128 || last < c) return null;
    }
    for (let k = c.charCodeAt(0); k <= last.charCodeAt(0); k++) set[k] = 1;
    source += last === c ? quote(c) : `${quote(c)}-${quote(last)}`;
  }
  if (!source) return null;
  return { set: isNegated ? negated(set) : set, source: `[${isNegated ? '^' : ''}${source}]`, char: null, repeat: '' };
};
