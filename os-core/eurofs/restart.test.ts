// Operations over a store that makes them wait at any read, write or flush, and a tree that forgets its clean nodes in between:
// the result must be the same as over a store that never waits. A failure prints its seed.

import { expect, it } from 'vitest';
import { SeededRandom } from '../../devices/base/random.ts';
import {
  type BlockStore,
  COMMIT_FIRST,
  checkVolume,
  create,
  FileType,
  formatVolume,
  getInode,
  link,
  MemoryBlockStore,
  Mount,
  PENDING,
  prepareWrite,
  ROOT_INODE,
  readBlock,
  remove,
  rename,
  setAttribute,
  setSize,
  type Volume,
  wroteTo,
} from './index.ts';

const BLOCKS = 1024;

/** Says "ask again" a few times before it answers. */
class WaitingStore extends MemoryBlockStore implements BlockStore {
  private readonly random: SeededRandom;
  private readonly ready = new Set<number>();
  waits = 0;

  constructor(bytes: Uint8Array, seed: number) {
    super(bytes);
    this.random = new SeededRandom(seed);
  }
  override read(block: number): never {
    // Keeps a block for a while, then forgets it.
    if (!this.ready.has(block)) {
      this.ready.add(block);
      this.waits++;
      return null as never;
    }
    if (this.random.below(10) === 0) this.ready.delete(block);
    return super.read(block) as never;
  }
  override write(block: number, bytes: Uint8Array): boolean {
    return this.random.below(4) > 0 && super.write(block, bytes);
  }
  override flush(): never {
    return (this.random.below(3) > 0 ? 'pending' : 'done') as never;
  }
}

function settle<T>(volume: Volume, operation: () => T | number): T | number {
  for (let tries = 0; tries < 100_000; tries++) {
    const result = operation();
    if (result === PENDING) continue;
    if (result !== COMMIT_FIRST) return result;
    while (volume.commitStep(true) === PENDING);
  }
  throw new Error('an operation does not come to an end');
}

/** One random operation by numbers, the same for both volumes. Returns its result. */
function step(volume: Volume, choices: readonly number[], folders: number[], files: number[]): number {
  const [kind, a, b, c] = choices;
  const folder = folders[a % folders.length];
  const other = folders[b % folders.length];
  const file = files[b % Math.max(1, files.length)] ?? 0;
  const name = `n${c % 40}${'x'.repeat((c % 7) * 30)}`;
  const target = `n${a % 40}`;
  const run = (operation: () => number): number => settle(volume, operation) as number;
  switch (kind % 10) {
    case 0: {
      const made = run(() => create(volume, folder, name, { mode: FileType.directory | 0o755, user: 0, group: 0 }));
      if (made > 0) folders.push(made);
      return made;
    }
    case 1:
    case 2: {
      const made = run(() => create(volume, folder, name, { mode: FileType.regular | 0o644, user: 0, group: 0 }));
      if (made > 0) files.push(made);
      return made;
    }
    case 3:
    case 4: {
      const index = c % 200;
      if (typeof settle(volume, () => getInode(volume, file)) === 'number') return -1;
      const buffer = settle(volume, () => prepareWrite(volume, file, index, false));
      if (typeof buffer === 'number') return buffer;
      buffer.fill(a & 255, b % 4096);
      return run(() => wroteTo(volume, file, index * 4096 + 4096));
    }
    case 5:
      return run(() => setSize(volume, file, c * 97));
    case 6:
      return run(() => remove(volume, folder, name, (b & 1) === 1));
    case 7:
      return run(() =>
        rename(volume, folder, name, other, target, (['replace', 'noReplace', 'exchange'] as const)[c % 3]),
      );
    case 8:
      return run(() => link(volume, folder, name, file));
    default:
      return run(() => setAttribute(volume, file, `user.${c % 9}`, new Uint8Array((c % 5) * 50), 'any'));
  }
}

function mount(store: BlockStore): Volume {
  const task = new Mount(store);
  let status = task.step();
  while (status === PENDING) status = task.step();
  expect(status, task.reason).toBe(0);
  return task.volume as Volume;
}

it('E17 E19: waiting at any point changes nothing: same results, same volume', () => {
  for (let seed = 1; seed <= 4; seed++) {
    const random = new SeededRandom(seed);
    const plainStore = new MemoryBlockStore(new Uint8Array(BLOCKS * 4096));
    expect(formatVolume(plainStore, { uuid: new Uint8Array(16), nowSeconds: 1 })).toBe(0);
    const waitingStore = new WaitingStore(plainStore.bytes.slice(), seed);
    const plain = mount(plainStore);
    const waiting = mount(waitingStore);
    const plainIds = { folders: [ROOT_INODE], files: [] as number[] };
    const waitingIds = { folders: [ROOT_INODE], files: [] as number[] };
    for (let count = 0; count < 600; count++) {
      const choices = [random.below(1000), random.below(1000), random.below(1000), random.below(1000)];
      const expected = step(plain, choices, plainIds.folders, plainIds.files);
      if (random.below(3) === 0) waiting.tree.trim(0);
      const got = step(waiting, choices, waitingIds.folders, waitingIds.files);
      expect(got, `seed ${seed}, operation ${count}`).toBe(expected);
      if (random.below(25) > 0) continue;
      expect(plain.commitStep()).toBe(0);
      while (waiting.commitStep() === PENDING);
    }
    expect(plain.commitStep(true)).toBe(0);
    while (waiting.commitStep(true) === PENDING);
    for (const file of plainIds.files) {
      const inode = getInode(plain, file);
      if (typeof inode === 'number') continue;
      for (let index = 0; index < Math.min(210, inode.size / 4096); index++) {
        const block = readBlock(plain, file, index) as Uint8Array;
        const other = settle(waiting, () => readBlock(waiting, file, index)) as Uint8Array;
        expect(Buffer.compare(block, other), `seed ${seed}, inode ${file}, block ${index}`).toBe(0);
      }
    }
    const checked = checkVolume(new MemoryBlockStore(waitingStore.bytes));
    expect(checked.problems, `seed ${seed}`).toEqual([]);
    expect(checkVolume(plainStore).problems, `seed ${seed}`).toEqual([]);
    expect(checked.inodes).toBe(checkVolume(plainStore).inodes);
    expect(waitingStore.waits).toBeGreaterThan(20);
  }
});
