// The Machine contract: all that os-core knows of the PC. Port I/O and MMIO by width, physical memory, interrupts, run().
//
// Time: nowNanos = last clock event + retired instructions x nanosPerInstruction. The host injects clock events between
// slices in live runs; deterministic runs jump to the next device deadline when idle. Nothing here asks the host.

import type { PhysicalMemory } from '../base/physical-memory.ts';
import type { Cpu, SystemCallDoor, TrapKind } from './cpu.ts';

/** Width of a port or MMIO access in bytes. */
export type AccessWidth = 1 | 2 | 4;

export interface Machine {
  readonly memory: PhysicalMemory;
  readonly cpu: Cpu;

  /** IN and OUT (SDM vol. 1, 19). Values unsigned. A port where nobody answers reads all ones. */
  portRead(port: number, width: AccessWidth): number;
  portWrite(port: number, width: AccessWidth, value: number): void;
  /** Uncached access outside RAM (PCI memory BARs). */
  mmioRead(physicalAddress: number, width: AccessWidth): number;
  mmioWrite(physicalAddress: number, width: AccessWidth, value: number): void;

  /**
   * Runs the CPU for at most `budget` instructions. Delivers a pending external interrupt first if RFLAGS.IF is set; ends early
   * at a device deadline so that interrupts come at the same instruction in every engine. After TrapKind.budget call again.
   */
  run(budget: number): TrapKind;
  /** From now on SYSCALL of ring 3 is served by the door, except for a program that single-steps itself. */
  openSystemCallDoor(door: SystemCallDoor): void;
  /** Lets due devices act and delivers a pending interrupt if IF is set; true if one was delivered (then look at cpu.trapVector). */
  pollInterrupts(): boolean;

  /**
   * Virtual time of the next device deadline in nanoseconds, Infinity if none. For the idle loop: after TrapKind.halt with nothing
   * to run, the kernel returns to the host, which waits (live) or calls advanceTo (deterministic).
   */
  nextDeadlineNanos(): number;
  /** Virtual time since power-on in nanoseconds. */
  nowNanos(): number;

  /** The instruction at the start of `bytes`, which lie at a virtual address, as text (Intel syntax) for messages; '(bad)' if it is none. */
  disassemble(bytes: Uint8Array, virtualAddress: bigint): string;

  /** Calls a function of the firmware through its address, as found in the tables in guest memory (UEFI 2.10). Microsoft x64 arguments as numbers; returns EFI_STATUS (0 = success; errors have bit 63 set, see firmware status names). */
  callFirmware(functionAddress: number, ...args: number[]): bigint;
  /** What the firmware hands to the loader's entry point: EFI_HANDLE and the physical address of EFI_SYSTEM_TABLE. */
  readonly firmwareEntry: { readonly imageHandle: number; readonly systemTable: number };
}
