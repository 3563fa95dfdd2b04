import type { RegexMatchAndSubstitute } from '@weft/xds-api/gen/envoy/type/matcher/v3';
import type { PathMatcher } from '../path-matcher.ts';
import { RegexRewrite } from '../regex.ts';
import type { ForwardAction, PathRewrite } from '../route-table.ts';
import { fail } from './failure.ts';
import { at, onlyKnown, required } from './fields.ts';

type Rewrites = Pick<ForwardAction, 'prefixRewrite' | 'regexRewrite'>;

/** A prefix rewrite replaces what the route matched: the prefix, or for an exact or regex match the whole path. */
export const compilePathRewrite = (
  json: { readonly prefixRewrite?: string; readonly regexRewrite?: RegexMatchAndSubstitute },
  matched: PathMatcher,
  path: string,
): Rewrites => {
  if (json.regexRewrite) {
    if (json.prefixRewrite) fail(at(path, 'regexRewrite'), 'and prefixRewrite exclude each other');
    return { prefixRewrite: null, regexRewrite: compileRegexRewrite(json.regexRewrite, at(path, 'regexRewrite')) };
  }
  if (!json.prefixRewrite) return { prefixRewrite: null, regexRewrite: null };
  if (matched.kind === 'connect') fail(at(path, 'prefixRewrite'), 'is not supported with a connect matcher');
  if (matched.kind === 'regex') return { prefixRewrite: null, regexRewrite: new WholePath(json.prefixRewrite) };
  return { prefixRewrite: { matched: matched.value, replacement: json.prefixRewrite }, regexRewrite: null };
};

class WholePath implements PathRewrite {
  readonly #replacement: string;
  constructor(replacement: string) {
    this.#replacement = replacement;
  }
  rewrite(): string {
    return this.#replacement;
  }
}

const compileRegexRewrite = (json: RegexMatchAndSubstitute, path: string): RegexRewrite => {
  onlyKnown(json, path, ['pattern', 'substitution']);
  const pattern = required(json.pattern?.regex, at(path, 'pattern.regex'));
  try {
    return new RegexRewrite(pattern, json.substitution ?? '');
  } catch (error) {
    return fail(path, `"${pattern}" to "${json.substitution ?? ''}": ${(error as Error).message}`);
  }
};
