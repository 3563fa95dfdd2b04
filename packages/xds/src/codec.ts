/** The two functions others need; the parts are under `codec/`. */
export { type DecodeOptions, decodeMessage } from './codec/decode.ts';
export { encodeMessage } from './codec/encode.ts';
