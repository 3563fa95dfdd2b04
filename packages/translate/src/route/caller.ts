import type { HttpRule } from '@weft/model/delegation';
import type { HTTPMatchRequest } from '@weft/model/kinds/http-match';
import type { HTTPRoute } from '@weft/model/kinds/http-route';
import type { Pod } from '@weft/model/mesh';
import { labelsMatch } from '@weft/model/selector';

/** Conditions on who calls and by which port: decided when the configuration is made, for each proxy. */
export const isForCaller = (match: HTTPMatchRequest, caller: Pod, port: number): boolean =>
  (!match.gateways?.length || match.gateways.includes('mesh')) &&
  (match.port === undefined || match.port === port) &&
  (!match.sourceNamespace || match.sourceNamespace === caller.namespace) &&
  labelsMatch(match.sourceLabels ?? {}, caller.labels);

/** The matches of a rule that count for a caller; undefined where the rule has matches and none counts. */
export const matchesForCaller = (
  rule: HTTPRoute,
  caller: Pod,
  port: number,
): readonly (HTTPMatchRequest | undefined)[] | undefined => {
  if (!rule.match?.length) return [undefined];
  const left = rule.match.filter((match) => isForCaller(match, caller, port));
  return left.length > 0 ? left : undefined;
};

/**
 * What of a VirtualService's rules depends on the caller, as a key: callers with the same key see the same routes. Empty for
 * most VirtualServices, which look at no caller.
 */
export const callerKey = (rules: readonly HttpRule[], caller: Pod): string =>
  rules
    .flatMap(({ rule }) => rule.match ?? [])
    .filter((match) => match.sourceNamespace || Object.keys(match.sourceLabels ?? {}).length > 0)
    .map((match) => (isForCaller({ ...match, port: undefined }, caller, 0) ? '1' : '0'))
    .join('');
