import { z } from 'zod';
import { metadata } from './metadata.ts';
import { podSpec } from './pod-template.ts';

export const deployment = z.looseObject({
  metadata: metadata.nullish(),
  spec: z.looseObject({
    replicas: z.int().min(0).nullish(),
    selector: z.looseObject({ matchLabels: z.record(z.string(), z.string()).nullish() }).nullish(),
    template: z.looseObject({ metadata: metadata.nullish(), spec: podSpec }),
  }),
});
