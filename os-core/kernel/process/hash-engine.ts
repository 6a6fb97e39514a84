// The seam to a device that hashes: bytes go in, a job comes back, sleepers are woken when it has ended. Optional: whoever uses it
// has the portable SHA-256 as the other way.
//
//   startSha256 ─► job.state 'running' ─► IRQ ─► 'done' (digest) or 'failed' ─► changed.wakeAll()

import { registerClass } from '../../../devices/base/object-graph.ts';
import type { Kernel } from '../kernel.ts';
import { WaitQueue } from '../wait-queue.ts';

export class HashJob {
  state: 'running' | 'done' | 'failed' = 'running';
  /** 32 bytes once done. */
  digest: Uint8Array | null = null;
  readonly changed: WaitQueue = new WaitQueue();
}
registerClass('HashJob', 1, HashJob);

export interface HashEngine {
  /** Starts hashing a copy of `bytes`; null if the device cannot take it now or ever. */
  startSha256(kernel: Kernel, bytes: Uint8Array): HashJob | null;
}
