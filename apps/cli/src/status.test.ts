import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { needs } from '@weft/testkit/require';
import { manifest, SmallMesh, until } from './testing/small-mesh.ts';

describe('a mesh that runs says how it is', { skip: needs('linux') }, () => {
  const mesh = new SmallMesh();
  before(async () => {
    mesh.up();
    await mesh.ready();
  });
  after(() => mesh.close());

  /** `weft` with the state directory of the mesh. */
  const weft = async (...args: string[]): Promise<{ code: number; output: string }> => {
    const asking = new SmallMesh();
    const child = asking.start(process.execPath, [mesh.launcher, ...args, '--state-dir', mesh.stateDir]);
    const [code] = (await once(child, 'close')) as [number];
    await asking.close();
    return { code, output: asking.output };
  };

  it('by proxy, in istioctl’s words', async () => {
    const { code, output } = await weft('proxy-status');
    assert.equal(code, 0, output);
    assert.match(output, /hello-\S+\.default +weft +SYNCED +SYNCED +SYNCED +SYNCED +SYNCED +-/);
    assert.match((await weft('proxy-status', 'default/hello')).output, /CDS: SYNCED, sent/);
    assert.deepEqual((await weft('proxy-status', 'default/helo')).code, 1);
  });

  it('by object, with a mistake and once it is mended', async () => {
    const { code, output } = await weft('status', 'Service', 'default/hello');
    assert.equal(code, 0, output);
    assert.match(output, /^Service default\/hello: valid, version \w+\nacknowledged by 1 of 1 proxies:/);
    mesh.write('broken.yaml', 'apiVersion: v1\nkind: Service\nmetadata: { name: x }\nspec: { ports: [{ port: 0 }] }\n');
    await until(
      'reported',
      () => mesh.output.includes('broken.yaml:4'),
      () => mesh.output,
    );
    const broken = await weft('status', 'Service', '--output', 'json');
    assert.equal(broken.code, 1);
    const rows = JSON.parse(broken.output) as { readonly name: string; readonly state: string }[];
    assert.deepEqual(
      rows.map((row) => `${row.name} ${row.state}`),
      ['hello valid', 'x setAside'],
    );
    mesh.write('broken.yaml', manifest('hello').split('---')[0]?.replace('name: hello', 'name: x') ?? '');
    for (const deadline = Date.now() + 10_000; (await weft('status', 'Service', 'default/x')).code !== 0; )
      assert.ok(Date.now() < deadline, mesh.output);
  });

  it('where there is none, what to do', async () => {
    const { code, output } = await weft('proxy-status', '--control-plane', 'http://127.0.0.1:1');
    assert.equal(code, 1);
    assert.match(output, /error WEFT0205: .*ECONNREFUSED.*is the control plane running/);
    assert.equal((await weft('proxy-status', '--no-such-option')).code, 2);
  });
});
