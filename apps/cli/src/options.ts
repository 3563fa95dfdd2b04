import { Option } from 'commander';

/** Options that several commands share. */
const each = (value: string, before?: string[]): string[] => [...(before ?? []), value];

export const files = (): Option =>
  new Option('-f, --file <path>', 'manifests: a file or a folder, as often as wanted')
    .argParser(each)
    .makeOptionMandatory();

export const output = (): Option =>
  new Option('-o, --output <form>', 'how to say it').choices(['text', 'json']).default('text');

export const stateDir = (): Option => new Option('--state-dir <dir>', 'where state is kept').default('.weft');

export const trustDomain = (): Option =>
  new Option('--trust-domain <name>', 'of the mesh’s identities').default('cluster.local');

export const bootstrap = (): Option =>
  new Option('--bootstrap <file>', 'what a data plane is told at start (weft up writes it)').makeOptionMandatory();

export const dataPlane = (): Option =>
  new Option('--data-plane <workload=envoy>', 'another data plane for NAMESPACE/WORKLOAD, as often as wanted')
    .argParser(each)
    .default([], 'none');

export const format = (): Option =>
  new Option('--format <form>', 'resources, or a whole bootstrap').choices(['json', 'envoy-bootstrap']).default('json');

export const compiledFor = (): Option =>
  new Option('--data-plane <kind>', 'for json').choices(['weft', 'envoy', 'grpc']).default('weft');

export const controlPlaneUrl = (): Option =>
  new Option('--control-plane <url>', 'its status port (default: of the weft up that uses --state-dir)');
