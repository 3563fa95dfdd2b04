import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { typeUrls } from '@weft/xds-api/type-urls';
import { ResourceIndex } from './resource-index.ts';
import { diffResources, makeSnapshot, resourcesOf } from './snapshot.ts';

/** Clusters by name and mark, each the same object whenever it is asked for. */
const clusters = () => {
  const made = new Map<string, object>();
  return (spec: string): object => {
    let cluster = made.get(spec);
    if (!cluster) {
      const [name, altStatName] = spec.split('=');
      made.set(spec, (cluster = { name, altStatName }));
    }
    return cluster;
  };
};

const contentOf = (index: ResourceIndex): Map<string, string> =>
  new Map([...index.keys()].sort().map((name) => [name, index.get(name)?.version ?? '']));

/** Lists of clusters with unique names, in any order. */
const lists: fc.Arbitrary<string[]> = fc
  .uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'))
  .chain((names) => fc.tuple(...names.map((name) => fc.nat(2).map((mark) => `${name}=${mark}`))));

test('an index made from the one before is the one made anew, and the one before stays what it was', () => {
  fc.assert(
    fc.property(fc.array(lists, { maxLength: 8 }), (story) => {
      const cluster = clusters();
      const seen: { index: ResourceIndex; content: Map<string, string> }[] = [];
      let before: ResourceIndex | undefined;
      for (const specs of story) {
        const list = specs.map(cluster);
        const index = ResourceIndex.of(typeUrls.cluster, list, before);
        const anew = ResourceIndex.of(typeUrls.cluster, [...list]);
        assert.deepEqual(contentOf(index), contentOf(anew));
        assert.equal(index.size, list.length);
        assert.deepEqual([index.high, index.low], [anew.high, anew.low]);
        for (const earlier of seen) {
          assert.deepEqual(contentOf(earlier.index), earlier.content);
          const now = contentOf(index);
          const differing = [...new Set([...earlier.content.keys(), ...now.keys()])].filter(
            (name) => earlier.content.get(name) !== now.get(name),
          );
          assert.deepEqual([...index.changesSince(earlier.index)].sort(), differing.sort());
        }
        seen.push({ index, content: contentOf(index) });
        before = index;
      }
    }),
  );
});

test('a list that comes back after another took its place is known again', () => {
  const cluster = clusters();
  const [first, second] = [['a=1', 'b=1'].map(cluster), ['a=2', 'b=1'].map(cluster)];
  const one = ResourceIndex.of(typeUrls.cluster, first);
  const two = ResourceIndex.of(typeUrls.cluster, second, one);
  const back = ResourceIndex.of(typeUrls.cluster, first, two);
  assert.deepEqual(contentOf(back), contentOf(one));
  assert.deepEqual(back.changesSince(two), ['a']);
  assert.deepEqual(back.changesSince(one), []);
});

test('snapshots are told apart by what they say, not by how it is put together', () => {
  const cluster = clusters();
  const list = ['a=1', 'b=1'].map(cluster);
  const [together, apart] = [
    makeSnapshot({ [typeUrls.cluster]: list }),
    makeSnapshot({ [typeUrls.cluster]: [list[1] as object] }, { [typeUrls.cluster]: [list[0] as object] }),
  ];
  assert.equal(together.version, apart.version);
  assert.notEqual(together.version, makeSnapshot({ [typeUrls.cluster]: [cluster('a=1')] }).version);
});

test('clients that share a list share its difference, and each adds its own', () => {
  const cluster = clusters();
  const shared = ['a=1', 'b=1'].map(cluster);
  const own = (name: string) => ({ [typeUrls.cluster]: [cluster(name)] });
  const x = makeSnapshot({ [typeUrls.cluster]: shared }, own('x=1'));
  const y = makeSnapshot({ [typeUrls.cluster]: shared }, own('y=1'));
  const next = ['a=2', 'b=1'].map(cluster);
  const x2 = makeSnapshot({ [typeUrls.cluster]: next }, own('x=2'), x);
  const y2 = makeSnapshot({ [typeUrls.cluster]: next }, own('y=1'), y);
  const diff = (before: typeof x, after: typeof x) =>
    diffResources(resourcesOf(before, typeUrls.cluster), resourcesOf(after, typeUrls.cluster));
  assert.deepEqual(diff(x, x2), ['a', 'x']);
  assert.deepEqual(diff(y, y2), ['a']);
});

test('virtual hosts that say the same in two tables are two', () => {
  const virtualHost = { name: 'h', domains: ['h'] };
  const of = (name: string) => makeSnapshot({ [typeUrls.virtualHost]: [{ name, virtualHost }] });
  assert.notEqual(of('t/h').version, of('u/h').version);
});
