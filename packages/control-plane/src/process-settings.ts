/**
 * How the control plane's process is started, so that it stays small; for whoever starts one: the supervisor, the
 * benchmark `push`. Measured there, 100 proxies and 1,000 services (docs/decisions/0008-xds-server.md): 40 to 60 MB less
 * with the first, 30 to 60 MB with the others.
 */
export const controlPlaneNodeFlags: readonly string[] = [
  // MB of one half of the young generation; larger ones let more garbage of a push pile up.
  '--max-semi-space-size=4',
];

/** For glibc; other C libraries ignore it. */
export const controlPlaneEnvironment: Readonly<Record<string, string>> = {
  // One heap for all threads of the process, of which one does the work.
  MALLOC_ARENA_MAX: '1',
  // What proxies that come at once took in buffers is given back: bytes free at the end of the heap.
  MALLOC_TRIM_THRESHOLD_: '1048576',
};
