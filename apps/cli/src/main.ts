// The `weft` command: which commands there are and what they are given. @weft/commands does it, loaded when asked for.
import { fileURLToPath } from 'node:url';
import { systemClock as clock } from '@weft/base/clock';
import { systemRandom as random } from '@weft/base/random';
import { watchLifelines } from '@weft/local/runtime/lifelines';
import { Command } from 'commander';
import pc from 'picocolors';
import { explainError } from './explain-error.ts';
import { bootstrap, compiledFor, dataPlane, files, format, output, stateDir, trustDomain } from './options.ts';
import { addStatusCommands } from './status-commands.ts';
import { version, versionText } from './version.ts';

const entry = fileURLToPath(import.meta.url);
const out = process.stdout;
const write = (text: string): void => void out.write(text);
const writeError = (text: string): void => void process.stderr.write(text);
const program = new Command('weft').description('A service mesh, on your laptop and in Kubernetes.').version(version);
program.exitOverride().option('--exit-on-stdin-close', 'end when standard input does');

const command = (name: string, description: string): Command => program.command(name).description(description);

command('up', 'run the mesh of your manifests on this machine')
  .addOption(files())
  .addOption(stateDir())
  .addOption(trustDomain())
  .option('--address-block <block>', 'loopback addresses to use, 127.x.y.0/24 (default: a free one)')
  .addOption(dataPlane())
  .option('--envoy <path>', 'the Envoy to use there')
  .option('--check', 'end once everything is ready', false)
  .option('-v, --verbose', 'show all that the control plane and the sidecars say', false)
  .action(async (o) => {
    const { up } = await import('@weft/commands/up');
    const { parseDataPlanes } = await import('@weft/commands/up/parse-data-plane');
    const dataPlanes = parseDataPlanes(o.dataPlane);
    const colors = pc.createColors(out.isTTY ? pc.isColorSupported : false);
    const run = { paths: o.file, dataPlanes, entry, clock, random, colors, out, env: process.env };
    process.exitCode = await up({ ...o, ...run });
  });

command('check', 'say what is wrong with your manifests')
  .alias('analyze')
  .addOption(files())
  .addOption(output())
  .action(async (o) => {
    const { check } = await import('@weft/commands/check');
    process.exitCode = check({ paths: o.file, output: o.output, clock, write });
  });

command('compile', 'print what one proxy would be told')
  .addOption(files())
  .requiredOption('--proxy <workload>', 'NAMESPACE/WORKLOAD, a Deployment’s or Pod’s name')
  .addOption(format())
  .addOption(compiledFor())
  .option('--certs <dir>', 'where cert-chain.pem, key.pem and root-cert.pem are, for envoy-bootstrap')
  .addOption(trustDomain())
  .action(async (o) => {
    const { runCompile } = await import('@weft/commands/compile');
    process.exitCode = runCompile({ ...o, paths: o.file, clock, write, writeError });
  });

command('control-plane', 'serve the mesh of your manifests to proxies')
  .addOption(files())
  .addOption(stateDir())
  .addOption(trustDomain())
  .requiredOption('--address <ip>', 'loopback address to listen at')
  .option('--cert-ttl <duration>', 'lifetime of workloads’ certificates', '24h')
  .action(async (o) => {
    const { controlPlane } = await import('@weft/commands/control-plane');
    process.exitCode = await controlPlane({ ...o, paths: o.file, clock, random, writeError });
  });

command('proxy', 'carry the traffic of one workload')
  .addOption(bootstrap())
  .action(async (o) => {
    const { runProxy } = await import('@weft/commands/proxy');
    process.exitCode = await runProxy({ bootstrapFile: o.bootstrap, lifelines: [] });
  });

command('agent', 'run an Envoy that carries the traffic of one workload')
  .addOption(bootstrap())
  .option('--envoy <path>', 'the binary (default: envoy in PATH)')
  .option('--grpc-bootstrap <file>', 'serve gRPC clients without a proxy instead: where to write GRPC_XDS_BOOTSTRAP')
  .option('--envoy-log-level <level>', 'as Envoy’s --log-level', 'warning')
  .action(async (o) => {
    const { agent } = await import('@weft/commands/agent');
    process.exitCode = await agent({ ...o, bootstrapFile: o.bootstrap, clock, random, writeError });
  });

addStatusCommands(program, write);
command('version', 'print the version')
  .addOption(output())
  .action((o) => write(versionText(o.output)));

const stdin = process.argv.includes('--exit-on-stdin-close');
watchLifelines({ env: process.env, stdin, clock }, () => process.kill(process.pid, 'SIGTERM'));
try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = explainError(error, writeError);
}
