import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { encodeHuffman } from '../testing/huffman-encoder.ts';
import { BAD_VALUE, fieldKind } from './field-kind.ts';
import { FieldList } from './field-list.ts';
import { HpackDecoder } from './hpack-decoder.ts';
import { HpackEncoder } from './hpack-encoder.ts';
import { decodeHuffman } from './huffman-decoder.ts';

const MANY = 1_000_000;

const decode = (decoder: HpackDecoder, block: Buffer, maxBytes = MANY, maxFields = MANY): FieldList | null => {
  const list = new FieldList();
  list.reset(maxBytes, maxFields);
  return decoder.decode(block, 0, block.length, list) ? list : null;
};

const pairs = (list: FieldList | null): string[] | null =>
  list && Array.from({ length: list.length }, (_, i) => `${list.names[i]}: ${list.values[i]}`);

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

const encode = (encoder: HpackEncoder, fields: readonly string[], never: readonly string[] | null = null): Buffer => {
  const buffer = Buffer.alloc(HpackEncoder.maxBytes(fields) + HpackEncoder.maxBeginBytes);
  encoder.begin(buffer, 0);
  encoder.fields(fields, never);
  encoder.end();
  return buffer.subarray(0, encoder.pos);
};

/** Each block with what it says and how large the table is behind it: RFC 7541 appendix C. */
const examples: Record<string, [block: string, fields: string[], tableBytes: number][]> = {
  'C.2.1': [['400a637573746f6d2d6b65790d637573746f6d2d686561646572', ['custom-key: custom-header'], 55]],
  'C.2.2': [['040c2f73616d706c652f70617468', [':path: /sample/path'], 0]],
  'C.2.3': [['100870617373776f726406736563726574', ['password: secret'], 0]],
  'C.2.4': [['82', [':method: GET'], 0]],
  'C.3': [
    [
      '828684410f7777772e6578616d706c652e636f6d',
      [':method: GET', ':scheme: http', ':path: /', ':authority: www.example.com'],
      57,
    ],
    [
      '828684be58086e6f2d6361636865',
      [':method: GET', ':scheme: http', ':path: /', ':authority: www.example.com', 'cache-control: no-cache'],
      110,
    ],
    [
      '828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565',
      [
        ':method: GET',
        ':scheme: https',
        ':path: /index.html',
        ':authority: www.example.com',
        'custom-key: custom-value',
      ],
      164,
    ],
  ],
  'C.4': [
    [
      '828684418cf1e3c2e5f23a6ba0ab90f4ff',
      [':method: GET', ':scheme: http', ':path: /', ':authority: www.example.com'],
      57,
    ],
    [
      '828684be5886a8eb10649cbf',
      [':method: GET', ':scheme: http', ':path: /', ':authority: www.example.com', 'cache-control: no-cache'],
      110,
    ],
    [
      '828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf',
      [
        ':method: GET',
        ':scheme: https',
        ':path: /index.html',
        ':authority: www.example.com',
        'custom-key: custom-value',
      ],
      164,
    ],
  ],
  // With a table of 256 octets, said by the size update in front.
  'C.6': [
    [
      '3fe101 488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3',
      [
        ':status: 302',
        'cache-control: private',
        'date: Mon, 21 Oct 2013 20:13:21 GMT',
        'location: https://www.example.com',
      ],
      222,
    ],
    [
      '4883640effc1c0bf',
      [
        ':status: 307',
        'cache-control: private',
        'date: Mon, 21 Oct 2013 20:13:21 GMT',
        'location: https://www.example.com',
      ],
      222,
    ],
    [
      '88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007',
      [
        ':status: 200',
        'cache-control: private',
        'date: Mon, 21 Oct 2013 20:13:22 GMT',
        'location: https://www.example.com',
        'content-encoding: gzip',
        'set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1',
      ],
      215,
    ],
  ],
};

