import { expect, it } from 'vitest';
import { SeededRandom } from '../../../devices/base/random.ts';
import { type BootMemoryRegion, EfiMemoryType as Type } from '../../abi/boot-information.ts';
import { FRAME_BYTES, FrameAllocator } from './frames.ts';

const MIB = 1024 * 1024;
const region = (type: number, physicalStart: number, bytes: number): BootMemoryRegion => ({
  type,
  physicalStart,
  pageCount: bytes / FRAME_BYTES,
});

/** Independent reading of a map: a page is usable if it is whole in a usable descriptor and touches no other. */
function expectedFrames(memoryBytes: number, map: readonly BootMemoryRegion[]): Set<number> {
  const usable = new Set<number>([
    Type.conventional,
    Type.loaderCode,
    Type.loaderData,
    Type.bootServicesCode,
    Type.bootServicesData,
  ]);
  const frames = new Set<number>();
  for (let address = MIB; address + FRAME_BYTES <= memoryBytes; address += FRAME_BYTES) {
    const end = address + FRAME_BYTES;
    const inside = map.some(
      (r) => usable.has(r.type) && r.physicalStart <= address && r.physicalStart + r.pageCount * FRAME_BYTES >= end,
    );
    const touched = map.some(
      (r) => !usable.has(r.type) && r.physicalStart < end && r.physicalStart + r.pageCount * FRAME_BYTES > address,
    );
    if (inside && !touched) frames.add(address);
  }
  return frames;
}

const oddMaps: Record<string, readonly BootMemoryRegion[]> = {
  unsorted: [
    region(Type.conventional, 8 * MIB, 4 * MIB),
    region(Type.reserved, 2 * MIB, MIB),
    region(Type.conventional, MIB, MIB),
  ],
  overlapping: [
    region(Type.conventional, 0, 16 * MIB),
    region(Type.runtimeServicesData, 5 * MIB, MIB),
    region(Type.loaderData, 4 * MIB, 4 * MIB),
  ],
  'beyond RAM': [region(Type.conventional, 12 * MIB, 512 * MIB), region(Type.conventional, 2 ** 45, MIB)],
  'odd starts': [
    region(Type.conventional, 2 * MIB + 100, MIB),
    region(Type.acpiNvs, 2 * MIB + 70_000, 4096),
    region(Type.conventional, 4 * MIB, MIB),
  ],
  'nonsense lengths': [
    region(Type.conventional, 3 * MIB, MIB),
    { type: Type.conventional, physicalStart: 6 * MIB, pageCount: 0 },
    { type: Type.conventional, physicalStart: 7 * MIB, pageCount: -5 },
    { type: Type.conventional, physicalStart: Number.NaN, pageCount: 5 },
    { type: 77, physicalStart: 3 * MIB, pageCount: 2 },
  ],
};

for (const [name, map] of Object.entries(oddMaps))
  it(`E9: hands out exactly the usable frames of a map that is ${name}`, () => {
    const allocator = new FrameAllocator(16 * MIB, map);
    const got = new Set<number>();
    for (let frame = allocator.allocate(); frame !== 0; frame = allocator.allocate()) got.add(frame);
    expect([...got].sort((a, b) => a - b)).toEqual([...expectedFrames(16 * MIB, map)]);
    expect(allocator.freeFrames).toBe(0);
    for (const frame of got) allocator.release(frame);
    expect(allocator.freeFrames).toBe(allocator.usableFrames);
  });

it('E9: contiguous ranges are aligned and free; a double free is detected', () => {
  const allocator = new FrameAllocator(64 * MIB, [region(Type.conventional, 0, 64 * MIB)]);
  const first = allocator.allocate();
  const range = allocator.contiguous(512, 2 * MIB);
  expect(range % (2 * MIB)).toBe(0);
  expect(range).toBeGreaterThan(0);
  for (let page = 0; page < 512; page++) expect(allocator.users(range + page * FRAME_BYTES)).toBe(1);
  expect(allocator.contiguous(100_000, FRAME_BYTES)).toBe(0);
  allocator.release(first);
  expect(() => allocator.release(first)).toThrow(/double free/);
});

it('E9: a long random run agrees with a set', () => {
  const random = new SeededRandom(9);
  const allocator = new FrameAllocator(16 * MIB, [region(Type.conventional, 0, 16 * MIB)]);
  const users = new Map<number, number>();
  for (let round = 0; round < 50_000; round++) {
    const held = [...users.keys()];
    const pick = held[random.below(Math.max(1, held.length))];
    const action = random.below(10);
    if (action < 5 || pick === undefined) {
      const frame = allocator.allocate();
      if (frame === 0) continue;
      expect(users.has(frame)).toBe(false);
      users.set(frame, 1);
    } else if (action < 6) {
      allocator.retain(pick);
      users.set(pick, (users.get(pick) ?? 0) + 1);
    } else {
      for (const frame of held.slice(0, 20)) {
        allocator.release(frame);
        const left = (users.get(frame) ?? 0) - 1;
        if (left === 0) users.delete(frame);
        else users.set(frame, left);
      }
    }
  }
  expect(allocator.freeFrames).toBe(allocator.usableFrames - users.size);
});
