import { z } from 'zod';

const strings = z.record(z.string(), z.string()).nullish();

/** What we read of a Kubernetes object's metadata; the rest is the API server's. */
export const metadata = z.looseObject({
  labels: strings,
  annotations: strings,
  creationTimestamp: z.string().nullish(),
  deletionTimestamp: z.string().nullish(),
  ownerReferences: z
    .array(z.looseObject({ kind: z.string(), name: z.string(), controller: z.boolean().nullish() }))
    .nullish(),
});

export type Metadata = z.infer<typeof metadata>;
