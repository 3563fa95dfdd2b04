import { z } from 'zod';
import type { Issue } from '../issue.ts';
import type { FieldPath } from '../manifest-file.ts';
import type { Workload } from '../mesh.ts';
import { splitWords } from '../word-split.ts';
import { container, toContainer } from './container.ts';
import type { Metadata } from './metadata.ts';

export const podSpec = z.looseObject({
  serviceAccountName: z.string().nullish(),
  /** The older name of it. */
  serviceAccount: z.string().nullish(),
  terminationGracePeriodSeconds: z.int().min(0).nullish(),
  containers: z.array(container).min(1),
});

/** Says, on a pod template, how a laptop starts the first container that has no command of its own. */
export const COMMAND_ANNOTATION = 'weft.dev/command';

type FromTemplate = Pick<
  Workload,
  'labels' | 'annotations' | 'serviceAccount' | 'containers' | 'terminationGracePeriodSeconds'
>;

export const fromPodTemplate = (
  metadata: Metadata | null | undefined,
  spec: z.infer<typeof podSpec>,
  metadataPath: FieldPath,
): { readonly value: FromTemplate; readonly issues: readonly Issue[] } => {
  const line = metadata?.annotations?.[COMMAND_ANNOTATION];
  const command = line === undefined ? undefined : splitWords(line);
  const issues: Issue[] = [];
  if (line !== undefined && !command?.length)
    issues.push({
      error: 'invalidValue',
      level: 'error',
      path: [...metadataPath, 'annotations', COMMAND_ANNOTATION],
      message: `${COMMAND_ANNOTATION} is ${JSON.stringify(line)}, which is not a command line`,
      hint: 'close its quotes and name a program',
    });
  const without = spec.containers.findIndex((c) => !c.command?.length);
  return {
    issues,
    value: {
      labels: metadata?.labels ?? {},
      annotations: metadata?.annotations ?? {},
      serviceAccount: spec.serviceAccountName || spec.serviceAccount || 'default',
      containers: spec.containers.map((c, i) => toContainer(c, i === without ? command : undefined)),
      terminationGracePeriodSeconds: spec.terminationGracePeriodSeconds ?? 30,
    },
  };
};
