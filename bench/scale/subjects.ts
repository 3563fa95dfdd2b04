// What is measured: programs that hold the fixture in one form or another. Each is bundled by itself and gets the folder
// of the fixture and the names of the responses to take. Where Node has `--expose-gc`, it collects once after the last.
const READ = `
import { readFileSync } from 'node:fs';
const dir = process.argv[2];
const files = process.argv[3].split(',').filter(Boolean);
// As from a socket: one response at a time, with a turn of the event loop in between.
const run = async (take) => {
  for (const file of files) {
    take(new Uint8Array(readFileSync(dir + '/' + file)));
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  setTimeout(() => globalThis.gc?.(), 500);
  setTimeout(() => process.stdout.write('ready'), 1500);
  setInterval(() => {}, 1000);
};
`;

const NET = `
import * as net from 'node:net'; import * as tls from 'node:tls'; import * as http2 from 'node:http2'; import * as crypto from 'node:crypto';
globalThis.used = [net.Socket, tls.connect, http2.connect, crypto.createHash];
`;

const OURS = `
import { readDeltaResponse } from '@weft/xds/codec/delta-response';
import { decodeMessage } from '@weft/xds/codec';
import { TypeSubscription } from '@weft/xds/client/kept-resources';
import { typeNameOf } from '@weft/xds/codec/table';
const types = new Map();
const keep = (response) => {
  const type = types.get(response.typeUrl) ?? new TypeSubscription();
  types.set(response.typeUrl, type);
  type.accept(response.resources, response.removed, 0);
};
`;

export const subjects: Record<string, string> = {
  'bare node': `${READ} run(() => {});`,
  '+ net, tls, http2, crypto': `${NET} ${READ} run(() => {});`,
  'our codec, raw bytes kept': `${NET} ${READ} ${OURS} run((bytes) => keep(readDeltaResponse(bytes)));`,
  'our codec, raw bytes kept, compiled for the data path': `${NET} ${READ} ${OURS}
    import { CompiledConfig } from '../../packages/proxy/src/xds/compiled-config.ts';
    const config = new CompiledConfig();
    run((bytes) => {
      const response = readDeltaResponse(bytes);
      const problem = config.update(response.typeUrl, response.resources, []);
      if (problem) throw new Error(problem);
      keep(response);
    });`,
  'our codec, every message decoded and held': `${NET} ${READ} ${OURS}
    const held = new Map();
    run((bytes) => {
      const response = readDeltaResponse(bytes);
      for (const r of response.resources) held.set(response.typeUrl + r.name, decodeMessage(typeNameOf(response.typeUrl), r.bytes));
    });`,
  'protobuf-es, trimmed descriptors, every message held': protobufEs('trimmed.fds'),
  'protobuf-es, descriptors of all files, every message held': protobufEs('all.fds'),
};

function protobufEs(descriptors: string): string {
  return `${NET} ${READ}
    import { createFileRegistry, fromBinary } from '@bufbuild/protobuf';
    import { FileDescriptorSetSchema, anyUnpack } from '@bufbuild/protobuf/wkt';
    const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(dir + '/${descriptors}')));
    const RESPONSE = registry.getMessage('envoy.service.discovery.v3.DeltaDiscoveryResponse');
    const held = new Map();
    run((bytes) => {
      const response = fromBinary(RESPONSE, bytes);
      for (const r of response.resources) held.set(response.typeUrl + r.name, anyUnpack(r.resource, registry));
    });`;
}
