// The keyboard controller 8042 of the PC/AT (IBM PS/2 Hardware Technical Reference, Keyboard and Auxiliary Device Controller).
//
//   0x60 data      0x64 read: status  bit 0 output full, 1 input full, 5 the byte is from the auxiliary device (mouse)
//                  0x64 write: command  20/60 read/write command byte, A7/A8 auxiliary off/on, AA self test -> 55, AD/AE keyboard
//                  off/on, D4 next byte goes to the mouse
//   command byte   bit 0 IRQ 1, 1 IRQ 12, 4 keyboard clock off, 5 auxiliary clock off, 6 translate to scan code set 1

import { registerClass } from '../../../devices/base/object-graph.ts';
import type { Machine } from '../../../devices/contract/machine.ts';
import { Signal } from '../../abi/signal.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import { plainInformation, sendSignal } from '../../kernel/process/signals.ts';
import type { InterruptHandler } from '../../kernel/traps/interrupts.ts';
import type { Keyboard } from './keyboard.ts';
import type { Mouse } from './mouse.ts';

const DATA = 0x60;
const STATUS = 0x64;
const COMMAND = 0x64;
const KEYBOARD_LINE = 1;
const MOUSE_LINE = 12;
const OUTPUT_FULL = 0x01;
const INPUT_FULL = 0x02;
const FROM_MOUSE = 0x20;
const Command = {
  readByte: 0x20,
  writeByte: 0x60,
  mouseOff: 0xa7,
  mouseOn: 0xa8,
  selfTest: 0xaa,
  keyboardOff: 0xad,
  keyboardOn: 0xae,
  toMouse: 0xd4,
} as const;
const SELF_TEST_PASSED = 0x55;
const ACKNOWLEDGE = 0xfa;
const DEVICE_IDENTIFY = 0xf2;
const DEVICE_SAMPLE_RATE = 0xf3;
const DEVICE_ENABLE = 0xf4;
const DEVICE_DEFAULTS = 0xf6;
/** Sample rates that ask a mouse for its wheel, and its identity then (Microsoft, "IntelliMouse PS/2 protocol"). */
const WHEEL_KNOCK = [200, 100, 80] as const;
const WHEEL_IDENTITY = 0x03;
const INTERRUPTS = 0x03;
const CLOCKS_OFF = 0x30;
const TRANSLATE = 0x40;
/** Looks at the status before a chip that does not answer is given up; each lets some virtual time pass. */
const MAX_LOOKS = 2000;
const LOOK_COST_INSTRUCTIONS = 1000;
/** Bytes taken per interrupt: more than the controller and both devices buffer together. */
const MAX_BURST = 64;

export class KeyboardController implements InterruptHandler {
  private readonly keyboard: Keyboard;
  private readonly mouse: Mouse;
  keyboardWorks = false;
  mouseWorks = false;

  constructor(keyboard: Keyboard, mouse: Mouse) {
    this.keyboard = keyboard;
    this.mouse = mouse;
  }

  /** Tests and sets up the controller and both devices. False if there is no controller. */
  start(kernel: Kernel): boolean {
    const { machine } = kernel;
    this.command(machine, Command.keyboardOff);
    this.command(machine, Command.mouseOff);
    this.discardOutput(machine);
    this.command(machine, Command.selfTest);
    if (this.readData(machine) !== SELF_TEST_PASSED) return false;
    this.command(machine, Command.readByte);
    const commandByte = this.readData(machine);
    if (commandByte < 0) return false;
    // Devices are set up by polling, with interrupts off.
    this.writeCommandByte(machine, (commandByte | TRANSLATE) & ~(INTERRUPTS | CLOCKS_OFF));
    this.command(machine, Command.keyboardOn);
    this.command(machine, Command.mouseOn);
    this.keyboardWorks = this.toKeyboard(machine, DEVICE_ENABLE);
    this.mouseWorks =
      this.toMouse(machine, DEVICE_DEFAULTS) && this.askForWheel(machine) && this.toMouse(machine, DEVICE_ENABLE);
    this.writeCommandByte(machine, (commandByte | TRANSLATE | INTERRUPTS) & ~CLOCKS_OFF);
    kernel.interrupts.register(kernel, KEYBOARD_LINE, this);
    kernel.interrupts.register(kernel, MOUSE_LINE, this);
    return true;
  }

