import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { needs, sharedDir } from '@weft/testkit/require';
import { loadMesh } from './load.ts';
import { defaultMeshConfig } from './mesh-config.ts';

const operator = (meshConfig: object, name = 'istio'): string =>
  JSON.stringify({
    apiVersion: 'install.istio.io/v1alpha1',
    kind: 'IstioOperator',
    metadata: { name },
    spec: { meshConfig },
  });
const configMap = (mesh: string): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'istio', namespace: 'istio-system' },
    data: { mesh },
  });
const load = (...texts: string[]) => loadMesh(texts.map((text, i) => ({ path: `${i}.json`, text })));

describe('mesh settings', () => {
  test('without any there are Istio’s defaults', () => {
    assert.deepEqual(load().mesh.meshConfig, defaultMeshConfig);
    assert.equal(defaultMeshConfig.outboundTrafficPolicy, 'ALLOW_ANY');
  });

  test('the ConfigMap istio has them as YAML in text', () => {
    const { mesh, diagnostics } = load(
      configMap(
        'accessLogFile: /dev/stdout\naccessLogEncoding: JSON\noutboundTrafficPolicy:\n  mode: REGISTRY_ONLY\nh2UpgradePolicy: UPGRADE\n',
      ),
    );
    assert.deepEqual(diagnostics, []);
    assert.deepEqual(mesh.meshConfig, {
      outboundTrafficPolicy: 'REGISTRY_ONLY',
      h2UpgradePolicy: 'UPGRADE',
      accessLogs: [{ path: '/dev/stdout', format: { encoding: 'JSON', fields: null } }],
      tracing: null,
    });
  });

  test('another ConfigMap is not weft’s business', () => {
    const text = configMap('accessLogFile: /dev/stdout').replace('"istio"', '"settings"');
    assert.deepEqual(load(text).mesh.meshConfig, defaultMeshConfig);
  });

  test('an IstioOperator has them in spec.meshConfig; a later object replaces field by field', () => {
    const { mesh } = load(
      operator({ accessLogFile: '/tmp/a', accessLogFormat: '%DURATION%' }),
      operator({ accessLogFormat: '{"a":"%PROTOCOL%"}', accessLogEncoding: 'JSON' }, 'more'),
    );
    assert.deepEqual(mesh.meshConfig.accessLogs, [
      { path: '/tmp/a', format: { encoding: 'JSON', fields: { a: '%PROTOCOL%' } } },
    ]);
  });

  test('Zipkin by address, with Istio’s sampling unless it is said', () => {
    const tracing = (more: object, top: object = {}) =>
      load(
        operator({ ...top, defaultConfig: { tracing: { zipkin: { address: 'zipkin.istio-system:9411' }, ...more } } }),
      ).mesh.meshConfig.tracing;
    const provider = { kind: 'zipkin', host: 'zipkin.istio-system', port: 9411, path: '/api/v2/spans' };
    assert.deepEqual(tracing({}), { samplingPercent: 1, maxPathTagLength: 256, provider });
    assert.equal(tracing({ sampling: 50 })?.samplingPercent, 50);
    assert.equal(tracing({}, { enableTracing: false }), null);
  });

  test('providers by name: OpenTelemetry over HTTP, a file for the access log', () => {
    const { mesh, diagnostics } = load(
      operator({
        defaultConfig: { tracing: { sampling: 100 } },
        extensionProviders: [
          {
            name: 'otel',
            opentelemetry: { service: 'observe/otel.observe.svc.cluster.local', port: 4318, http: { timeout: '2s' } },
          },
          { name: 'log', envoyFileAccessLog: { logFormat: { text: '%ROUTE_NAME%' } } },
        ],
        defaultProviders: { tracing: ['otel'], accessLogging: ['log'] },
      }),
    );
    assert.deepEqual(diagnostics, []);
    assert.deepEqual(mesh.meshConfig.tracing?.provider, {
      kind: 'opentelemetry',
      host: 'otel.observe.svc.cluster.local',
      port: 4318,
      path: '/v1/traces',
      timeoutMs: 2000,
    });
    assert.deepEqual(mesh.meshConfig.accessLogs, [
      { path: '/dev/stdout', format: { encoding: 'TEXT', text: '%ROUTE_NAME%\n' } },
    ]);
  });

  test('what is understood and not implemented is said', () => {
    const { diagnostics } = load(
      operator({
        pathNormalization: { normalization: 'MERGE_SLASHES' },
        trustDomain: 'example.com',
        defaultConfig: { concurrency: 2, tracing: { customTags: {} } },
        extensionProviders: [{ name: 'otel', opentelemetry: { service: 'otel', port: 4317 } }],
      }),
    );
    assert.deepEqual(
      diagnostics.map((d) => [d.code, d.level, d.message.split(' ')[0]]),
      [
        'pathNormalization',
        'trustDomain',
        'defaultConfig.concurrency',
        'defaultConfig.tracing.customTags',
        'extensionProviders[0].opentelemetry',
      ].map((field) => ['WEFT0008', 'warning', `spec.meshConfig.${field}`]),
    );
  });

  test('a mistake leaves what was there before, and names the field', () => {
    const good = load(operator({ accessLogFile: '/dev/stdout' }));
    for (const [bad, message] of [
      [{ accessLogFil: '/dev/stdout' }, /unknown field spec.meshConfig.accessLogFil/],
      [{ accessLogFile: '/dev/stdout', accessLogFormat: '%NO_SUCH%' }, /unknown operator %NO_SUCH%/],
      [{ accessLogFormat: 'no', accessLogEncoding: 'JSON' }, /must be a JSON object/],
      [{ outboundTrafficPolicy: { mode: 'DENY' } }, /outboundTrafficPolicy.mode is "DENY"/],
      [{ defaultProviders: { tracing: ['none'] } }, /"none", which is no name in extensionProviders/],
      [{ defaultConfig: { tracing: { zipkin: { address: 'zipkin' } } } }, /must be HOST:PORT/],
      [{ defaultConfig: { tracing: { sampling: 101 } } }, /sampling is 101, must be at most 100/],
    ] as const) {
      const { mesh, diagnostics } = loadMesh([{ path: '0.json', text: operator(bad) }], good);
      assert.equal(mesh.meshConfig, good.mesh.meshConfig);
      assert.ok(
        diagnostics.some((d) => d.level === 'error' && message.test(d.message)),
        JSON.stringify(diagnostics),
      );
    }
    const broken = load(configMap('a: [b'));
    assert.match(broken.diagnostics[0]?.message ?? '', /data.mesh is not YAML/);
  });

  test('settings that did not change are the same object', () => {
    const first = load(operator({ accessLogFile: '/dev/stdout' }));
    const second = loadMesh([{ path: '0.json', text: ` ${operator({ accessLogFile: '/dev/stdout' })}` }], first);
    assert.equal(second.mesh.meshConfig, first.mesh.meshConfig);
  });

  test('the seed’s tracing is understood', { skip: needs('shared') }, () => {
    const path = join(sharedDir, 'seed-config/002-10-istio-operator-tracing.yaml');
    const { mesh, diagnostics } = loadMesh([{ path, text: readFileSync(path, 'utf8') }]);
    assert.deepEqual(mesh.meshConfig.tracing, {
      samplingPercent: 100,
      maxPathTagLength: 256,
      provider: { kind: 'zipkin', host: 'jaeger-collector.istio-system', port: 9411, path: '/api/v2/spans' },
    });
    assert.deepEqual(diagnostics, []);
  });
});
