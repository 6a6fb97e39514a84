// The silicon oracle in small: a few thousand cases over the whole instruction table against the CPU of this host, and planted
// faults that it must see. The long run is campaign.ts.

import path from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { testedRows } from './generate.ts';
import { buildHarness, hostObstacle } from './host.ts';
import type { Case, Outcome } from './layout.ts';
import { describeDifference, Guest, runBatch } from './oracle.ts';

const SEED = 20;
const CASES = 24_000;
const BATCH = 4000;
/** Enough for every row to come up several times, so that a fault in one row is seen. */
const CANARY_CASES = 400;

const obstacle = hostObstacle();

describe.skipIf(obstacle !== undefined)(`silicon oracle${obstacle === undefined ? '' : ` (${obstacle})`}`, () => {
  let harness = '';
  let guest: Guest;
  beforeAll(() => {
    harness = buildHarness(path.join(import.meta.dirname, 'harness.c'));
    guest = new Guest();
  });

  test('M18: random snippets from the instruction table end as on silicon', () => {
    const reports: string[] = [];
    for (let first = 0; first < CASES; first += BATCH)
      for (const { item, lines } of runBatch(guest, { harness, seed: SEED, first, count: BATCH }))
        reports.push(describeDifference(item, lines));
    expect(reports.slice(0, 5).join('\n\n')).toBe('');
  });

  /** Runs cases of one mnemonic with a fault planted in our outcome; true if the oracle saw it. */
  const caught = (mnemonic: string, tamper: (item: Case, ours: Outcome) => void): boolean => {
    const rows = testedRows.filter((row) => (row.mnemonic ?? row.operation) === mnemonic);
    expect(rows.length).toBeGreaterThan(0);
    return runBatch(guest, { harness, seed: SEED, first: 0, count: CANARY_CASES, rows, tamper }).length > 0;
  };

  test('M18: a planted fault is seen: one bit of a result, of the flags, of MXCSR, of memory, of the x87 status', () => {
    expect(caught('add', () => {})).toBe(false);
    expect(
      caught('add', (item, ours) => {
        if (item.index % 50 === 7) ours.general[item.index % 16] ^= 1n << 40n;
      }),
    ).toBe(true);
    expect(
      caught('add', (item, ours) => {
        if (item.index % 50 === 7) ours.flags ^= 0x10;
      }),
    ).toBe(true);
    expect(
      caught('addsd', (item, ours) => {
        if (item.index % 50 === 7) ours.fx[24] ^= 0x20;
      }),
    ).toBe(true);
    expect(
      caught('movdqu', (item, ours) => {
        if (item.index % 50 === 7) ours.window[300] ^= 1;
      }),
    ).toBe(true);
    expect(
      caught('fadd', (item, ours) => {
        if (item.index % 50 === 7) ours.fx[3] ^= 2;
      }),
    ).toBe(true);
  });

  test('M18: a fault planted in a handler is seen: addition that forgets MXCSR.RC', () => {
    // Our CPU is given round-to-nearest whatever the case says; silicon is not.
    const rows = testedRows.filter((row) => row.operation === 'addsd');
    const restore = guest.cpu.restoreFloatingPoint.bind(guest.cpu);
    guest.cpu.restoreFloatingPoint = (address: number): void => {
      guest.memory.write8(address + 25, guest.memory.read8(address + 25) & ~0x60);
      restore(address);
    };
    try {
      const differences = runBatch(guest, { harness, seed: SEED, first: 0, count: CANARY_CASES, rows });
      expect(differences.some(({ lines }) => lines.some((line) => line.startsWith('xmm')))).toBe(true);
    } finally {
      guest.cpu.restoreFloatingPoint = restore;
    }
  });
});
