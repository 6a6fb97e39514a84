// The relay's end in the machine's thread: requests go as messages to the relay thread, datagrams come back through a ring.
//
//   ring message:  u16 guest port · u16 source port · u32 source address · data

import { Worker } from 'node:worker_threads';
import { createRingBuffer, RingReader } from '../../protocol/input-ring.ts';
import type { UdpRelay } from './user-nat.ts';

const RING_BYTES = 1 << 20;
/** Datagrams on their way to the relay thread; more are dropped, as a full router would. */
const MOST_WAITING = 512;
export const RELAY_HEADER_BYTES = 8;

export interface RelayRequest {
  readonly guestPort: number;
  readonly destination: number;
  readonly port: number;
  readonly data: Uint8Array;
}

export interface RelayWorkerData {
  readonly ring: SharedArrayBuffer;
  /** A view of exactly the machine thread's word: its buffer holds other words too. */
  readonly doorbell: Int32Array;
  readonly waiting: Int32Array;
}

export class ThreadUdpRelay implements UdpRelay {
  private readonly file: string;
  private readonly workerData: RelayWorkerData;
  /** Started with the first datagram: most programs send none, and a thread costs start-up time. */
  private worker: Worker | null = null;
  private readonly ring: RingReader;
  /** One word: requests posted and not yet taken up. */
  private readonly waiting = new Int32Array(new SharedArrayBuffer(4));

  /** `file`: dist/udp-relay-worker.cjs. `doorbell`: the machine thread's word, rung for each datagram. */
  constructor(file: string, doorbell: Int32Array) {
    const buffer = createRingBuffer(RING_BYTES);
    this.ring = new RingReader(buffer);
    this.file = file;
    this.workerData = { ring: buffer, doorbell, waiting: this.waiting };
  }

  send(guestPort: number, destination: number, port: number, data: Uint8Array): boolean {
    if (Atomics.load(this.waiting, 0) >= MOST_WAITING) return true;
    Atomics.add(this.waiting, 0, 1);
    this.worker ??= this.start();
    this.worker.postMessage({ guestPort, destination, port, data: data.slice() } satisfies RelayRequest);
    return true;
  }

  receive(deliver: (guestPort: number, source: number, port: number, data: Uint8Array) => void, most: number): void {
    for (let n = 0; n < most; n++) {
      const message = this.ring.next();
      if (message === null) return;
      const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
      deliver(view.getUint16(0), view.getUint32(4), view.getUint16(2), message.slice(RELAY_HEADER_BYTES));
    }
  }

  private start(): Worker {
    const worker = new Worker(this.file, { workerData: this.workerData });
    worker.unref();
    return worker;
  }

  close(): void {
    void this.worker?.terminate();
  }
}
