import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { controlPlaneEnvironment, controlPlaneNodeFlags } from '@weft/control-plane/process-settings';
import type { Programs } from '@weft/local/runtime/programs';
import { proxyEnvironment, proxyNodeFlags } from '@weft/proxy/process-settings';

export interface ProgramsOptions {
  /** The file of the `weft` program itself: `dist/weft.mjs`, or `src/main.ts` in a checkout that is not built. */
  readonly entry: string;
  readonly paths: readonly string[];
  readonly stateDir: string;
  readonly trustDomain: string;
  readonly envoy?: string | undefined;
}

const EXIT_WITH_US = '--exit-on-stdin-close';

/** How this weft starts the other ones: with the Node that runs it, from the same build. */
export const ownPrograms = (options: ProgramsOptions): Programs => {
  const { entry, stateDir, trustDomain } = options;
  const bundle = join(dirname(entry), 'weft-proxy.cjs');
  const hasBundle = basename(entry) === 'weft.mjs' && existsSync(bundle);
  const proxy = [...proxyNodeFlags, ...(hasBundle ? [bundle] : [entry, 'proxy'])];
  return {
    rootCertFile: join(stateDir, 'ca', 'root.crt'),
    trustDomain,
    controlPlane: ({ address }) => ({
      file: process.execPath,
      args: [
        ...controlPlaneNodeFlags,
        entry,
        'control-plane',
        ...options.paths.flatMap((path) => ['-f', path]),
        '--state-dir',
        stateDir,
        '--address',
        address,
        '--trust-domain',
        trustDomain,
        EXIT_WITH_US,
      ],
      env: controlPlaneEnvironment,
    }),
    sidecar: ({ dataPlane, bootstrapFile }) => {
      if (dataPlane === 'weft')
        return {
          file: process.execPath,
          args: [...proxy, '--bootstrap', bootstrapFile, EXIT_WITH_US],
          env: proxyEnvironment,
        };
      const envoy = options.envoy === undefined ? [] : ['--envoy', options.envoy];
      // In a group that is killed when we die, Envoy included; its standard input is empty from the start.
      return { file: process.execPath, args: [entry, 'agent', '--bootstrap', bootstrapFile, ...envoy] };
    },
  };
};
