// Records every frame that passes, as a pcap file (draft-ietf-opsawg-pcap; nanosecond variant, link type 1 = Ethernet).
// A link of the chain: the device sends to it, it sends on.
//
//   file:   a1b23c4d · 2 · 4 · 0 · 0 · 65549 · 1           (seven fields: u32, u16, u16, u32 …)
//   frame:  seconds · nanoseconds · kept bytes · length · bytes

import fs from 'node:fs';
import type { NetworkBackend } from '../../devices/backends/backends.ts';

const LONGEST_FRAME = 65549;

/** When a frame passes: power-on plus the machine's own time, so that seeded runs give equal files. */
export interface RecordingClock {
  readonly powerOnUnixMillis: number;
  nowNanos(): number;
}

export class PcapRecorder implements NetworkBackend {
  private readonly below: NetworkBackend;
  private readonly descriptor: number;
  private readonly clock: RecordingClock;
  /** Set when the file could not be written: recording ends there, the network goes on. */
  failure: string | null = null;

  /** Throws an Error with one line if the file cannot be written. */
  constructor(below: NetworkBackend, file: string, clock: RecordingClock) {
    this.below = below;
    this.clock = clock;
    this.descriptor = fs.openSync(file, 'w');
    const header = new DataView(new ArrayBuffer(24));
    header.setUint32(0, 0xa1b23c4d, true);
    header.setUint16(4, 2, true);
    header.setUint16(6, 4, true);
    header.setUint32(16, LONGEST_FRAME, true);
    header.setUint32(20, 1, true);
    fs.writeSync(this.descriptor, new Uint8Array(header.buffer));
  }

  get macAddress(): Uint8Array {
    return this.below.macAddress;
  }
  get mtu(): number {
    return this.below.mtu;
  }
  send(frame: Uint8Array): boolean {
    this.record(frame);
    return this.below.send(frame);
  }
  receive(target: Uint8Array): number {
    const length = this.below.receive(target);
    if (length > 0) this.record(target.subarray(0, length));
    return length;
  }
  linkUp(): boolean {
    return this.below.linkUp();
  }

  private record(frame: Uint8Array): void {
    if (this.failure !== null) return;
    // Apart, since Unix time in nanoseconds does not fit into a double.
    const nanos = (this.clock.powerOnUnixMillis % 1000) * 1e6 + this.clock.nowNanos();
    const seconds = Math.floor(this.clock.powerOnUnixMillis / 1000) + Math.floor(nanos / 1e9);
    const record = new Uint8Array(16 + frame.length);
    const header = new DataView(record.buffer);
    header.setUint32(0, seconds, true);
    header.setUint32(4, Math.floor(nanos % 1e9), true);
    header.setUint32(8, frame.length, true);
    header.setUint32(12, frame.length, true);
    record.set(frame, 16);
    try {
      fs.writeSync(this.descriptor, record);
    } catch (error) {
      this.failure = `recording ends early: ${(error as Error).message}`;
    }
  }

  close(): void {
    fs.closeSync(this.descriptor);
  }
}
