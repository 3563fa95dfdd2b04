// Takes orders and has them paid. One replica fails the first attempt of each request to /flaky, so that there is
// something for a retry to hide.
import { setTimeout } from 'node:timers/promises';
import { callerOf } from './caller.ts';
import { pod, serve } from './shop-server.ts';

const PAYMENTS = process.env.PAYMENTS_URL ?? 'http://payments';
const seen = new Set<string>();
/** Requests to /flaky by how they were answered. */
const flaky = { failed: 0, served: 0 };

serve(
  {
    '/flaky': (request) => {
      const id = String(request.headers['x-request-id'] ?? '');
      const attempt = Number(request.headers['x-envoy-attempt-count'] ?? 1);
      if (pod === process.env.FLAKY_POD && !seen.has(id)) {
        seen.add(id);
        flaky.failed++;
        return { status: 503, body: { pod, attempt, error: 'the first attempt of each request fails here' } };
      }
      flaky.served++;
      return { status: 200, body: { pod, attempt } };
    },
    // One replica is slow with the first attempt, and fails whoever asks it to.
    '/tardy': async (request) => {
      const attempt = Number(request.headers['x-envoy-attempt-count'] ?? 1);
      if (pod === process.env.FLAKY_POD && attempt === 1) await setTimeout(1_500);
      return { status: 200, body: { pod, attempt } };
    },
    '/ailing': (request) => ({
      status: pod === process.env.FLAKY_POD && request.headers['x-ailing'] === 'true' ? 500 : 200,
      body: { pod },
    }),
    '/narrow': async () => {
      await setTimeout(300);
      return { status: 200, body: { pod } };
    },
    '/orders': async (request) => {
      // The platform's own fetch hands headers on as well as the kit's client does.
      const paid = await fetch(`${PAYMENTS}/charge`, { method: 'POST' });
      return { status: paid.ok ? 200 : 502, body: { pod, caller: callerOf(request), payment: await paid.json() } };
    },
  },
  () => ({ flaky }),
);
