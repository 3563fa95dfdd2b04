/**
 * How the proxy's process is started, so that it stays small; what each setting saves is in
 * docs/decisions/0001-proxy-memory.md. Whoever starts one uses these: the supervisor, the launcher (from
 * `dist/weft-proxy.json`) and the benchmarks.
 */
export const proxyNodeFlags: readonly string[] = [
  // MB of one half of the young generation; larger ones let more garbage of requests pile up.
  '--max-semi-space-size=1',
  '--optimize-for-size',
  // One compiler less to be paged in. What is hot goes to Turbofan a little later.
  '--no-maglev',
  // Built-in modules are compiled from Node's code cache instead; costs 40 ms of CPU at the start.
  '--no-node-snapshot',
  // Threads that help a collection of 1 MB cost more than they do: a fifth to a quarter of the CPU of a saturated mTLS
  // chain, for 3 MB.
  '--single-threaded-gc',
];

/** For glibc; other C libraries ignore it. */
export const proxyEnvironment: Readonly<Record<string, string>> = {
  // One heap for all threads of the process, of which one does the work.
  MALLOC_ARENA_MAX: '1',
  // Bytes free at its end after which it is given back; a fixed value keeps glibc from raising it.
  MALLOC_TRIM_THRESHOLD_: '1048576',
};
