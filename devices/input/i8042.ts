// 8042 keyboard controller of the PS/2 (IBM PS/2 Hardware Interface Technical Reference, "Keyboard and auxiliary device
// controller"; IBM PC/AT Technical Reference, 1-56).
//
//   port 60h read    output buffer                        write   to the keyboard, or the parameter of a controller command
//   port 64h read    status                               write   controller command
//
//   status           parity 7 · timeout 6 · aux data 5 · unlocked 4 · last write was a command 3 · system 2 · IBF 1 · OBF 0
//   command byte     translate 6 · aux off 5 · keyboard off 4 · system 2 · aux IRQ 1 · keyboard IRQ 0
//
// Bytes pass one at a time through the one output buffer: controller answers first, then the keyboard, then the mouse. The next byte
// moves in when the guest has read the last one, which gives each byte its own edge on IRQ 1 or IRQ 12. The serial wire takes
// no virtual time.
//
// Invariant: an IRQ line is high exactly while the output buffer holds a byte of its device and the command byte enables it.

import { restoreState, writeState } from '../base/device-state.ts';
import type { DeviceSnapshot, InterruptLine, PortDevice, Snapshotable } from '../contract/device.ts';
import { dequeue, enqueue, newByteQueue, repairQueue } from './byte-queue.ts';
import type { Ps2Keyboard } from './ps2-keyboard.ts';
import type { Ps2Mouse } from './ps2-mouse.ts';
import { BREAK_PREFIX, toSet1 } from './scan-codes.ts';

const Status = { outputFull: 0x01, system: 0x04, command: 0x08, unlocked: 0x10, auxiliary: 0x20 } as const;
const CommandByte = {
  keyboardInterrupt: 0x01,
  mouseInterrupt: 0x02,
  system: 0x04,
  keyboardOff: 0x10,
  mouseOff: 0x20,
  translate: 0x40,
} as const;
const Command = {
  readRam: 0x20,
  writeRam: 0x60,
  mouseOff: 0xa7,
  mouseOn: 0xa8,
  testMousePort: 0xa9,
  selfTest: 0xaa,
  testKeyboardPort: 0xab,
  keyboardOff: 0xad,
  keyboardOn: 0xae,
  readInputPort: 0xc0,
  readOutputPort: 0xd0,
  writeOutputPort: 0xd1,
  writeKeyboardBuffer: 0xd2,
  writeMouseBuffer: 0xd3,
  writeMouse: 0xd4,
  readTestInputs: 0xe0,
  pulse: 0xf0,
} as const;
const SELF_TEST_PASSED = 0x55;
const RAM_BYTES = 32;
const Source = { none: 0, controller: 1, keyboard: 2, mouse: 3 } as const;

export class I8042 implements Snapshotable {
  private readonly keyboard: Ps2Keyboard;
  private readonly mouse: Ps2Mouse;
  private readonly keyboardLine: InterruptLine;
  private readonly mouseLine: InterruptLine;
  private readonly reset: () => void;
  private readonly state = {
    /** Byte 0 is the command byte. As the firmware leaves it: both devices on, translation on, no interrupts. */
    ram: new Uint8Array(RAM_BYTES),
    answers: newByteQueue(16),
    output: 0,
    source: Source.none as number,
    /** The controller command that waits for its parameter at port 60h; 0 = none. */
    parameterOf: 0,
    lastWriteWasCommand: false,
    /** F0 has come: the next keyboard code is a break code. */
    breakSeen: false,
  };

  /** @param reset pulls the processor's reset line. */
  constructor(
    keyboard: Ps2Keyboard,
    mouse: Ps2Mouse,
    keyboardLine: InterruptLine,
    mouseLine: InterruptLine,
    reset: () => void,
  ) {
    this.keyboard = keyboard;
    this.mouse = mouse;
    this.keyboardLine = keyboardLine;
    this.mouseLine = mouseLine;
    this.reset = reset;
    this.state.ram[0] = CommandByte.translate | CommandByte.system;
  }

  /** Port 60h. */
  readonly dataPort: PortDevice = {
    portRead: (): number => {
      const value = this.state.output;
      this.state.source = Source.none;
      this.pump();
      return value;
    },
    portWrite: (_offset, _width, value): void => {
      this.state.lastWriteWasCommand = false;
      this.writeData(value & 0xff);
      this.pump();
    },
  };

  /** Port 64h. */
  readonly commandPort: PortDevice = {
    portRead: (): number =>
      Status.unlocked |
      (this.state.ram[0] & Status.system) |
      (this.state.lastWriteWasCommand ? Status.command : 0) |
      (this.state.source !== Source.none ? Status.outputFull : 0) |
      (this.state.source === Source.mouse ? Status.auxiliary : 0),
    portWrite: (_offset, _width, value): void => {
      this.state.lastWriteWasCommand = true;
      this.command(value & 0xff);
      this.pump();
    },
  };

  typeScancodes(bytes: Uint8Array): number {
    const taken = this.keyboard.typeScancodes(bytes);
    this.pump();
    return taken;
  }
  moveMouse(deltaX: number, deltaY: number, buttons: number, wheel = 0): void {
    this.mouse.moveMouse(deltaX, deltaY, buttons, wheel);
    this.pump();
  }

