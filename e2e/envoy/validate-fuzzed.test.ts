// Whatever we compile from whatever manifests, Envoy takes. `npm run fuzz:envoy` for more cases, WEFT_FUZZ_SEED for others.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { systemClock } from '@weft/base/clock';
import { seededRandom } from '@weft/base/random';
import { CertificateAuthority, createRoot } from '@weft/identity/authority';
import { readCsr } from '@weft/identity/csr';
import { createKeyAndCsr } from '@weft/identity/key-and-csr';
import { loadMesh } from '@weft/model/load';
import { envoyBinary, needs } from '@weft/testkit/require';
import { envoyBootstrap } from '@weft/translate/envoy-bootstrap';
import { withSyntheticPods } from '@weft/translate/synthetic-pods';
import { translateProxy } from '@weft/translate/translate';
import { corpus } from '../bad-input/corpus.ts';
import { asText, mutate } from '../bad-input/mutate.ts';

const CASES = Number(process.env.WEFT_FUZZ_CASES ?? 12);
const SEED = Number(process.env.WEFT_FUZZ_SEED ?? 1);
const run = promisify(execFile);

const writeCertificates = (folder: string): void => {
  const root = createRoot({ trustDomain: 'cluster.local', clock: systemClock });
  const spiffeId = 'spiffe://cluster.local/ns/default/sa/default';
  const { privateKeyPem, csrPem } = createKeyAndCsr(spiffeId);
  const { spki } = readCsr(csrPem);
  const chain = new CertificateAuthority(root, systemClock).issue({ spki, spiffeId, ttlMs: 3_600_000 });
  writeFileSync(join(folder, 'cert-chain.pem'), chain);
  writeFileSync(join(folder, 'key.pem'), privateKeyPem);
  writeFileSync(join(folder, 'root-cert.pem'), root.certificatePem);
};

/** The bootstraps of one pod of each of some mutated files: those that have pods. */
const bootstraps = function* (folder: string): Generator<{ readonly bootstrap: string; readonly manifests: string }> {
  const seeds = corpus();
  const random = seededRandom(SEED);
  for (let made = 0; made < CASES; ) {
    const seed = seeds[Math.floor(random() * seeds.length)] ?? [];
    const manifests = asText(mutate(seed, seeds, random));
    const mesh = withSyntheticPods(loadMesh([{ path: 'a.yaml', text: manifests }]).mesh);
    const pods = [...mesh.pods.values()];
    const pod = pods[Math.floor(random() * pods.length)];
    if (!pod) continue;
    made += 1;
    const node = { pod, dataPlane: 'envoy', bindAddress: pod.ip } as const;
    const bootstrap = JSON.stringify(envoyBootstrap(mesh, node, translateProxy(mesh, node), folder));
    yield { bootstrap, manifests };
  }
};

test('what is compiled from mutated manifests, Envoy accepts', { skip: needs('envoy', 'linux') }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'weft-validate-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  writeCertificates(folder);
  const path = join(folder, 'bootstrap.json');
  let i = 0;
  for (const { bootstrap, manifests } of bootstraps(folder)) {
    i += 1;
    writeFileSync(path, bootstrap);
    const args = ['--mode', 'validate', '-c', path, '-l', 'error', '--base-id', String(process.pid)];
    try {
      await run(envoyBinary() as string, args, { timeout: 60_000 });
    } catch (error) {
      // A DestinationRule's files are the workload's, and not here.
      if ((error as Error).message.includes('Invalid path: /etc/')) continue;
      assert.fail(`case ${i} of seed ${SEED}: ${(error as Error).message.slice(0, 3000)}\n${manifests.slice(0, 6000)}`);
    }
  }
});
