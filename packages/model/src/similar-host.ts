import type { Mesh } from './mesh.ts';
import { nearest } from './nearest.ts';
import { following } from './revision.ts';

/** Answers, for a host that does not exist, with a hint at the one that was probably meant, or an empty text. */
export const hintsOf = (mesh: Mesh): ((host: string) => string) => {
  const known = knownHints(mesh);
  return (host) => {
    let hint = known.get(host);
    if (hint === undefined) known.set(host, (hint = hintFor(mesh, host)));
    return hint;
  };
};

/** As long as no service comes or goes. */
const knownHints = following<Map<string, string>>(
  () => new Map(),
  (hints, { services }) => {
    if (services.some(({ before, after }) => !before || !after)) hints.clear();
  },
);

const hintFor = (mesh: Mesh, host: string): string => {
  const [name, namespace] = host.split('.') as [string, string?];
  const inNamespace = [...mesh.services.values()].filter((s) => s.namespace === namespace).map((s) => s.name);
  const meant = nearest(name, inNamespace);
  if (meant) return `did you mean ${meant}?`;
  const elsewhere = [...mesh.services.values()].find((s) => s.name === name);
  return elsewhere ? `did you mean ${elsewhere.host}?` : '';
};