  private command(value: number): void {
    const state = this.state;
    state.parameterOf = 0;
    if (value >= Command.readRam && value < Command.readRam + RAM_BYTES) {
      this.answer(state.ram[value - Command.readRam]);
      return;
    }
    if (value >= Command.writeRam && value < Command.writeRam + RAM_BYTES) {
      state.parameterOf = value;
      return;
    }
    if (value >= Command.pulse) {
      // Bits 0-3 low pulse the output port's bits; bit 0 is the reset line.
      if ((value & 1) === 0) this.reset();
      return;
    }
    this.commands[value]?.();
  }

  private readonly commands: Readonly<Record<number, () => void>> = {
    [Command.mouseOff]: () => this.setCommandBits(CommandByte.mouseOff, true),
    [Command.mouseOn]: () => this.setCommandBits(CommandByte.mouseOff, false),
    [Command.testMousePort]: () => this.answer(0),
    [Command.selfTest]: () => this.answer(SELF_TEST_PASSED),
    [Command.testKeyboardPort]: () => this.answer(0),
    [Command.keyboardOff]: () => this.setCommandBits(CommandByte.keyboardOff, true),
    [Command.keyboardOn]: () => this.setCommandBits(CommandByte.keyboardOff, false),
    [Command.readInputPort]: () => this.answer(0x80),
    [Command.readOutputPort]: () => this.answer(0x03 | (this.state.source !== Source.none ? 0x10 : 0)),
    [Command.writeOutputPort]: () => this.expect(Command.writeOutputPort),
    [Command.writeKeyboardBuffer]: () => this.expect(Command.writeKeyboardBuffer),
    [Command.writeMouseBuffer]: () => this.expect(Command.writeMouseBuffer),
    [Command.writeMouse]: () => this.expect(Command.writeMouse),
    [Command.readTestInputs]: () => this.answer(0),
  };

  private expect(command: number): void {
    this.state.parameterOf = command;
  }
  private setCommandBits(bits: number, on: boolean): void {
    this.state.ram[0] = on ? this.state.ram[0] | bits : this.state.ram[0] & ~bits;
  }
  private answer(value: number): void {
    enqueue(this.state.answers, value);
  }

  private writeData(value: number): void {
    const state = this.state;
    const command = state.parameterOf;
    state.parameterOf = 0;
    if (command >= Command.writeRam && command < Command.writeRam + RAM_BYTES) {
      state.ram[command - Command.writeRam] = value;
      return;
    }
    switch (command) {
      case Command.writeOutputPort:
        // Bit 0 low holds the processor in reset; bit 1 is the A20 gate, which is always open here.
        if ((value & 1) === 0) this.reset();
        break;
      case Command.writeKeyboardBuffer:
        this.answer(value);
        break;
      case Command.writeMouseBuffer:
        if (state.source === Source.none) this.put(value, Source.mouse);
        break;
      case Command.writeMouse:
        this.setCommandBits(CommandByte.mouseOff, false);
        this.mouse.receive(value);
        break;
      default:
        // Writing to the keyboard opens its interface (PS/2 HITR, command byte bit 4).
        this.setCommandBits(CommandByte.keyboardOff, false);
        this.keyboard.receive(value);
    }
  }

  private put(value: number, source: number): void {
    this.state.output = value;
    this.state.source = source;
  }

  /** Moves the next byte into a free output buffer and sets the IRQ lines. */
  private pump(): void {
    const state = this.state;
    const control = state.ram[0];
    if (state.source === Source.none) {
      // The line falls between two bytes, so that the edge-triggered 8259 sees each one.
      this.keyboardLine.set(false);
      this.mouseLine.set(false);
      const answer = dequeue(state.answers);
      if (answer >= 0) this.put(answer, Source.controller);
      else if ((control & CommandByte.keyboardOff) === 0) this.pumpKeyboard((control & CommandByte.translate) !== 0);
      if (state.source === Source.none && (control & CommandByte.mouseOff) === 0) {
        const value = this.mouse.next();
        if (value >= 0) this.put(value, Source.mouse);
      }
    }
    const fromKeyboard = state.source === Source.keyboard || state.source === Source.controller;
    this.keyboardLine.set(fromKeyboard && (control & CommandByte.keyboardInterrupt) !== 0);
    this.mouseLine.set(state.source === Source.mouse && (control & CommandByte.mouseInterrupt) !== 0);
  }

  private pumpKeyboard(translate: boolean): void {
    const state = this.state;
    let value = this.keyboard.next();
    if (translate && value === BREAK_PREFIX) {
      state.breakSeen = true;
      value = this.keyboard.next();
    }
    if (value < 0) return;
    if (translate) {
      value = toSet1(value);
      // Answers of the keyboard (0x80 and above) may come between F0 and its code and are not key codes.
      if (state.breakSeen && value < 0x80) {
        value |= 0x80;
        state.breakSeen = false;
      }
    }
    this.put(value, Source.keyboard);
  }

  snapshot(): DeviceSnapshot {
    return writeState('i8042', 1, this.state);
  }
  restore(snapshot: DeviceSnapshot): void {
    restoreState('i8042', 1, snapshot, this.state);
    repairQueue(this.state.answers);
  }
}
