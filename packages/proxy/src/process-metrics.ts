import type { Clock } from '@weft/base/clock';
import type { Registry } from '@weft/telemetry/metrics';

/** Prometheus' own names for what every process has. */
export const registerProcessMetrics = (registry: Registry, clock: Clock): void => {
  const resident = registry.gauge('process_resident_memory_bytes', 'Resident memory size in bytes.').with();
  const cpu = registry.gauge('process_cpu_seconds_total', 'User and system CPU time spent in seconds.').with();
  const startTime = registry.gauge('process_start_time_seconds', 'Start time since the Unix epoch in seconds.').with();
  startTime.set((clock.now() - process.uptime() * 1000) / 1000);
  registry.onCollect(() => {
    const { user, system } = process.cpuUsage();
    resident.set(process.memoryUsage.rss());
    cpu.set((user + system) / 1e6);
  });
};
