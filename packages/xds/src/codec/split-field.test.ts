import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeMessage } from './decode.ts';
import { encodeMessage } from './encode.ts';
import { splitField } from './split-field.ts';

const TABLE = 'envoy.config.route.v3.RouteConfiguration';
const HOST = 'envoy.config.route.v3.VirtualHost';
const VIRTUAL_HOSTS = 2;

test('what is split off and what is left decode to the whole', () => {
  const host = fc.record({ name: fc.string(), domains: fc.array(fc.string({ minLength: 1 }), { minLength: 1 }) });
  fc.assert(
    fc.property(fc.string({ minLength: 1 }), fc.array(host), fc.boolean(), (name, virtualHosts, ignorePort) => {
      const bytes = encodeMessage(TABLE, { name, virtualHosts, ignorePortInHostMatching: ignorePort });
      const { rest, values } = splitField(bytes, VIRTUAL_HOSTS);
      const whole = decodeMessage<{ virtualHosts?: unknown[] }>(TABLE, bytes);
      assert.deepEqual(
        values.map((value) => decodeMessage(HOST, value)),
        whole.virtualHosts ?? [],
      );
      delete whole.virtualHosts;
      assert.deepEqual(decodeMessage(TABLE, rest), whole);
    }),
  );
});

test('bytes that are cut off are refused', () => {
  const bytes = encodeMessage(TABLE, { name: 't', virtualHosts: [{ name: 'a', domains: ['a'] }] });
  assert.throws(() => splitField(bytes.subarray(0, bytes.length - 2), VIRTUAL_HOSTS), { name: 'WeftError' });
});
