// What compiled code does not execute itself is known and few.

import { expect, test } from 'vitest';
import { instructionTable } from '../table/index.ts';
import { encodingText, rowText } from '../table/row-text.ts';
import { coverageOf, Execution } from './coverage.ts';

test('M1: every row of the table is executed by the interpreter', () => {
  expect(instructionTable.filter((row) => !coverageOf(row).interpreted)).toEqual([]);
});

test('M1: of SSE to SSE4.2, compiled code leaves string compares, CRC32 and the like to the interpreter', () => {
  const features = new Set(['sse', 'sse2', 'sse3', 'ssse3', 'sse4.1', 'sse4.2', 'popcnt']);
  const left = new Set<string>();
  for (const row of instructionTable) {
    if (row.feature === undefined || !features.has(row.feature)) continue;
    // MMX registers belong to the x87, and so does FISTTP.
    if (row.operation === 'fisttp' || row.operands.some((form) => 'PQN'.includes(form[0]))) continue;
    const { register, memory } = coverageOf(row);
    for (const execution of [register, memory])
      if (execution !== undefined && execution !== Execution.compiled) left.add(row.operation);
  }
  expect([...left].sort()).toEqual([
    'clflush',
    'crc32',
    'ldmxcsr',
    'maskmovdqu',
    'pcmpestri',
    'pcmpestrm',
    'pcmpistri',
    'pcmpistrm',
  ]);
});

test('M1: rows have encodings of their own in the published list', () => {
  const texts = instructionTable.map((row) => `${rowText(row)} ${encodingText(row)}`);
  expect(new Set(texts).size).toBe(texts.length);
});
