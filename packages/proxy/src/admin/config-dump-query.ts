/**
 * What the query of Envoy's `/config_dump` selects: `?resource=FIELD` one repeated field of the dumps, `?name_regex=` those
 * of that name, `?mask=PATH,PATH` parts of each.
 * https://www.envoyproxy.io/docs/envoy/latest/operations/admin#get--config_dump
 */
import { compileRegex, type Regex } from '@weft/traffic/regex';

type Json = Readonly<Record<string, unknown>>;
interface Dump {
  readonly configs: readonly object[];
}

/** The messages that stand in each field of a dump: what one of them is called alone. */
const messages: Readonly<Record<string, string>> = {
  dynamic_active_clusters: 'ClustersConfigDump.DynamicCluster',
  dynamic_listeners: 'ListenersConfigDump.DynamicListener',
  dynamic_route_configs: 'RoutesConfigDump.DynamicRouteConfig',
  dynamic_endpoint_configs: 'EndpointsConfigDump.DynamicEndpointConfig',
  dynamic_active_secrets: 'SecretsConfigDump.DynamicSecret',
};

/** A string says what is wrong with the query. */
export const selectFromDump = (dump: Dump, query: URLSearchParams): Dump | string => {
  const mask = query.get('mask');
  const paths = mask === null || mask === '' ? null : mask.split(',').map((path) => path.trim().split('.'));
  const names = nameFilter(query.get('name_regex') ?? '');
  if (typeof names === 'string') return names;
  const resource = query.get('resource');
  if (resource !== null) {
    const message = messages[resource];
    if (message === undefined) return `${resource} not found in config dump\n`;
    const found = (dump.configs as readonly Json[]).flatMap((config) => (config[resource] ?? []) as Json[]);
    return {
      configs: found
        .filter((item) => names === null || names.matches(nameOf(item)))
        .map((item) => ({ '@type': `type.googleapis.com/envoy.admin.v3.${message}`, ...masked(item, paths) })),
    };
  }
  return { configs: (dump.configs as readonly Json[]).map((config) => masked(named(config, names), paths)) };
};

const nameFilter = (pattern: string): Regex | null | string => {
  if (pattern === '') return null;
  try {
    return compileRegex(pattern);
  } catch (error) {
    return `Invalid re2 regex: ${(error as Error).message}\n`;
  }
};

/** The whole of a config with those of its resources whose names match. */
const named = (config: Json, names: Regex | null): Json =>
  names === null
    ? config
    : Object.fromEntries(
        Object.entries(config).map(([field, value]) => [
          field,
          Array.isArray(value) ? (value as Json[]).filter((item) => names.matches(nameOf(item))) : value,
        ]),
      );

/** A listener and a secret are named themselves, the others by what they hold. */
const nameOf = (item: Json): string => {
  if (typeof item.name === 'string') return item.name;
  for (const field of ['cluster', 'route_config', 'endpoint_config']) {
    const inner = item[field] as Json | undefined;
    const name = inner?.name ?? inner?.cluster_name;
    if (typeof name === 'string') return name;
  }
  return '';
};

/** As a protobuf FieldMask: the fields at the paths, `@type` always. Below a list a mask reaches every element. */
const masked = (value: Json, paths: readonly (readonly string[])[] | null): Json => {
  if (paths === null) return value;
  const out: Record<string, unknown> = '@type' in value ? { '@type': value['@type'] } : {};
  for (const [field, inner] of Object.entries(value)) {
    const deeper = paths.filter(([first]) => first === field).map((path) => path.slice(1));
    if (deeper.length > 0) out[field] = deeper.some((path) => path.length === 0) ? inner : maskedAny(inner, deeper);
  }
  return out;
};

const maskedAny = (value: unknown, paths: readonly (readonly string[])[]): unknown => {
  if (Array.isArray(value)) return value.map((item) => maskedAny(item, paths));
  return typeof value === 'object' && value !== null ? masked(value as Json, paths) : value;
};
