// Standard input into a byte ring, minding the room in it.

import type { Readable } from 'node:stream';
import type { ByteRing } from '../protocol/byte-ring.ts';

/** Moves `stream` into `ring` and ends the ring with it; `pump` goes on after the reader has made room. Stops reading while the ring is full. */
export function feed(stream: Readable, ring: ByteRing): { pump: () => void } {
  let rest: Uint8Array | null = null;
  let ended = false;
  const pump = (): void => {
    if (rest === null) return;
    const count = ring.write(rest);
    rest = count < 0 || count === rest.length ? null : rest.subarray(count);
    if (rest !== null) return;
    if (ended) ring.end();
    else stream.resume();
  };
  // A paused stream still says that it has ended when its last chunk was taken, which may be before the ring has room for that chunk.
  const end = (): void => {
    ended = true;
    if (rest === null) ring.end();
  };
  stream.on('data', (chunk: Buffer) => {
    rest = chunk;
    stream.pause();
    pump();
  });
  stream.on('end', end);
  stream.on('error', end);
  return { pump };
}
