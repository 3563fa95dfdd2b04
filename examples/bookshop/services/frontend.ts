// What a customer talks to: the books, and orders.
import { callerOf } from './caller.ts';
import { type Answer, kit, pod, serve } from './shop-server.ts';

const CATALOG = process.env.CATALOG_URL ?? 'http://catalog';
const ORDERS = process.env.ORDERS_URL ?? 'http://orders';

const call = async (url: string, method = 'GET'): Promise<Answer> => {
  const response = await kit.client.fetch(url, { method });
  return { status: response.ok ? 200 : 502, body: await response.json().catch(() => null) };
};

serve({
  '/': (request) => ({ status: 200, body: { pod, caller: callerOf(request) } }),
  '/books': () => call(`${CATALOG}/books`),
  '/buy': () => call(`${ORDERS}/orders`, 'POST'),
  '/internal/keys': () => ({ status: 200, body: 'an AuthorizationPolicy keeps everybody from this' }),
});
