import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { unknownPeer } from '../headers/peer-metadata.ts';
import { PeerGreetingReader, peerGreeting } from './peer-exchange.ts';

const greeting = peerGreeting('sidecar~127.0.0.1~a-1.default~default.svc.cluster.local', {
  NAME: 'a-1',
  NAMESPACE: 'default',
  WORKLOAD_NAME: 'a-v1',
  CLUSTER_ID: 'Kubernetes',
  LABELS: { app: 'a', version: 'v1' },
});

describe('who a peer is, in front of the bytes of a connection', () => {
  it('is framed as Istio does: magic, length, an Any of a Struct', () => {
    assert.equal(greeting.readUInt32BE(0), 0x3d230467);
    assert.equal(greeting.readUInt32BE(4), greeting.length - 8);
    const type = 'type.googleapis.com/google.protobuf.Struct';
    assert.deepEqual(greeting.subarray(8, 10), Buffer.from([0x0a, type.length]));
    assert.equal(greeting.toString('latin1', 10, 10 + type.length), type);
    assert.equal(greeting[10 + type.length], 0x12);
  });

  it('is read however it is cut, and the rest is the connection’s own', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 200 }),
        fc.array(fc.nat(greeting.length + 50), { maxLength: 6 }),
        (own, cuts) => {
          const all = Buffer.concat([greeting, own]);
          const reader = new PeerGreetingReader();
          const rest: Buffer[] = [];
          const ends = [...cuts.filter((c) => c < all.length).sort((a, b) => a - b), all.length];
          let start = 0;
          for (const end of ends) {
            if (reader.peer !== null) rest.push(all.subarray(start, end));
            else {
              const left = reader.push(all, start, end);
              if (left !== null) rest.push(left);
            }
            start = end;
          }
          assert.equal(reader.peer?.workload, 'a-v1');
          assert.equal(reader.peer.app, 'a');
          assert.deepEqual(Buffer.concat(rest), Buffer.from(own));
        },
      ),
    );
  });

  it('that is no greeting stays in the bytes', () => {
    for (const bytes of [Buffer.from('SELECT 1'), Buffer.from([0x3d, 0x23, 4, 0x67, 0xff, 0xff, 0xff, 0xff])]) {
      const reader = new PeerGreetingReader();
      assert.deepEqual(reader.push(bytes, 0, bytes.length), bytes);
      assert.equal(reader.peer, unknownPeer);
    }
  });

  it('never makes it throw, and what cannot be understood is an unknown peer', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.integer({ min: 8, max: greeting.length - 1 }), fc.nat(255))), (changes) => {
        const damaged = Buffer.from(greeting);
        for (const [at, byte] of changes) damaged[at] = byte;
        const reader = new PeerGreetingReader();
        assert.equal(reader.push(damaged, 0, damaged.length)?.length, 0);
        assert.ok(reader.peer);
      }),
    );
  });
});
