import { plainLine, plainRequest } from '../shop.ts';
import { expect, type TourCheck } from './check.ts';

const LOAD = 'spiffe://cluster.local/ns/bookshop/sa/load';
const callerIn = (body: string): string => (JSON.parse(body) as { caller: string }).caller;

export const strict: TourCheck = {
  name: 'STRICT refuses plaintext at the pod address',
  async run(shop) {
    for (const pod of [...shop.pods('catalog-v1'), ...shop.pods('catalog-v2')]) {
      const { status, body } = await plainRequest({ host: pod.ip, port: 8080, path: '/books' });
      expect(status === 0, `${pod.name} answers ${status}: ${body}`);
    }
    const meshed = await shop.call({ url: 'http://catalog/whoami' });
    expect(meshed.status === 200, `through a sidecar: ${meshed.status}`);
    return 'connection closed; through a sidecar 200';
  },
};

export const permissive: TourCheck = {
  name: 'PERMISSIVE takes plaintext and mutual TLS',
  async run(shop) {
    const plain = await plainRequest({ host: shop.pod('frontend').ip, port: 8080, path: '/' });
    expect(plain.status === 200, `plaintext: ${plain.status} ${plain.body}`);
    expect(callerIn(plain.body) === '', `plaintext is seen as ${callerIn(plain.body)}`);
    const meshed = await shop.call({ url: 'http://frontend/' });
    expect(meshed.status === 200, `mutual TLS: ${meshed.status}`);
    expect(callerIn(meshed.body) === LOAD, `mutual TLS is seen as ${callerIn(meshed.body)}`);
    return 'both 200, with the caller known under TLS only';
  },
};

export const callerIdentity: TourCheck = {
  name: 'the caller’s SPIFFE id arrives, forged ones do not',
  async run(shop) {
    const whoami = await shop.call({ url: 'http://catalog/whoami' });
    expect(callerIn(whoami.body) === LOAD, `catalog sees ${callerIn(whoami.body)}`);
    const headers = { 'x-forwarded-client-cert': 'URI=spiffe://cluster.local/ns/bookshop/sa/orders' };
    const outside = await plainRequest({ host: shop.pod('frontend').ip, port: 8080, path: '/', headers });
    expect(callerIn(outside.body) === '', `a forged header from outside is believed: ${callerIn(outside.body)}`);
    const inside = await shop.call({ url: 'http://catalog/whoami', headers });
    expect(callerIn(inside.body) === LOAD, `a forged header from a workload is believed: ${callerIn(inside.body)}`);
    return LOAD;
  },
};

export const tcp: TourCheck = {
  name: 'TCP to the ledger goes under mutual TLS',
  async run(shop) {
    const { status, body } = await shop.call({ url: 'http://orders/orders', method: 'POST' });
    expect(status === 200, `an order answers ${status}: ${body}`);
    const entry = (JSON.parse(body) as { payment: { ledger: string } }).payment.ledger;
    expect(/^ok \d+ charge/.test(entry), `the ledger answers ${entry}`);
    const plain = await plainLine(shop.pod('ledger').ip, 7000, 'forged');
    expect(plain === '', `plaintext to the pod address is answered: ${plain}`);
    const other = await shop.call({ url: 'tcp://ledger' });
    expect(other.status === 0, `load may write into it: ${other.body}`);
    return `payments: "${entry.slice(0, 24)}…"; plaintext and load refused`;
  },
};
