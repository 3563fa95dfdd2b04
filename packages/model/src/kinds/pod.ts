import { z } from 'zod';
import { metadata } from './metadata.ts';
import { podSpec } from './pod-template.ts';

export const pod = z.looseObject({
  metadata: metadata.nullish(),
  spec: podSpec,
  status: z
    .looseObject({
      podIP: z.string().nullish(),
      phase: z.string().nullish(),
      conditions: z.array(z.looseObject({ type: z.string(), status: z.string() })).nullish(),
    })
    .nullish(),
});

/** An object of container port → port of the application. */
export const appPorts = z.record(z.string().regex(/^\d+$/), z.int().min(1).max(65535));