describe('HPACK decoding', () => {
  for (const [name, blocks] of Object.entries(examples)) {
    it(`reads the examples of RFC 7541 ${name}`, () => {
      const decoder = new HpackDecoder(4096);
      for (const [block, fields, tableBytes] of blocks) {
        assert.deepEqual(pairs(decode(decoder, hex(block))), fields);
        assert.equal(decoder.tableBytes, tableBytes);
      }
    });
  }

  it('refuses what is not HPACK', () => {
    const refused = {
      'index 0': '80',
      'an index beyond both tables': 'be',
      'the name of an index beyond both tables': '7f00 0161',
      'an integer without end': 'ffffffffffffffff',
      'a string longer than the block': '0005 6162',
      'a name alone': '0001 61',
      'a table larger than allowed': '3fe21f',
      'a size update behind a field': '82 20',
      'three size updates': '20 20 20',
      'padding longer than 7 bits': '00 0161 82 1fff',
      'padding of zeros': '00 0161 81 18',
      'the end of string symbol': '00 0161 84 ffffffff',
    };
    for (const [what, block] of Object.entries(refused))
      assert.equal(decode(new HpackDecoder(4096), hex(block)), null, what);
  });

  it('knows at once what a name and a value are', () => {
    const kindOf = (name: string, value: string): number => {
      const octets = (text: string): Buffer => Buffer.concat([Buffer.from([text.length]), Buffer.from(text, 'latin1')]);
      const list = decode(new HpackDecoder(4096), Buffer.concat([Buffer.from([0x40]), octets(name), octets(value)]));
      return list?.kinds[0] ?? -1;
    };
    assert.equal(kindOf('x-a', 'b c\td\xff'), fieldKind.REGULAR);
    assert.equal(kindOf('', 'b'), fieldKind.INVALID);
    for (const name of ['X-a', 'x a', 'x:a', 'x\r\na', 'x\xe9', 'x\0'])
      assert.equal(kindOf(name, 'b'), fieldKind.INVALID, JSON.stringify(name));
    for (const value of [' b', 'b ', '\tb', 'b\t', 'b\rc', 'b\nc', 'b\0c', 'b\x7fc', '\x1b'])
      assert.equal(kindOf('x-a', value), fieldKind.REGULAR | BAD_VALUE, JSON.stringify(value));
    assert.equal(kindOf(':path', '/\n'), fieldKind.PATH | BAD_VALUE);
    assert.equal(kindOf(':what', ''), fieldKind.UNKNOWN_PSEUDO);
  });

  it('stops keeping fields at the limits, and stays in step with the peer', () => {
    const encoder = new HpackEncoder(4096);
    const decoder = new HpackDecoder(4096);
    const fields = Array.from({ length: 30 }, (_, i) => [`x-${i}`, 'v'.repeat(20)]).flat();
    const few = decode(decoder, encode(encoder, fields), MANY, 10);
    assert.equal(few?.length, 10);
    assert.equal(few?.overflow, true);
    const small = decode(decoder, encode(encoder, fields), 100);
    assert.equal(small?.length, 4);
    assert.equal(small?.overflow, true);
    assert.deepEqual(
      pairs(decode(decoder, encode(encoder, fields))),
      Array.from({ length: 30 }, (_, i) => `x-${i}: ${'v'.repeat(20)}`),
    );
  });

  it('of a bomb (one large entry, named again in each octet) keeps what the limit allows', () => {
    const bomb = Buffer.concat([hex('4001 61 7f 811e'), Buffer.alloc(3968, 'v'), Buffer.alloc(16_000, 0xbe)]);
    const list = decode(new HpackDecoder(4096), bomb, 60 * 1024);
    assert.equal(list?.overflow, true);
    assert.ok(list.length <= 16, `${list.length} fields of 4 KB`);
  });

  it('reads any Huffman code, and never throws over any octets', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (octets) => {
        const code = encodeHuffman(octets);
        assert.equal(decodeHuffman(code, 0, code.length), Buffer.from(octets).toString('latin1'));
        const garbage = decodeHuffman(Buffer.from(octets), 0, octets.length);
        if (garbage !== null)
          assert.deepEqual(
            encodeHuffman(Buffer.from(garbage, 'latin1')),
            Buffer.from(octets),
            'the code of one string only',
          );
      }),
    );
  });

  it('of any octets never throws, and never has more in its table than it may', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 20 }), (blocks) => {
        const decoder = new HpackDecoder(4096);
        for (const block of blocks) {
          decode(decoder, Buffer.from(block), 500, 10);
          assert.ok(decoder.tableBytes <= 4096);
        }
      }),
      { numRuns: 500 },
    );
  });
});

