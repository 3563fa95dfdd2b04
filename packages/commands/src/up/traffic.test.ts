import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parsePrometheusText } from '@weft/telemetry/prometheus-text';
import { plain } from './colors.ts';
import { type TrafficRow, trafficRows, type TrafficSample, trafficSample } from './traffic.ts';
import { trafficTable } from './traffic-table.ts';

const request = (labels: string, value: number): string =>
  `istio_requests_total{reporter="source",source_workload="web",destination_service_name="api",destination_workload="api-v1",${labels}} ${value}`;
const MTLS = 'destination_principal="spiffe://cluster.local/ns/a/sa/api"';
const ok = (version: string, value: number): string =>
  request(`${MTLS},destination_version="${version}",response_code="200"`, value);

const sample = (atMs: number, ...scrapes: string[]): TrafficSample =>
  trafficSample(
    atMs,
    scrapes.map((text) => parsePrometheusText(text)),
    scrapes.map((_, i) => `http://pod-${i}`),
  );
const only = (rows: readonly TrafficRow[]): TrafficRow => {
  assert.equal(rows.length, 1);
  return rows[0] as TrafficRow;
};

describe('who calls whom', () => {
  it('is what the counters grew by, over the sidecars of a workload', () => {
    const before = sample(0, ok('v1', 100), ok('v1', 50));
    const after = sample(2000, `${ok('v1', 118)}\n${ok('v2', 2)}`, ok('v1', 70));
    const row = only(trafficRows(before, after));
    assert.equal(row.perSecond, 20);
    assert.equal(row.success, 1);
    assert.equal(row.mtls, 1);
    assert.deepEqual(row.versions, [
      { version: 'v1', share: 0.95 },
      { version: 'v2', share: 0.05 },
    ]);
  });

  it('counts 5xx and broken connections as failures, 4xx as answers', () => {
    const codes = [200, 404, 503, 0].map((code) => request(`${MTLS},response_code="${code}"`, 10)).join('\n');
    assert.equal(only(trafficRows(sample(0), sample(1000, codes))).success, 0.5);
  });

  it('takes a counter that went down for a sidecar that was started again', () => {
    const row = only(trafficRows(sample(0, ok('v1', 1000)), sample(1000, ok('v1', 7))));
    assert.equal(row.perSecond, 7);
  });

  it('leaves out what did not happen, and what the called side says of the same requests', () => {
    const destination = ok('v1', 40).replace('source', 'destination');
    assert.deepEqual(trafficRows(sample(0, ok('v1', 5)), sample(1000, `${ok('v1', 5)}\n${destination}`)), []);
  });

  it('says how much of it was mutual TLS', () => {
    const plaintext = request('destination_principal="unknown",response_code="200"', 30);
    assert.equal(only(trafficRows(sample(0), sample(1000, `${ok('v1', 10)}\n${plaintext}`))).mtls, 0.25);
  });

  it('reads durations from the buckets', () => {
    const bucket = (le: string, value: number): string =>
      `istio_request_duration_milliseconds_bucket{reporter="source",source_workload="web",destination_service_name="api",le="${le}"} ${value}`;
    const text = [ok('v1', 100), bucket('10', 50), bucket('20', 99), bucket('+Inf', 100)].join('\n');
    const row = only(trafficRows(sample(0), sample(1000, text)));
    assert.equal(row.p50Ms, 10);
    assert.equal(row.p99Ms, 20);
  });

  it('shows a TCP service by its connections', () => {
    const tcp = `istio_tcp_connections_opened_total{reporter="source",source_workload="web",destination_service_name="db",destination_workload="db",${MTLS}} 30`;
    const row = only(trafficRows(sample(0), sample(2000, tcp)));
    assert.deepEqual([row.protocol, row.perSecond, row.mtls, row.success], ['tcp', 15, 1, Number.NaN]);
  });
});

describe('the table', () => {
  it('lines its columns up', () => {
    const rows = trafficRows(sample(0), sample(1000, `${ok('v1', 90)}\n${ok('v2', 10)}`));
    assert.deepEqual(trafficTable(rows, plain), [
      'FROM  TO     RPS  SUCCESS  P50  P99  mTLS  VERSIONS',
      'web   api  100.0     100%    -    -   yes  v1 90%  v2 10%',
    ]);
  });

  it('never rounds a failure away', () => {
    const rows = trafficRows(
      sample(0),
      sample(1000, `${ok('v1', 99_999)}\n${request(`${MTLS},response_code="503"`, 1)}`),
    );
    assert.match(trafficTable(rows, plain)[1] as string, / 99\.9% /);
  });
});
