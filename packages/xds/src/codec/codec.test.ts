import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WeftError } from '@weft/base/errors';
import { type DecodeOptions, decodeMessage } from './decode.ts';
import { encodeMessage } from './encode.ts';

const CLUSTER = 'envoy.config.cluster.v3.Cluster';
const ROUTE = 'envoy.config.route.v3.Route';
const NODE = 'envoy.config.core.v3.Node';
const METADATA = 'envoy.config.core.v3.Metadata';

const roundTrip = (typeName: string, json: unknown, options?: DecodeOptions): unknown =>
  decodeMessage(typeName, encodeMessage(typeName, json), options);

const refuses = (typeName: string, json: unknown, message: string): void => {
  assert.throws(
    () => encodeMessage(typeName, json),
    (error: unknown) => error instanceof WeftError && error.kind.code === 'WEFT0402' && error.message === message,
  );
};

const any = (name: string, fields: object = {}) => ({ '@type': `type.googleapis.com/${name}`, ...fields });

test('a message is what protobuf says it is, byte for byte', () => {
  // 1 (name): "a"; 2 (type) is at its oneof's zero and still written; 4 (connect_timeout): { 1: 1, 2: 500000000 }
  const bytes = encodeMessage(CLUSTER, { connectTimeout: '1.5s', type: 'STATIC', name: 'a' });
  assert.equal(Buffer.from(bytes).toString('hex'), '0a01611000220808011080cab5ee01');
});

test('equal JSON gives equal bytes, whatever the order of its keys', () => {
  const a = { filterMetadata: { x: { p: 1, q: [true, null] }, b: {} } };
  const b = { filterMetadata: { b: {}, x: { q: [true, null], p: 1 } } };
  assert.deepEqual(encodeMessage(METADATA, a), encodeMessage(METADATA, b));
});

test('fields without presence are left out at their default, fields with presence are not', () => {
  assert.equal(encodeMessage(CLUSTER, { name: '', lbPolicy: 'ROUND_ROBIN', healthChecks: [] }).length, 0);
  assert.deepEqual(roundTrip(CLUSTER, { type: 'STATIC' }), { type: 'STATIC' });
  assert.deepEqual(roundTrip('envoy.config.core.v3.SocketAddress', { portValue: 0 }), { portValue: 0 });
});

test('null and undefined are fields left out', () => {
  assert.deepEqual(roundTrip(CLUSTER, { name: null, altStatName: undefined, connectTimeout: null }), {});
});

test('well-known types have their JSON forms', () => {
  const json = {
    connectTimeout: '-0.000000001s',
    perConnectionBufferLimitBytes: 0,
    metadata: { filterMetadata: { a: { n: 1.5, s: 'x', t: true, z: null, l: [1, [], {}], o: { p: -0.25 } } } },
    typedExtensionProtocolOptions: {
      empty: any('google.protobuf.Empty'),
      duration: any('google.protobuf.Duration', { value: '3s' }),
      number: any('google.protobuf.UInt64Value', { value: '18446744073709551615' }),
      struct: any('google.protobuf.Struct', { value: { a: 1 } }),
    },
  };
  assert.deepEqual(roundTrip(CLUSTER, json), json);
});

test('an Any of a message unknown to weft keeps its bytes', () => {
  const json = { transportSocket: { name: 'x', typedConfig: any('acme.Unknown', { value: '3q2+7w==' }) } };
  assert.deepEqual(roundTrip(CLUSTER, json), json);
});

test('a map key may have any name, even __proto__', () => {
  const json = JSON.parse('{"filterMetadata":{"__proto__":{"__proto__":1,"constructor":2}}}') as object;
  assert.equal(
    JSON.stringify(roundTrip(METADATA, json)),
    JSON.stringify(json).replace(/("__proto__":1),("constructor":2)/, '$1,$2'),
  );
});

test('integers of 64 bits keep every digit', () => {
  const json = { match: { prefix: '/' }, route: { cluster: 'c', hashPolicy: [{ terminal: true }] } };
  assert.deepEqual(roundTrip(ROUTE, json), json);
  const request = { csr: 'x', validityDuration: '-9223372036854775808' };
  assert.deepEqual(roundTrip('istio.v1.auth.IstioCertificateRequest', request), request);
  assert.deepEqual(roundTrip('istio.v1.auth.IstioCertificateRequest', { validityDuration: 86_400 }), {
    validityDuration: '86400',
  });
});