const name = fc.constantFrom(
  ':path',
  'x-a',
  'x-b',
  'cookie',
  'date',
  'content-type',
  'x-request-id',
  'authorization',
  'a'.repeat(300),
);
const value = fc.oneof(
  fc.constantFrom('', '/', 'text/plain', 'x'.repeat(150), 'y'.repeat(3000)),
  fc.uint8Array({ maxLength: 40 }).map((octets) => Buffer.from(octets).toString('latin1')),
);

describe('HPACK encoding', () => {
  it('says what was meant, block after block, whatever sizes the table is given', () => {
    const step = fc.oneof(
      { weight: 8, arbitrary: fc.array(fc.tuple(name, value), { maxLength: 12 }).map((list) => list.flat()) },
      { weight: 1, arbitrary: fc.nat(6000) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const encoder = new HpackEncoder(4096);
        const decoder = new HpackDecoder(4096);
        for (const s of steps) {
          if (typeof s === 'number') encoder.peerTableSize(s);
          else {
            const list = decode(decoder, encode(encoder, s));
            assert.deepEqual(
              pairs(list),
              Array.from({ length: s.length / 2 }, (_, i) => `${s[2 * i]}: ${s[2 * i + 1]}`),
            );
            assert.equal(encoder.tableBytes, decoder.tableBytes);
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  it('costs an octet for each field that was sent before', () => {
    const encoder = new HpackEncoder(4096);
    const fields = ['x-a', 'some value', 'x-b', 'another', 'content-type', 'application/json'];
    encode(encoder, fields);
    assert.equal(encode(encoder, fields).length, 3);
  });

  it('stops giving entries to a name whose values never come again, so that the others stay', () => {
    const encoder = new HpackEncoder(4096);
    encode(encoder, ['x-a', 'stays']);
    for (let i = 0; i < 1000; i++) encode(encoder, ['x-request-id', `8a7b2c${i}`]);
    assert.equal(encode(encoder, ['x-a', 'stays']).length, 1);
    assert.ok(encoder.tableBytes < 1500, `${encoder.tableBytes}`);
  });

  it('never puts secrets in a table, nor what a peer marked so', () => {
    for (const never of [null, ['x-key']]) {
      const block = encode(new HpackEncoder(4096), ['authorization', 'Bearer 1', 'x-key', 'k'], never);
      const list = decode(new HpackDecoder(4096), block);
      assert.deepEqual(list?.neverIndexed, never === null ? ['authorization'] : ['authorization', 'x-key']);
    }
  });

  it('leaves out what belongs to an HTTP/1 connection', () => {
    const fields = [
      'host',
      'a',
      'connection',
      'close',
      'keep-alive',
      '1',
      'upgrade',
      'h2c',
      'te',
      'gzip',
      'te',
      'trailers',
    ];
    fields.push('transfer-encoding', 'chunked', 'proxy-connection', 'close', 'x-a', 'b');
    const list = decode(new HpackDecoder(4096), encode(new HpackEncoder(4096), fields));
    assert.deepEqual(pairs(list), ['te: trailers', 'x-a: b']);
  });

  it('remembers a bounded number of names', () => {
    const encoder = new HpackEncoder(4096);
    const decoder = new HpackDecoder(4096);
    for (let i = 0; i < 5000; i++) {
      const list = decode(decoder, encode(encoder, [`x-${i}`, 'v', `x-${i - 1}`, 'v']));
      assert.deepEqual(pairs(list), [`x-${i}: v`, `x-${i - 1}: v`]);
    }
    assert.ok(encoder.names <= 256, `${encoder.names}`);
  });
});
