// What must hold whatever happens: model, power cuts, flipped bits, hostile images. A failure prints its seed.

import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../devices/base/random.ts';
import { xxh3 } from '../../devices/base/xxh3.ts';
import { Errno } from '../abi/errno.ts';
import { type BlockStore, checkVolume, EuroFsError, MemoryBlockStore, Mount, VolumeTool } from './index.ts';

const BLOCKS = 512;
const uuid = Uint8Array.from({ length: 16 }, (_, i) => 0xa0 + i);

/** Remembers every write and flush, in order. */
class TracingStore implements BlockStore {
  readonly blockCount = BLOCKS;
  readonly readOnly = false;
  readonly bytes: Uint8Array;
  /** null = flush. */
  readonly trace: ({ block: number; bytes: Uint8Array } | null)[] = [];

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }
  read(block: number): Uint8Array {
    return this.bytes.subarray(block * 4096, block * 4096 + 4096);
  }
  write(block: number, bytes: Uint8Array): boolean {
    this.bytes.set(bytes, block * 4096);
    this.trace.push({ block, bytes: bytes.slice() });
    return true;
  }
  flush(): 'done' {
    this.trace.push(null);
    return 'done';
  }
}

/** The whole tree as text: what two states are compared by. */
function describeTree(tool: VolumeTool, path = ''): string {
  let text = '';
  for (const name of tool.list(path === '' ? '/' : path)) {
    const at = `${path}/${name}`;
    const inode = tool.stat(at);
    if (inode.isDirectory) text += `${at}/ ${inode.links}\n${describeTree(tool, at)}`;
    else if ((inode.mode & 0o170000) === 0o120000) text += `${at} -> ${tool.readSymbolicLink(at)}\n`;
    else text += `${at} ${inode.links} ${inode.mode.toString(8)} ${xxh3(tool.readFile(at)).toString(16)}\n`;
  }
  return text;
}

/** One random operation on the volume; what it refuses changes nothing. */
function randomStep(random: SeededRandom, tool: VolumeTool): void {
  const folder = ['', '/a', '/b', '/a/c'][random.below(4)];
  const path = `${folder}/${['x', 'y', 'z', 'c', 'long'.padEnd(200, 'n')][random.below(5)]}`;
  const other = `${['', '/a', '/b'][random.below(3)]}/${['x', 'y', 'z', 'w'][random.below(4)]}`;
  const contents = new Uint8Array([0, 10, 1024, 1025, 4096, 5000, 30_000][random.below(7)]);
  random.fill(contents);
  try {
    switch (random.below(9)) {
      case 0:
      case 1:
      case 2:
        tool.writeFile(path, contents);
        break;
      case 3:
        tool.makeFolder(['/a', '/b', '/a/c'][random.below(3)]);
        break;
      case 4:
      case 5:
        tool.remove(path);
        break;
      case 6:
        tool.rename(path, other);
        break;
      case 7:
        tool.link(path, other);
        break;
      case 8:
        tool.makeSymbolicLink(path, other);
        break;
    }
  } catch (error) {
    if (!(error instanceof EuroFsError) || error.errno === Errno.EIO) throw error;
  }
}

