// A control plane as a process of its own, to be killed: says its ports as a line of JSON.
import { systemClock } from '@weft/base/clock';
import { seededRandom } from '@weft/base/random';
import { LineLog } from '@weft/telemetry/log';
import { translateParts } from '@weft/translate/translate';
import { startControlPlane } from '../control-plane.ts';

const [manifests = '', stateDir = ''] = process.argv.slice(2);
const { xdsPort, statusPort } = await startControlPlane({
  paths: [manifests],
  stateDir,
  address: '127.0.0.1',
  xdsPort: 0,
  statusPort: 0,
  trustDomain: 'cluster.local',
  certTtlMs: 3_600_000,
  clock: systemClock,
  random: seededRandom(1),
  translate: translateParts,
  log: new LineLog(systemClock, () => {}),
  report: () => {},
});
process.stdout.write(`${JSON.stringify({ xdsPort, statusPort })}\n`);
