// The kernel's walker and the CPU's, on the same tables.

import { expect, it } from 'vitest';
import { SeededRandom } from '../../../devices/base/random.ts';
import { Access } from '../../../devices/contract/cpu.ts';
import { createTestSystem } from '../../../test/support/kernel-fixture.ts';
import { AddressSpace, USER_MAP_END, USER_MAP_START } from './address-space.ts';
import { anonymousBacking, Protection } from './area.ts';
import { FRAME_BYTES } from './frames.ts';
import { entryFrame, findEntry, PageFlag } from './page-tables.ts';

const ADDRESSES = 1_000_000;
const SEED = 1010;

/** A space with pages here and there, so that each level has present and absent entries. */
function scattered(random: SeededRandom) {
  const { kernel, machine } = createTestSystem();
  const space = AddressSpace.create(kernel) as AddressSpace;
  const [task] = [...kernel.processes.processes.values()][0].tasks;
  kernel.scheduler.loadAddressSpace(kernel, space);
  const pages: number[] = [];
  for (let n = 0; n < 300; n++) {
    const near = pages[random.below(Math.max(1, pages.length))] ?? 0;
    const distance = [FRAME_BYTES, 2 ** 21, 2 ** 30, 2 ** 39][random.below(4)] * (1 + random.below(3));
    const page = near === 0 ? 0x10_0000_0000 : near + distance;
    if (page < USER_MAP_START || page + FRAME_BYTES > USER_MAP_END || space.overlaps(page, page + FRAME_BYTES))
      continue;
    const protection = [Protection.read, Protection.read | Protection.write, Protection.none][random.below(3)];
    expect(space.map(kernel, page, page + FRAME_BYTES, protection, anonymousBacking)).toBe(0);
    space.fault(kernel, task, page, protection === 3, false);
    pages.push(page);
  }
  return { kernel, machine, space, pages };
}

it('E10: the kernel agrees with the CPU on a million random addresses', () => {
  const random = new SeededRandom(SEED);
  const { machine, space, pages } = scattered(random);
  const { memory, cpu } = machine;
  let present = 0;
  let wrong = '';
  for (let n = 0; n < ADDRESSES; n++) {
    const offset = random.below(FRAME_BYTES - 8);
    const page = pages[random.below(pages.length)];
    const kind = random.below(4);
    // On a page, beside one, in the same table, anywhere.
    const base =
      kind === 0
        ? page
        : kind === 1
          ? page + FRAME_BYTES
          : kind === 2
            ? page - (page % 2 ** 21) + random.below(512) * FRAME_BYTES
            : random.below(2 ** 30) * 2 ** 17;
    const address = base - (base % FRAME_BYTES) + offset;
    const writing = random.below(2) === 1;
    const entry = findEntry(memory, space.root, address);
    const low = entry === 0 ? 0 : memory.read32(entry);
    const needed = PageFlag.present | PageFlag.user | (writing ? PageFlag.writable : 0);
    const expected = (low & needed) === needed ? entryFrame(low) + offset : -1;
    const access = Access.user | (writing ? Access.write : 0);
    const got = cpu.translate(address >>> 0, Math.floor(address / 2 ** 32), access);
    if (expected >= 0) present++;
    if (expected < 0 ? got >= 0 : got !== expected) wrong ||= `seed ${SEED}, address ${n}: 0x${address.toString(16)}`;
  }
  expect(wrong).toBe('');
  expect(present).toBeGreaterThan(ADDRESSES / 20);
});

it('E10: ring 3 needs the User bit at every level', () => {
  const { machine, space, pages } = scattered(new SeededRandom(SEED));
  const { memory, cpu } = machine;
  const page =
    pages.find((address) => (memory.read32(findEntry(memory, space.root, address)) & PageFlag.user) !== 0) ?? 0;
  const high = Math.floor(page / 2 ** 32);
  const reload = (): void => cpu.writeControl(3, BigInt(space.root));
  expect(cpu.translate(page >>> 0, high, Access.user)).toBeGreaterThan(0);
  let table = space.root;
  for (const coverage of [2 ** 39, 2 ** 30, 2 ** 21, 2 ** 12]) {
    const entry = table + (Math.floor(page / coverage) % 512) * 8;
    const low = memory.read32(entry);
    memory.write32(entry, low & ~PageFlag.user);
    reload();
    expect(cpu.translate(page >>> 0, high, Access.user)).toBeLessThan(0);
    memory.write32(entry, low);
    reload();
    expect(cpu.translate(page >>> 0, high, Access.user)).toBeGreaterThan(0);
    table = entryFrame(low);
  }
});
