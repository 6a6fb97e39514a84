// PS/2 mouse (IBM PS/2 Hardware Interface Technical Reference, "Mouse") with a wheel (Microsoft IntelliMouse).
//
//   packet   byte 0: Yovf Xovf Ysign Xsign 1 middle right left     byte 1: X movement     byte 2: Y movement, up is positive
//
//   host byte   E6/E7 scaling 1:1, 2:1   E8 n resolution   E9 status (3 bytes)   EA stream   EB read data   EC/EE wrap off, on
//               F0 remote   F2 identity (00)   F3 n sample rate   F4/F5 reporting on, off   F6 defaults   FE resend   FF reset
//
// Movement that finds the packet buffer full stays in the counters, as in a real mouse between two samples, and goes out when
// there is room, and a part of the buffer is kept for changes of buttons. Movement comes before the change that is told with it: a long
// way's packets have the old buttons, all but the last. Only when the whole buffer is full does a change wait, with what follows. The
// counters are 16 bits wide here and set the overflow bits only beyond that. Host pixels are counts: resolution and scaling are kept and reported, but do not change what the host's pointer did.
// The wheel answers to a knock: sample rates 200, 100, 80 one after the other; then the identity is 03 and packets have a fourth byte,
// the wheel's movement, down positive, -8 to 7. Who does not knock has a mouse of three bytes.

import { restoreState, writeState } from '../base/device-state.ts';
import type { DeviceSnapshot, Snapshotable } from '../contract/device.ts';
import { clearQueue, dequeue, enqueue, newByteQueue, queueRoom, repairQueue } from './byte-queue.ts';

const WHEEL_PACKET_BYTES = 4;
const PACKET_BUFFER_BYTES = 256 * WHEEL_PACKET_BYTES;
/** Kept free by movement alone, so that a button is reported where it was pressed or released: 128 packets. */
const RESERVED_BYTES = PACKET_BUFFER_BYTES / 2;
const ANSWER_BYTES = 16;
/** Largest movement of one packet without overflow: 9-bit two's complement. */
const MOST_POSITIVE = 255;
const MOST_NEGATIVE = -256;
const COUNTER_LIMIT = 0x7fff;

const Reply = { acknowledge: 0xfa, selfTestPassed: 0xaa, identity: 0x00, wheelIdentity: 0x03, resend: 0xfe } as const;
const Command = {
  scaling1: 0xe6,
  scaling2: 0xe7,
  resolution: 0xe8,
  status: 0xe9,
  stream: 0xea,
  readData: 0xeb,
  wrapOff: 0xec,
  wrapOn: 0xee,
  remote: 0xf0,
  identify: 0xf2,
  sampleRate: 0xf3,
  enable: 0xf4,
  disable: 0xf5,
  setDefaults: 0xf6,
  resend: 0xfe,
  reset: 0xff,
} as const;
const KNOCK: readonly number[] = [200, 100, 80];
const MOST_STEPS_DOWN = 7;
const MOST_STEPS_UP = -8;
const SAMPLE_RATES: readonly number[] = [10, 20, 40, 60, 80, 100, 200];

function clamp(value: number): number {
  return Math.max(-COUNTER_LIMIT, Math.min(COUNTER_LIMIT, value));
}

export class Ps2Mouse implements Snapshotable {
  private readonly state = {
    packets: newByteQueue(PACKET_BUFFER_BYTES),
    answers: newByteQueue(ANSWER_BYTES),
    reporting: false,
    remote: false,
    wrap: false,
    doubleScaling: false,
    resolution: 2,
    sampleRate: 100,
    parameterOf: 0,
    lastSent: 0,
    /** Movement not yet in a packet; y up. */
    pendingX: 0,
    pendingY: 0,
    /** Wheel steps, down positive. */
    pendingZ: 0,
    hasWheel: false,
    /** Sample rates of the knock heard so far. */
    knocks: 0,
    overflowX: false,
    overflowY: false,
    buttons: 0,
    /** Buttons as the last packet told them. */
    reportedButtons: 0,
  };

  /** Movement in pixels, y down; buttons bit 0 left, 1 right, 2 middle; wheel steps, down positive. */
  moveMouse(deltaX: number, deltaY: number, buttons: number, wheel = 0): void {
    const state = this.state;
    if (!Number.isFinite(deltaX) || !Number.isFinite(deltaY) || !Number.isFinite(wheel)) return;
    const x = state.pendingX + Math.trunc(deltaX);
    const y = state.pendingY - Math.trunc(deltaY);
    state.overflowX ||= x !== clamp(x);
    state.overflowY ||= y !== clamp(y);
    state.pendingX = clamp(x);
    state.pendingY = clamp(y);
    state.buttons = buttons & 7;
    if (state.hasWheel) state.pendingZ = clamp(state.pendingZ + Math.trunc(wheel));
    this.makePackets();
  }

  /** The next byte for the controller, -1 if there is none. Answers go first. */
  next(): number {
    const answer = dequeue(this.state.answers);
    if (answer >= 0) {
      this.state.lastSent = answer;
      return answer;
    }
    const value = dequeue(this.state.packets);
    if (value < 0) return -1;
    this.state.lastSent = value;
    this.makePackets();
    return value;
  }

  /** A byte from the host. */
  receive(value: number): void {
    const state = this.state;
    if (state.wrap && value !== Command.reset && value !== Command.wrapOff) {
      this.answer(value);
      return;
    }
    // Any command stops the packet that is going out (Mouse, "Data transmission"); movement already counted is dropped with it.
    clearQueue(state.packets);
    const waiting = state.parameterOf;
    state.parameterOf = 0;
    if (waiting !== 0 && this.parameter(waiting, value)) {
      this.answer(Reply.acknowledge);
      return;
    }
    this.command(value);
  }

