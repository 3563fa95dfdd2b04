import type { Command } from 'commander';
import { controlPlaneUrl, output, stateDir } from './options.ts';

/** The commands that ask a control plane that runs. */
export const addStatusCommands = (program: Command, write: (text: string) => void): void => {
  program
    .command('status')
    .description('say what became of each object of your manifests, and at which proxies it has arrived')
    .argument('[kind]', 'only objects of this kind')
    .argument('[name]', 'NAMESPACE/NAME of one of them')
    .addOption(stateDir())
    .addOption(controlPlaneUrl())
    .addOption(output())
    .action(async (kind, name, o) => {
      const { objectStatus } = await import('@weft/commands/status/object-status');
      process.exitCode = await objectStatus({ ...o, kind, name, write });
    });

  program
    .command('proxy-status')
    .alias('ps')
    .description('say whether each proxy has what the control plane holds for it')
    .argument('[proxy]', 'NAMESPACE/WORKLOAD, or POD.NAMESPACE')
    .addOption(stateDir())
    .addOption(controlPlaneUrl())
    .addOption(output())
    .action(async (proxy, o) => {
      const { proxyStatus } = await import('@weft/commands/status/proxy-status');
      process.exitCode = await proxyStatus({ ...o, proxy, write });
    });
};
