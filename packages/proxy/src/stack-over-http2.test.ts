// The data path's tests once more, with clients that speak HTTP/2: filters, limits, retries, time and counters are the same.
import { speakHttp2 } from './testing/client-version.ts';

speakHttp2();
await import('./stack.test.ts');
await import('./stack-filters.test.ts');
await import('./stack-resilience.test.ts');
await import('./stack-counts.test.ts');
await import('./stack-overload.test.ts');
await import('./stack-outside.test.ts');
await import('./stack-tracing.test.ts');
await import('./stack-mtls.test.ts');
await import('./stack-tunnels.test.ts');
await import('./stack-http1.test.ts');
