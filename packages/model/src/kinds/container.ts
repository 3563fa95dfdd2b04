import { z } from 'zod';
import type { Container, Probe } from '../mesh.ts';

const port = z.union([z.int().min(1).max(65535), z.string().min(1)]);
const strings = z.array(z.string()).nullish();

const probe = z.looseObject({
  httpGet: z
    .looseObject({
      path: z.string().nullish(),
      port,
      httpHeaders: z.array(z.looseObject({ name: z.string(), value: z.string() })).nullish(),
    })
    .nullish(),
  tcpSocket: z.looseObject({ port }).nullish(),
  exec: z.looseObject({ command: strings }).nullish(),
  grpc: z.looseObject({ port: z.int().min(1).max(65535), service: z.string().nullish() }).nullish(),
  initialDelaySeconds: z.int().min(0).nullish(),
  periodSeconds: z.int().min(0).nullish(),
  timeoutSeconds: z.int().min(0).nullish(),
  failureThreshold: z.int().min(0).nullish(),
  successThreshold: z.int().min(0).nullish(),
});

/** What we read of a container; a laptop has no use for the rest (images, volumes, resources). */
export const container = z.looseObject({
  name: z.string().min(1),
  image: z.string().nullish(),
  command: strings,
  args: strings,
  workingDir: z.string().nullish(),
  env: z
    .array(
      z.looseObject({
        name: z.string().min(1),
        value: z.string().nullish(),
        valueFrom: z.looseObject({ fieldRef: z.looseObject({ fieldPath: z.string() }).nullish() }).nullish(),
      }),
    )
    .nullish(),
  ports: z.array(z.looseObject({ name: z.string().nullish(), containerPort: z.int().min(1).max(65535) })).nullish(),
  readinessProbe: probe.nullish(),
  livenessProbe: probe.nullish(),
  startupProbe: probe.nullish(),
});

/** `command` is used where the container has neither a command nor arguments of its own. */
export const toContainer = (c: z.infer<typeof container>, command: readonly string[] | undefined): Container => ({
  name: c.name,
  image: c.image ?? '',
  command: c.command?.length ? c.command : (command ?? []),
  args: c.args ?? [],
  ...(c.workingDir && { workingDir: c.workingDir }),
  env: (c.env ?? []).flatMap(({ name, value, valueFrom }) => {
    if (!valueFrom) return [{ name, value: value ?? '' }];
    const fieldPath = valueFrom.fieldRef?.fieldPath;
    return fieldPath ? [{ name, value: '', fieldPath }] : [];
  }),
  ports: (c.ports ?? []).map((p) => ({ name: p.name ?? '', port: p.containerPort })),
  ...(c.readinessProbe && { readinessProbe: toProbe(c.readinessProbe) }),
  ...(c.livenessProbe && { livenessProbe: toProbe(c.livenessProbe) }),
  ...(c.startupProbe && { startupProbe: toProbe(c.startupProbe) }),
});

/** Defaults are Kubernetes': https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/ */
const toProbe = (p: z.infer<typeof probe>): Probe => ({
  action: p.httpGet
    ? {
        kind: 'http',
        path: p.httpGet.path ?? '/',
        port: p.httpGet.port,
        headers: (p.httpGet.httpHeaders ?? []).map(({ name, value }) => ({ name, value })),
      }
    : p.tcpSocket
      ? { kind: 'tcp', port: p.tcpSocket.port }
      : p.grpc
        ? { kind: 'grpc', port: p.grpc.port, service: p.grpc.service ?? '' }
        : { kind: 'exec', command: p.exec?.command ?? [] },
  initialDelaySeconds: p.initialDelaySeconds ?? 0,
  periodSeconds: p.periodSeconds || 10,
  timeoutSeconds: p.timeoutSeconds || 1,
  failureThreshold: p.failureThreshold || 3,
  successThreshold: p.successThreshold || 1,
});
