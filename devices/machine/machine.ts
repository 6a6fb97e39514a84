// The machine as kernel and host see it: a CPU, RAM, buses, time, and the chips that wiring.ts has put together.
//
//   run(budget) ─► due chips act ─► interrupt pending and IF set? deliver ─► cpu.run up to the next deadline ─► again
//
// Invariants: chips act in the fixed order of the parts list; an interrupt is taken only between instructions, at a count that
// depends on nothing but the guest's state and the clock events; so every engine takes it at the same instruction.

import { restoreState, writeState } from '../base/device-state.ts';
import type { PhysicalMemory } from '../base/physical-memory.ts';
import { type Cpu, type SystemCallDoor, TrapKind } from '../contract/cpu.ts';
import type { DeviceSnapshot, Snapshotable, TimedDevice } from '../contract/device.ts';
import type { HostMachine, MachineCounters } from '../contract/host-machine.ts';
import type { AccessWidth } from '../contract/machine.ts';
import { disassemble } from '../cpu/disassembler.ts';
import type { Firmware } from '../firmware/firmware.ts';
import type { InterruptController } from '../interrupts/interrupt-controller.ts';
import type { MmioBus, PortBus } from './buses.ts';
import type { MachineClock } from './machine-clock.ts';

/** Virtual cost of one firmware call: about what EDK2 spends in a short service. */
const FIRMWARE_CALL_INSTRUCTIONS = 2000;

/** Chips that the host feeds between slices. */
export interface PolledDevice {
  pollBackend(): boolean;
}

export interface KeyboardPort {
  typeScancodes(bytes: Uint8Array): number;
}
export interface MousePort {
  moveMouse(deltaX: number, deltaY: number, buttons: number, wheel?: number): void;
}
export interface DisplayPort {
  acknowledged(): void;
  refreshFramebuffer(): void;
  resend(): void;
}

/** What wiring.ts hands over. */
export interface MachineParts {
  readonly memory: PhysicalMemory;
  readonly cpu: Cpu;
  readonly clock: MachineClock;
  readonly ports: PortBus;
  readonly mmio: MmioBus;
  readonly interrupts: InterruptController;
  readonly firmware: Firmware;
  readonly timed: readonly TimedDevice[];
  readonly polled: readonly PolledDevice[];
  /** Everything that has state, in the order in which it is written. */
  readonly written: readonly Snapshotable[];
  readonly keyboard: KeyboardPort;
  readonly mouse: MousePort;
  readonly display: DisplayPort | null;
  readonly counters: MachineCounters;
  readonly power: PowerSwitch;
  readonly bootRefusal: string | null;
}

/** The power line: the firmware, the keyboard controller and nobody else pull it. */
export class PowerSwitch implements Snapshotable {
  private readonly written = { state: 'on' };

  get state(): 'on' | 'off' | 'reset' {
    const state = this.written.state;
    return state === 'off' || state === 'reset' ? state : 'on';
  }
  pull(kind: 'off' | 'reset'): void {
    if (this.written.state === 'on') this.written.state = kind;
  }
  snapshot(): DeviceSnapshot {
    return writeState('power', 1, this.written);
  }
  restore(snapshot: DeviceSnapshot): void {
    restoreState('power', 1, snapshot, this.written);
  }
}

export class PersonalComputer implements HostMachine {
  readonly memory: PhysicalMemory;
  readonly cpu: Cpu;
  private readonly parts: MachineParts;
  /** Of the kernel to chips; each may have brought an interrupt or moved a deadline. */
  private accesses = 0;

  constructor(parts: MachineParts) {
    this.parts = parts;
    this.memory = parts.memory;
    this.cpu = parts.cpu;
  }

  portRead(port: number, width: AccessWidth): number {
    this.accesses++;
    return this.parts.ports.read(port, width);
  }
  portWrite(port: number, width: AccessWidth, value: number): void {
    this.accesses++;
    this.parts.ports.write(port, width, value);
  }
  mmioRead(physicalAddress: number, width: AccessWidth): number {
    this.accesses++;
    return this.parts.mmio.read(physicalAddress, width);
  }
  mmioWrite(physicalAddress: number, width: AccessWidth, value: number): void {
    this.accesses++;
    this.parts.mmio.write(physicalAddress, width, value);
  }

