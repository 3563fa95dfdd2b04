import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IstioMetrics, type RequestLabels, UNKNOWN_PEER } from './istio.ts';
import { Registry } from './metrics.ts';
import { parsePrometheusText } from './prometheus-text.ts';

const labels: RequestLabels = {
  reporter: 'destination',
  source: { ...UNKNOWN_PEER, workload: 'frontend', namespace: 'shop' },
  sourcePrincipal: 'spiffe://cluster.local/ns/shop/sa/frontend',
  destination: { ...UNKNOWN_PEER, workload: 'catalog-v1', namespace: 'shop', version: 'v1' },
  destinationPrincipal: 'spiffe://cluster.local/ns/shop/sa/catalog',
  destinationService: 'catalog.shop.svc.cluster.local',
  destinationServiceName: 'catalog',
  destinationServiceNamespace: 'shop',
  connectionSecurityPolicy: 'mutual_tls',
  requestProtocol: 'http',
};

test('a request counts once in each of Istio’s four request metrics, under all of its labels', () => {
  const registry = new Registry();
  const metrics = new IstioMetrics(registry);
  metrics.requests(labels).record(200, '-', '', 7, 10, 300);
  metrics.requests({ ...labels }).record(200, '-', '', 7, 10, 300);
  const samples = parsePrometheusText(registry.expose());
  const total = samples.filter((s) => s.name === 'istio_requests_total');
  assert.equal(total.length, 1);
  assert.equal(total[0]?.value, 2);
  assert.deepEqual([...(total[0]?.labels.keys() ?? [])].sort(), [
    'connection_security_policy',
    'destination_app',
    'destination_canonical_revision',
    'destination_canonical_service',
    'destination_cluster',
    'destination_principal',
    'destination_service',
    'destination_service_name',
    'destination_service_namespace',
    'destination_version',
    'destination_workload',
    'destination_workload_namespace',
    'grpc_response_status',
    'reporter',
    'request_protocol',
    'response_code',
    'response_flags',
    'source_app',
    'source_canonical_revision',
    'source_canonical_service',
    'source_cluster',
    'source_principal',
    'source_version',
    'source_workload',
    'source_workload_namespace',
  ]);
  const at = (name: string, le: string) => samples.find((s) => s.name === name && s.labels.get('le') === le)?.value;
  assert.equal(at('istio_request_duration_milliseconds_bucket', '5'), 0);
  assert.equal(at('istio_request_duration_milliseconds_bucket', '10'), 2);
  assert.equal(at('istio_request_bytes_bucket', '10'), 2);
  assert.equal(at('istio_response_bytes_bucket', '250'), 0);
  assert.equal(at('istio_response_bytes_bucket', '500'), 2);
});

test('outcomes are told apart, and a grpc-status that is none does not become a label', () => {
  const registry = new Registry();
  const requests = new IstioMetrics(registry).requests({ ...labels, requestProtocol: 'grpc' });
  requests.record(200, '-', '0', 1, 0, 0);
  requests.record(503, 'UF', '14', 1, 0, 0);
  requests.record(200, '-', 'drop table', 1, 0, 0);
  requests.record(200, '-', '17', 1, 0, 0);
  requests.record(200, '-', '0', 1, 0, 0);
  const outcomes = parsePrometheusText(registry.expose())
    .filter((s) => s.name === 'istio_requests_total')
    .map((s) => [
      s.labels.get('response_code'),
      s.labels.get('response_flags'),
      s.labels.get('grpc_response_status'),
      s.value,
    ]);
  assert.deepEqual(outcomes, [
    ['200', '-', '0', 2],
    ['503', 'UF', '14', 1],
    ['200', '-', 'invalid', 2],
  ]);
});

test('a TCP connection counts when it opens, its bytes when it closes', () => {
  const registry = new Registry();
  const tcp = new IstioMetrics(registry).tcp(labels);
  tcp.opened();
  tcp.opened();
  tcp.closed(100, 2000, '-');
  tcp.closed(0, 0, 'UF');
  const values = parsePrometheusText(registry.expose()).map((s): [string, number] => [
    `${s.name} ${s.labels.get('response_flags')}`,
    s.value,
  ]);
  assert.deepEqual(Object.fromEntries(values.filter(([, value]) => value > 0)), {
    'istio_tcp_connections_opened_total -': 2,
    'istio_tcp_connections_closed_total -': 1,
    'istio_tcp_connections_closed_total UF': 1,
    'istio_tcp_received_bytes_total -': 100,
    'istio_tcp_sent_bytes_total -': 2000,
  });
});
