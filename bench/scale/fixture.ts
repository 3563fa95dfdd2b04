// The configuration of one sidecar of a mesh of many services, encoded once into files that the measured processes read:
// what they hold is then all that they cost.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Pod } from '@weft/model/mesh';
import { translateProxy } from '@weft/translate/translate';
import { type EncodedResource, encodeResource } from '@weft/xds/resource';
import { frameResponse } from '@weft/xds/server/protocol';
import { typeUrls } from '@weft/xds-api/type-urls';
import { scaleMesh } from './mesh.ts';

/**
 * Writes `first-N` (the first sync, in responses of the size that the server makes), `update-N` (of the endpoints of one
 * service) and `routes-N` (of the whole route table), each a DeltaDiscoveryResponse.
 */
export const writeFixture = (
  dir: string,
  services: number,
  replicas: number,
  updates: number,
  routeUpdates: number,
): { bytes: number; first: number } => {
  const mesh = scaleMesh({
    services,
    namespaces: 20,
    replicas,
    zones: 3,
    splitEvery: 0,
    privateEvery: 0,
    sourceLabelMatches: 0,
  });
  const pod = mesh.pods.values().next().value as Pod;
  const set = translateProxy(mesh, { pod, dataPlane: 'weft', bindAddress: pod.ip });
  let [bytes, first] = [0, 0];
  const write = (name: string, typeUrl: string, resources: readonly EncodedResource[]): void => {
    const body = Buffer.concat(resources.map((r) => r.delta));
    const response = { typeUrl, version: '1', nonce: '1', body, removed: [] };
    const parts = Buffer.concat(frameResponse('delta', response));
    bytes += parts.length;
    writeFileSync(join(dir, name), parts);
  };
  const sync = (typeUrl: string, list: readonly object[]): void => {
    let part: EncodedResource[] = [];
    let size = 0;
    for (const resource of list.map((json) => encodeResource(typeUrl, json))) {
      if (part.length > 0 && size + resource.delta.length > RESPONSE_BYTES) {
        write(`first-${first++}`, typeUrl, part);
        [part, size] = [[], 0];
      }
      part.push(resource);
      size += resource.delta.length;
    }
    write(`first-${first++}`, typeUrl, part);
  };
  sync(typeUrls.cluster, set.clusters);
  sync(typeUrls.clusterLoadAssignment, set.endpoints);
  sync(typeUrls.listener, set.listeners);
  sync(typeUrls.routeConfiguration, set.routes);
  const result = { bytes, first };
  const again = (name: string, typeUrl: string, json: object | undefined): void =>
    write(name, typeUrl, [encodeResource(typeUrl, { ...json })]);
  for (let u = 0; u < updates; u++)
    again(`update-${u}`, typeUrls.clusterLoadAssignment, set.endpoints[(u * 7) % set.endpoints.length]);
  for (let u = 0; u < routeUpdates; u++) again(`routes-${u}`, typeUrls.routeConfiguration, set.routes[0]);
  return result;
};

/** `AdsServerOptions.maxResponseBytes` */
const RESPONSE_BYTES = 128 * 1024;
