import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Permission, Policy, Principal, RBAC } from '@weft/xds-api/gen/envoy/config/rbac/v3';
import fc from 'fast-check';
import { type Authorizer, checkAll, explainAuthorization } from './authorize.ts';
import { compileRbac, isCompileError } from './compile.ts';
import { And, type Condition, FALSE, Not, Or, TRUE, type Truth, UNKNOWN } from './condition.ts';
import type { ConnectionView, RequestView } from './request.ts';

const connectionOf = (over: Partial<ConnectionView> = {}): ConnectionView => ({
  sourceAddress: '10.0.0.1',
  sourcePort: 4000,
  destinationAddress: '10.0.0.2',
  destinationPort: 8080,
  mtls: true,
  peerPrincipal: 'spiffe://cluster.local/ns/default/sa/frontend',
  sni: 'outbound_.80_._.orders',
  ...over,
});

const requestOf = (over: Partial<RequestView> = {}): RequestView => ({
  method: 'GET',
  path: '/orders/1?x=/admin',
  authority: 'orders:80',
  scheme: 'http',
  headers: ['x-role', 'a', 'x-role', 'b'],
  connection: connectionOf(),
  ...over,
});

const compiled = (json: RBAC): Authorizer => {
  const authorizer = compileRbac(json);
  assert.ok(!isCompileError(authorizer), JSON.stringify(authorizer));
  return authorizer;
};

const anyone: Principal[] = [{ any: true }];
const anything: Permission[] = [{ any: true }];

const permits = (
  permission: Permission,
  over: Partial<RequestView> = {},
  connection: Partial<ConnectionView> = {},
): boolean =>
  compiled({ policies: { p: { permissions: [permission], principals: anyone } } }).check(
    connectionOf(connection),
    requestOf(over),
  ).allowed;

const admits = (
  principal: Principal,
  connection: Partial<ConnectionView> = {},
  request: RequestView | null = requestOf(),
): boolean =>
  compiled({ policies: { p: { permissions: anything, principals: [principal] } } }).check(
    connectionOf(connection),
    request,
  ).allowed;

test('ALLOW without policies refuses all, DENY without policies refuses none, LOG never refuses', () => {
  assert.equal(compiled({}).check(connectionOf(), requestOf()).allowed, false);
  assert.equal(compiled({ action: 'DENY' }).check(connectionOf(), requestOf()).allowed, true);
  assert.equal(
    compiled({ action: 'LOG', policies: { p: { permissions: anything, principals: anyone } } }).check(
      connectionOf(),
      requestOf(),
    ).allowed,
    true,
  );
});

test('the verdict names the policy that decided, the first by name', () => {
  const policy: Policy = { permissions: anything, principals: anyone };
  const verdict = compiled({ action: 'DENY', policies: { b: policy, a: policy } }).check(connectionOf(), requestOf());
  assert.deepEqual(verdict, { allowed: false, policy: 'a' });
});

test('the path is matched without its query', () => {
  assert.equal(permits({ urlPath: { path: { exact: '/orders/1' } } }), true);
  assert.equal(permits({ urlPath: { path: { suffix: '/admin' } } }), false);
  assert.equal(permits({ urlPath: { path: { prefix: '/orders/' } } }), true);
  assert.equal(permits({ urlPath: { path: { safeRegex: { regex: '/orders/\\d+' } } } }), true);
});

test('a CONNECT has no path', () => {
  const connect = { method: 'CONNECT', path: 'db:5432' };
  assert.equal(permits({ urlPath: { path: { safeRegex: { regex: '.*' } } } }, connect), false);
});

test('headers: method, authority, repeated values joined, absence', () => {
  assert.equal(permits({ header: { name: ':method', stringMatch: { exact: 'GET' } } }), true);
  assert.equal(
    permits({ header: { name: ':authority', stringMatch: { exact: 'ORDERS:80', ignoreCase: true } } }),
    true,
  );
  assert.equal(permits({ header: { name: 'X-Role', stringMatch: { exact: 'a,b' } } }), true);
  assert.equal(permits({ header: { name: 'x-none', presentMatch: false } }), true);
  assert.equal(permits({ header: { name: 'x-none', stringMatch: { exact: 'x' }, invertMatch: true } }), false);
  assert.equal(
    permits({
      header: { name: 'x-none', stringMatch: { exact: 'x' }, invertMatch: true, treatMissingHeaderAsEmpty: true },
    }),
    true,
  );
});

