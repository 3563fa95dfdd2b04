import { propagateFetch } from './outgoing-fetch.ts';
import { propagateHttp } from './outgoing-http.ts';

let installed: { uses: number; readonly undo: readonly (() => void)[] } | null = null;

/**
 * From now on every `fetch` and every request of `node:http` and `node:https` in this process hands on the headers of the
 * request that is being served. A header that the caller set is left as it is. Installing it again changes nothing; it
 * ends when each that was returned has been called.
 */
export const propagateOutgoing = (): (() => void) => {
  installed ??= { uses: 0, undo: [propagateHttp(), propagateFetch()] };
  installed.uses++;
  let undone = false;
  return () => {
    if (undone || !installed) return;
    undone = true;
    if (--installed.uses > 0) return;
    for (const undo of installed.undo) undo();
    installed = null;
  };
};
