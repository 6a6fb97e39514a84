import { describe, expect, it } from 'vitest';
import { PhysicalMemory } from '../../../devices/base/physical-memory.ts';
import { SeededRandom } from '../../../devices/base/random.ts';
import { VirtioQueue } from './queue.ts';

const SIZE = 8;
const AT = 0x4000;

function queueInMemory(): { memory: PhysicalMemory; queue: VirtioQueue; post: (count: number) => number } {
  const memory = new PhysicalMemory(65536);
  const queue = new VirtioQueue(0, SIZE, AT, 0);
  const post = (count: number): number => {
    queue.begin();
    for (let i = 0; i < count; i++) queue.push(memory, 0x8000 + i * 512, 512, true);
    return queue.commit(memory);
  };
  return { memory, queue, post };
}

/** What a device does: writes a used element and moves the index. */
function answer(memory: PhysicalMemory, queue: VirtioQueue, usedIndex: number, head: number, length: number): void {
  const element = queue.used + 4 + 8 * (usedIndex % SIZE);
  memory.write32(element, head);
  memory.write32(element + 4, length);
  memory.write16(queue.used + 2, usedIndex + 1);
}

describe('split virtqueue, driver side', () => {
  it('lays the three parts out as virtio 1.2, 2.7 says', () => {
    const { memory, queue, post } = queueInMemory();
    expect([queue.descriptors, queue.available, queue.used]).toEqual([AT, AT + 128, AT + 152]);
    const head = post(2);
    const descriptor = AT + 16 * head;
    expect(memory.read64AsNumber(descriptor)).toBe(0x8000);
    expect(memory.read32(descriptor + 8)).toBe(512);
    expect(memory.read16(descriptor + 12)).toBe(3);
    expect(memory.read16(AT + 16 * memory.read16(descriptor + 14) + 12)).toBe(2);
    expect(memory.read16(queue.available + 2)).toBe(1);
    expect(memory.read16(queue.available + 4)).toBe(head);
    expect(VirtioQueue.bytesFor(SIZE)).toBe(152 + 6 + 64);
  });

  it('E40: gives every chain back exactly once over many rounds, with the index wrapping', () => {
    const { memory, queue, post } = queueInMemory();
    const random = new SeededRandom(1);
    const out: number[] = [];
    let used = 0;
    let wrong = 0;
    for (let round = 0; round < 200_000; round++) {
      const count = 1 + random.below(3);
      if (queue.free >= count) out.push(post(count));
      if (out.length > 0 && random.below(2) === 0) {
        const [head] = out.splice(random.below(out.length), 1);
        answer(memory, queue, used & 0xffff, head, 7);
        memory.write16(queue.used + 2, (used + 1) & 0xffff);
        used++;
        if (queue.pop(memory) !== head || queue.usedLength !== 7) wrong++;
      }
    }
    expect(wrong).toBe(0);
    expect(queue.broken).toBe(false);
    expect(queue.pop(memory)).toBe(-1);
  });

  it('E40: a device that breaks the rules breaks the queue, nothing else', () => {
    const hostile: ((memory: PhysicalMemory, queue: VirtioQueue, head: number) => void)[] = [
      (memory, queue) => answer(memory, queue, 0, SIZE, 0),
      (memory, queue) => answer(memory, queue, 0, 0xffffffff, 0),
      (memory, queue, head) => answer(memory, queue, 0, (head + 1) % SIZE, 0),
      (memory, queue, head) => answer(memory, queue, 0, head, 1025),
      (memory, queue) => memory.write16(queue.used + 2, 0xffff),
      (memory, queue) => memory.write16(queue.used + 2, SIZE + 1),
    ];
    for (const [index, act] of hostile.entries()) {
      const { memory, queue, post } = queueInMemory();
      const head = post(2);
      act(memory, queue, head);
      expect(queue.pop(memory), `case ${index}`).toBe(-1);
      expect(queue.broken, `case ${index}`).toBe(true);
      expect(queue.pop(memory)).toBe(-1);
    }
    const { memory, queue, post } = queueInMemory();
    const head = post(1);
    answer(memory, queue, 0, head, 0);
    expect(queue.pop(memory)).toBe(head);
    answer(memory, queue, 1, head, 0);
    expect(queue.pop(memory), 'the same head twice').toBe(-1);
    expect(queue.broken).toBe(true);
  });
});
