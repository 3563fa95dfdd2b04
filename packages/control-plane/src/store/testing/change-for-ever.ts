// A process to be killed: records one change after another, and says after each which it was.
import { writeSync } from 'node:fs';
import { numbered, openStore, recalled } from './numbered-mesh.ts';

const path = process.argv[2] as string;
let n = recalled(path);
const store = openStore(path);
for (;;) {
  n = (n % 60_000) + 1;
  store.update(numbered(n), []);
  writeSync(1, `${n}\n`);
}