describe('EuroFS under failure', () => {
  it('E16 E17 E20: a cut after every write gives the old or the new state; no live block is overwritten', () => {
    for (let seed = 1; seed <= 12; seed++) {
      const random = new SeededRandom(seed);
      const store = new TracingStore(new Uint8Array(BLOCKS * 4096));
      const tool = VolumeTool.format(store, { uuid, nowSeconds: 1 });
      const disk = store.bytes.slice();
      store.trace.length = 0;
      let before = describeTree(tool);
      for (let commit = 0; commit < 6; commit++) {
        for (let step = 0; step < 8; step++) randomStep(random, tool);
        // An operation may have committed by itself; only what the last commit writes is cut.
        const after = describeTree(tool);
        const alone = store.trace.length === 0;
        tool.commit();
        const live = liveBlocks(disk);
        for (const entry of store.trace) {
          if (entry === null) continue;
          if (alone) expect(live.has(entry.block), `seed ${seed}: live block ${entry.block} overwritten`).toBe(false);
          disk.set(entry.bytes, entry.block * 4096);
          if (!alone) continue;
          const cut = VolumeTool.mount(new MemoryBlockStore(disk.slice()));
          const state = describeTree(cut);
          expect(state === before || state === after, `seed ${seed}: neither old nor new`).toBe(true);
          const checked = checkVolume(new MemoryBlockStore(disk));
          expect(checked.problems, `seed ${seed}`).toEqual([]);
          expect(cut.volume.allocator.freeCount, `seed ${seed}`).toBe(checked.freeBlocks);
        }
        expect(describeTree(VolumeTool.mount(new MemoryBlockStore(disk.slice()))), `seed ${seed}`).toBe(after);
        store.trace.length = 0;
        before = after;
      }
    }
  });

  it('E17: a torn or lost write before the flush is never seen', () => {
    const random = new SeededRandom(77);
    const store = new TracingStore(new Uint8Array(BLOCKS * 4096));
    const tool = VolumeTool.format(store, { uuid, nowSeconds: 1 });
    for (let step = 0; step < 30; step++) randomStep(random, tool);
    tool.commit();
    const before = describeTree(tool);
    const disk = store.bytes.slice();
    store.trace.length = 0;
    for (let step = 0; step < 4; step++) randomStep(random, tool);
    tool.commit();
    const flushAt = store.trace.indexOf(null);
    const epoch = store.trace.slice(0, flushAt);
    for (let attempt = 0; attempt < 200; attempt++) {
      const image = disk.slice();
      for (const entry of epoch) {
        const kind = random.below(3);
        if (entry === null || kind === 0) continue;
        const sectors = kind === 1 ? 8 : random.below(9);
        image.set(entry.bytes.subarray(0, sectors * 512), entry.block * 4096);
      }
      expect(describeTree(VolumeTool.mount(new MemoryBlockStore(image)))).toBe(before);
    }
  });

  it('E18: every flipped bit of a used block is reported or healed, never returned', () => {
    const random = new SeededRandom(5);
    const store = new MemoryBlockStore(new Uint8Array(BLOCKS * 4096));
    const tool = VolumeTool.format(store, { uuid, nowSeconds: 1 });
    for (let step = 0; step < 60; step++) randomStep(random, tool);
    tool.commit();
    const truth = describeTree(tool);
    const used = [...liveBlocks(store.bytes)];
    let healed = 0;
    let refused = 0;
    for (let attempt = 0; attempt < 600; attempt++) {
      const image = store.bytes.slice();
      const block = used[random.below(used.length)];
      image[block * 4096 + random.below(4096)] ^= 1 << random.below(8);
      const damaged = new MemoryBlockStore(image);
      expect(checkVolume(damaged).problems.length, `block ${block}`).toBeGreaterThan(0);
      try {
        expect(describeTree(VolumeTool.mount(damaged))).toBe(truth);
        healed++;
      } catch (error) {
        if (!(error instanceof EuroFsError)) throw error;
        expect(error.errno).toBe(Errno.EIO);
        refused++;
      }
    }
    expect(healed).toBeGreaterThan(0);
    expect(refused).toBeGreaterThan(0);
  });

  it('E17: one damaged superblock is healed by the next commit', () => {
    for (const slot of [1, 2]) {
      const store = new MemoryBlockStore(new Uint8Array(BLOCKS * 4096));
      VolumeTool.format(store, { uuid, nowSeconds: 1 }).commit();
      const older = checkVolume(store).generation;
      store.bytes[slot * 4096 + 40] ^= 1;
      const tool = VolumeTool.mount(store);
      expect(tool.volume.isDirty).toBe(true);
      tool.commit();
      tool.commit();
      expect(checkVolume(store).problems).toEqual([]);
      expect(checkVolume(store).generation).toBeGreaterThan(older - 1);
    }
  });

  it('E18: hostile images end in an answer, in bounded time', () => {
    const random = new SeededRandom(9);
    const store = new MemoryBlockStore(new Uint8Array(BLOCKS * 4096));
    const tool = VolumeTool.format(store, { uuid, nowSeconds: 1 });
    for (let step = 0; step < 60; step++) randomStep(random, tool);
    tool.commit();
    for (let attempt = 0; attempt < 300; attempt++) {
      const image = store.bytes.slice();
      for (let i = 0; i < 20; i++) image[random.below(image.length)] = random.below(256);
      const mount = new Mount(new MemoryBlockStore(image));
      const status = mount.step();
      expect([0, -Errno.EIO, -Errno.EINVAL]).toContain(status);
      checkVolume(new MemoryBlockStore(image));
    }
  });

  it('E19: a full volume still deletes, and gives the space back', () => {
    const store = new MemoryBlockStore(new Uint8Array(BLOCKS * 4096));
    const tool = VolumeTool.format(store, { uuid, nowSeconds: 1 });
    const contents = new Uint8Array(40_000).fill(7);
    for (let round = 0; round < 3; round++) {
      let count = 0;
      try {
        for (; ; count++) tool.writeFile(`/f${count}`, contents);
      } catch (error) {
        expect((error as EuroFsError).errno).toBe(Errno.ENOSPC);
      }
      expect(count).toBeGreaterThan(25);
      for (let i = 0; i <= count; i++) if (tool.exists(`/f${i}`)) tool.remove(`/f${i}`);
      tool.commit();
      expect(checkVolume(store).problems).toEqual([]);
    }
  });
});

/** Blocks that the newest valid superblock of an image reaches. */
function liveBlocks(image: Uint8Array): Set<number> {
  const { allocator } = VolumeTool.mount(new MemoryBlockStore(image.slice())).volume;
  const live = new Set<number>();
  for (let block = 3; block < BLOCKS; block++) if (allocator.isUsed(block)) live.add(block);
  return live;
}
