// Every frame is counted once for each of its holders, and none is in use without one.
//
//   holders:  page tables · entries of address spaces · shared anonymous pages · page cache · program images · kernel stacks
//             kernel's own tables · vDSO · queues and buffers of drivers
//
// Also: a present page lies in an area; what is writable is used by this space alone or shared; the kernel half is the kernel's.

import { VirtioBlock } from '../../../os-core/drivers/virtio/block.ts';
import { ConsolePort, VirtioConsole } from '../../../os-core/drivers/virtio/console.ts';
import { VirtioCrypto } from '../../../os-core/drivers/virtio/crypto.ts';
import { VirtioDisplay } from '../../../os-core/drivers/virtio/display.ts';
import { VirtioEntropy } from '../../../os-core/drivers/virtio/entropy.ts';
import { VirtioNetwork } from '../../../os-core/drivers/virtio/network.ts';
import { VirtioQueue } from '../../../os-core/drivers/virtio/queue.ts';
import { AddressSpace } from '../../../os-core/kernel/memory/address-space.ts';
import { SharedPages } from '../../../os-core/kernel/memory/area.ts';
import { FRAME_BYTES } from '../../../os-core/kernel/memory/frames.ts';
import { entryFrame, PageFlag } from '../../../os-core/kernel/memory/page-tables.ts';
import { ProgramImage } from '../../../os-core/kernel/process/program-image.ts';
import { Task, TaskState } from '../../../os-core/kernel/process/task.ts';
import { FilePages } from '../../../os-core/kernel/vfs/page-cache.ts';
import { hidden, type StateGraph } from './state-graph.ts';

const ENTRIES = 512;
const FIRST_KERNEL_ENTRY = 256;
const TSS_OFFSET = 0x100;
const FIRST_INTERRUPT_STACK = 36;
const INTERRUPT_STACKS = 3;
const MAX_SCENE_FRAMES = 16;
const HASH_RUN_FRAMES = 64;

type Hold = (address: number, holder: string) => void;

/** Bytes of `count` frames from `address` on. */
function holdRange(hold: Hold, address: number, bytes: number, holder: string): void {
  for (let at = 0; at < bytes; at += FRAME_BYTES) hold(address + at, holder);
}

function holdKernelTables({ kernel }: StateGraph, hold: Hold): void {
  const { memory } = kernel.machine;
  const { paging, descriptorTables, vdso } = kernel.state;
  hold(paging.root, 'kernel root table');
  hold(hidden(paging, 'directMapTable'), 'direct map');
  const holdTree = (table: number, level: number): void => {
    hold(table, 'kernel text table');
    for (let n = 0; n < ENTRIES; n++) {
      const low = memory.read32(table + n * 8);
      if ((low & PageFlag.present) === 0) continue;
      if (level < 3) holdTree(entryFrame(low), level + 1);
      else hold(entryFrame(low), 'kernel text');
    }
  };
  holdTree(hidden(paging, 'textTable'), 1);
  const tables = hidden<number>(descriptorTables, 'tables');
  hold(tables, 'GDT and TSS');
  hold(hidden(descriptorTables, 'interruptTable'), 'IDT');
  hold(descriptorTables.idleStackTop - FRAME_BYTES, 'idle stack');
  for (let n = 0; n < INTERRUPT_STACKS; n++)
    hold(memory.read32(tables + TSS_OFFSET + FIRST_INTERRUPT_STACK + 8 * n) - FRAME_BYTES, 'interrupt stack');
  for (const name of ['timing', 'object']) {
    const page = hidden<{ frame: number } | null>(vdso, name);
    if (page !== null) hold(page.frame, 'vDSO');
  }
}

