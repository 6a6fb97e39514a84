// A switch in memory: joins network ports of this process. Learns where addresses are (IEEE 802.1D), floods what it does not know.

import type { NetworkBackend } from '../../devices/backends/backends.ts';

/** Frames that wait at a port; more are dropped, as a real switch does. */
const QUEUE_FRAMES = 256;
const MOST_ADDRESSES = 1024;

function keyOf(frame: Uint8Array, at: number): number {
  let key = 0;
  for (let i = 0; i < 6; i++) key = key * 256 + frame[at + i];
  return key;
}

export class SwitchPort implements NetworkBackend {
  readonly macAddress: Uint8Array;
  readonly mtu = 1500;
  private readonly owner: MemorySwitch;
  private readonly queue: Uint8Array[] = [];

  constructor(owner: MemorySwitch, macAddress: Uint8Array) {
    this.owner = owner;
    this.macAddress = macAddress;
  }
  send(frame: Uint8Array): boolean {
    if (frame.length >= 14) this.owner.forward(this, frame);
    return true;
  }
  receive(target: Uint8Array): number {
    const frame = this.queue.shift();
    if (frame === undefined || frame.length > target.length) return 0;
    target.set(frame);
    return frame.length;
  }
  linkUp(): boolean {
    return true;
  }
  deliver(frame: Uint8Array): void {
    if (this.queue.length < QUEUE_FRAMES) this.queue.push(frame.slice());
  }
}

export class MemorySwitch {
  private readonly ports: SwitchPort[] = [];
  private readonly learnt = new Map<number, SwitchPort>();

  addPort(macAddress: Uint8Array): SwitchPort {
    const port = new SwitchPort(this, macAddress);
    this.ports.push(port);
    return port;
  }

  forward(from: SwitchPort, frame: Uint8Array): void {
    const source = keyOf(frame, 6);
    if ((frame[6] & 1) === 0 && (this.learnt.has(source) || this.learnt.size < MOST_ADDRESSES))
      this.learnt.set(source, from);
    const target = (frame[0] & 1) === 1 ? undefined : this.learnt.get(keyOf(frame, 0));
    for (const port of target === undefined ? this.ports : [target]) if (port !== from) port.deliver(frame);
  }
}