test('ports and addresses', () => {
  assert.equal(permits({ destinationPort: 8080 }), true);
  assert.equal(permits({ destinationPortRange: { start: 8000, end: 8080 } }), false);
  assert.equal(permits({ destinationIp: { addressPrefix: '10.0.0.0', prefixLen: 30 } }), true);
  for (const field of ['sourceIp', 'directRemoteIp', 'remoteIp'] as const) {
    assert.equal(admits({ [field]: { addressPrefix: '10.0.0.1', prefixLen: 32 } }), true);
    assert.equal(admits({ [field]: { addressPrefix: '10.0.0.2', prefixLen: 32 } }), false);
  }
});

test('a principal is the whole SPIFFE id, and needs mutual TLS', () => {
  const exact: Principal = {
    authenticated: { principalName: { exact: 'spiffe://cluster.local/ns/default/sa/frontend' } },
  };
  assert.equal(admits(exact), true);
  assert.equal(admits(exact, { mtls: false }), false);
  assert.equal(admits(exact, { mtls: false, peerPrincipal: '' }), false);
  assert.equal(admits({ authenticated: { principalName: { exact: 'cluster.local/ns/default/sa/frontend' } } }), false);
  assert.equal(admits({ authenticated: { principalName: { safeRegex: { regex: '.*/ns/default/.*' } } } }), true);
  assert.equal(admits({ authenticated: { principalName: { safeRegex: { regex: '/ns/default/' } } } }), false);
  assert.equal(admits({ authenticated: {} }), true);
  assert.equal(admits({ authenticated: {} }, { mtls: false, peerPrincipal: '' }), false);
});

test('the requested server name', () => {
  assert.equal(permits({ requestedServerName: { prefix: 'outbound_' } }), true);
  assert.equal(permits({ requestedServerName: { exact: 'x' } }), false);
});

test('all permissions and principals are alternatives; and, or and not combine them', () => {
  const get: Permission = { header: { name: ':method', stringMatch: { exact: 'GET' } } };
  const admin: Permission = { urlPath: { path: { prefix: '/admin' } } };
  assert.equal(permits({ andRules: { rules: [get, { notRule: admin }] } }), true);
  assert.equal(permits({ andRules: { rules: [get, admin] } }), false);
  assert.equal(permits({ orRules: { rules: [admin, get] } }), true);
  const both = compiled({
    policies: { p: { permissions: [admin, get], principals: [{ notId: { any: true } }, { any: true }] } },
  });
  assert.equal(both.check(connectionOf(), requestOf()).allowed, true);
});

test('on TCP an HTTP condition never opens an ALLOW and always closes a DENY, inverted or not', () => {
  const conditions: Permission[] = [
    { urlPath: { path: { prefix: '/' } } },
    { header: { name: ':method', stringMatch: { exact: 'GET' } } },
    { metadata: { filter: 'x', path: [{ key: 'y' }], value: { presentMatch: true } } },
  ];
  for (const condition of conditions) {
    for (const permission of [condition, { notRule: condition }, { notRule: { notRule: condition } }]) {
      const policies = { p: { permissions: [permission], principals: anyone } };
      assert.equal(compiled({ action: 'ALLOW', policies }).check(connectionOf(), null).allowed, false);
      assert.equal(compiled({ action: 'DENY', policies }).check(connectionOf(), null).allowed, false);
    }
  }
});

test('a DENY whose known part does not match stays without effect on TCP', () => {
  const authorizer = compiled({
    action: 'DENY',
    policies: {
      p: {
        permissions: [{ andRules: { rules: [{ destinationPort: 1 }, { urlPath: { path: { prefix: '/' } } }] } }],
        principals: anyone,
      },
    },
  });
  assert.equal(authorizer.check(connectionOf(), null).allowed, true);
});