  private look(machine: Machine): number {
    machine.cpu.chargeInstructions(LOOK_COST_INSTRUCTIONS);
    return machine.portRead(STATUS, 1);
  }
  private waitForInputEmpty(machine: Machine): void {
    for (let i = 0; i < MAX_LOOKS && (this.look(machine) & INPUT_FULL) !== 0; i++);
  }
  private command(machine: Machine, value: number): void {
    this.waitForInputEmpty(machine);
    machine.portWrite(COMMAND, 1, value);
  }
  private writeData(machine: Machine, value: number): void {
    this.waitForInputEmpty(machine);
    machine.portWrite(DATA, 1, value);
  }
  /** The next byte from either device, -1 if none comes. */
  private readData(machine: Machine): number {
    for (let i = 0; i < MAX_LOOKS; i++) if ((this.look(machine) & OUTPUT_FULL) !== 0) return machine.portRead(DATA, 1);
    return -1;
  }
  private discardOutput(machine: Machine): void {
    for (let i = 0; i < MAX_BURST && (machine.portRead(STATUS, 1) & OUTPUT_FULL) !== 0; i++) machine.portRead(DATA, 1);
  }
  private writeCommandByte(machine: Machine, value: number): void {
    this.command(machine, Command.writeByte);
    this.writeData(machine, value);
  }
  private toKeyboard(machine: Machine, value: number): boolean {
    this.writeData(machine, value);
    return this.acknowledged(machine);
  }
  private toMouse(machine: Machine, value: number): boolean {
    this.command(machine, Command.toMouse);
    this.writeData(machine, value);
    return this.acknowledged(machine);
  }
  /** False if the mouse does not answer; one without a wheel just has another identity. */
  private askForWheel(machine: Machine): boolean {
    for (const rate of WHEEL_KNOCK)
      if (!this.toMouse(machine, DEVICE_SAMPLE_RATE) || !this.toMouse(machine, rate)) return false;
    if (!this.toMouse(machine, DEVICE_IDENTIFY)) return false;
    if (this.readData(machine) === WHEEL_IDENTITY) this.mouse.enableWheel();
    return true;
  }
  /** Keys that are typed meanwhile come before the answer; they are lost, as nobody listens yet. */
  private acknowledged(machine: Machine): boolean {
    for (let i = 0; i < MAX_BURST; i++) {
      const answer = this.readData(machine);
      if (answer === ACKNOWLEDGE) return true;
      if (answer < 0) return false;
    }
    return false;
  }

  handleInterrupt(kernel: Kernel): boolean {
    const { machine } = kernel;
    let any = false;
    for (let i = 0; i < MAX_BURST; i++) {
      const status = machine.portRead(STATUS, 1);
      // 0xff: nobody is there.
      if ((status & OUTPUT_FULL) === 0 || status === 0xff) break;
      const byte = machine.portRead(DATA, 1);
      any = true;
      if ((status & FROM_MOUSE) !== 0) this.mouse.receive(byte, kernel.nowNanos());
      else this.keyboard.receive(byte);
    }
    if (this.keyboard.powerPressed) this.askForPowerOff(kernel);
    return any;
  }

  /** The power key asks the first process for an orderly end (SIGPWR, as a UPS daemon would). */
  private askForPowerOff(kernel: Kernel): void {
    this.keyboard.powerPressed = false;
    kernel.log('[input] power key');
    const first = kernel.processes.find(1);
    if (first !== null) sendSignal(kernel, first, plainInformation(Signal.SIGPWR));
  }
}
registerClass('drivers.KeyboardController', 1, KeyboardController);
