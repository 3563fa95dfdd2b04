/**
 * `weft proxy --bootstrap FILE`, where the whole command runs it (a checkout that is not built) and not the smaller
 * bundle. Whoever calls it watches its own lifelines: `lifelines` is then empty.
 */
export { type RunProxyOptions, runProxy } from '@weft/proxy/run-proxy';
