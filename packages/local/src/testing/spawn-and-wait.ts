// Starts an application that starts another that listens, and one of our own kind of processes; says their pids and
// waits to be killed. Run by node-spawner.test.ts.
import { nodeSpawner } from '../process/node-spawner.ts';

const LISTENER = `const s = require('net').createServer().listen(0, '127.0.0.1', () => console.log(process.pid, s.address().port))`;
const APP = `process.on('SIGTERM', () => {}); console.log(process.pid, 0);
require('child_process').spawn(process.execPath, ['-e', ${JSON.stringify(LISTENER)}], { stdio: 'inherit' })`;
const OURS = `process.stdin.on('end', () => process.exit()).resume(); console.log(process.pid, 0)`;

const pids: number[] = [];
let port = 0;
const onLine = (line: string): void => {
  const [pid, listening] = line.split(' ').map(Number);
  pids.push(pid as number);
  port ||= listening as number;
  if (pids.length === 3) process.stdout.write(JSON.stringify({ pids, port }));
};
for (const [source, lifeline] of [
  [APP, 'group'],
  [OURS, 'stdin'],
] as const)
  nodeSpawner.spawn(
    { name: '', file: process.execPath, args: ['-e', source], env: {}, cwd: '/', lifeline, graceMs: 0 },
    { onLine, onExit: () => {} },
  );
