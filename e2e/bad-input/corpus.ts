import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { repoRoot, sharedDir } from '@weft/testkit/require';
import { parseAllDocuments } from 'yaml';

/** A file's objects, as JSON. */
export type Manifest = readonly unknown[];

const folders = [
  ...['authorization', 'cluster', 'endpoint', 'grpc', 'listener', 'route'].map((stage) =>
    join(repoRoot, 'packages/translate/src', stage, 'goldens'),
  ),
  join(repoRoot, 'examples/bookshop'),
  join(sharedDir, 'seed-config'),
  join(sharedDir, 'suites/istio-validation/testdata'),
  join(sharedDir, 'suites/istio-analysis'),
];

const yamlFiles = (path: string): string[] => {
  if (!existsSync(path)) return [];
  if (!statSync(path).isDirectory()) return /\.ya?ml$/.test(path) ? [path] : [];
  return readdirSync(path)
    .sort()
    .flatMap((name) => yamlFiles(join(path, name)));
};

/** Every manifest at hand: the goldens' and examples', and where `../shared` is, its seeds and Istio's own tests. */
export const corpus = (): Manifest[] =>
  folders
    .flatMap(yamlFiles)
    .map((path) =>
      parseAllDocuments(readFileSync(path, 'utf8'))
        .filter((document) => document.errors.length === 0)
        .map((document) => document.toJS({ maxAliasCount: 1000 }) as unknown)
        .filter((value) => typeof value === 'object' && value !== null),
    )
    .filter((objects) => objects.length > 0);
