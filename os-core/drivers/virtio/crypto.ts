// virtio-crypto (virtio 1.2, 5.9): bulk SHA-256 in stateless mode, for verify-before-execute.
//
//   request   0 u32 opcode 0x100 (service hash << 8)   4 u32 algorithm   8 u64 session 0   16 u32 flag 0   20 u32 padding
//            24 u32 algorithm   28 u32 source bytes   32 u32 result bytes   36 u32 reserved                        (5.9.7.2.1, 5.9.7.3)
//            then the source: runs of adjacent frames │ by the device: 32 bytes of digest, u8 status
//
//   startSha256 ─► copy into frames ─► one chain ─► IRQ ─► digest into the job, frames free again
//
// Left out: sessions and so the control queue, ciphers, MACs, AEAD. Invariants: jobs has an entry exactly for each head that is with
// the device; the frames of a job are freed only when its head has come back, also when nobody waits for it any more. The device
// is hostile: a bad used ring or status fails the jobs, and the portable hash takes over.

import { registerClass } from '../../../devices/base/object-graph.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import { type HashEngine, HashJob } from '../../kernel/process/hash-engine.ts';
import { VirtioDriver } from './driver.ts';
import type { VirtioQueue } from './queue.ts';
import type { VirtioTransport } from './transport.ts';

/** Feature bits (5.9.3): REVISION_1 brings the request layout above, HASH_STATELESS the mode. */
const FEATURE_REVISION_1 = 0;
const FEATURE_HASH_STATELESS = 2;
/** Configuration (5.9.4). */
const Configuration = { status: 0, services: 8, hashAlgorithms: 20, maximumSize: 48 } as const;
const STATUS_HARDWARE_READY = 1;
const SERVICE_HASH = 1;
const HASH_SHA_256 = 4;
const OPCODE_HASH = SERVICE_HASH << 8;
const REQUEST_BYTES = 40;
const DIGEST_BYTES = 32;
const STATUS_OK = 0;
/** Offset of digest and status in the request page. */
const RESULT_OFFSET = 64;
const FRAME_BYTES = 4096;
/** Adjacent frames that one descriptor covers; small enough to be found in a RAM that has been in use for long. */
const RUN_FRAMES = 64;
const RUN_BYTES = RUN_FRAMES * FRAME_BYTES;
/** More jobs than this at a time would only fill RAM with copies. */
const MAXIMUM_JOBS = 2;
/** Longer files take the portable way. */
const MAXIMUM_SOURCE_BYTES = 16 * 1024 * 1024;

class Request {
  readonly job: HashJob;
  readonly page: number;
  readonly runs: readonly number[];
  readonly sourceBytes: number;
  constructor(job: HashJob, page: number, runs: readonly number[], sourceBytes: number) {
    this.job = job;
    this.page = page;
    this.runs = runs;
    this.sourceBytes = sourceBytes;
  }
}
registerClass('drivers.HashRequest', 1, Request);

export class VirtioCrypto extends VirtioDriver implements HashEngine {
  /** Requests that came back with a digest. */
  completed = 0;
  private readonly queue: VirtioQueue;
  private readonly maximumBytes: number;
  /** By head. */
  private readonly requests: Map<number, Request> = new Map();

  private constructor(transport: VirtioTransport, queue: VirtioQueue, maximumBytes: number) {
    super(transport);
    this.queue = queue;
    this.maximumBytes = maximumBytes;
  }

  /** Starts the device behind `transport`; null if it is not usable for SHA-256. */
  static start(kernel: Kernel, transport: VirtioTransport): VirtioCrypto | null {
    const { machine } = kernel;
    if (!transport.negotiate(machine, (1 << FEATURE_REVISION_1) | (1 << FEATURE_HASH_STATELESS))) return null;
    const bit = (offset: number, number: number): boolean =>
      ((transport.configuration32(machine, offset) >>> number) & 1) !== 0;
    const usable =
      transport.has(FEATURE_REVISION_1) &&
      transport.has(FEATURE_HASH_STATELESS) &&
      (transport.configuration32(machine, Configuration.status) & STATUS_HARDWARE_READY) !== 0 &&
      bit(Configuration.services, SERVICE_HASH) &&
      bit(Configuration.hashAlgorithms, HASH_SHA_256);
    const queue = usable ? transport.createQueue(kernel, 0, 256) : null;
    if (queue === null) {
      transport.fail(machine);
      return null;
    }
    const offered =
      transport.configuration32(machine, Configuration.maximumSize) +
      transport.configuration32(machine, Configuration.maximumSize + 4) * 0x1_0000_0000;
    const maximumBytes = Math.min(offered - REQUEST_BYTES, MAXIMUM_SOURCE_BYTES, (queue.size - 2) * RUN_BYTES);
    const driver = new VirtioCrypto(transport, queue, maximumBytes);
    driver.go(kernel);
    return driver;
  }

