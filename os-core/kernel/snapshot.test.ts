// A machine saved and restored anywhere takes the same course as one that ran through.

import { expect, it } from 'vitest';
import { SeededRandom } from '../../devices/base/random.ts';
import { createTestSystem, hex, restoreTestSystem, type TestSystem } from '../../test/support/kernel-fixture.ts';
import { snapshotKernel, stateHash } from './snapshot.ts';

// Sleeps 3 ms, forks; the child adds in memory for a while and exits; the parent waits; for ever.
//   1: nanosleep({0, 3000000}); fork; parent: wait4(-1); jmp 1b; child: mov $2000,%ecx; 2: inc (0x410100); loop 2b; exit(0)
const program = hex(
  '48c7042500004100 00000000 48c7042508004100 c0c62d00' + // movq $0,0x410000; movq $3000000,0x410008
    'b823000000 bf00004100 31f6 0f05' + // nanosleep(0x410000, 0)
    'b839000000 0f05 85c0 7415' + // fork; test; jz child
    'b83d000000 48c7c7ffffffff 31f6 31d2 4531d2 0f05 ebc0' + // wait4(-1, 0, 0, 0); jmp to nanosleep (its arguments are kept)
    'b9d0070000 48ff042500014100 e2f6 b83c000000 31ff 0f05', // child
);
const endless = hex('48ffc0 ebfb');

function build(): TestSystem {
  const system = createTestSystem();
  system.start(program);
  system.start(program);
  system.start(endless);
  return system;
}

/** Runs to exactly `count` instructions or the first stop at or after it; slices of `slice`. */
function runTo(system: TestSystem, count: number, slice: number): void {
  const { machine, kernel } = system;
  for (let rounds = 0; rounds < 1_000_000 && machine.cpu.instructionCount < count; rounds++) {
    const result = kernel.runSlice(Math.min(slice, count - machine.cpu.instructionCount));
    if (result === 'idle') machine.advanceTo(machine.nextDeadlineNanos());
    else if (result !== 'budget') return;
  }
}

const END = 900_000;

it('M5: the same start gives the same hash, in slices of any length', () => {
  const hashes = [1_000_000, 7919, 350].map((slice) => {
    const system = build();
    runTo(system, END, slice);
    expect(system.kernel.processes.created).toBeGreaterThan(4);
    return [system.machine.cpu.instructionCount, stateHash(system.kernel, system.machine.snapshotDevices())];
  });
  expect(hashes[1]).toEqual(hashes[0]);
  expect(hashes[2]).toEqual(hashes[0]);
});

it('M5: saved and restored at random instruction counts, it ends with the same hash', () => {
  const through = build();
  const start = through.machine.cpu.instructionCount;
  runTo(through, END, 1_000_000);
  const expected = stateHash(through.kernel, through.machine.snapshotDevices());
  const random = new SeededRandom(5);
  let system = build();
  for (let n = 0; n < 5; n++) {
    runTo(system, start + random.below(END - start), 50_000);

    const before = snapshotKernel(system.kernel);
    system = restoreTestSystem(system);
    expect(Buffer.compare(snapshotKernel(system.kernel), before)).toBe(0);
  }
  runTo(system, END, 1_000_000);
  expect(stateHash(system.kernel, system.machine.snapshotDevices())).toBe(expected);
});
