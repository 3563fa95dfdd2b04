// The same requests to Envoy and to our proxy, which have the same configuration from one control plane: the same answers,
// the same seen by the application, the same response flags in the access log. What differs on purpose is in
// differences.ts, and in docs/envoy-differences.md.
import { after, before, describe, it } from 'node:test';
import { needs } from '@weft/testkit/require';
import { differences, http2Differences } from './differences.ts';
import { exchange } from './exchange.ts';
import { exchangeHttp2, overHttp2 } from './exchange-http2.ts';
import { requests } from './requests.ts';
import { TwoPlanes } from './two-planes.ts';

describe('Envoy and weft under one configuration', { skip: needs('envoy', 'linux') }, () => {
  let planes: TwoPlanes;
  before(() => {
    planes = new TwoPlanes();
    return planes.ready();
  });
  after(() => planes.stop());

  it(`${requests.length} requests have the same answers, and the application sees the same`, async (t) => {
    const told = await planes.compare(requests, differences, (request, host, port, own) =>
      exchange(host, port, {
        ...request,
        bytes: own(request.bytes),
        ...(request.then !== undefined && { then: own(request.then) }),
      }),
    );
    for (const line of told) t.diagnostic(line);
  });

  const http2Requests = requests.flatMap(overHttp2);
  it(`so have ${http2Requests.length} of them over HTTP/2`, async (t) => {
    for (const line of await planes.compare(http2Requests, http2Differences, exchangeHttp2)) t.diagnostic(line);
  });
});
