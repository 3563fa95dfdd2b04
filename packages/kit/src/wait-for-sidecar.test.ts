import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeClock } from '@weft/testkit/fake-clock';
import { listen } from './testing/servers.ts';
import { type SidecarState, waitForSidecar } from './wait-for-sidecar.ts';

/** Lets real answers come and fake time pass until the promise is settled. */
const settled = async <T>(promise: Promise<T>, clock: FakeClock, stepMs: number): Promise<T> => {
  let done = false;
  const end = (): void => {
    done = true;
  };
  promise.then(end, end);
  while (!done) await clock.advance(stepMs);
  return promise;
};

describe('waiting for the sidecar', () => {
  it('asks again after the delay until it is ready', async () => {
    const clock = new FakeClock();
    const askedAt: number[] = [];
    const { url } = await listen((_request, response) => {
      askedAt.push(clock.monotonic());
      response.writeHead(askedAt.length < 3 ? 503 : 200).end();
    });
    const waited: Promise<SidecarState> = waitForSidecar({ env: { WEFT_READY_URL: url }, delayMs: 200, clock });
    assert.equal(await settled(waited, clock, 100), 'ready');
    assert.equal(askedAt.length, 3);
    assert.ok((askedAt[1] as number) - (askedAt[0] as number) >= 200);
  });

  it('gives up after its attempts, with the reason', async () => {
    const clock = new FakeClock();
    let asked = 0;
    const { url } = await listen((_request, response) => {
      asked++;
      response.writeHead(503).end();
    });
    await assert.rejects(
      settled(waitForSidecar({ url, attempts: 3, clock }), clock, 500),
      /not ready after 3 attempts: it answers 503/,
    );
    assert.equal(asked, 3);
  });

  it('gives up on a sidecar that is named and never answers', async () => {
    const { url } = await listen(() => {});
    await assert.rejects(waitForSidecar({ url, attempts: 1, timeoutMs: 20 }), /no answer in 20 ms/);
  });

  it('waits where the named sidecar does not listen yet', async () => {
    const { server, url } = await listen(() => {});
    await new Promise((resolve) => server.close(resolve));
    await assert.rejects(waitForSidecar({ url, attempts: 1 }), /nothing listens there/);
  });

  it('has nothing to wait for outside a mesh', async () => {
    assert.equal(await waitForSidecar({ env: {} }), 'absent', 'nothing listens on port 15021 here');
    assert.equal(await waitForSidecar({ env: { WEFT_READY_URL: '' } }), 'absent');
  });
});
