// The data path's tests once more, with applications that speak HTTP/2, and HTTP/2 between two sidecars.
import { applicationsSpeakHttp2 } from './testing/application-version.ts';

applicationsSpeakHttp2();
await import('./stack.test.ts');
await import('./stack-filters.test.ts');
await import('./stack-resilience.test.ts');
await import('./stack-counts.test.ts');
await import('./stack-overload.test.ts');
await import('./stack-tracing.test.ts');
await import('./stack-mtls.test.ts');
await import('./stack-tunnels.test.ts');
await import('./stack-http1.test.ts');