  run(budget: number): TrapKind {
    if (this.parts.bootRefusal !== null) return TrapKind.shutdown;
    const cpu = this.cpu;
    let left = budget;
    while (left > 0) {
      this.performDueActions();
      if (cpu.interruptFlag && this.parts.interrupts.pending()) return cpu.deliver(this.parts.interrupts.acknowledge());
      const before = cpu.instructionCount;
      const trap = cpu.run(Math.min(left, this.parts.clock.instructionsUntil(this.nextDeadlineNanos())));
      if (trap !== TrapKind.budget) return trap;
      left -= cpu.instructionCount - before;
    }
    return TrapKind.budget;
  }

  openSystemCallDoor(door: SystemCallDoor): void {
    this.cpu.systemCallDoor = () => {
      const before = this.accesses;
      return door() && this.accesses === before;
    };
  }

  pollInterrupts(): boolean {
    if (this.parts.bootRefusal !== null) return false;
    this.performDueActions();
    if (!this.cpu.interruptFlag || !this.parts.interrupts.pending()) return false;
    this.cpu.deliver(this.parts.interrupts.acknowledge());
    return true;
  }

  nextDeadlineNanos(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const device of this.parts.timed) {
      const deadline = device.nextDeadlineNanos();
      if (deadline < next) next = deadline;
    }
    return next;
  }

  nowNanos(): number {
    return this.parts.clock.nowNanos();
  }

  disassemble(bytes: Uint8Array, virtualAddress: bigint): string {
    return disassemble(bytes, virtualAddress).text;
  }

  private performDueActions(): void {
    const now = this.parts.clock.nowNanos();
    for (const device of this.parts.timed) if (device.nextDeadlineNanos() <= now) device.advanceTo(now);
  }

  callFirmware(functionAddress: number, ...args: number[]): bigint {
    this.accesses++;
    this.cpu.chargeInstructions(FIRMWARE_CALL_INSTRUCTIONS);
    return this.parts.firmware.call(functionAddress, args);
  }
  get firmwareEntry(): { readonly imageHandle: number; readonly systemTable: number } {
    return this.bootRefusal === null ? this.parts.firmware.entry : { imageHandle: 0, systemTable: 0 };
  }

  injectClock(nanosSincePowerOn: number): void {
    this.advanceTo(nanosSincePowerOn);
  }
  advanceTo(nanos: number): void {
    this.parts.clock.moveTo(nanos);
    this.performDueActions();
  }

  typeScancodes(bytes: Uint8Array): number {
    return this.parts.keyboard.typeScancodes(bytes);
  }
  moveMouse(deltaX: number, deltaY: number, buttons: number, wheel = 0): void {
    this.parts.mouse.moveMouse(deltaX, deltaY, buttons, wheel);
  }

  pollBackends(): boolean {
    let moved = false;
    for (const device of this.parts.polled) if (device.pollBackend()) moved = true;
    return moved;
  }
  displayAcknowledged(): void {
    this.parts.display?.acknowledged();
  }
  refreshFramebuffer(): void {
    this.parts.display?.refreshFramebuffer();
  }

  resendDisplay(): void {
    this.parts.display?.resend();
  }

  snapshotDevices(): readonly DeviceSnapshot[] {
    return this.parts.written.map((device) => device.snapshot());
  }

  restoreDevices(snapshots: readonly DeviceSnapshot[]): void {
    if (snapshots.length !== this.parts.written.length)
      throw new Error(`snapshot: it holds ${snapshots.length} devices, this machine has ${this.parts.written.length}`);
    const before = this.snapshotDevices();
    try {
      this.parts.written.forEach((device, n) => device.restore(snapshots[n]));
    } catch (error) {
      // Half a restore is no machine: back to what was there, then say why.
      this.parts.written.forEach((device, n) => device.restore(before[n]));
      throw error;
    }
  }

  get bootServiceCallsAfterExit(): number {
    return this.parts.firmware.callsAfterExit;
  }
  get powerState(): 'on' | 'off' | 'reset' {
    return this.parts.power.state;
  }
  get counters(): MachineCounters {
    return this.parts.counters;
  }
  get bootRefusal(): string | null {
    return this.parts.bootRefusal;
  }
}
