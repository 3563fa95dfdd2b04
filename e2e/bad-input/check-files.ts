// A process that reads hostile files as `weft check` does, each by itself, so that one that hangs can be ended.
import { systemClock } from '@weft/base/clock';
import { check } from '@weft/commands/check';

const found = process.argv.slice(2).map((path) => {
  let text = '';
  check({ paths: [path], output: 'json', clock: systemClock, write: (part) => (text += part) });
  return JSON.parse(text) as unknown;
});
process.stdout.write(JSON.stringify(found));
