import { test } from 'node:test';
import { startOrderMesh } from './order-mesh.ts';
import { switchManyTimes } from './switching.ts';

/** `npm run soak:order` does it a thousand times. */
const rounds = Number(process.env['WEFT_SOAK_ROUNDS'] ?? 25);

test(`a subset and the route to it come and go together, in any order of files, ${rounds} times, and no request fails`, async (t) => {
  const requests = await switchManyTimes(await startOrderMesh(t), rounds);
  t.diagnostic(`${requests} requests`);
});