  startSha256(kernel: Kernel, bytes: Uint8Array): HashJob | null {
    const runCount = Math.ceil(bytes.length / RUN_BYTES);
    if (bytes.length === 0 || bytes.length > this.maximumBytes || this.queue.broken) return null;
    if (this.requests.size >= MAXIMUM_JOBS || this.queue.free < runCount + 2) return null;
    const page = kernel.frames.allocate();
    if (page === 0) return null;
    const runs: number[] = [];
    for (let n = 0; n < runCount; n++) {
      const run = kernel.frames.contiguous(framesOf(bytes.length, n));
      if (run === 0) {
        this.release(kernel, page, runs, bytes.length);
        return null;
      }
      runs.push(run);
    }
    const { machine } = kernel;
    const { memory } = machine;
    memory.fill(page, RESULT_OFFSET + DIGEST_BYTES + 1, 0);
    memory.write32(page, OPCODE_HASH);
    memory.write32(page + 4, HASH_SHA_256);
    memory.write32(page + 24, HASH_SHA_256);
    memory.write32(page + 28, bytes.length);
    memory.write32(page + 32, DIGEST_BYTES);
    // Until the device has written it, the status is none that exists.
    memory.write8(page + RESULT_OFFSET + DIGEST_BYTES, 0xff);
    this.queue.begin();
    this.queue.push(memory, page, REQUEST_BYTES, false);
    runs.forEach((run, n) => {
      const part = bytes.subarray(n * RUN_BYTES, (n + 1) * RUN_BYTES);
      memory.writeBytes(run, part);
      this.queue.push(memory, run, part.length, false);
    });
    this.queue.push(memory, page + RESULT_OFFSET, DIGEST_BYTES + 1, true);
    const job = new HashJob();
    this.requests.set(this.queue.commit(memory), new Request(job, page, runs, bytes.length));
    this.transport.kick(machine, this.queue);
    return job;
  }

  override queuesChanged(kernel: Kernel): void {
    const { memory } = kernel.machine;
    for (let head = this.queue.pop(memory); head >= 0; head = this.queue.pop(memory)) {
      const request = this.requests.get(head);
      if (request === undefined) continue;
      this.requests.delete(head);
      const { job, page, runs, sourceBytes } = request;
      const status = memory.read8(page + RESULT_OFFSET + DIGEST_BYTES);
      if (status === STATUS_OK && this.queue.usedLength >= DIGEST_BYTES + 1) {
        job.digest = memory.bytes.slice(page + RESULT_OFFSET, page + RESULT_OFFSET + DIGEST_BYTES);
        job.state = 'done';
        this.completed++;
      } else job.state = 'failed';
      this.release(kernel, page, runs, sourceBytes);
      job.changed.wakeAll();
    }
    if (!this.queue.broken) return;
    // The frames stay taken: a device that breaks the rules may still write.
    for (const { job } of this.requests.values()) {
      job.state = 'failed';
      job.changed.wakeAll();
    }
    this.requests.clear();
  }

  private release(kernel: Kernel, page: number, runs: readonly number[], sourceBytes: number): void {
    runs.forEach((run, n) => {
      for (let frame = 0; frame < framesOf(sourceBytes, n); frame++) kernel.frames.release(run + frame * FRAME_BYTES);
    });
    kernel.frames.release(page);
  }
}
registerClass('drivers.VirtioCrypto', 1, VirtioCrypto as unknown as abstract new () => object);

/** Frames of run n of a source. */
function framesOf(sourceBytes: number, n: number): number {
  return Math.min(RUN_FRAMES, Math.ceil((sourceBytes - n * RUN_BYTES) / FRAME_BYTES));
}
