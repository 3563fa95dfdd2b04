import manifest from '../package.json' with { type: 'json' };

export const version: string = manifest.version;

export const versionText = (output: 'text' | 'json'): string =>
  output === 'json' ? `${JSON.stringify({ weft: version, node: process.versions.node })}\n` : `weft ${version}\n`;
