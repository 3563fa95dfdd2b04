import type { Clock } from '@weft/base/clock';
import type { Supervisor } from '@weft/local/runtime/supervisor';
import { proxyPorts } from '@weft/model/proxy-ports';
import type { Colors } from './colors.ts';
import { scrape } from './scrape.ts';
import type { Screen } from './screen.ts';
import { type TrafficSample, trafficRows, trafficSample } from './traffic.ts';
import { trafficTable } from './traffic-table.ts';

/** With a terminal the table is drawn anew each second; without, printed now and then. */
const PERIOD_MS = { live: 1_000, plain: 5_000 };
/** Rates and quantiles are over this much of the past: steady enough to read, and quick to show a change. */
const WINDOW_MS = 5_000;

/** Shows who calls whom, from every sidecar's own metrics, until the returned function is called. */
export const watchTraffic = (options: {
  supervisor: Supervisor;
  screen: Screen;
  colors: Colors;
  clock: Clock;
}): (() => void) => {
  const { supervisor, screen, colors, clock } = options;
  const stopped = new AbortController();
  const periodMs = screen.live ? PERIOD_MS.live : PERIOD_MS.plain;
  const look = async (): Promise<TrafficSample> => {
    const urls = supervisor.replicas
      .filter((r) => r.sidecar?.ready)
      .map((r) => `http://${r.address}:${proxyPorts.metrics}/stats/prometheus`);
    return trafficSample(clock.monotonic(), await Promise.all(urls.map(scrape)), urls);
  };
  const watch = async (): Promise<void> => {
    const history = [await look()];
    for (;;) {
      await clock.sleep(periodMs, stopped.signal);
      const now = await look();
      stopped.signal.throwIfAborted();
      history.push(now);
      while (history.length > 2 && now.atMs - (history[1] as TrafficSample).atMs >= WINDOW_MS) history.shift();
      screen.show(['', ...trafficTable(trafficRows(history[0] as TrafficSample, now), colors)]);
    }
  };
  watch().catch((error: unknown) => {
    if (!stopped.signal.aborted) screen.print(colors.red(`the table of traffic ended: ${(error as Error).message}`));
  });
  return () => {
    stopped.abort(new Error('stopped'));
    screen.close();
  };
};
