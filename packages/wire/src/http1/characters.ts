/** Which octets may stand where (RFC 9110 section 5.6.2, RFC 9112), as tables indexed by character code. */

/** Of a token (header names, methods): 1, upper case letters 2, all else 0. */
export const tokenClass = new Uint8Array(256);
/** Of a header's value: printable ASCII, space, tab and octets above 127. */
export const valueAllowed = new Uint8Array(256);
/** Of a request target: printable ASCII but for the fragment's `#`. */
export const targetAllowed = new Uint8Array(256);

for (const c of "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz") tokenClass[c.charCodeAt(0)] = 1;
for (const c of 'ABCDEFGHIJKLMNOPQRSTUVWXYZ') tokenClass[c.charCodeAt(0)] = 2;
valueAllowed.fill(1, 0x20, 0x7f);
valueAllowed.fill(1, 0x80);
valueAllowed[0x09] = 1;
targetAllowed.fill(1, 0x21, 0x7f);
targetAllowed['#'.charCodeAt(0)] = 0;