test('what the author got wrong is named by its path', () => {
  refuses(CLUSTER, { nam: 'a' }, `${CLUSTER}: ${CLUSTER} has no field "nam"`);
  refuses(CLUSTER, { connect_timeout: '1s' }, `${CLUSTER}: ${CLUSTER} has no field "connect_timeout"`);
  refuses(CLUSTER, { lbPolicy: 'FAIR' }, `${CLUSTER}.lbPolicy: "FAIR" is not a value of ${CLUSTER}.LbPolicy`);
  refuses(CLUSTER, { name: 5 }, `${CLUSTER}.name: must be a string, not 5`);
  refuses(CLUSTER, { name: false }, `${CLUSTER}.name: must be a string, not false`);
  refuses(CLUSTER, { respectDnsTtl: 0 }, `${CLUSTER}.respectDnsTtl: must be true or false, not 0`);
  refuses(CLUSTER, { connectTimeout: 5 }, `${CLUSTER}.connectTimeout: must be a string, not 5`);
  refuses(CLUSTER, { healthChecks: {} }, `${CLUSTER}.healthChecks: must be an array, not an object`);
  refuses(
    CLUSTER,
    { healthChecks: [{ tls: 1 }] },
    `${CLUSTER}.healthChecks[0]: envoy.config.core.v3.HealthCheck has no field "tls"`,
  );
  refuses(CLUSTER, 'x', `${CLUSTER}: must be an object, not "x"`);
  refuses(
    ROUTE,
    { match: { prefix: '/', path: '/' } },
    `${ROUTE}.match: both prefix and path of oneof path_specifier are set`,
  );
  refuses(
    METADATA,
    { filterMetadata: { a: { b: NaN } } },
    `${METADATA}.filterMetadata["a"].b: NaN is not a JSON number`,
  );
  refuses(NODE, { id: '\ud800' }, `${NODE}.id: is not valid Unicode`);
  refuses('acme.Nothing', {}, 'acme.Nothing: unknown message acme.Nothing');
  refuses(
    CLUSTER,
    { transportSocket: { typedConfig: any('acme.Unknown', { a: 1 }) } },
    `${CLUSTER}.transportSocket.typedConfig: unknown message acme.Unknown; its bytes may be given as base64 in "value"`,
  );
  refuses(
    CLUSTER,
    { transportSocket: { typedConfig: { sni: 'x' } } },
    `${CLUSTER}.transportSocket.typedConfig: "@type" must be a type URL such as "type.googleapis.com/a.b.C", not undefined`,
  );
});

test('a message that contains itself is refused, not followed', () => {
  const rules: { andRules?: unknown } = {};
  rules.andRules = { rules: [rules] };
  assert.throws(() => encodeMessage('envoy.config.rbac.v3.Permission', rules), /nested deeper than 100 messages/);
});

test('bytes nested too deeply are refused, not followed', () => {
  // Permission.not_rule (8) within itself; the length of each does not matter until it is read.
  let bytes = Buffer.alloc(0);
  for (let i = 0; i < 200; i++) {
    const length = bytes.length < 128 ? [bytes.length] : [(bytes.length & 0x7f) | 0x80, bytes.length >> 7];
    bytes = Buffer.concat([Buffer.from([0x42, ...length]), bytes]);
  }
  assert.throws(() => decodeMessage('envoy.config.rbac.v3.Permission', bytes), /nested deeper than 100 messages/);
});

test('unknown fields are skipped and reported with their place', () => {
  const unknown: string[] = [];
  const onUnknown = (path: string, number: number): void => {
    unknown.push(`${path} ${number}`);
  };
  // name "a"; field 1000 as varint; edsClusterConfig (3) with an unknown field 9 of 4 bytes; a group 7 in field 500
  const bytes = Buffer.from('0a0161' + 'c03e05' + '1a054d00000000' + 'a31f' + '0801' + 'a41f', 'hex');
  assert.deepEqual(decodeMessage(CLUSTER, bytes, { onUnknown }), { name: 'a', edsClusterConfig: {} });
  assert.deepEqual(unknown, [`${CLUSTER} 1000`, `${CLUSTER}.edsClusterConfig 9`, `${CLUSTER} 500`]);
});

test('the last member of a oneof counts, and a split message is joined', () => {
  // RouteMatch: prefix (1) "a", then path (2) "b"
  assert.deepEqual(decodeMessage('envoy.config.route.v3.RouteMatch', Buffer.from('0a0161' + '120162', 'hex')), {
    path: 'b',
  });
  // Cluster.edsClusterConfig (3) twice: service_name (2), then eds_config (1) {}
  const split = Buffer.from('1a03120162' + '1a020a00', 'hex');
  assert.deepEqual(decodeMessage(CLUSTER, split), { edsClusterConfig: { serviceName: 'b', edsConfig: {} } });
});

test('an unknown enum value stays a number, and can be written again', () => {
  const bytes = Buffer.from('3063', 'hex');
  assert.deepEqual(decodeMessage(CLUSTER, bytes), { lbPolicy: 99 });
  assert.deepEqual(Buffer.from(encodeMessage(CLUSTER, { lbPolicy: 99 })), bytes);
});

test('packed numbers are read in both forms', () => {
  // envoy.config.accesslog.v3.GrpcStatusFilter.statuses (1): [OK, CANCELED], packed and one by one
  const type = 'envoy.config.accesslog.v3.GrpcStatusFilter';
  for (const hex of ['0a020001', '08000801'])
    assert.deepEqual(decodeMessage(type, Buffer.from(hex, 'hex')), { statuses: ['OK', 'CANCELED'] });
  assert.equal(Buffer.from(encodeMessage(type, { statuses: ['OK', 'CANCELED'] })).toString('hex'), '0a020001');
});

test('malformed bytes are refused with what is wrong', () => {
  const cases: [hex: string, problem: RegExp][] = [
    ['0a05', /a length of 5 where 0 bytes are left/],
    ['0aff', /a varint is cut off/],
    ['0affffffffffffffffffffff01', /more than ten bytes/],
    ['00', /field number 0/],
    ['0a01ff', /not valid UTF-8/],
    ['c73e', /wire type 7/],
    ['1a03120561', /a length of 5 where 1 bytes are left/],
    ['a31f0801', /a varint is cut off/],
    ['a31fac1f', /a group ends that did not start/],
  ];
  for (const [hex, problem] of cases)
    assert.throws(() => decodeMessage(CLUSTER, Buffer.from(hex, 'hex')), problem, hex);
});
