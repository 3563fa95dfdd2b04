import { connect } from 'node:net';
import { expect, type TourCheck } from './check.ts';

interface Counters {
  readonly served: Readonly<Record<string, number>>;
}

export const allowByPrincipal: TourCheck = {
  name: 'only orders may charge: others get 403',
  async run(shop) {
    const served = async (): Promise<number> =>
      Object.values((await shop.counters<Counters>(shop.pod('payments'))).served).reduce((a, b) => a + b, 0);
    await shop.quiesce();
    const before = await served();
    const denied = await shop.call({ url: 'http://payments/charge', method: 'POST' });
    expect(denied.status === 403, `load gets ${denied.status}`);
    expect((await served()) === before, 'the denied request reached the application');
    const allowed = await shop.call({ url: 'http://orders/orders', method: 'POST' });
    expect(allowed.status === 200, `through orders: ${allowed.status} ${allowed.body}`);
    await shop.setRate(30);
    const { payment } = JSON.parse(allowed.body) as { payment: { caller: string } };
    expect(payment.caller.endsWith('/sa/orders'), `payments sees ${payment.caller}`);
    return `load: 403 (${denied.body.trim().slice(0, 40)}), orders: 200`;
  },
};

/** As it stands, without the client's own tidying of paths. */
const rawStatus = (host: string, path: string): Promise<number> =>
  new Promise((resolve) => {
    const socket = connect({ host, port: 8080 }, () =>
      socket.write(`GET ${path} HTTP/1.1\r\nhost: frontend\r\nconnection: close\r\n\r\n`),
    );
    let text = '';
    socket.setTimeout(3_000, () => socket.destroy());
    socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
    socket.on('error', () => {});
    socket.on('close', () => resolve(Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? 0)));
  });

export const denyByPath: TourCheck = {
  name: 'DENY holds, however the path is written',
  async run(shop) {
    const meshed = await shop.call({ url: 'http://frontend/internal/keys' });
    expect(meshed.status === 403, `load gets ${meshed.status}`);
    const { ip } = shop.pod('frontend');
    const paths = ['/internal/keys', '/x/../internal/keys', '/./internal/keys', '/x/%2e%2e/internal/keys'];
    for (const path of paths) {
      const status = await rawStatus(ip, path);
      expect(status === 403, `${path} answers ${status}`);
    }
    const open = await rawStatus(ip, '/');
    expect(open === 200, `/ answers ${open}`);
    return `403 for ${paths.length} ways to write it`;
  },
};
