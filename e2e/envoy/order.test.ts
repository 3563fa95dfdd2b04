import { test } from 'node:test';
import { envoyBinary, needs } from '@weft/testkit/require';
import { startOrderMesh } from '../order/order-mesh.ts';
import { switchManyTimes } from '../order/switching.ts';

/** `npm run soak:order` does it a thousand times. */
const rounds = Number(process.env['WEFT_SOAK_ROUNDS'] ?? 25);

test(`with Envoy as the caller’s sidecar a subset and the route to it come and go together, ${rounds} times, and no request fails`, {
  skip: needs('envoy'),
}, async (t) => {
  const requests = await switchManyTimes(await startOrderMesh(t, envoyBinary() ?? ''), rounds);
  t.diagnostic(`${requests} requests`);
});
