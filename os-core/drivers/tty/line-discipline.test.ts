import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { LineDiscipline } from './line-discipline.ts';

interface Recorded {
  readonly modes: string;
  readonly operations: readonly (readonly [string, string?])[];
  readonly results: readonly (readonly [string, string[]?])[];
}
const recorded = JSON.parse(
  readFileSync(new URL('./linux-terminal.recorded.json', import.meta.url), 'utf8'),
) as Recorded[];

const bytesOf = (hex = ''): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'));
const show = (hex: string): string =>
  JSON.stringify(Buffer.from(hex, 'hex').toString('latin1')).replace(
    /[\x7f-\xff]/g,
    (c) => `\\x${c.charCodeAt(0).toString(16)}`,
  );

/** Output that has gone to the wire by now. */
function takeOutput(discipline: LineDiscipline): string {
  const bytes = new Uint8Array(discipline.output.length);
  discipline.output.peek(bytes, 0, bytes.length);
  discipline.output.discard(bytes.length);
  return Buffer.from(bytes).toString('hex');
}

function replay(item: Recorded): [string, string[]?][] {
  const discipline = new LineDiscipline();
  discipline.setModes(bytesOf(item.modes));
  return item.operations.map(([kind, hex]) => {
    let output = '';
    if (kind === 'type')
      for (const byte of bytesOf(hex)) {
        discipline.receive(byte);
        output += takeOutput(discipline);
      }
    else if (kind === 'write') discipline.write(bytesOf(hex), 0, bytesOf(hex).length);
    else if (kind === 'modes') discipline.setModes(bytesOf(hex));
    if (kind !== 'read') return [output + takeOutput(discipline)];
    const reads: string[] = [];
    while (discipline.readable !== 0 && reads.length < 50) {
      const bytes = new Uint8Array(4096);
      const length = discipline.peek(bytes, 4096);
      discipline.consume(length);
      reads.push(Buffer.from(bytes.subarray(0, length)).toString('hex'));
    }
    return [takeOutput(discipline), reads];
  });
}

describe('line discipline', () => {
  it('E28: does with typed and written bytes what a Linux terminal does', () => {
    const differences: string[] = [];
    for (const [index, item] of recorded.entries()) {
      const ours = replay(item);
      for (const [step, expected] of item.results.entries()) {
        if (JSON.stringify(ours[step]) === JSON.stringify(expected)) continue;
        const [kind, hex = ''] = item.operations[step];
        differences.push(
          `case ${index} modes ${item.modes} step ${step} ${kind} ${show(hex)}\n  Linux ${show(expected[0])} ${expected[1]?.map(show)}\n  ours  ${show(ours[step][0])} ${ours[step][1]?.map(show)}`,
        );
        break;
      }
    }
    expect(differences.join('\n')).toBe('');
    expect(recorded.length).toBeGreaterThan(150);
  });
});

it('E23: ends of file that nobody reads are bounded, although they take no byte', () => {
  const discipline = new LineDiscipline();
  let taken = 0;
  for (; taken < 100_000 && discipline.receiveRoom > 0; taken++) discipline.receive(4);
  expect(taken).toBe(4096);
  expect(discipline.readable).toBe(-1);
  discipline.consume(0);
  expect(discipline.receiveRoom).toBeGreaterThan(0);
});
