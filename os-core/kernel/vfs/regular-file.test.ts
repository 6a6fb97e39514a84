// Two transfers that take turns on one file.

import { expect, it } from 'vitest';
import { run } from '../../../test/support/file-calls.ts';
import { Task } from '../process/task.ts';
import { PENDING } from '../syscalls/handler.ts';
import { MemoryFileSystem } from './memory-file-system.ts';
import { OpenFlag, RegularFile } from './regular-file.ts';
import { MountPoint, Place } from './vfs.ts';

const ARENA = 0x1000_0000;
const BYTES = 3 * 4096 + 100;

/** Every other block has to be waited for. */
class SlowFileSystem extends MemoryFileSystem {
  private turn = 0;
  override prepareWrite(...parameters: Parameters<MemoryFileSystem['prepareWrite']>): Uint8Array | number {
    return this.turn++ % 2 === 0 ? PENDING : super.prepareWrite(...parameters);
  }
}

for (const [name, flags, descriptions] of [
  ['one description', OpenFlag.writeOnly, 1],
  ['two descriptions that append', OpenFlag.writeOnly | OpenFlag.append, 2],
] as const)
  it(`E57: two tasks that write by turns through ${name} lose nothing`, () => {
    const { kernel } = run([['getpid']]);
    const process = kernel.processes.find(1);
    if (process === null) throw new Error('no process');
    kernel.scheduler.loadAddressSpace(kernel, process.addressSpace);
    const [first] = process.tasks;
    const tasks = [first, new Task(999, process, first.kind, 'second', first.kernelStack, kernel.scheduler)];
    const fileSystem = new SlowFileSystem(100, 0o777);
    const inode = fileSystem.create(kernel, first, 1, 'f', { mode: 0o100600, user: 0, group: 0 });
    const files = Array.from({ length: descriptions }, () => {
      const file = new RegularFile();
      file.flags = flags;
      file.place = new Place(new MountPoint(fileSystem, null, '/slow', 'slow'), inode);
      return file;
    });
    first.progress = null;
    const results = [PENDING, PENDING];
    tasks.forEach((task, i) => {
      const bytes = new Uint8Array(BYTES).fill(0x61 + i);
      expect(kernel.userMemory.copyOut(task, ARENA + i * 65536, bytes)).toBe(0);
    });
    for (let round = 0; round < 100 && results.includes(PENDING); round++)
      tasks.forEach((task, i) => {
        if (results[i] === PENDING)
          results[i] = files[i % descriptions].write(kernel, task, ARENA + i * 65536, BYTES, null);
      });
    expect(results).toEqual([BYTES, BYTES]);
    const counts = new Map<number, number>();
    for (let at = 0; at < 2 * BYTES; at += 4096) {
      const block = fileSystem.readBlock(kernel, first, inode, at / 4096) as Uint8Array;
      for (const byte of block.subarray(0, 2 * BYTES - at)) counts.set(byte, (counts.get(byte) ?? 0) + 1);
    }
    expect([...counts].sort()).toEqual([
      [0x61, BYTES],
      [0x62, BYTES],
    ]);
  });
