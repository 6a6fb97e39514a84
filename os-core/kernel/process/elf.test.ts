import { expect, it } from 'vitest';
import { SeededRandom } from '../../../devices/base/random.ts';
import { createTestSystem, elfOf, hex } from '../../../test/support/kernel-fixture.ts';
import { parseElf } from './elf.ts';
import { endProcess } from './exit.ts';

// mov $231,%eax; mov $3,%edi; syscall
const exitThree = hex('b8e7000000 bf03000000 0f05');

it('E26: a good file gives a plan', () => {
  const plan = parseElf(elfOf(exitThree), 4096 + exitThree.length);
  expect(plan).toMatchObject({ entry: 0x401000, positionIndependent: false, start: 0x401000, end: 0x420000 });
});

it('E26: each header lie is refused with its reason', () => {
  const lies: [number, number[], RegExp][] = [
    [0, [0x7e], /magic/],
    [4, [1], /ELF64/],
    [16, [1, 0], /type/],
    [18, [3, 0], /x86-64/],
    [24, [0, 0, 0x50], /entry point/],
    [32, [0xff, 0xff], /program headers/],
    [56, [0xff, 0xff], /program headers/],
    [64, [3], /entry point/],
    [64, [3, 0, 0, 0, 5, 0, 0, 0, 0, 0, 1], /PT_INTERP lies beyond/],
    [64 + 4, [7], /writable and executable/],
    [64 + 8, [1], /congruent|beyond the end/],
    [64 + 16, [1], /congruent/],
    [64 + 16, [0, 0, 0, 0, 0, 0xff], /outside user space/],
    [64 + 32, [0, 0, 0, 1], /larger in the file|beyond the end/],
    [120 + 16, [0, 0x10, 0x40], /overlap/],
    [120 + 40, [0, 0, 0, 0, 0, 0xff, 0xff, 0xff], /outside user space/],
  ];
  for (const [at, bytes, reason] of lies) {
    const file = elfOf(exitThree);
    file.set(bytes, at);
    expect(parseElf(file, file.length), `byte ${at}`).toMatch(reason);
  }
});

it('E26: program headers may lie at the end of the file', () => {
  const system = createTestSystem();
  const file = elfOf(exitThree);
  const moved = new Uint8Array(file.length + 3 + 112);
  moved.set(file);
  // Not aligned to anything: they are only read.
  moved.set(file.subarray(64, 64 + 112), file.length + 3);
  moved.fill(0xee, 64, 64 + 112);
  new DataView(moved.buffer).setUint32(32, file.length + 3, true);
  const process = system.start(moved, { file: true });
  system.runUntil(() => process.state !== 'alive');
  expect(process.exitStatus).toBe(3 << 8);
  expect(parseElf(moved.subarray(0, 4096), moved.length)).toMatch(/not read/);
  new DataView(moved.buffer).setUint32(32, file.length + 4, true);
  expect(parseElf(moved, moved.length)).toMatch(/outside the file/);
});

/** A third program header: PT_INTERP with a path behind the headers. */
function nameLoader(file: Uint8Array, path: string): void {
  const view = new DataView(file.buffer);
  file[56] = 3;
  view.setUint32(176, 3, true);
  view.setUint32(176 + 8, 240, true);
  view.setUint32(176 + 32, path.length + 1, true);
  file.set(Buffer.from(path), 240);
}

it('E26: a loader that is no loader, is missing, or names no path is refused with its reason', () => {
  const system = createTestSystem();
  const outcome = (change: (file: Uint8Array) => void): number => {
    const file = elfOf(exitThree);
    change(file);
    const process = system.start(file, { file: true });
    system.runUntil(() => process.state !== 'alive');
    return process.exitStatus >> 8;
  };
  const free = system.kernel.frames.freeFrames;
  expect(outcome(() => undefined)).toBe(3);
  // A program with fixed addresses is no loader; nor is one that needs a loader itself.
  expect(outcome((file) => nameLoader(file, '/program0'))).toBe(126);
  expect(outcome((file) => nameLoader(file, '/program1'))).toBe(126);
  expect(outcome((file) => nameLoader(file, '/missing'))).toBe(127);
  expect(outcome((file) => nameLoader(file, 'a\0b'))).toBe(126);
  const text = system.serialText();
  expect(text).toContain('/program0: a dynamic loader with fixed addresses');
  expect(text).toContain('/program1: a dynamic loader that needs one itself');
  expect(text).toContain('/program4: PT_INTERP holds no path');
  system.kernel.state.programs.trim(system.kernel, 0);
  expect(system.kernel.frames.freeFrames).toBeGreaterThan(free - 16);
});

it('E26: 1,000 malformed files harm nobody; a good program runs afterwards', () => {
  const system = createTestSystem();
  const random = new SeededRandom(26);
  const free = (): number => system.kernel.frames.freeFrames;
  system.runUntil(() => system.kernel.runSlice(1000) === 'idle');
  let refused = 0;
  const before = free();
  for (let round = 0; round < 1000; round++) {
    const file = elfOf(exitThree);
    if (round % 4 === 0) nameLoader(file, '/program0');
    // Damage in the headers: bytes at random, extremes, a cut end.
    for (let n = random.below(4) + 1; n > 0; n--)
      file[random.below(260)] = [0, 0xff, 0x80, random.below(256)][random.below(4)];
    const bytes = random.below(8) === 0 ? file.slice(0, random.below(file.length)) : file;
    const process = system.start(bytes, { file: true });
    system.runUntil(() => process.state !== 'alive', 4, 20_000);
    // What still runs has a good file; it may loop harmlessly in its own code.
    if (process.state === 'alive') endProcess(system.kernel, process, 9);
    if (process.exitStatus === 126 << 8) refused++;
  }
  expect(system.kernel.state.power).toBe('on');
  expect(refused).toBeGreaterThan(500);
  const good = system.start(exitThree);
  system.runUntil(() => good.state !== 'alive', 2000);
  expect(good.exitStatus).toBe(3 << 8);
  expect(before).toBeGreaterThan(0);
});
