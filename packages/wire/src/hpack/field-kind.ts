import { tokenClass, valueAllowed } from '../http1/characters.ts';

/**
 * What a field is to HTTP/2. Found out once, when a literal is read, and kept beside the table's entry: an indexed field, the usual
 * case, is not looked at again.
 */
export const fieldKind = {
  /** The name is empty, or holds upper case letters or what is no token character. */
  INVALID: 0,
  REGULAR: 1,
  CONTENT_LENGTH: 2,
  COOKIE: 3,
  HOST: 4,
  TE: 5,
  /** Means nothing beyond one HTTP/1 connection (RFC 9113 section 8.2.2). */
  CONNECTION: 6,
  /** Pseudo-headers are those from here on. */
  METHOD: 7,
  SCHEME: 8,
  AUTHORITY: 9,
  PATH: 10,
  PROTOCOL: 11,
  STATUS: 12,
  UNKNOWN_PSEUDO: 13,
} as const;

/** Added to the kind where the value may not stand in a header. */
export const BAD_VALUE = 0x40;

const special = new Map<string, number>([
  ['content-length', fieldKind.CONTENT_LENGTH],
  ['cookie', fieldKind.COOKIE],
  ['host', fieldKind.HOST],
  ['te', fieldKind.TE],
  ['connection', fieldKind.CONNECTION],
  ['keep-alive', fieldKind.CONNECTION],
  ['proxy-connection', fieldKind.CONNECTION],
  ['transfer-encoding', fieldKind.CONNECTION],
  ['upgrade', fieldKind.CONNECTION],
  [':method', fieldKind.METHOD],
  [':scheme', fieldKind.SCHEME],
  [':authority', fieldKind.AUTHORITY],
  [':path', fieldKind.PATH],
  [':protocol', fieldKind.PROTOCOL],
  [':status', fieldKind.STATUS],
]);

const COLON = 0x3a;
const SPACE = 0x20;
const TAB = 0x09;

export const kindOfName = (name: string): number => {
  const known = special.get(name);
  if (known !== undefined) return known;
  if (name.charCodeAt(0) === COLON) return fieldKind.UNKNOWN_PSEUDO;
  for (let i = 0; i < name.length; i++) if (tokenClass[name.charCodeAt(i)] !== 1) return fieldKind.INVALID;
  return name === '' ? fieldKind.INVALID : fieldKind.REGULAR;
};

/** 0, or BAD_VALUE: the octets HTTP/1 allows, and no white space at either end (RFC 9113 section 8.2.1). */
export const checkValue = (value: string): number => {
  const { length } = value;
  if (length === 0) return 0;
  for (let i = 0; i < length; i++) if (valueAllowed[value.charCodeAt(i)] !== 1) return BAD_VALUE;
  return isBlank(value.charCodeAt(0)) || isBlank(value.charCodeAt(length - 1)) ? BAD_VALUE : 0;
};

const isBlank = (c: number): boolean => c === SPACE || c === TAB;
