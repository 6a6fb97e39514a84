import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../devices/base/random.ts';
import { ByteRing, createByteRing } from './byte-ring.ts';

describe('byte ring', () => {
  it('D7: keeps order and count over 20,000 random writes and reads', () => {
    const ring = createByteRing(97);
    const random = new SeededRandom(3);
    let written = 0;
    let read = 0;
    for (let i = 0; i < 20_000; i++) {
      const buffer = new Uint8Array(random.below(120));
      if (random.below(2) === 0) {
        for (let k = 0; k < buffer.length; k++) buffer[k] = (written + k) & 255;
        written += ring.write(buffer);
      } else {
        const count = ring.read(buffer);
        for (let k = 0; k < count; k++)
          if (buffer[k] !== ((read + k) & 255)) throw new Error(`byte ${read + k} is wrong`);
        read += count;
      }
      if (ring.available() !== written - read) throw new Error(`count is wrong at step ${i}`);
    }
    expect(written).toBeGreaterThan(100_000);
  });

  it('D7: the end comes after the last byte; a broken ring refuses writes', () => {
    const ring = createByteRing(8);
    expect(ring.write(new Uint8Array(20))).toBe(8);
    ring.end();
    expect(ring.read(new Uint8Array(5))).toBe(5);
    expect(ring.read(new Uint8Array(5))).toBe(3);
    expect(ring.read(new Uint8Array(5))).toBe(-1);
    ring.breakOff();
    expect(ring.write(new Uint8Array(1))).toBe(-1);
  });

  it('D7: a megabyte crosses to another thread unchanged, both sides sleeping when they must', async () => {
    const ring = createByteRing(1000);
    const worker = new Worker(
      `const { workerData, parentPort } = require('node:worker_threads');
       const words = new Int32Array(workerData, 0, 4), bytes = new Uint8Array(workerData, 16), n = bytes.length;
       let sum = 0, count = 0;
       for (;;) {
         const mark = Atomics.load(words, 3), r = Atomics.load(words, 1), w = Atomics.load(words, 0);
         if (r === w) { if (Atomics.load(words, 2) & 1) break; Atomics.wait(words, 3, mark, 1000); continue; }
         sum = (sum * 31 + bytes[r % n]) | 0; count++;
         Atomics.store(words, 1, (r + 1) % (2 * n)); Atomics.add(words, 3, 1); Atomics.notify(words, 3);
       }
       parentPort.postMessage({ sum, count });`,
      { eval: true, workerData: ring.buffer },
    );
    const result = new Promise((resolve) => worker.once('message', resolve));
    let sum = 0;
    const total = 1_000_000;
    for (let sent = 0; sent < total; ) {
      const mark = ring.changeMark();
      const chunk = new Uint8Array(Math.min(700, total - sent)).map((_, k) => (sent + k) * 7);
      const count = new ByteRing(ring.buffer).write(chunk);
      for (let k = 0; k < count; k++) sum = (sum * 31 + chunk[k]) | 0;
      sent += count;
      if (count === 0) ring.waitForChange(mark, 1000);
    }
    ring.end();
    expect(await result).toEqual({ sum, count: total });
    await worker.terminate();
  });
});
