import { z } from 'zod';
import { metadata } from './metadata.ts';

export const service = z.looseObject({
  metadata: metadata.nullish(),
  spec: z
    .looseObject({
      type: z.string().nullish(),
      clusterIP: z.string().nullish(),
      selector: z.record(z.string(), z.string()).nullish(),
      ports: z
        .array(
          z.looseObject({
            name: z.string().max(63).nullish(),
            port: z.int().min(1).max(65535),
            targetPort: z.union([z.int().min(0).max(65535), z.string().min(1)]).nullish(),
            protocol: z.string().nullish(),
            appProtocol: z.string().nullish(),
          }),
        )
        .nullish(),
    })
    .nullish(),
});