test('what is not understood is refused with the path of the field', () => {
  const problem = (policy: Policy): string => {
    const result = compileRbac({ policies: { p: policy } });
    assert.ok(isCompileError(result));
    return result.message;
  };
  assert.match(
    problem({ permissions: anything, principals: anyone, condition: { id: '1' } }),
    /^policies\["p"\]\.condition: is not supported/,
  );
  assert.match(
    problem({ permissions: anything, principals: [{ filterState: { key: 'x' } }] }),
    /principals\[0\]\.filterState/,
  );
  assert.match(
    problem({ permissions: [{ uriTemplate: { name: 'x' } }], principals: anyone }),
    /permissions\[0\]\.uriTemplate/,
  );
  assert.match(
    problem({ permissions: [{ notRule: { matcher: { name: 'x' } } }], principals: anyone }),
    /permissions\[0\]\.notRule\.matcher/,
  );
  assert.match(problem({ permissions: [], principals: anyone }), /permissions: is required/);
  assert.match(problem({ permissions: [{}], principals: anyone }), /says no permission/);
  assert.match(problem({ permissions: [{ any: false }], principals: anyone }), /says no permission/);
  assert.match(
    problem({ permissions: anything, principals: [{ remoteIp: { addressPrefix: 'x' } }] }),
    /is not an address range/,
  );
  assert.match(
    problem({ permissions: [{ urlPath: { path: { safeRegex: { regex: '(' } } } }], principals: anyone }),
    /safeRegex\.regex.*not a valid RE2/,
  );
});

test('of several authorizers each must allow', () => {
  const open = compiled({ policies: { open: { permissions: anything, principals: anyone } } });
  const closed = compiled({});
  assert.equal(checkAll([open, open], connectionOf(), null).policy, 'open');
  assert.equal(checkAll([open, closed], connectionOf(), null).allowed, false);
  assert.equal(checkAll([], connectionOf(), null).allowed, true);
});

test('an explanation names policies, their objects and what did not hold', () => {
  const name = 'ns[default]-policy[only-frontend]-rule[0]';
  const authorizer = compiled({
    policies: {
      [name]: { permissions: [{ header: { name: ':method', stringMatch: { exact: 'POST' } } }], principals: anyone },
    },
  });
  const steps = explainAuthorization(authorizer, connectionOf(), requestOf());
  assert.deepEqual(steps[0], {
    stage: 'authorize',
    subject: `allow ${name}`,
    outcome: 'not-matched',
    detail: 'header :method exact "POST"',
    origin: 'AuthorizationPolicy/default/only-frontend/0',
  });
  assert.equal(steps[1]?.outcome, 'failed');
});

// ─── three-valued logic ───

const truth = fc.constantFrom<Truth>(FALSE, TRUE, UNKNOWN);

/** A tree over leaves whose truth is looked up, so that unknown leaves can be replaced. */
type Leaves = readonly Truth[];
const tree = (leaves: Leaves): fc.Arbitrary<Condition> =>
  fc.letrec<{ node: Condition }>((tie) => ({
    node: fc.oneof(
      { depthSize: 'small' },
      fc
        .nat({ max: leaves.length - 1 })
        .map((i): Condition => ({ evaluate: () => current[i] as Truth, toString: () => `leaf ${i}` })),
      fc.array(tie('node'), { minLength: 1, maxLength: 3 }).map((parts) => new And(parts)),
      fc.array(tie('node'), { minLength: 1, maxLength: 3 }).map((parts) => new Or(parts)),
      tie('node').map((part) => new Not(part)),
    ),
  })).node;
let current: Leaves = [];

test('a condition that is known stays so whatever the unknown parts turn out to be', () => {
  const leaves = fc.array(truth, { minLength: 4, maxLength: 4 });
  fc.assert(
    fc.property(
      leaves,
      tree([0, 0, 0, 0]),
      fc.array(fc.constantFrom<Truth>(FALSE, TRUE), { minLength: 4, maxLength: 4 }),
      (values, node, guess) => {
        current = values;
        const before = node.evaluate(connectionOf(), null);
        current = values.map((v, i) => (v === UNKNOWN ? (guess[i] as Truth) : v));
        const after = node.evaluate(connectionOf(), null);
        assert.notEqual(after, UNKNOWN);
        if (before !== UNKNOWN) assert.equal(after, before);
      },
    ),
    { numRuns: 2000 },
  );
});
