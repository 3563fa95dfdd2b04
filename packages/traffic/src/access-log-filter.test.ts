import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AccessRecord, emptyAccessRecord } from '@weft/telemetry/access-record';
import type { AccessLogFilter } from '@weft/xds-api/gen/envoy/config/accesslog/v3';
import { compileAccessLogFilter } from './compile/access-log-filter.ts';
import { CompileFailure } from './compile/failure.ts';

const record = (over: Partial<AccessRecord>): AccessRecord => ({
  ...emptyAccessRecord(),
  protocol: 'HTTP/1.1',
  ...over,
});
/** Which of the records a filter keeps. */
const kept = (json: AccessLogFilter, records: readonly Partial<AccessRecord>[]): boolean[] => {
  const filter = compileAccessLogFilter(json, 'filter');
  return records.map((over) => filter(record(over)));
};
const status = (op: 'EQ' | 'GE' | 'LE' | 'NE', defaultValue: number): AccessLogFilter => ({
  statusCodeFilter: { comparison: { op, value: { defaultValue, runtimeKey: 'x' } } },
});
const codes = [{ responseCode: 200 }, { responseCode: 404 }, { responseCode: 500 }];

test('records are kept by status and by duration', () => {
  assert.deepEqual(kept(status('GE', 404), codes), [false, true, true]);
  assert.deepEqual(kept(status('LE', 404), codes), [true, true, false]);
  assert.deepEqual(kept(status('EQ', 404), codes), [false, true, false]);
  assert.deepEqual(kept(status('NE', 404), codes), [true, false, true]);
  const slow: AccessLogFilter = { durationFilter: { comparison: { op: 'GE', value: { defaultValue: 100 } } } };
  assert.deepEqual(kept(slow, [{ durationMs: 99 }, { durationMs: 99.6 }, { durationMs: 101 }]), [false, true, true]);
});

test('records are kept by response flags, any or named ones', () => {
  const flags = [{ responseFlags: '-' }, { responseFlags: 'UF' }, { responseFlags: 'URX,UC' }];
  assert.deepEqual(kept({ responseFlagFilter: {} }, flags), [false, true, true]);
  assert.deepEqual(kept({ responseFlagFilter: { flags: ['UC', 'NR'] } }, flags), [false, false, true]);
});

test('records are kept by a header of their request, its path among them', () => {
  const requests = [{ path: '/healthz' }, { path: '/x', requestHeaders: ['x-a', '1'] }];
  const header = (name: string, exact: string): AccessLogFilter => ({
    headerFilter: { header: { name, stringMatch: { exact }, invertMatch: name === ':path' } },
  });
  assert.deepEqual(kept(header(':path', '/healthz'), requests), [false, true]);
  assert.deepEqual(kept(header('x-a', '1'), requests), [false, true]);
});

test('records are kept by the status of gRPC and by their kind', () => {
  const answers = [
    { responseCode: 200, grpcStatus: '0' },
    { responseCode: 200, grpcStatus: '14' },
    { responseCode: 503 },
  ];
  assert.deepEqual(kept({ grpcStatusFilter: { statuses: ['OK'] } }, answers), [true, false, false]);
  assert.deepEqual(kept({ grpcStatusFilter: { statuses: ['OK'], exclude: true } }, answers), [false, true, true]);
  const kinds = [{}, { protocol: '' }];
  assert.deepEqual(kept({ logTypeFilter: { types: ['TcpConnectionEnd'] } }, kinds), [false, true]);
  assert.deepEqual(kept({ logTypeFilter: { types: ['TcpConnectionEnd'], exclude: true } }, kinds), [true, false]);
  assert.deepEqual(kept({ notHealthCheckFilter: {} }, kinds), [true, true]);
});

test('filters are joined, and what is not understood is refused', () => {
  const both = [status('GE', 400), status('LE', 499)];
  assert.deepEqual(kept({ andFilter: { filters: both } }, codes), [false, true, false]);
  assert.deepEqual(kept({ orFilter: { filters: [status('EQ', 200), status('EQ', 500)] } }, codes), [true, false, true]);
  for (const wrong of [
    {},
    { andFilter: { filters: [status('EQ', 1)] } },
    { traceableFilter: {} },
    { statusCodeFilter: {} },
  ])
    assert.throws(() => compileAccessLogFilter(wrong, 'filter'), CompileFailure, JSON.stringify(wrong));
});
