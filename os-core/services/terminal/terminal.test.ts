// The terminal against @xterm/headless: the same bytes, the same cells.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeGraph, encodeGraph } from '../../../devices/base/object-graph.ts';
import { ourCells, XtermScreen } from '../../../test/support/terminal-cells.ts';
import { keyText } from './keys.ts';
import { MAX_SCROLLBACK_LINES } from './screen.ts';
import { createTerminal, feedTerminal, resizeTerminal, type TerminalState } from './terminal.ts';

const columns = 20;
const rows = 6;
const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

async function same(text: string): Promise<void> {
  const bytes = encode(text);
  const ours = createTerminal(columns, rows);
  feedTerminal(ours, bytes);
  const theirs = new XtermScreen(columns, rows);
  await theirs.write(bytes);
  const shown = JSON.stringify(text);
  expect(ourCells(ours), shown).toEqual(theirs.cells());
  theirs.dispose();
}

describe('the same cells as @xterm/headless', () => {
  it.each([
    'plain text that is longer than one line of twenty',
    '1\r\n2\r\n3\r\n4\r\n5\r\n6\r\n7\r\n8',
    '\x1b[31mred\x1b[1;44mbold\x1b[0m \x1b[38;5;200mx\x1b[48;2;1;2;3my\x1b[m \x1b[7;4mz\x1b[24;27mq\x1b[9mk\x1b[2;3mi',
    '\x1b[38:2::9:8:7mA\x1b[38:5:33mB\x1b[4:3mC\x1b[4:0mD\x1b[58;5;1mE',
    '\x1b[3;5Hx\x1b[A\x1b[2Cy\x1b[10Dz\x1b[B\x1b[Ew\x1b[Fv\x1b[7Gu\x1b[4dt',
    'abcdefghij\x1b[5D\x1b[2@\x1b[3P\x1b[44m\x1b[X\x1b[K',
    '1\r\n2\r\n3\r\n4\r\n5\x1b[2;4r\x1b[2;1H\x1b[L\x1b[M\x1b[3;1H\n\n\x1bMx',
    '\x1b[2;4r\x1b[?6h\x1b[1;1Ha\x1b[9;1Hb\x1b[?6lc',
    'main\x1b[?1049halt\x1b[2J\x1b[Hx\x1b[?1049lback',
    'a\tb\tc\x1b[3g\r\tq\x1b[Z',
    '日本語テキスト漢字かなカナ',
    'x日\x1b[2G!\x1b[3D日本\x1b[2Gz',
    'e\u0301 o\u0308',
    '\x1b(0lqqk\x1b(B x \x0eqq\x0f',
    'ab\x1b[5bc\x1b]0;title\x07d\x1bPignored\x1b\\e\x1b]2;t\x1b\\f',
    '\x1b[?7labcdefghijklmnopqrstuvwxyz\x1b[?7h',
    '12345678901234567890\x08\x08x\x1b[4hyy\x1b[4lz',
    '\x1b7abc\x1b[5;5H\x1b[1mx\x1b8Y\x1b[s\x1b[4;4Hq\x1b[uw',
    '\x1b[999;999Hx\x1b[2;3H\x1b[1K\x1b[J',
    '\x1b#8\x1b[3;3H\x1b[2K',
    '\x1b[5S\x1b[41m\x1b[2Tx\x1bc ok',
  ])('%j', (text) => same(text));

  it('on random streams', async () => {
    const number = fc.integer({ min: 0, max: 25 }).map(String);
    const piece = fc.oneof(
      fc.constantFrom('a', 'B', 'xyz ', 'hello', '日', '本語', '\r', '\n', '\r\n', '\b', '\t', 'ß', '…'),
      fc.tuple(fc.constantFrom(...'@ABCDEFGLMPXd`aeI'.split('')), number).map(([c, n]) => `\x1b[${n}${c}`),
      fc.tuple(number, number).map(([a, b]) => `\x1b[${a};${b}H`),
      fc.tuple(number, number).map(([a, b]) => `\x1b[${a};${b}r`),
      fc.constantFrom('\x1b[J', '\x1b[2J', '\x1b[K', '\x1b[1K', '\x1b[2K', '\x1bM', '\x1bD', '\x1bE', '\x1b7', '\x1b8'),
      fc.constantFrom('\x1b[?7l', '\x1b[?7h', '\x1b[4h', '\x1b[4l'),
      fc
        .array(
          fc.constantFrom(
            '0',
            '1',
            '3',
            '4',
            '7',
            '22',
            '27',
            '31',
            '42',
            '95',
            '107',
            '39',
            '49',
            '38;5;99',
            '48;2;1;2;3',
          ),
        )
        .map((list) => `\x1b[${list.join(';')}m`),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 40 }), async (pieces) => same(pieces.join(''))),
      { numRuns: 150, seed: 20260101 },
    );
  });
});

describe('the terminal by itself', () => {
  it('takes any bytes, in any pieces', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(300), (bytes, cut) => {
        const whole = createTerminal(columns, rows);
        feedTerminal(whole, bytes);
        const parts = createTerminal(columns, rows);
        feedTerminal(parts, bytes.subarray(0, cut));
        const restored = decodeGraph(encodeGraph(parts)) as TerminalState;
        feedTerminal(restored, bytes.subarray(cut));
        expect(encodeGraph(restored)).toEqual(encodeGraph(whole));
      }),
      { numRuns: 60, seed: 7 },
    );
  });
  it('answers and remembers modes', () => {
    const terminal = createTerminal(columns, rows);
    feedTerminal(terminal, encode('\x1b[2;3H\x1b[6n\x1b[5n\x1b[c\x1b[?1h\x1b[?2004h\x1b[?25l\x1b]0;Häuser\x07'));
    expect(terminal.reply).toBe('\x1b[2;3R\x1b[0n\x1b[?62;22c');
    expect(terminal).toMatchObject({
      applicationCursor: true,
      bracketedPaste: true,
      cursorVisible: false,
      title: 'Häuser',
    });
    expect(keyText(terminal, 103, 0, 0)).toBe('\x1bOA');
  });
  it('keeps lines above the screen, and gives them back when it grows', () => {
    const terminal = createTerminal(columns, rows);
    feedTerminal(terminal, encode(Array.from({ length: 3000 }, (_, i) => `line ${i}`).join('\r\n')));
    expect(terminal.screen.scrollback).toHaveLength(MAX_SCROLLBACK_LINES);
    resizeTerminal(terminal, 30, 10);
    expect(terminal.screen).toMatchObject({ columns: 30, rows: 10, row: 9 });
    expect(terminal.screen.lines).toHaveLength(10);
    resizeTerminal(terminal, 10, 3);
    feedTerminal(terminal, encode('\r\nend'));
    expect(terminal.screen.lines.map((line) => String.fromCharCode(line[0] & 0xffff))).toEqual(['l', 'l', 'e']);
  });
  it('keys become what xterm sends', () => {
    const terminal = createTerminal(columns, rows);
    expect(keyText(terminal, 103, 0, 0)).toBe('\x1b[A');
    expect(keyText(terminal, 106, 0, 2)).toBe('\x1b[1;5C');
    expect(keyText(terminal, 46, 0x63, 2)).toBe('\x03');
    expect(keyText(terminal, 30, 0xe4, 0)).toBe('ä');
    expect(keyText(terminal, 14, 8, 0)).toBe('\x7f');
    expect(keyText(terminal, 28, 13, 0)).toBe('\r');
    expect(keyText(terminal, 59, 0, 0)).toBe('\x1bOP');
    expect(keyText(terminal, 48, 0x62, 4)).toBe('\x1bb');
  });
});
