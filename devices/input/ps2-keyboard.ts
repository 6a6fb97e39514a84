// PS/2 keyboard (IBM PS/2 Hardware Interface Technical Reference, "Keyboards (101- and 102-key)"), scan code set 2.
//
//   host byte    answer
//   ED n         FA, then FA after the LED byte        F4   FA, scanning on
//   EE           EE                                    F5   FA, defaults, scanning off
//   F0 n         FA FA (n = 0: FA FA set)              F6   FA, defaults
//   F2           FA AB 83                              FE   the last byte again
//   F3 n         FA FA (typematic: noted, not used)    FF   FA AA, defaults, scanning on
//
// Buffer: 1024 bytes, so that a burst of 256 key events (512 bytes with their F0) arrives whole and in order; a real keyboard
// has 16 bytes and drops the rest with an overrun code. Typing beyond the buffer is refused to the host, not lost.
// Left out: scan code sets 1 and 3 (F0 1 and F0 3 answer resend), typematic repeat (the host's keyboard repeats by itself).

import { restoreState, writeState } from '../base/device-state.ts';
import type { DeviceSnapshot, Snapshotable } from '../contract/device.ts';
import { clearQueue, dequeue, enqueue, newByteQueue, queueRoom, repairQueue } from './byte-queue.ts';
import { BREAK_PREFIX, set2Length, toSet2 } from './scan-codes.ts';

export const KEYBOARD_BUFFER_BYTES = 1024;
/** Answers have room of their own, so that a full buffer cannot swallow an acknowledgement. */
const ANSWER_BYTES = 16;

const Reply = { acknowledge: 0xfa, selfTestPassed: 0xaa, echo: 0xee, resend: 0xfe, identity: [0xab, 0x83] } as const;
const Command = {
  setLeds: 0xed,
  echo: 0xee,
  scanCodeSet: 0xf0,
  identify: 0xf2,
  typematic: 0xf3,
  enable: 0xf4,
  disable: 0xf5,
  setDefaults: 0xf6,
  resend: 0xfe,
  reset: 0xff,
} as const;

export class Ps2Keyboard implements Snapshotable {
  private readonly state = {
    keys: newByteQueue(KEYBOARD_BUFFER_BYTES),
    answers: newByteQueue(ANSWER_BYTES),
    scanning: true,
    leds: 0,
    typematic: 0x2b,
    /** A command that waits for its parameter; 0 = none. */
    parameterOf: 0,
    lastSent: 0,
  };

  /** Scroll, num, caps lock in bits 0-2. */
  get leds(): number {
    return this.state.leds;
  }

  /** Types set 1 bytes; returns how many were taken. */
  typeScancodes(bytes: Uint8Array): number {
    if (!this.state.scanning) return bytes.length; // a keyboard that does not scan sees no keys
    for (let n = 0; n < bytes.length; n++) {
      if (queueRoom(this.state.keys) < set2Length(bytes[n])) return n;
      if (set2Length(bytes[n]) === 2) enqueue(this.state.keys, BREAK_PREFIX);
      enqueue(this.state.keys, toSet2(bytes[n]));
    }
    return bytes.length;
  }

  /** The next byte for the controller, -1 if there is none. Answers go first. */
  next(): number {
    const answer = dequeue(this.state.answers);
    const value = answer >= 0 ? answer : dequeue(this.state.keys);
    if (value >= 0) this.state.lastSent = value;
    return value;
  }

  /** A byte from the host. */
  receive(value: number): void {
    const state = this.state;
    const waiting = state.parameterOf;
    if (waiting !== 0 && value < 0x80) {
      state.parameterOf = 0;
      this.parameter(waiting, value);
      return;
    }
    state.parameterOf = 0;
    switch (value) {
      case Command.echo:
        this.answer(Reply.echo);
        return;
      case Command.setLeds:
      case Command.scanCodeSet:
      case Command.typematic:
        state.parameterOf = value;
        break;
      case Command.identify:
        this.answer(Reply.acknowledge, ...Reply.identity);
        return;
      case Command.enable:
        clearQueue(state.keys);
        state.scanning = true;
        break;
      case Command.disable:
        this.setDefaults();
        state.scanning = false;
        break;
      case Command.setDefaults:
        this.setDefaults();
        break;
      case Command.resend:
        this.answer(state.lastSent);
        return;
      case Command.reset:
        this.setDefaults();
        state.leds = 0;
        state.scanning = true;
        this.answer(Reply.acknowledge, Reply.selfTestPassed);
        return;
      default:
        this.answer(Reply.resend);
        return;
    }
    this.answer(Reply.acknowledge);
  }

  private parameter(command: number, value: number): void {
    if (command === Command.setLeds) this.state.leds = value & 7;
    else if (command === Command.typematic) this.state.typematic = value;
    else if (value === 0) {
      this.answer(Reply.acknowledge, 2);
      return;
    } else if (value !== 2) {
      this.answer(Reply.resend);
      return;
    }
    this.answer(Reply.acknowledge);
  }

  private setDefaults(): void {
    clearQueue(this.state.keys);
    this.state.typematic = 0x2b;
  }

  private answer(...bytes: number[]): void {
    for (const byte of bytes) enqueue(this.state.answers, byte);
  }

  snapshot(): DeviceSnapshot {
    return writeState('ps2-keyboard', 1, this.state);
  }
  restore(snapshot: DeviceSnapshot): void {
    restoreState('ps2-keyboard', 1, snapshot, this.state);
    repairQueue(this.state.keys);
    repairQueue(this.state.answers);
  }
}
