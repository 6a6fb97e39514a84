// Write-back of pages that were written through mappings.

import { expect, it } from 'vitest';
import { run } from '../../../test/support/file-calls.ts';
import { Errno } from '../../abi/errno.ts';
import type { AddressSpace } from '../memory/address-space.ts';
import { anonymousBacking, Protection } from '../memory/area.ts';
import { PENDING } from '../syscalls/handler.ts';
import { MemoryFileSystem } from './memory-file-system.ts';
import { prepareFileWrite, readFileBlock, setFileSize, synchroniseFile } from './page-cache.ts';
import { FileMapping } from './program-file.ts';
import { MountPoint, Place } from './vfs.ts';

const BASE = 0x20_0000_0000;
const PAGES = 8;
const BYTES = PAGES * 4096 - 100;

/** Every other write has to be waited for; when told so there is no room. */
class SlowFileSystem extends MemoryFileSystem {
  noRoom = false;
  private turn = 0;
  override prepareWrite(...parameters: Parameters<MemoryFileSystem['prepareWrite']>): Uint8Array | number {
    if (this.noRoom) return -Errno.ENOSPC;
    return this.turn++ % 2 === 0 ? PENDING : super.prepareWrite(...parameters);
  }
}

function mapped() {
  const { kernel } = run([['getpid']]);
  const process = kernel.processes.find(1);
  if (process === null) throw new Error('no process');
  const [task] = process.tasks;
  const space = process.addressSpace as AddressSpace;
  kernel.scheduler.loadAddressSpace(kernel, space);
  task.progress = null;
  const fileSystem = new SlowFileSystem(100, 0o777);
  const inode = fileSystem.create(kernel, task, 1, 'f', { mode: 0o100600, user: 0, group: 0 });
  expect(fileSystem.setSize(kernel, task, inode, BYTES)).toBe(0);
  const place = new Place(new MountPoint(fileSystem, null, '/slow', 'slow'), inode);
  const file = new FileMapping(kernel, place, '/slow/f', true);
  file.retain();
  const backing = { ...anonymousBacking, file, fileBytes: Infinity, sharedFile: true };
  expect(space.map(kernel, BASE, BASE + PAGES * 4096, Protection.read | Protection.write, backing)).toBe(0);
  const put = (page: number, byte: number): number =>
    kernel.userMemory.copyOut(task, BASE + page * 4096, Uint8Array.of(byte));
  const block = (page: number): number => (fileSystem.readBlock(kernel, task, inode, page) as Uint8Array)[0];
  return { kernel, task, space, fileSystem, inode, place, file, put, block };
}

const untilDone = (attempt: () => number): number => {
  for (let n = 0; n < 100; n++) {
    const result = attempt();
    if (result !== PENDING) return result;
  }
  return PENDING;
};

it('L2 E57: what was written through a mapping is in the file after fsync, and only dirty pages are written', () => {
  const { kernel, task, place, put, block, fileSystem, inode } = mapped();
  for (const page of [0, 3, 7]) expect(put(page, 0x61 + page)).toBe(0);
  expect([block(0), block(3), block(7)]).toEqual([0, 0, 0]);
  expect((readFileBlock(kernel, task, place, 3) as Uint8Array)[0]).toBe(0x64);
  expect(untilDone(() => synchroniseFile(kernel, task, place))).toBe(0);
  expect([block(0), block(3), block(7)]).toEqual([0x61, 0x64, 0x68]);
  const inodeOf = () => fileSystem.attributes(kernel, task, inode) as { dataSequence: number; size: number };
  const { dataSequence, size } = inodeOf();
  expect(size).toBe(BYTES);
  // Clean now: a second fsync writes nothing; a second write to the same page is seen again.
  expect(untilDone(() => synchroniseFile(kernel, task, place))).toBe(0);
  expect(inodeOf().dataSequence).toBe(dataSequence);
  expect(put(3, 0x7a)).toBe(0);
  expect(untilDone(() => synchroniseFile(kernel, task, place))).toBe(0);
  expect(inodeOf().dataSequence).toBe(dataSequence + 1);
  expect(block(3)).toBe(0x7a);
});

it('L2 E57: a page that cannot be written is told of by fsync, once', () => {
  const { kernel, task, place, put, fileSystem } = mapped();
  expect(put(1, 1)).toBe(0);
  fileSystem.noRoom = true;
  expect(untilDone(() => synchroniseFile(kernel, task, place))).toBe(-Errno.ENOSPC);
  expect(untilDone(() => synchroniseFile(kernel, task, place))).toBe(0);
});

it('L2 E57: unmapped pages are written by the kernel, then the frames and the inode are given back', () => {
  const { kernel, task, space, place, put, block, fileSystem, inode } = mapped();
  for (let page = 0; page < PAGES; page++) expect(put(page, page + 1)).toBe(0);
  space.unmap(kernel, BASE, BASE + PAGES * 4096);
  expect(kernel.state.pageCache.find(place)).not.toBeNull();
  expect((readFileBlock(kernel, task, place, 2) as Uint8Array)[0]).toBe(3);
  const free = kernel.frames.freeFrames;
  expect(untilDone(() => kernel.state.pageCache.writeBack(kernel, task))).toBe(0);
  expect(Array.from({ length: PAGES }, (_, page) => block(page))).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  expect(kernel.state.pageCache.find(place)).toBeNull();
  expect(kernel.frames.freeFrames).toBe(free + PAGES);
  expect(fileSystem.remove(kernel, task, 1, 'f', false)).toBe(0);
  expect(fileSystem.attributes(kernel, task, inode)).toBe(-Errno.ENOENT);
});

it('L2 E57: shorter files lose their pages; bytes beyond the end never come back', () => {
  const { kernel, task, space, place, put, fileSystem, inode } = mapped();
  for (let page = 0; page < PAGES; page++) expect(put(page, page + 1)).toBe(0);
  expect(kernel.userMemory.copyOut(task, BASE + 4096 + 20, Uint8Array.of(9, 9, 9))).toBe(0);
  expect(setFileSize(kernel, task, place, 4096 + 21)).toBe(0);
  expect(put(2, 1)).toBe(-Errno.EFAULT);
  expect(space.fault(kernel, task, BASE + 2 * 4096, false, false)).toBe(-Errno.EIO);
  // Written beyond the end within the last page, then the file grows by write.
  expect(kernel.userMemory.copyOut(task, BASE + 4096 + 30, Uint8Array.of(9))).toBe(0);
  expect(untilDone(() => (typeof prepareFileWrite(kernel, task, place, 3, true) === 'number' ? PENDING : 0))).toBe(0);
  expect(fileSystem.wroteTo(kernel, task, inode, 4 * 4096)).toBe(0);
  const bytes = new Uint8Array(12);
  expect(kernel.userMemory.copyIn(task, BASE + 4096 + 20, bytes)).toBe(0);
  expect([...bytes]).toEqual([9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
});
