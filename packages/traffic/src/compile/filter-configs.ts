import type { FilterConfig } from '@weft/xds-api/gen/envoy/config/route/v3';
import type { CorsPolicy as CorsPolicyJson } from '@weft/xds-api/gen/envoy/extensions/filters/http/cors/v3';
import type { HTTPFault } from '@weft/xds-api/gen/envoy/extensions/filters/http/fault/v3';
import type { Any } from '@weft/xds-api/well-known';
import type { CorsPolicy } from '../cors.ts';
import type { FaultPolicy } from '../fault.ts';
import type { FilterConfigs } from '../route-table.ts';
import { compileCors, mergeCors } from './cors.ts';
import { fail } from './failure.ts';
import { compileFault } from './fault.ts';
import { at, onlyKnown, typeOf, unpack } from './fields.ts';

const FILTER_CONFIG = 'envoy.config.route.v3.FilterConfig';
const FAULT = 'envoy.extensions.filters.http.fault.v3.HTTPFault';
const CORS = 'envoy.extensions.filters.http.cors.v3.CorsPolicy';

interface Level {
  readonly json: Readonly<Record<string, Any>> | undefined;
  readonly path: string;
}

/** Of one filter at one level; null: the filter is off. */
type Said = { readonly any: Any; readonly path: string } | null;

/**
 * `typed_per_filter_config` of a route table, then of a virtual host, a route, a weighted cluster: for each filter the
 * most specific level counts, but a CORS policy takes from the others what it does not say.
 */
export class FilterConfigLevels {
  readonly #levels: readonly Level[];
  constructor(levels: readonly Level[] = []) {
    this.#levels = levels;
  }

  /** The same object where the level says nothing. */
  with(json: Readonly<Record<string, Any>> | undefined, path: string): FilterConfigLevels {
    if (!json || Object.keys(json).length === 0) return this;
    return new FilterConfigLevels([...this.#levels, { json, path: at(path, 'typedPerFilterConfig') }]);
  }

  #compiled: FilterConfigs | null | undefined;

  /** Null where no level says anything. */
  compile(): FilterConfigs | null {
    if (this.#compiled === undefined) this.#compiled = this.#levels.length === 0 ? null : compile(this.#levels);
    return this.#compiled;
  }
}

const compile = (levels: readonly Level[]): FilterConfigs => {
  const said = new Map<string, Said[]>();
  for (const { json, path } of levels)
    for (const [name, any] of Object.entries(json ?? {})) {
      const one = unwrap(any, `${path}["${name}"]`);
      if (one !== undefined) said.set(name, [...(said.get(name) ?? []), one]);
    }
  const fault = new Map<string, FaultPolicy | null>();
  const cors = new Map<string, CorsPolicy | null>();
  for (const [name, ofLevels] of said) {
    const last = ofLevels.at(-1);
    if (!last) {
      fault.set(name, null);
      cors.set(name, null);
    } else if (typeOf(last.any) === FAULT) fault.set(name, compileFault(unpack<HTTPFault>(last.any), last.path));
    else {
      const policies = ofLevels.filter((one) => one !== null && typeOf(one.any) === CORS) as NonNullable<Said>[];
      const merged = policies.map(({ any }) => unpack<CorsPolicyJson>(any)).reduce(mergeCors);
      cors.set(name, compileCors(merged, last.path));
    }
  }
  return { fault, cors };
};

/** Undefined: of a kind that we do not know, and need not. */
const unwrap = (any: Any, path: string): Said | undefined => {
  const type = typeOf(any);
  if (type === FILTER_CONFIG) {
    const json = unpack<FilterConfig>(any);
    onlyKnown(json, path, ['config', 'isOptional', 'disabled']);
    if (json.disabled) return null;
    if (!json.config) return fail(path, 'has neither config nor disabled');
    if (json.isOptional && !isKnown(json.config)) return undefined;
    return unwrap(json.config, at(path, 'config'));
  }
  return isKnown(any) ? { any, path } : fail(at(path, '@type'), `${type} is not supported`);
};

const isKnown = (any: Any): boolean => [FAULT, CORS].includes(typeOf(any));
