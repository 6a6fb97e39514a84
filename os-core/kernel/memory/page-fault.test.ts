// What page faults bring in, and what the processor is told about it.

import { expect, it } from 'vitest';
import { createTestSystem, elfOf, hex } from '../../../test/support/kernel-fixture.ts';
import type { Kernel } from '../kernel.ts';
import { AddressSpace } from './address-space.ts';
import { anonymousBacking, Protection } from './area.ts';
import { FRAME_BYTES } from './frames.ts';
import { entryFrame, findEntry, PageFlag } from './page-tables.ts';

const BASE = 0x10_0000_0000;
const readWrite = Protection.read | Protection.write;
/** pause; jmp back */
const endless = hex('f390 ebfc');

/** Counts INVLPG and CR3 writes from now on. */
function watchTranslations(kernel: Kernel): { pages: number; flushes: number } {
  const { cpu } = kernel.machine;
  const seen = { pages: 0, flushes: 0 };
  const { invalidatePage, writeControl } = cpu;
  cpu.invalidatePage = (address) => {
    seen.pages++;
    invalidatePage.call(cpu, address);
  };
  cpu.writeControl = (number, value) => {
    if (number === 3) seen.flushes++;
    writeControl.call(cpu, number, value);
  };
  return seen;
}

const lowAt = (kernel: Kernel, space: AddressSpace, address: number): number => {
  const { memory } = kernel.machine;
  const entry = findEntry(memory, space.root, address);
  return entry === 0 ? 0 : memory.read32(entry);
};

it('E26 L4: processes of one program run the same frames of code, mapped at exec and marked as accessed', () => {
  const system = createTestSystem();
  const { kernel } = system;
  const code = new Uint8Array(40 * FRAME_BYTES).fill(0x90);
  code.set(endless);
  const file = elfOf(code);
  // The segment of data begins where this code would end.
  new DataView(file.buffer).setUint32(120 + 16, 0x50_0000, true);
  const processes = [system.start(file, { file: true }), system.start(file, { file: true })];
  system.runUntil(() => processes.every((process) => [...process.tasks][0].userInstructions > 0));
  for (let page = 0x40_1000; page < 0x40_1000 + code.length; page += FRAME_BYTES) {
    const [first, second] = processes.map((process) => lowAt(kernel, process.addressSpace as AddressSpace, page));
    expect(first & PageFlag.present).toBe(PageFlag.present);
    expect(entryFrame(first)).toBe(entryFrame(second));
    expect(first & (PageFlag.accessed | PageFlag.writable)).toBe(PageFlag.accessed);
  }
  expect(kernel.machine.cpu.statistics.pageFaults).toBe(0);
});

it('L2: reading a file mapping brings in its neighbourhood, read-only; a write copies one page', () => {
  const { kernel } = createTestSystem();
  const [task] = [...kernel.processes.processes.values()][0].tasks;
  const frames = Array.from({ length: 64 }, () => kernel.frames.allocate());
  const file = {
    path: '/file',
    readInto: () => 0,
    residentFrame: (page: number) => (page % 8 === 7 ? 0 : frames[page]),
    retain: () => undefined,
    release: () => undefined,
  };
  const space = AddressSpace.create(kernel) as AddressSpace;
  const backing = { ...anonymousBacking, file, fileBytes: 64 * FRAME_BYTES };
  expect(space.map(kernel, BASE, BASE + 64 * FRAME_BYTES, readWrite, backing)).toBe(0);
  kernel.scheduler.loadAddressSpace(kernel, space);
  const seen = watchTranslations(kernel);
  const free = kernel.frames.freeFrames;
  expect(space.fault(kernel, task, BASE + 20 * FRAME_BYTES, false, false)).toBe(0);
  for (let page = 0; page < 64; page++) {
    const low = lowAt(kernel, space, BASE + page * FRAME_BYTES);
    const there = page >= 16 && page < 32 && page % 8 !== 7;
    expect(low & (PageFlag.present | PageFlag.writable), `page ${page}`).toBe(there ? PageFlag.present : 0);
    if (there) expect(entryFrame(low)).toBe(frames[page]);
  }
  expect(space.residentPages).toBe(14);
  // A page that was never used is replaced by its copy without a word to the processor.
  expect(space.fault(kernel, task, BASE + 21 * FRAME_BYTES, true, false)).toBe(0);
  expect(seen).toEqual({ pages: 0, flushes: 0 });
  // One that was used is in the TLB.
  expect(kernel.machine.cpu.translate(BASE + 22 * FRAME_BYTES, BASE / 2 ** 32, 4)).toBe(frames[22]);
  expect(space.fault(kernel, task, BASE + 22 * FRAME_BYTES, true, false)).toBe(0);
  expect(seen).toEqual({ pages: 1, flushes: 0 });
  const tables = 3;
  expect(free - kernel.frames.freeFrames).toBe(tables + 2);
  kernel.scheduler.loadKernelSpace(kernel);
  space.release(kernel);
  for (const frame of frames) kernel.frames.release(frame);
});

it('L2: first touches, more rights and threads of one process need neither INVLPG nor CR3', () => {
  const system = createTestSystem();
  const { kernel } = system;
  const space = AddressSpace.create(kernel) as AddressSpace;
  const [task] = [...kernel.processes.processes.values()][0].tasks;
  expect(space.map(kernel, BASE, BASE + 8 * FRAME_BYTES, readWrite, anonymousBacking)).toBe(0);
  kernel.scheduler.loadAddressSpace(kernel, space);
  const seen = watchTranslations(kernel);
  const touch = (page: number, writing: boolean): number => {
    const result = space.fault(kernel, task, BASE + page * FRAME_BYTES, writing, false);
    if (result === 0) kernel.machine.cpu.translate(BASE + page * FRAME_BYTES, BASE / 2 ** 32, writing ? 6 : 4);
    return result;
  };
  for (let page = 0; page < 4; page++) expect(touch(page, page % 2 === 0)).toBe(0);
  expect(seen).toEqual({ pages: 0, flushes: 0 });
  // Rights go: only pages that were used matter.
  expect(space.protect(kernel, BASE, BASE + 8 * FRAME_BYTES, Protection.read)).toBe(0);
  expect(seen.pages).toBe(4);
  expect(space.protect(kernel, BASE, BASE + 8 * FRAME_BYTES, readWrite)).toBe(0);
  expect(touch(0, true)).toBe(0);
  expect(seen).toEqual({ pages: 4, flushes: 0 });
  kernel.scheduler.loadKernelSpace(kernel);
  space.release(kernel);

  // clone(CLONE_VM | CLONE_THREAD | CLONE_SIGHAND | CLONE_FILES | CLONE_FS, 0x420000); both loop for ever.
  const process = system.start(hex('b838000000 bf000f0100 be00004200 31d2 4531d2 4531c0 0f05 f390 ebfc'));
  system.runUntil(() => process.tasks.size === 2);
  const [first, second] = process.tasks;
  const switches = kernel.scheduler.contextSwitches;
  const before = { ...seen };
  system.runUntil(() => kernel.scheduler.contextSwitches >= switches + 20);
  expect(first.switches).toBeGreaterThan(5);
  expect(second.switches).toBeGreaterThan(5);
  expect(seen).toEqual(before);
});
