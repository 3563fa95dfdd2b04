import type { Sample } from '@weft/telemetry/prometheus-text';
import type { Shop } from '../shop.ts';
import { expect, type TourCheck } from './check.ts';

interface Counters {
  readonly served: Readonly<Record<string, number>>;
}

/** `istio_requests_total` by response code, of the samples that fit. */
const requestsByCode = (
  samples: readonly Sample[],
  labels: Readonly<Record<string, string>>,
): Readonly<Record<string, number>> => {
  const counts: Record<string, number> = {};
  for (const sample of samples) {
    if (sample.name !== 'istio_requests_total') continue;
    if (!Object.entries(labels).every(([name, value]) => sample.labels.get(name) === value)) continue;
    const code = sample.labels.get('response_code') ?? '';
    counts[code] = (counts[code] ?? 0) + sample.value;
  }
  return counts;
};

export const metricsEqualLoad: TourCheck = {
  name: 'istio_requests_total equals what load counted',
  async run(shop) {
    await shop.quiesce();
    const { counters } = await shop.loadCounters();
    const samples = await shop.metrics(shop.pod('load'));
    let total = 0;
    for (const [host, byStatus] of Object.entries(counters)) {
      const seen = requestsByCode(samples, { reporter: 'source', destination_service_name: host });
      for (const [status, count] of Object.entries(byStatus)) {
        expect(
          (seen[status] ?? 0) === count,
          `${host} ${status}: load counted ${count}, its sidecar ${seen[status] ?? 0}`,
        );
        total += count;
      }
    }
    return `${total} requests to ${Object.keys(counters).length} services, equal`;
  },
};

const compareWithApplication = async (shop: Shop, workload: string): Promise<number> => {
  let total = 0;
  for (const pod of shop.pods(workload)) {
    const { served } = await shop.counters<Counters>(pod);
    const seen = requestsByCode(await shop.metrics(pod), { reporter: 'destination' });
    for (const [status, count] of Object.entries(served)) {
      if (status === 'gone') continue;
      expect(
        (seen[status] ?? 0) === count,
        `${pod.name} ${status}: served ${count}, its sidecar counted ${seen[status] ?? 0}`,
      );
      total += count;
    }
  }
  return total;
};

export const metricsEqualApplications: TourCheck = {
  name: 'istio_requests_total equals what applications served',
  weftOnly: true,
  async run(shop) {
    await shop.quiesce();
    const workloads = ['frontend', 'catalog-v1', 'catalog-v2', 'orders', 'payments'];
    const totals = await Promise.all(workloads.map((workload) => compareWithApplication(shop, workload)));
    return `${totals.reduce((a, b) => a + b, 0)} requests at ${workloads.length} workloads, equal`;
  },
};

const NAMES = [
  'istio_requests_total',
  'istio_request_duration_milliseconds_bucket',
  'istio_request_duration_milliseconds_count',
  'istio_request_bytes_sum',
  'istio_response_bytes_sum',
];
const TCP_NAMES = [
  'istio_tcp_connections_opened_total',
  'istio_tcp_connections_closed_total',
  'istio_tcp_sent_bytes_total',
  'istio_tcp_received_bytes_total',
];

export const metricNames: TourCheck = {
  name: 'Istio’s metric names and mTLS labels',
  weftOnly: true,
  async run(shop) {
    const frontend = await shop.metrics(shop.pod('frontend'));
    const ledger = await shop.metrics(shop.pod('ledger'));
    for (const [names, samples] of [
      [NAMES, frontend],
      [TCP_NAMES, ledger],
    ] as const)
      for (const name of names)
        expect(
          samples.some((s) => s.name === name),
          `${name} is missing`,
        );
    const payments = (await shop.metrics(shop.pod('payments'))).filter(
      (s) => s.name === 'istio_requests_total' && s.labels.get('reporter') === 'destination',
    );
    const policies = new Set(payments.map((s) => s.labels.get('connection_security_policy')));
    expect(policies.size === 1 && policies.has('mutual_tls'), `payments was called with ${[...policies].join(', ')}`);
    const callers = new Set(payments.map((s) => s.labels.get('source_workload')));
    expect(callers.has('orders'), `payments was called by ${[...callers].join(', ')}`);
    return `${NAMES.length + TCP_NAMES.length} names; payments: mutual_tls from ${[...callers].sort().join(', ')}`;
  },
};