function holdDrivers(graph: StateGraph, hold: Hold): void {
  for (const queue of graph.all(VirtioQueue))
    holdRange(hold, queue.descriptors, VirtioQueue.bytesFor(queue.size), 'virtqueue');
  for (const driver of graph.all(VirtioEntropy)) hold(hidden(driver, 'buffer'), 'virtio-rng');
  for (const driver of graph.all(VirtioBlock)) {
    hold(hidden(driver, 'requestPage'), 'virtio-blk requests');
    for (const { frame } of hidden<Map<number, { frame: number }>>(driver, 'cache').values())
      hold(frame, 'block cache');
    for (const frame of hidden<number[]>(driver, 'spareFrames')) hold(frame, 'block cache, spare');
  }
  for (const driver of graph.all(VirtioCrypto)) {
    type Request = { page: number; runs: readonly number[]; sourceBytes: number };
    for (const { page, runs, sourceBytes } of hidden<Map<number, Request>>(driver, 'requests').values()) {
      hold(page, 'virtio-crypto request');
      const runBytes = HASH_RUN_FRAMES * FRAME_BYTES;
      runs.forEach((run, n) =>
        holdRange(hold, run, Math.min(runBytes, sourceBytes - n * runBytes), 'virtio-crypto source'),
      );
    }
  }
  for (const driver of graph.all(VirtioDisplay)) {
    hold(hidden(driver, 'slotPage'), 'display messages');
    for (const address of hidden<number[]>(driver, 'sceneBuffers'))
      holdRange(hold, address, MAX_SCENE_FRAMES * FRAME_BYTES, 'scene buffer');
    type Surface = { address: number; frames: number };
    const surfaces = new Set(hidden<Map<number, Surface>>(driver, 'surfaces').values());
    for (const { surface } of hidden<{ surface: Surface | null }[]>(driver, 'orders'))
      if (surface !== null) surfaces.add(surface);
    for (const surface of hidden<(Surface | null)[]>(driver, 'destroyedBySlot'))
      if (surface !== null) surfaces.add(surface);
    for (const { address, frames } of surfaces) holdRange(hold, address, frames * FRAME_BYTES, 'surface');
  }
  // Buffers that go to and fro between device and driver, several in a frame; they are never given back.
  const buffers = (holder: string, ...lists: Iterable<number>[]): void => {
    const frames = new Set<number>();
    for (const list of lists)
      for (const address of list) if (address !== 0) frames.add(address - (address % FRAME_BYTES));
    for (const frame of frames) hold(frame, holder);
  };
  for (const port of graph.all(ConsolePort))
    buffers('console buffer', port.idleReceive, port.idleTransmit, port.receiveAddress, port.transmitAddress);
  for (const driver of graph.all(VirtioConsole)) {
    const field = (name: string) => hidden<Iterable<number>>(driver, name);
    buffers('console control', field('controlAddress'), field('controlSendAddress'), field('idleControl'));
  }
  for (const driver of graph.all(VirtioNetwork)) {
    const field = (name: string) => hidden<Iterable<number>>(driver, name);
    buffers('network buffer', field('receiveAddress'), field('sendAddress'), field('idleTransmit'));
  }
}

function holdObjects(graph: StateGraph, hold: Hold): void {
  for (const task of graph.all(Task)) if (task.state !== TaskState.dead) hold(task.kernelStack, 'kernel stack');
  for (const shared of graph.all(SharedPages))
    for (const frame of hidden<Map<number, number>>(shared, 'pages').values()) hold(frame, 'shared anonymous page');
  for (const pages of graph.all(FilePages))
    for (const frame of hidden<Map<number, number>>(pages, 'frames').values()) hold(frame, 'page cache');
  for (const image of graph.all(ProgramImage))
    for (const frame of hidden<number[]>(image, 'pages')) hold(frame, 'program image');
}

