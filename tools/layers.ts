// The allowed imports, as one table. dependency-cruiser.mjs turns it into rules, check-layers.ts plants a violation of
// each law and fails unless it is reported. Why the layers are these: ../shared/DESIGN.md section 2, ARCHITECTURE.md.

/** Package → rank. A package imports lower ranks only. */
export const rank: Readonly<Record<string, number>> = {
  base: 0,
  'xds-api': 0,
  wire: 1,
  model: 1,
  identity: 1,
  telemetry: 1,
  translate: 2,
  traffic: 2,
  xds: 2,
  proxy: 3,
  'control-plane': 3,
  kit: 3,
  local: 3,
  commands: 4,
};

/** Edges within a rank that are allowed all the same, each with its reason. */
export const allowedWithinRank: readonly (readonly [from: string, to: string, reason: string])[] = [
  [
    'model',
    'telemetry',
    'An access log format is checked where it is read: a listener with a wrong one is refused as a whole.',
  ],
];

/** Edges to lower ranks that are forbidden all the same. */
export const forbidden: readonly (readonly [from: string, to: string, reason: string])[] = [
  ['proxy', 'control-plane', 'They meet as bytes: each can be replaced by a peer that nobody here wrote.'],
  ['control-plane', 'proxy', 'They meet as bytes: each can be replaced by a peer that nobody here wrote.'],
  ['proxy', 'model', 'The data plane knows xDS, never YAML.'],
  ['proxy', 'translate', 'The data plane knows xDS, never YAML.'],
  ['local', 'proxy', 'The laptop runtime starts it as a process.'],
  ['local', 'control-plane', 'The laptop runtime starts it as a process.'],
  ['xds', 'model', 'xDS knows resources, not services.'],
  ...['identity', 'model', 'translate', 'traffic', 'wire', 'xds', 'xds-api'].map(
    (to) => ['kit', to, 'A service that uses the kit must not carry a mesh.'] as const,
  ),
];

/** Packages that import no node:*: the dashboard runs them in a browser. */
export const withoutNode = ['base', 'model', 'traffic', 'xds-api'];

/** Packages without sockets. */
export const withoutSockets = ['wire', 'identity', 'telemetry', 'translate'];

/** Where xDS configuration messages may appear: paths under packages/. */
export const xdsMessages = ['^packages/translate/', '^packages/xds/', '^packages/traffic/src/compile'];
