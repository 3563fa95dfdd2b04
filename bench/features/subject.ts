// The process that bench/features.ts measures: a listener for each feature, in the order of their ports, without a control
// plane. Arguments: the first port, and the application's.
import { systemClock } from '@weft/base/clock';
import { systemRandom } from '@weft/base/random';
import { Registry } from '@weft/telemetry/metrics';
import { compileHttpConnectionManager } from '@weft/traffic/compile/http-connection-manager';
import { startListener } from '@weft/proxy/stack';
import { RegistryTelemetry } from '@weft/proxy/telemetry-impl';
import { endpoint, listener, TestContext } from '@weft/proxy/testing/data-path';
import { features, managerOf } from './features.ts';

const [first = 0, appPort = 0] = process.argv.slice(2).map(Number);
const real = new RegistryTelemetry(new Registry(), systemClock);
const nothing = { record() {} };
for (const [i, feature] of features.entries()) {
  const context = new TestContext(systemClock);
  Object.assign(context, {
    random: systemRandom,
    telemetry: {
      requests: (labels: never) => (feature.metrics ? real.requests(labels) : nothing),
      tcp: (labels: never) => real.tcp(labels),
      accessLog: (path: string, format: never) => real.accessLog(path, format),
    },
  });
  context.addCluster('app', [endpoint(appPort, 'b-v1;default;b;v1;Kubernetes')]);
  const manager = compileHttpConnectionManager(managerOf(feature), feature.name);
  await startListener(listener(manager, { port: first + i }), context);
}
console.log('ready');
