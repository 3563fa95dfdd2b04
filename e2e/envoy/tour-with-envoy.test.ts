import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { envoyBinary, needs } from '@weft/testkit/require';
import { RunningMesh } from '../../apps/demo/src/running-mesh.ts';
import { Shop } from '../../apps/demo/src/shop.ts';
import { abortFault, delayFault, mirror } from '../../apps/demo/src/tour/faults.ts';
import { breaker, outlier, perTryTimeout } from '../../apps/demo/src/tour/resilience.ts';
import { retry } from '../../apps/demo/src/tour/retry.ts';
import { headerRoute, timeout } from '../../apps/demo/src/tour/routing.ts';
import { tour } from '../../apps/demo/src/tour/tour.ts';

/**
 * The real Envoy as the sidecar of one workload, under the same control plane and manifests. As the frontend's it is
 * called by our sidecars and calls them, so mutual TLS works both ways; as that of catalog-v2 it is the server's end of
 * splits and header routes; as load's it is the caller of them all.
 */
for (const [workload, checks] of [
  ['frontend', tour.filter((c) => !c.weftOnly)],
  ['catalog-v2', tour.filter((c) => !c.weftOnly)],
  // The caller of the tour's requests: retries, timeouts, faults, copies, ejections and breakers are the caller's.
  ['load', [headerRoute, retry, timeout, delayFault, abortFault, mirror, perTryTimeout, outlier, breaker]],
] as const) {
  describe(`with Envoy as the sidecar of ${workload}`, { skip: needs('envoy') }, () => {
    let mesh: RunningMesh;
    let shop: Shop;
    before(async () => {
      mesh = new RunningMesh({
        args: ['--data-plane', `bookshop/${workload}=envoy`, '--envoy', envoyBinary() as string],
      });
      await mesh.ready(60_000).catch((error: Error) => assert.fail(`${error.message}\n${mesh.lastLines(40)}`));
      const run = mesh.runFile();
      assert.ok(run);
      shop = new Shop(run, mesh.manifests);
    });
    after(() => mesh.stop());

    it('is Envoy', async () => {
      const pod = shop.pod(workload);
      const info = (await (await fetch(`http://${pod.ip}:15000/server_info`)).json()) as { version: string };
      assert.match(info.version, /\/1\.40\.0\//);
    });
    for (const check of checks)
      it(check.name, async (t) => {
        t.diagnostic(await check.run(shop));
      });
  });
}
