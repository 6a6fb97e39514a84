// Random mmap, munmap, mprotect, touch and fork against a model that is a plain map of pages.

import { expect, it } from 'vitest';
import { SeededRandom } from '../../../devices/base/random.ts';
import { Access } from '../../../devices/contract/cpu.ts';
import { createTestSystem } from '../../../test/support/kernel-fixture.ts';
import { AddressSpace, MAX_AREAS } from './address-space.ts';
import { anonymousBacking, Protection } from './area.ts';
import { FRAME_BYTES } from './frames.ts';

const BASE = 0x10_0000_0000;
const PAGES = 64;

interface ModelPage {
  protection: number;
  value: number;
}

it('E10: an address space agrees with a model, and the CPU with both', () => {
  const { kernel, machine } = createTestSystem();
  const random = new SeededRandom(10);
  const free = kernel.frames.freeFrames;
  const [task] = [...kernel.processes.processes.values()][0].tasks;
  type Pair = { space: AddressSpace; model: Map<number, ModelPage> };
  const pairs: Pair[] = [{ space: AddressSpace.create(kernel) as AddressSpace, model: new Map() }];
  const rights = [0, 1, 3, 5];

  for (let round = 0; round < 20_000; round++) {
    const pair = pairs[random.below(pairs.length)];
    const { space, model } = pair;
    const page = random.below(PAGES);
    const count = 1 + random.below(Math.min(8, PAGES - page));
    const start = BASE + page * FRAME_BYTES;
    const end = start + count * FRAME_BYTES;
    const action = random.below(100);
    if (action < 10) {
      const protection = rights[random.below(4)];
      expect(space.map(kernel, start, end, protection, anonymousBacking)).toBe(0);
      for (let n = page; n < page + count; n++) model.set(n, { protection, value: 0 });
    } else if (action < 18) {
      space.unmap(kernel, start, end);
      for (let n = page; n < page + count; n++) model.delete(n);
    } else if (action < 28) {
      const protection = rights[random.below(4)];
      const result = space.protect(kernel, start, end, protection);
      let covered = true;
      for (let n = page; n < page + count && covered; n++) {
        const entry = model.get(n);
        if (entry === undefined) covered = false;
        else entry.protection = protection;
      }
      expect(result === 0).toBe(covered);
    } else if (action < 30 && pairs.length < 4) {
      const copy = space.copy(kernel) as AddressSpace;
      pairs.push({ space: copy, model: new Map([...model].map(([n, entry]) => [n, { ...entry }])) });
    } else if (action < 32 && pairs.length > 1) {
      kernel.scheduler.loadKernelSpace(kernel);
      space.release(kernel);
      pairs.splice(pairs.indexOf(pair), 1);
    } else {
      kernel.scheduler.loadAddressSpace(kernel, space);
      const writing = random.below(2) === 1;
      const entry = model.get(page);
      const allowed =
        entry !== undefined && entry.protection !== 0 && (!writing || (entry.protection & Protection.write) !== 0);
      const result = space.fault(kernel, task, start + 8, writing, false);
      expect(result === 0, `round ${round}`).toBe(allowed);
      const access = Access.user | (writing ? Access.write : 0);
      const high = Math.floor(start / 2 ** 32);
      const physical = machine.cpu.translate((start + 8) >>> 0, high, access);
      expect(physical >= 0, `round ${round}`).toBe(allowed);
      if (entry === undefined || !allowed) continue;
      expect(machine.memory.read32(physical), `round ${round}`).toBe(entry.value);
      if (writing) {
        entry.value = round + 1;
        machine.memory.write32(physical, entry.value);
      }
    }
  }
  kernel.scheduler.loadKernelSpace(kernel);
  for (const { space } of pairs) space.release(kernel);
  expect(kernel.frames.freeFrames).toBe(free);
});

it('L2: reservations cost nothing until touched, and gaps are found below what is mapped', () => {
  const { kernel } = createTestSystem();
  const space = AddressSpace.create(kernel) as AddressSpace;
  const free = kernel.frames.freeFrames;
  const mapAnywhere = (length: number, protection: number): number => {
    const start = space.findGap(length);
    expect(space.map(kernel, start, start + length, protection, anonymousBacking)).toBe(0);
    return start;
  };
  const big = mapAnywhere(2 ** 40, Protection.none);
  const small = mapAnywhere(8192, Protection.read | Protection.write);
  expect(big).toBeGreaterThan(0);
  expect(small + 8192).toBe(big);
  expect(kernel.frames.freeFrames).toBe(free);
  expect(space.findGap(2 ** 47)).toBe(0);
  expect(space.overlaps(big - 1, big)).toBe(true);
  space.unmap(kernel, big, big + 2 ** 40);
  expect(space.covers(small, small + 8192)).toBe(true);
  expect(space.find(big)).toBeNull();
});

it('L2: areas are joined again, and no sequence of calls makes more than there may be', () => {
  const { kernel } = createTestSystem();
  const space = AddressSpace.create(kernel) as AddressSpace;
  const readWrite = Protection.read | Protection.write;
  const pages = 4 * MAX_AREAS;
  const page = (n: number): number => BASE + n * FRAME_BYTES;
  expect(space.map(kernel, BASE, page(pages), Protection.none, anonymousBacking)).toBe(0);
  // A heap that grows by mprotect stays one area.
  for (let n = 0; n < 1000; n++) expect(space.protect(kernel, page(n), page(n + 1), readWrite)).toBe(0);
  expect(space.list()).toHaveLength(2);
  let refused = 0;
  for (let n = 0; n < pages && refused < 10; n += 2)
    if (space.protect(kernel, page(n), page(n + 1), Protection.read) !== 0) refused++;
  expect(refused).toBe(10);
  expect(space.list()).toHaveLength(MAX_AREAS);
  expect(space.mayCut(page(pages - 9), page(pages - 8))).toBe(false);
  // From inside an area to its end, or whole areas, makes no more of them.
  expect(space.mayCut(page(pages - 9), page(pages))).toBe(true);
  space.unmap(kernel, BASE, page(10));
  expect(space.mayCut(page(pages - 9), page(pages - 8))).toBe(true);
});
