import { describe, expect, test } from 'vitest';
import { ClipboardPort } from './clipboard-port.ts';

function framed(text: string): Uint8Array {
  const bytes = Buffer.from(text);
  const header = Buffer.alloc(4);
  header.writeUInt32LE(bytes.length);
  return Buffer.concat([header, bytes]);
}

describe('clipboard port', () => {
  test('takes copied texts in any pieces', () => {
    const stream = Buffer.concat([framed('eins'), framed(''), framed('zwei ä'), framed('y'.repeat(60 * 1024))]);
    for (const piece of [1, 3, 5, 4096, stream.length]) {
      const texts: string[] = [];
      const port = new ClipboardPort((text) => texts.push(text));
      for (let at = 0; at < stream.length; at += piece) {
        port.write(stream.subarray(at, at + piece));
      }
      expect(texts).toEqual(['eins', '', 'zwei ä', 'y'.repeat(60 * 1024)]);
    }
  });

  test('a length above the bound ends the conversation', () => {
    const texts: string[] = [];
    const port = new ClipboardPort((text) => texts.push(text));
    expect(port.write(Uint8Array.of(1, 0xf0, 0, 0, 65))).toBe(5);
    expect(port.write(framed('later'))).toBe(9);
    expect(texts).toEqual([]);
  });

  test('hands pastes over in any pieces, and only so many', () => {
    const port = new ClipboardPort(() => {});
    expect(port.paste(Buffer.from('abc'))).toBe(true);
    expect(port.paste(Buffer.alloc(60 * 1024 + 1))).toBe(false);
    const seen: number[] = [];
    for (let buffer = new Uint8Array(2), count = port.read(buffer); count > 0; count = port.read(buffer)) {
      seen.push(...buffer.subarray(0, count));
    }
    expect(seen).toEqual([...framed('abc')]);
    let taken = 0;
    while (port.paste(Buffer.alloc(60 * 1024))) taken++;
    expect(taken).toBe(2);
  });
});
