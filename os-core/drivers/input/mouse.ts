// The PS/2 mouse's packets of three bytes, or four with a wheel (IBM PS/2 Hardware Technical Reference, Mouse, "Data report") and the pointer they move.
//
//   byte 0   Y overflow | X overflow | Y sign | X sign | 1 | middle | right | left
//   byte 1   X movement, low 8 bits of 9        byte 2   Y movement, upwards positive
//   byte 3   wheel, downwards positive, -8 to 7 (Microsoft IntelliMouse; only after enableWheel)
//
// When a byte is lost, what follows is cut wrongly. Two signs tell: the first byte must have bit 3 set and no overflow; and the
// bytes of a packet follow each other closely, so that after a pause a packet begins. What was cut is thrown away.

import { registerClass } from '../../../devices/base/object-graph.ts';
import { InputKind } from '../../abi/input.ts';
import type { InputNode } from './input-queue.ts';

const ALWAYS_ONE = 0x08;
const OVERFLOW = 0xc0;
const X_SIGN = 0x10;
const Y_SIGN = 0x20;
const BUTTONS = 0x07;
/** A fourth byte beyond this is no wheel: the packet was cut wrongly. */
const MOST_STEPS = 8;
/** A byte takes about 1 ms on the wire; a longer pause than this lies between packets. Reports come every 10 ms at most. */
const PACKET_GAP_NANOS = 50_000_000;

export class Mouse {
  x: number;
  y: number;
  buttons = 0;
  /** Bytes thrown away to get back into step. */
  resyncs = 0;
  private readonly width: number;
  private readonly height: number;
  private readonly node: InputNode;
  private readonly packet: Uint8Array = new Uint8Array(4);
  private packetBytes = 3;
  private length = 0;
  private lastByteNanos = 0;

  /** @param width, height the screen in pixels: the pointer stays inside. It starts in the middle. */
  constructor(node: InputNode, width: number, height: number) {
    this.node = node;
    this.width = width;
    this.height = height;
    this.x = Math.floor(width / 2);
    this.y = Math.floor(height / 2);
  }

  /** The mouse has said that its packets have a fourth byte. */
  enableWheel(): void {
    this.packetBytes = 4;
  }

  receive(byte: number, nowNanos: number): void {
    if (this.length > 0 && nowNanos - this.lastByteNanos > PACKET_GAP_NANOS) {
      this.resyncs += this.length;
      this.length = 0;
    }
    this.lastByteNanos = nowNanos;
    if (this.length === 0 && ((byte & ALWAYS_ONE) === 0 || (byte & OVERFLOW) !== 0)) {
      this.resyncs++;
      return;
    }
    this.packet[this.length++] = byte;
    if (this.length < this.packetBytes) return;
    this.length = 0;
    if (this.packetBytes === 4 && Math.abs((this.packet[3] << 24) >> 24) > MOST_STEPS) {
      this.resyncs += this.packetBytes;
      return;
    }
    this.report();
  }

  private report(): void {
    const [flags, xLow, yLow] = this.packet;
    const deltaX = xLow - ((flags & X_SIGN) !== 0 ? 256 : 0);
    const deltaY = yLow - ((flags & Y_SIGN) !== 0 ? 256 : 0);
    this.x = Math.min(this.width - 1, Math.max(0, this.x + deltaX));
    this.y = Math.min(this.height - 1, Math.max(0, this.y - deltaY));
    this.buttons = flags & BUTTONS;
    this.node.emit(InputKind.pointer, this.x, this.y, this.buttons);
    const steps = this.packetBytes === 4 ? (this.packet[3] << 24) >> 24 : 0;
    if (steps !== 0) this.node.emit(InputKind.wheel, steps, 0, 0);
  }
}
registerClass('drivers.Mouse', 1, Mouse);
