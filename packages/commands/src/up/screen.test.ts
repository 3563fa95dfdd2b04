import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { cut, Screen } from './screen.ts';

/** A terminal that knows what `Screen` writes: text, line ends, cursor up, erase below. */
class FakeTerminal {
  readonly isTTY = true;
  readonly columns = 20;
  readonly rows = 10;
  readonly lines: string[] = [''];

  write(text: string): void {
    for (const [, up, erase, end, chars] of text.matchAll(/\x1b\[(\d+)A|(\x1b\[0J)|(\n)|([^\n\x1b]+|\x1b\[\d+m)/g)) {
      const last = this.lines.length - 1;
      if (up) this.lines.length -= Number(up);
      else if (erase) this.lines[last] = '';
      else if (end) this.lines.push('');
      else this.lines[last] = `${this.lines[last]}${chars}`;
    }
  }
}

describe('the screen', () => {
  it('keeps the footer below what scrolls, and replaces it', () => {
    const terminal = new FakeTerminal();
    const screen = new Screen(terminal);
    screen.print('one');
    screen.show(['footer', 'two rows']);
    screen.print('two\nthree');
    assert.deepEqual(terminal.lines, ['one', 'two', 'three', 'footer', 'two rows', '']);
    screen.show(['short']);
    assert.deepEqual(terminal.lines, ['one', 'two', 'three', 'short', '']);
    screen.show([]);
    screen.print('four');
    assert.deepEqual(terminal.lines, ['one', 'two', 'three', 'four', '']);
  });

  it('cuts rows that would wrap, and shows no more than fit', () => {
    const terminal = new FakeTerminal();
    const screen = new Screen(terminal);
    screen.show(['x'.repeat(50), ...Array.from({ length: 30 }, (_, i) => `row ${i}`)]);
    assert.equal(terminal.lines.length, 10);
    assert.equal(terminal.lines[0], 'x'.repeat(20));
  });

  it('prints the footer as lines where there is no terminal', () => {
    const written: string[] = [];
    const screen = new Screen({ write: (text: string) => written.push(text) });
    screen.show(['a', 'b']);
    screen.print('log');
    screen.show(['c']);
    assert.equal(written.join(''), 'a\nb\nlog\nc\n');
  });

  it('does not count colours as characters', () => {
    assert.equal(cut('\x1b[31mabcdef\x1b[39m', 3), '\x1b[31mabc\x1b[39m');
    assert.equal(cut('\x1b[31mabc\x1b[39m', 3), '\x1b[31mabc\x1b[39m');
  });
});