/** Tables and pages of one space; with `graph`, what must hold of each page is looked at. */
function holdSpace(graph: StateGraph, space: AddressSpace, hold: Hold, look: boolean): void {
  const { kernel } = graph;
  const { memory } = kernel.machine;
  let present = 0;
  const visit = (table: number, level: number, base: number, entries: number): void => {
    hold(table, 'page table');
    const covered = 2 ** (39 - 9 * level);
    for (let n = 0; n < entries; n++) {
      const low = memory.read32(table + n * 8);
      if ((low & PageFlag.present) === 0) continue;
      const address = base + n * covered;
      if (level < 3) {
        visit(entryFrame(low), level + 1, address, ENTRIES);
        continue;
      }
      present++;
      hold(entryFrame(low), 'page');
      if (!look) continue;
      const area = space.find(address);
      graph.expect(area !== null, () => `memory: page 0x${address.toString(16)} lies in no area`);
      const alone = kernel.frames.users(entryFrame(low)) === 1;
      graph.expect(
        (low & PageFlag.writable) === 0 || alone || area?.isShared === true,
        () => `memory: page 0x${address.toString(16)} is writable, private, and its frame has other users`,
      );
    }
  };
  visit(space.root, 0, 0, FIRST_KERNEL_ENTRY);
  if (!look) return;
  graph.expect(
    present === space.residentPages,
    () => `memory: ${present} pages present, ${space.residentPages} counted as resident`,
  );
  for (let n = FIRST_KERNEL_ENTRY; n < ENTRIES; n++)
    graph.expect(
      entryFrame(memory.read32(space.root + n * 8)) === entryFrame(memory.read32(kernel.state.paging.root + n * 8)),
      () => `memory: entry ${n} of a root table is not the kernel's`,
    );
  const areas = space.list();
  areas.forEach((area, n) => {
    const next = areas[n + 1];
    graph.expect(
      area.start < area.end && area.start % FRAME_BYTES === 0 && area.end % FRAME_BYTES === 0,
      () => `memory: area 0x${area.start.toString(16)}–0x${area.end.toString(16)} is none`,
    );
    graph.expect(next === undefined || area.end <= next.start, () => 'memory: areas overlap or are out of order');
  });
}

export function checkFrames(graph: StateGraph): void {
  const { frames } = graph.kernel;
  const spaces = graph.all(AddressSpace).filter((space) => space.users > 0);
  const visit = (hold: Hold, look: boolean): void => {
    holdKernelTables(graph, hold);
    holdDrivers(graph, hold);
    holdObjects(graph, hold);
    for (const space of spaces) holdSpace(graph, space, hold, look);
  };
  const held = new Uint32Array(frames.frameCount);
  visit((address) => {
    if (address % FRAME_BYTES !== 0 || address / FRAME_BYTES >= held.length)
      graph.problems.push(`frames: 0x${address.toString(16)} is held and no frame`);
    else held[address / FRAME_BYTES]++;
  }, true);
  const references = hidden<Uint16Array>(frames, 'references');
  const [level0] = hidden<Uint32Array[]>(frames, 'levels');
  let free = 0;
  const wrong = new Map<number, string[]>();
  for (let frame = 0; frame < held.length; frame++) {
    const isFree = (level0[frame >>> 5] & (1 << (frame & 31))) !== 0;
    if (isFree) free++;
    graph.expect(!isFree || references[frame] === 0, () => `frames: ${frame} is free and has users`);
    if (held[frame] !== references[frame]) wrong.set(frame, []);
  }
  graph.expect(free === frames.freeFrames, () => `frames: ${free} are free, ${frames.freeFrames} counted`);
  if (wrong.size === 0) return;
  // Once more, to tell who holds them.
  visit((address, holder) => void wrong.get(address / FRAME_BYTES)?.push(holder), false);
  for (const [frame, holders] of [...wrong].slice(0, 5))
    graph.problems.push(
      `frames: 0x${(frame * FRAME_BYTES).toString(16)} has ${references[frame]} users, ${holders.length} are known (${holders.join(', ')})`,
    );
  if (wrong.size > 5) graph.problems.push(`frames: ${wrong.size} frames are counted wrongly`);
}
