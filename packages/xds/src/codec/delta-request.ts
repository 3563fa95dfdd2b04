import { WireReader } from './reader.ts';
import { WIRE } from './table.ts';

/** A DeltaDiscoveryRequest as a server needs it. */
export interface RawDeltaRequest {
  /** The Node's bytes, a view; null where there is none. */
  readonly node: Uint8Array | null;
  readonly typeUrl: string;
  readonly subscribe: readonly string[];
  readonly unsubscribe: readonly string[];
  readonly initialVersions: ReadonlyMap<string, string>;
  readonly nonce: string;
  /** The Status' bytes, a view; null where there is none. */
  readonly error: Uint8Array | null;
}

const NO_NAMES: readonly string[] = [];
const NO_VERSIONS: ReadonlyMap<string, string> = new Map();

/**
 * Read by hand, as a sidecar that subscribes or reconnects names all that it watches, and acknowledgements come by the
 * hundred; through the tables of the codec it costs twice as much. Malformed bytes throw `WeftError` malformedXds.
 */
export const readDeltaRequest = (bytes: Uint8Array): RawDeltaRequest => {
  const reader = new WireReader(bytes);
  let node: Uint8Array | null = null;
  let error: Uint8Array | null = null;
  let typeUrl = '';
  let nonce = '';
  let subscribe: string[] | undefined;
  let unsubscribe: string[] | undefined;
  let versions: Map<string, string> | undefined;
  while (!reader.done) {
    const tag = reader.tag();
    switch ((tag & 7) === WIRE.bytes ? tag >>> 3 : 0) {
      case 1:
        node = reader.bytes();
        break;
      case 2:
        typeUrl = reader.string();
        break;
      case 3:
        (subscribe ??= []).push(reader.uncommonString());
        break;
      case 4:
        (unsubscribe ??= []).push(reader.uncommonString());
        break;
      case 5:
        readEntry(reader, (versions ??= new Map()));
        break;
      case 6:
        nonce = reader.string();
        break;
      case 7:
        error = reader.bytes();
        break;
      default:
        reader.skip(tag);
    }
  }
  return {
    node,
    typeUrl,
    subscribe: subscribe ?? NO_NAMES,
    unsubscribe: unsubscribe ?? NO_NAMES,
    initialVersions: versions ?? NO_VERSIONS,
    nonce,
    error,
  };
};

/** An entry of map<string, string>: its bounds are checked as those of a message of its own. */
const readEntry = (reader: WireReader, into: Map<string, string>): void => {
  const length = reader.length();
  const outer = reader.end;
  reader.end = reader.pos + length;
  let key = '';
  let value = '';
  while (!reader.done) {
    const tag = reader.tag();
    const number = (tag & 7) === WIRE.bytes ? tag >>> 3 : 0;
    if (number === 1) key = reader.uncommonString();
    else if (number === 2) value = reader.uncommonString();
    else reader.skip(tag);
  }
  reader.end = outer;
  into.set(key, value);
};