  /** False if `value` is no valid parameter: then it is taken as a command. */
  private parameter(command: number, value: number): boolean {
    if (command === Command.resolution && value <= 3) {
      this.state.resolution = value;
      return true;
    }
    if (command === Command.sampleRate && SAMPLE_RATES.includes(value)) {
      const { knocks } = this.state;
      this.state.knocks = value === KNOCK[knocks] ? knocks + 1 : value === KNOCK[0] ? 1 : 0;
      if (this.state.knocks === KNOCK.length) {
        this.state.knocks = 0;
        this.state.hasWheel = true;
      }
      this.state.sampleRate = value;
      return true;
    }
    return false;
  }

  private command(value: number): void {
    const state = this.state;
    switch (value) {
      case Command.scaling1:
      case Command.scaling2:
        state.doubleScaling = value === Command.scaling2;
        break;
      case Command.resolution:
      case Command.sampleRate:
        state.parameterOf = value;
        break;
      case Command.status:
        this.answer(Reply.acknowledge, this.statusByte(), state.resolution, state.sampleRate);
        return;
      case Command.stream:
      case Command.remote:
        state.remote = value === Command.remote;
        this.clearMovement();
        break;
      case Command.readData:
        this.answer(Reply.acknowledge);
        this.putPacket(true);
        return;
      case Command.wrapOn:
      case Command.wrapOff:
        state.wrap = value === Command.wrapOn;
        this.clearMovement();
        break;
      case Command.identify:
        this.answer(Reply.acknowledge, state.hasWheel ? Reply.wheelIdentity : Reply.identity);
        return;
      case Command.enable:
      case Command.disable:
        state.reporting = value === Command.enable;
        this.clearMovement();
        break;
      case Command.setDefaults:
        this.setDefaults();
        break;
      case Command.resend:
        this.answer(state.lastSent);
        return;
      case Command.reset:
        this.setDefaults();
        state.hasWheel = false;
        this.answer(Reply.acknowledge, Reply.selfTestPassed, Reply.identity);
        return;
      default:
        this.answer(Reply.resend);
        return;
    }
    this.answer(Reply.acknowledge);
  }

  private statusByte(): number {
    const state = this.state;
    return (
      ((state.buttons & 1) << 2) |
      ((state.buttons & 2) >> 1) |
      ((state.buttons & 4) >> 1) |
      (state.doubleScaling ? 0x10 : 0) |
      (state.reporting ? 0x20 : 0) |
      (state.remote ? 0x40 : 0)
    );
  }

  private setDefaults(): void {
    const state = this.state;
    state.reporting = false;
    state.remote = false;
    state.wrap = false;
    state.doubleScaling = false;
    state.resolution = 2;
    state.sampleRate = 100;
    this.clearMovement();
  }

  private clearMovement(): void {
    const state = this.state;
    state.pendingX = 0;
    state.pendingY = 0;
    state.pendingZ = 0;
    state.overflowX = false;
    state.overflowY = false;
    state.reportedButtons = state.buttons;
  }

  /** Turns what has been counted into packets while there is room. Bounded by the buffer. */
  private makePackets(): void {
    const state = this.state;
    if (!state.reporting || state.remote || state.wrap) return;
    for (;;) {
      const changed = state.buttons !== state.reportedButtons;
      if (!changed && state.pendingX === 0 && state.pendingY === 0 && state.pendingZ === 0) return;
      if (queueRoom(state.packets) < WHEEL_PACKET_BYTES + (changed ? 0 : RESERVED_BYTES)) return;
      this.putPacket(false);
    }
  }

  private putPacket(asAnswer: boolean): void {
    const state = this.state;
    const x = Math.max(MOST_NEGATIVE, Math.min(MOST_POSITIVE, state.pendingX));
    const y = Math.max(MOST_NEGATIVE, Math.min(MOST_POSITIVE, state.pendingY));
    const z = state.hasWheel ? Math.max(MOST_STEPS_UP, Math.min(MOST_STEPS_DOWN, state.pendingZ)) : 0;
    const isLast = x === state.pendingX && y === state.pendingY && z === state.pendingZ;
    const buttons = isLast ? state.buttons : state.reportedButtons;
    const queue = asAnswer ? state.answers : state.packets;
    enqueue(
      queue,
      (state.overflowY ? 0x80 : 0) |
        (state.overflowX ? 0x40 : 0) |
        (y < 0 ? 0x20 : 0) |
        (x < 0 ? 0x10 : 0) |
        0x08 |
        buttons,
    );
    enqueue(queue, x & 0xff);
    enqueue(queue, y & 0xff);
    if (state.hasWheel) {
      enqueue(queue, z & 0xff);
      state.pendingZ -= z;
    }
    state.pendingX -= x;
    state.pendingY -= y;
    state.overflowX = false;
    state.overflowY = false;
    state.reportedButtons = buttons;
  }

  private answer(...bytes: number[]): void {
    for (const byte of bytes) enqueue(this.state.answers, byte);
  }

  snapshot(): DeviceSnapshot {
    return writeState('ps2-mouse', 2, this.state);
  }
  restore(snapshot: DeviceSnapshot): void {
    restoreState('ps2-mouse', 2, snapshot, this.state);
    repairQueue(this.state.packets);
    repairQueue(this.state.answers);
    this.state.pendingX = clamp(Math.trunc(this.state.pendingX));
    this.state.pendingY = clamp(Math.trunc(this.state.pendingY));
    this.state.pendingZ = this.state.hasWheel ? clamp(Math.trunc(this.state.pendingZ)) : 0;
  }
}
