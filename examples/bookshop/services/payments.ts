// Charges, and writes each charge into the ledger over TCP. Only orders may call it (an AuthorizationPolicy says so).
import { callerOf, traceIdOf } from './caller.ts';
import { pod, serve } from './shop-server.ts';
import { askLine } from './tcp-line.ts';

let charges = 0;
const ledger = { written: 0, failed: 0 };

serve(
  {
    '/charge': async (request) => {
      const charge = ++charges;
      try {
        const entry = await askLine('ledger', `charge ${charge} by ${pod}`);
        ledger.written++;
        return {
          status: 200,
          body: { pod, charge, caller: callerOf(request), trace: traceIdOf(request), ledger: entry },
        };
      } catch (error) {
        ledger.failed++;
        return { status: 500, body: { pod, charge, error: (error as Error).message } };
      }
    },
  },
  () => ({ ledger }),
);
