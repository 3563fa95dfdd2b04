import { parse } from 'yaml';
import { checkMeshConfig } from './check-mesh-config.ts';
import { checkSchema } from './check-schema.ts';
import { type Issue, formatPath } from './issue.ts';
import { meshConfig } from './kinds/mesh-config.ts';
import type { FieldPath } from './manifest-file.ts';
import { type Identified, isRecord } from './manifest-object.ts';
import { invalid, type Reading } from './mesh-part.ts';

/** Where `istioctl install` puts mesh settings: key `mesh` of the ConfigMap `istio`, as YAML in text. */
export const isMeshConfigMap = ({ group, kind, namespace, name }: Identified): boolean =>
  group === '' && kind === 'ConfigMap' && namespace === 'istio-system' && name === 'istio';

export const readMeshConfigMap = ({ manifest }: Identified): Reading => {
  const path = ['data', 'mesh'];
  const text = isRecord(manifest.data) ? manifest.data.mesh : undefined;
  if (typeof text !== 'string')
    return invalid([
      { error: 'missingField', level: 'error', path, message: 'data.mesh, the mesh settings, is missing' },
    ]);
  try {
    return read(parse(text) ?? {}, path);
  } catch (error) {
    const message = `data.mesh is not YAML: ${(error as Error).message.split('\n')[0]}`;
    return invalid([{ error: 'yamlSyntax', level: 'error', path, message }]);
  }
};

/** An IstioOperator installs Istio; of that only the mesh settings mean something here. */
export const readIstioOperator = ({ manifest }: Identified): Reading => {
  const spec = isRecord(manifest.spec) ? manifest.spec : {};
  const rest = Object.keys(spec)
    .filter((key) => key !== 'meshConfig')
    .map(
      (key): Issue => ({
        error: 'notYet',
        level: 'warning',
        path: ['spec', key],
        message: `${formatPath(['spec', key])} (how Istio is installed) is not implemented and has no effect`,
      }),
    );
  if (spec.meshConfig === undefined) return { part: {}, issues: rest };
  const { part, issues } = read(spec.meshConfig, ['spec', 'meshConfig']);
  return { part, issues: [...issues, ...rest] };
};

const read = (value: unknown, path: FieldPath): Reading => {
  const checked = checkSchema(meshConfig, value, path);
  if (!checked.value) return invalid(checked.issues);
  const issues = checkMeshConfig(checked.value, path);
  return issues.some((issue) => issue.level === 'error')
    ? invalid(issues)
    : { part: { meshConfig: checked.value }, issues };
};
