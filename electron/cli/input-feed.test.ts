import { Readable } from 'node:stream';
import { expect, it } from 'vitest';
import { createByteRing } from '../protocol/byte-ring.ts';
import { feed } from './input-feed.ts';

it('D7: the end of standard input waits for the bytes that the ring had no room for', async () => {
  const ring = createByteRing(16);
  const stream = new Readable({ read() {} });
  const data = Buffer.from(Array.from({ length: 100 }, (_, index) => index));
  stream.push(data);
  stream.push(null);
  const { pump } = feed(stream, ring);
  const got: number[] = [];
  const target = new Uint8Array(64);
  for (let count = 0; count >= 0; ) {
    await new Promise((resolve) => setImmediate(resolve));
    count = ring.read(target);
    got.push(...target.subarray(0, Math.max(count, 0)));
    // The reader empties the ring before the writer hears of the room.
    if (count === 0) pump();
  }
  expect(got).toEqual([...data]);
});
