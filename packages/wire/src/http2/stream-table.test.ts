import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import type { Http2Stream } from './stream.ts';
import { StreamTable } from './stream-table.ts';

it('a table of streams is a map of them, whatever ids come and go', () => {
  const command = fc.tuple(
    fc.boolean(),
    fc.oneof(fc.nat(2000), fc.nat(100_000)).map((n) => 2 * n + 1),
  );
  fc.assert(
    fc.property(fc.array(command, { maxLength: 300 }), (commands) => {
      const table = new StreamTable();
      const model = new Map<number, Http2Stream>();
      for (const [add, id] of commands) {
        const known = model.get(id);
        assert.equal(table.get(id), known ?? null);
        if (add && known === undefined) {
          const stream = { id } as Http2Stream;
          table.add(stream);
          model.set(id, stream);
        } else if (!add && known !== undefined) {
          table.delete(known);
          model.delete(id);
        } else if (!add && model.size > 0) table.delete({ id } as Http2Stream);
        assert.equal(table.size, model.size);
      }
      assert.deepEqual(
        table
          .all()
          .map((s) => s.id)
          .sort((a, b) => a - b),
        [...model.keys()].sort((a, b) => a - b),
      );
    }),
  );
});
