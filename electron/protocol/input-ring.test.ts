import { Worker } from 'node:worker_threads';
import { describe, expect, test } from 'vitest';
import { ByteRing, createByteRing } from './byte-ring.ts';
import { createRingBuffer, RingReader, RingWriter } from './input-ring.ts';

function message(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index * 31 + seed) & 0xff);
}

describe('input ring', () => {
  test('D1: messages come out whole and in order, also around the end of the buffer', () => {
    const buffer = createRingBuffer(64);
    const writer = new RingWriter(buffer);
    const reader = new RingReader(buffer);
    for (let round = 0; round < 500; round++) {
      const first = message(round % 29, round);
      const second = message((round * 7) % 25, round + 1);
      expect(writer.push(first)).toBe(true);
      expect(writer.push(second)).toBe(true);
      expect(Array.from(reader.next()!)).toEqual(Array.from(first));
      expect(Array.from(reader.next()!)).toEqual(Array.from(second));
      expect(reader.next()).toBeNull();
    }
    expect(reader.resynchronised).toBe(0);
  });

  test('D1: a full ring refuses and loses nothing', () => {
    const buffer = createRingBuffer(64);
    const writer = new RingWriter(buffer);
    const reader = new RingReader(buffer);
    let accepted = 0;
    while (writer.push(message(5, accepted))) accepted++;
    expect(accepted).toBe(Math.floor(64 / 12));
    for (let index = 0; index < accepted; index++) {
      expect(Array.from(reader.next()!)).toEqual(Array.from(message(5, index)));
    }
    expect(reader.next()).toBeNull();
    expect(writer.push(message(60, 1))).toBe(true);
    expect(() => writer.push(message(61, 1))).toThrow(RangeError);
  });

  test('D1: positions may pass 2^31 and 2^32', () => {
    for (const start of [0x7fffffe0, -32]) {
      const buffer = createRingBuffer(64);
      new Int32Array(buffer, 0, 2).fill(start);
      const writer = new RingWriter(buffer);
      const reader = new RingReader(buffer);
      for (let round = 0; round < 20; round++) {
        expect(writer.push(message(17, round))).toBe(true);
        expect(Array.from(reader.next()!)).toEqual(Array.from(message(17, round)));
      }
    }
  });

  test('D1: nonsense in shared memory empties the ring instead of hanging or reading outside', () => {
    const buffer = createRingBuffer(64);
    const writer = new RingWriter(buffer);
    const reader = new RingReader(buffer);
    writer.push(message(8, 0));
    new Uint8Array(buffer).fill(0xff, 16);
    expect(reader.next()).toBeNull();
    expect(reader.resynchronised).toBe(1);
    expect(writer.push(message(8, 3))).toBe(true);
    expect(Array.from(reader.next()!)).toEqual(Array.from(message(8, 3)));
    new Int32Array(buffer)[0] += 1000;
    expect(reader.next()).toBeNull();
    expect(reader.resynchronised).toBe(2);
  });

  test('D1: a sleeping thread wakes up for a message', async () => {
    const buffer = createRingBuffer(1024);
    // Plain JavaScript, because a worker of the test runner loads no TypeScript: it sleeps on the doorbell word.
    const worker = new Worker(
      `const { workerData, parentPort } = require('node:worker_threads');
       const words = new Int32Array(workerData);
       parentPort.postMessage('ready');
       Atomics.wait(words, 2, 0, 10000);
       parentPort.postMessage(Atomics.load(words, 0));`,
      { eval: true, workerData: buffer },
    );
    const answers: unknown[] = [];
    await new Promise<void>((resolve) => {
      worker.on('message', (value) => {
        answers.push(value);
        if (value === 'ready') setTimeout(() => new RingWriter(buffer).push(message(3, 0)), 20);
        else resolve();
      });
    });
    await worker.terminate();
    expect(answers).toEqual(['ready', 8]);
  });

  test('D1: other rings can ring the same doorbell', () => {
    const reader = new RingReader(createRingBuffer(64));
    const seen = reader.doorbell();
    const stream = createByteRing(16, reader.doorbellWord());
    expect(new ByteRing(stream.buffer, reader.doorbellWord()).write(message(4, 1))).toBe(4);
    expect(reader.doorbell()).not.toBe(seen);
    reader.wait(seen, 10_000); // returns at once
  });
});
