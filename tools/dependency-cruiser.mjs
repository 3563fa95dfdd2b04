// Rules for dependency-cruiser, made from layers.mjs. It needs TypeScript 6: with 7 it skips .ts files and passes
// everything, which check-layers.ts would notice.
import { allowedWithinRank, forbidden, rank, withoutNode, withoutSockets, xdsMessages } from './layers.ts';

const test = '\\.test\\.ts$|/testing/';
const packages = Object.keys(rank);
const of = (names) => `^packages/(${names.join('|')})/`;
const rule = (name, comment, from, to) => ({ name, comment, severity: 'error', from, to });

const ranks = packages.map((name) => {
  const allowed = packages.filter(
    (other) =>
      rank[other] < rank[name] || other === name || allowedWithinRank.some(([a, b]) => a === name && b === other),
  );
  return rule(
    `rank-of-${name}`,
    `${name} has rank ${rank[name]}: it imports lower ranks only.`,
    { path: `^packages/${name}/`, pathNot: test },
    { path: '^(packages|apps)/', pathNot: of(allowed) },
  );
});

export default {
  forbidden: [
    ...ranks,
    ...forbidden.map(([from, to, why]) =>
      rule(`${from}-not-${to}`, why, { path: `^packages/${from}/`, pathNot: test }, { path: `^packages/${to}/` }),
    ),
    rule(
      'no-node-builtins',
      'The dashboard and the CLI run this very code, so it must run in a browser.',
      { path: of(withoutNode), pathNot: test },
      { dependencyTypes: ['core'] },
    ),
    rule(
      'no-sockets',
      'Bytes and decisions, no sockets: so that it can be tested without a network.',
      { path: of(withoutSockets), pathNot: test },
      { path: '^(node:)?(net|tls|http|http2|https|dgram|dns)$' },
    ),
    rule(
      'no-node-http-in-the-data-path',
      'The data path is ours: node:http costs four times the CPU. Admin, the certificate client and health checks may.',
      {
        path: '^packages/(proxy|wire)/',
        pathNot: `${test}|^packages/proxy/src/(admin|xds|health|control-plane-session)`,
      },
      { path: '^(node:)?(http|http2|https)$' },
    ),
    rule(
      'xds-messages-at-the-edge',
      'xDS configuration messages appear only in translate, xds and the compile step of traffic. Inside, the types are ours.',
      { path: '^(packages|apps)/', pathNot: [...xdsMessages, '^packages/xds-api/', test] },
      { path: '^packages/xds-api/src/gen/' },
    ),
    rule(
      'testkit-in-tests-only',
      'testkit is imported by tests alone.',
      { path: '^(packages|apps)/', pathNot: `${test}|^packages/testkit/` },
      { path: '^packages/testkit/' },
    ),
    rule('no-cycles', 'A cycle has no layers.', {}, { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } }),
    rule(
      'no-unresolved',
      'An import that resolves to nothing escapes every other rule.',
      {},
      { couldNotResolve: true },
    ),
  ],
  options: {
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)dist/|/gen/tables\\.ts$' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'types', 'node', 'default'],
      extensions: ['.ts', '.js', '.mjs'],
    },
    combinedDependencies: true,
  },
};
