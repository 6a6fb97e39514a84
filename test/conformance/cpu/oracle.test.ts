// The silicon oracle in small: every entry of the instruction table several times against the CPU of this host, and planted faults
// that it must see. The long run is campaign.ts.

import path from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { engines, Guest } from './guest.ts';
import { buildHarness, hostObstacle } from './host.ts';
import { OutcomeOffset } from './layout.ts';
import { type OracleOptions, runBatch, TALLY_COLUMNS, Tally } from './oracle.ts';
import { testedRows } from './snippet.ts';

const SEED = 20;
/** Each row begins this many snippets. */
const ROUNDS = 3;
const VECTORS = 20;
const BATCH = 128;
const { fx, general, flags, window } = OutcomeOffset;

const obstacle = hostObstacle();

describe.skipIf(obstacle !== undefined)(`silicon oracle${obstacle === undefined ? '' : ` (${obstacle})`}`, () => {
  let harness = '';
  let guest: Guest;
  beforeAll(() => {
    harness = buildHarness(path.join(import.meta.dirname, 'harness.c'));
    guest = new Guest();
  });

  test.each(engines)('M18: random snippets end as on silicon, every entry of the table is reached (%s)', (engine) => {
    const tested = new Guest(engine);
    const reports: string[] = [];
    const reached = new Set<number>();
    for (let first = 0; first < testedRows.length * ROUNDS; first += BATCH) {
      const result = runBatch(tested, { harness, seed: SEED, first, count: BATCH, vectors: VECTORS });
      for (const { report } of result.differences) reports.push(report);
      testedRows.forEach((_, n) => {
        if (result.tallies[n * TALLY_COLUMNS + Tally.vectors] > 0) reached.add(n);
      });
    }
    expect(reports.slice(0, 5).join('\n\n')).toBe('');
    expect(reached.size).toBe(testedRows.length);
    // Else the compiler was not what was compared.
    if (engine === 'jit')
      expect(tested.cpu.compilerStatistics.instructions).toBeGreaterThan(tested.cpu.instructionCount / 4);
  });

  /** Runs snippets of one mnemonic with a fault planted in every fiftieth outcome; true if the oracle saw it. */
  const caught = (mnemonic: string, plant?: (ours: Uint8Array, at: number, vector: number) => void): boolean => {
    const rows = testedRows.filter((row) => (row.mnemonic ?? row.operation) === mnemonic);
    expect(rows.length).toBeGreaterThan(0);
    const tamper: OracleOptions['tamper'] = (_snippet, vector, ours, at) => {
      if (vector === 7) plant?.(ours, at, vector);
    };
    const options = { harness, seed: SEED, first: 0, count: 20, vectors: VECTORS, rows, tamper };
    return runBatch(guest, options).differences.length > 0;
  };

  test('M18: a planted fault is seen: one bit of a result, of the flags, of MXCSR, of memory, of the x87 status', () => {
    const flip = (offset: number, bit: number) => (ours: Uint8Array, at: number) => {
      ours[at + offset] ^= bit;
    };
    expect(caught('add')).toBe(false);
    expect(caught('add', flip(general + 5 * 8 + 5, 1))).toBe(true);
    expect(caught('add', flip(flags, 0x10))).toBe(true);
    expect(caught('addsd', flip(fx + 24, 0x20))).toBe(true);
    expect(caught('movdqu', flip(window + 300, 1))).toBe(true);
    expect(caught('fadd', flip(fx + 3, 2))).toBe(true);
  });

  test('M18: a planted fault is seen beside an exemption: a second ulp of FSIN, a further bit of FXSAVE', () => {
    const worse = (ours: Uint8Array, at: number): void => {
      ours[at + fx + 32] ^= 4;
    };
    expect(caught('fsin')).toBe(false);
    expect(caught('fsin', worse)).toBe(true);
    expect(caught('fxsave')).toBe(false);
    const image = (ours: Uint8Array, at: number): void => {
      ours[at + window + 60] ^= 1;
    };
    expect(caught('fxsave', image)).toBe(true);
  });

  test('M18: a fault planted in a handler is seen: addition that forgets MXCSR.RC', () => {
    // Our CPU is given round-to-nearest whatever the vector says; silicon is not.
    const rows = testedRows.filter((row) => row.operation === 'addsd');
    const restore = guest.cpu.restoreFloatingPoint.bind(guest.cpu);
    guest.cpu.restoreFloatingPoint = (address: number): void => {
      guest.memory.write8(address + 25, guest.memory.read8(address + 25) & ~0x60);
      restore(address);
    };
    try {
      const { differences } = runBatch(guest, { harness, seed: SEED, first: 0, count: 20, vectors: VECTORS, rows });
      expect(differences.some(({ report }) => /^ {2}xmm/m.test(report))).toBe(true);
    } finally {
      guest.cpu.restoreFloatingPoint = restore;
    }
  });
});
