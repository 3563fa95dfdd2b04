import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { MAX_BYTES_V1, MAX_HEADER_BYTES, type ProxyHeader, SIGNATURE_V2 } from './header.ts';
import { type ReadHeader, readProxyHeader } from './read-header.ts';
import { writeProxyHeader } from './write-header.ts';

const v2 = (command: number, family: number, body: number[], size = body.length): Buffer =>
  Buffer.concat([SIGNATURE_V2, Buffer.from([command, family, size >> 8, size & 255, ...body])]);
const read = (text: string): ReadHeader => readProxyHeader(Buffer.from(text, 'latin1'));

describe('a PROXY header of version 1', () => {
  it('says who connected to whom', () => {
    const line = 'PROXY TCP4 255.255.255.255 192.168.0.11 65535 443\r\n';
    assert.deepEqual(read(`${line}GET /`), {
      version: 1,
      length: line.length,
      addresses: {
        source: { address: '255.255.255.255', port: 65535 },
        destination: { address: '192.168.0.11', port: 443 },
      },
    });
    const six = read('PROXY TCP6 ffff:f::1 ::1 1 0\r\n') as ProxyHeader;
    assert.deepEqual(six.addresses?.source, { address: 'ffff:f::1', port: 1 });
  });

  it('may know nothing, whatever else it says', () => {
    assert.deepEqual(read('PROXY UNKNOWN\r\n'), { version: 1, length: 15, addresses: null });
    assert.equal((read('PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n') as ProxyHeader).addresses, null);
  });

  it('is refused where it is not exactly as it must be', () => {
    for (const line of [
      'PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n',
      'PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n',
      'PROXY TCP4 1.2.3.4  1.2.3.4 1 2\r\n',
      'PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n',
      'PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n',
      'PROXY TCP4 1.2.3.4 1.2.3.4 -1 2\r\n',
      'PROXY TCP4 1.2.3.4 1.2.3.256 1 2\r\n',
      'PROXY TCP4 ::1 ::1 1 2\r\n',
      'PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n',
      'PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n',
      'PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n',
      'PROXY tcp4 1.2.3.4 1.2.3.4 1 2\r\n',
      'PROXY \r\n',
      `PROXY UNKNOWN ${'x'.repeat(MAX_BYTES_V1)}`,
    ])
      assert.equal(read(line), 'bad', line);
    assert.equal(read('PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n'), 'more', 'a line ends with CR and LF');
  });
});

describe('a PROXY header of version 2', () => {
  it('says who connected to whom, and what follows is skipped', () => {
    const tlv = [0x03, 0, 4, 1, 2, 3, 4];
    const four = v2(0x21, 0x11, [127, 0, 0, 1, 10, 0, 0, 2, 0x12, 0x34, 1, 0xbb, ...tlv]);
    assert.deepEqual(readProxyHeader(Buffer.concat([four, Buffer.from('GET')])), {
      version: 2,
      length: four.length,
      addresses: { source: { address: '127.0.0.1', port: 0x1234 }, destination: { address: '10.0.0.2', port: 443 } },
    });
  });

  it('may know nothing: LOCAL, or without a family', () => {
    assert.deepEqual(readProxyHeader(v2(0x20, 0x11, [1, 2, 3])), { version: 2, length: 19, addresses: null });
    assert.deepEqual(readProxyHeader(v2(0x21, 0, [])), { version: 2, length: 16, addresses: null });
  });

  it('is refused with another version, command or family, or addresses that are cut', () => {
    assert.equal(readProxyHeader(v2(0x11, 0x11, [])), 'bad');
    assert.equal(readProxyHeader(v2(0x22, 0x11, [])), 'bad');
    assert.equal(readProxyHeader(v2(0x22, 0x11, []).subarray(0, 13)), 'bad', 'as soon as it can be told');
    for (const family of [0x12, 0x22, 0x31, 0x32, 0x01, 0x10, 0xff])
      assert.equal(readProxyHeader(v2(0x21, family, new Array<number>(216).fill(0))), 'bad', family.toString(16));
    assert.equal(readProxyHeader(v2(0x21, 0x11, new Array<number>(11).fill(0))), 'bad');
    assert.equal(readProxyHeader(v2(0x21, 0x21, new Array<number>(35).fill(0))), 'bad');
  });
});

const address4 = fc.ipV4();
const address6 = fc.ipV6();
const port = fc.integer({ min: 0, max: 65535 });
const version = fc.constantFrom(1 as const, 2 as const);

describe('PROXY headers', () => {
  it('that are written are read back, however much of them is there', () => {
    fc.assert(
      fc.property(
        version,
        fc.boolean(),
        fc.tuple(address4, address4, address6, address6),
        port,
        port,
        (v, four, all, p, q) => {
          const [from4, to4, from6, to6] = all;
          const source = { address: four ? from4 : from6, port: p };
          const destination = { address: four ? to4 : to6, port: q };
          const bytes = writeProxyHeader(v, source, destination);
          for (let i = 0; i < bytes.length; i++) assert.equal(readProxyHeader(bytes.subarray(0, i)), 'more');
          const header = readProxyHeader(Buffer.concat([bytes, Buffer.from('own')])) as ProxyHeader;
          assert.equal(header.length, bytes.length);
          const same = (address: string): string =>
            new URL(`http://${address.includes(':') ? `[${address}]` : address}`).host;
          const mapped = (address: string): string =>
            same(address.includes(':') || four ? address : `::ffff:${address}`);
          assert.deepEqual([header.addresses?.source.port, header.addresses?.destination.port], [p, q]);
          for (const [seen, said] of [
            [header.addresses?.source.address ?? '', source.address],
            [header.addresses?.destination.address ?? '', destination.address],
          ] as const)
            assert.equal(mapped(seen), mapped(said));
        },
      ),
    );
  });

  it('of nobody are read as such, and of two families as IPv6', () => {
    for (const v of [1, 2] as const) {
      assert.equal((readProxyHeader(writeProxyHeader(v, null, null)) as ProxyHeader).addresses, null);
      const mixed = writeProxyHeader(v, { address: '1.2.3.4', port: 1 }, { address: '2001:db8::1', port: 2 });
      const { addresses } = readProxyHeader(mixed) as ProxyHeader;
      assert.ok(['1.2.3.4', '::ffff:1.2.3.4'].includes(addresses?.source.address ?? ''));
      assert.equal(addresses?.destination.address, '2001:db8::1');
    }
  });

  it('bytes of any kind never make reading throw, and never need more than the longest header', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('', 'PROXY ', 'PROXY TCP4 '),
        fc.boolean(),
        fc.uint8Array({ maxLength: 300 }),
        (text, two, rest) => {
          const bytes = Buffer.concat([two ? SIGNATURE_V2 : Buffer.from(text), rest]);
          const result = readProxyHeader(bytes);
          if (typeof result === 'object') assert.ok(result.length <= bytes.length && result.length >= 8);
        },
      ),
    );
    const endless = v2(0x21, 0x11, new Array<number>(12).fill(1), 0xffff);
    assert.equal(readProxyHeader(endless), 'more');
    const whole = Buffer.concat([endless, Buffer.alloc(MAX_HEADER_BYTES - endless.length)]);
    assert.equal((readProxyHeader(whole) as ProxyHeader).length, MAX_HEADER_BYTES);
  });

  it('other protocols have none', () => {
    for (const text of ['GET / HTTP/1.1\r\n', 'PROXX', '\r\n\r\n\0X', '\x16\x03\x01'])
      assert.equal(read(text), 'none', JSON.stringify(text));
    assert.equal(read('PRO'), 'more');
    assert.equal(read(''), 'more');
  });
});
