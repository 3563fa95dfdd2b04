import { parseArgs } from 'node:util';
import { type RunProxyOptions, runProxy } from './run-proxy.ts';

/** `weft-proxy --bootstrap FILE [--exit-on-stdin-close]`: the bundle that ships, without the rest of the command. */
const usage = 'usage: weft proxy --bootstrap FILE [--exit-on-stdin-close]';

const STDIN = 0;
/** The launcher (`apps/cli/bin/weft.js`) holds the other end of this descriptor. */
const launcher = Number(process.env.WEFT_LIFELINE_FD);

const readArguments = (): RunProxyOptions | string => {
  try {
    const { values } = parseArgs({
      options: { bootstrap: { type: 'string' }, 'exit-on-stdin-close': { type: 'boolean', default: false } },
    });
    if (values.bootstrap === undefined) return usage;
    const lifelines = [...(values['exit-on-stdin-close'] ? [STDIN] : []), ...(launcher > 2 ? [launcher] : [])];
    return { bootstrapFile: values.bootstrap, lifelines };
  } catch (error) {
    return `${(error as Error).message}\n${usage}`;
  }
};

const parsed = readArguments();
if (typeof parsed === 'string') {
  process.stderr.write(`error WEFT0210: ${parsed}\n`);
  process.exitCode = 2;
} else void runProxy(parsed).then((status) => process.exit(status));
