import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkL4Routes } from './check-l4-routes.ts';
import type { VirtualService } from './kinds/virtual-service.ts';

const route = [{ destination: { host: 'db' } }];
const said = (spec: Partial<VirtualService>): string[] =>
  checkL4Routes({ hosts: ['db', '*.example.com'], ...spec }).map(({ message }) => message);

test('routes for TLS and TCP that can match are not remarked on', () => {
  assert.deepEqual(
    said({
      tls: [{ match: [{ sniHosts: ['db', 'a.example.com', '*.b.example.com'], destinationSubnets: ['::/0'] }], route }],
      tcp: [{ route }, { match: [{ destinationSubnets: ['10.0.0.0/8', '10.0.0.1'] }], route }],
    }),
    [],
  );
});

test('what never matches, or leads nowhere, is told with its place', () => {
  assert.deepEqual(said({ tls: [{ match: [], route: [] }] }), [
    'spec.tls[0].match is empty',
    'spec.tls[0].route is empty',
  ]);
  assert.deepEqual(said({ tls: [{ match: [{ sniHosts: ['other.org'] }], route }] }), [
    'spec.tls[0].match[0].sniHosts[0] is "other.org", which none of the hosts covers',
  ]);
  assert.deepEqual(said({ tls: [{ match: [{ sniHosts: ['*-a.example.com'] }], route }] }), [
    'spec.tls[0].match[0].sniHosts[0] is "*-a.example.com", which has more than a * in its first label',
  ]);
  assert.deepEqual(said({ tcp: [{ match: [{ destinationSubnets: ['10.0.0.0/33'] }], route }] }), [
    'spec.tcp[0].match[0].destinationSubnets[0] is "10.0.0.0/33", must be a range of addresses',
  ]);
});
