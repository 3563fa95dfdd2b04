import type { Finding } from './cross-check.ts';
import type { HTTPMatchRequest } from './kinds/http-match.ts';
import type { VirtualService } from './kinds/virtual-service.ts';
import type { MeshObject } from './mesh.ts';

/** HTTP routes that can never match, because one before them always does, or matches the very same. */
export const checkShadowing = (object: MeshObject<VirtualService>): Finding[] => {
  const findings: Finding[] = [];
  let catchAll: number | undefined;
  const seen = new Map<string, number>();
  object.spec.http?.forEach((route, i) => {
    // What of its requests the delegate takes is not seen here.
    if (route.delegate) return;
    const matches = route.match?.length ? route.match.map(conditions) : [{}];
    const texts = matches.map((m) => JSON.stringify(m));
    const by = catchAll ?? (texts.every((text) => seen.has(text)) ? seen.get(texts[0] as string) : undefined);
    if (by !== undefined)
      findings.push({
        of: object,
        issue: {
          error: 'shadowedRoute',
          level: 'warning',
          path: ['spec', 'http', i],
          message: `spec.http[${i}] can never match, because spec.http[${by}] ${by === catchAll ? 'matches every request' : 'has the same conditions'}`,
          hint: by === catchAll ? 'put the route without conditions last' : 'remove one of them',
        },
      });
    texts.forEach((text) => {
      if (!seen.has(text)) seen.set(text, i);
    });
    if (catchAll === undefined && matches.some(matchesAll)) catchAll = i;
  });
  return findings;
};

/** A match without what is no condition. */
const conditions = (match: HTTPMatchRequest): HTTPMatchRequest => ({
  ...match,
  name: undefined,
  statPrefix: undefined,
});

const matchesAll = (match: HTTPMatchRequest): boolean => {
  const { uri } = match;
  const said = Object.keys(match).filter((key) => match[key as keyof HTTPMatchRequest] !== undefined);
  if (said.some((key) => key !== 'uri' && key !== 'ignoreUriCase')) return false;
  return !uri || uri.prefix === '/' || uri.regex === '.*' || uri.regex === '/.*';
};
