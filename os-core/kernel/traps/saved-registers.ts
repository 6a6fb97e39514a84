// A task's registers while it is not running: pt_regs at the top of its kernel stack page, in guest memory (see process/task.ts).
//
// Two ways in (SYSCALL, interrupt frame) and two ways out (SYSRET, IRET); everything between works on this memory. A call that ends at
// once needs none of it: its registers stay in the CPU, and are saved when somebody asks for them or another task gets the CPU.

import type { PhysicalMemory } from '../../../devices/base/physical-memory.ts';
import type { Cpu } from '../../../devices/contract/cpu.ts';
import type { Kernel } from '../kernel.ts';
import { FRAME_BYTES } from '../memory/frames.ts';
import { DIRECT_MAP_HIGH } from '../memory/kernel-paging.ts';
import type { Task } from '../process/task.ts';
import { Selector } from './descriptor-tables.ts';

/** Byte offsets from the start of pt_regs. */
export const SavedRegister = {
  r15: 0,
  r14: 8,
  r13: 16,
  r12: 24,
  rbp: 32,
  rbx: 40,
  r11: 48,
  r10: 56,
  r9: 64,
  r8: 72,
  rax: 80,
  rcx: 88,
  rdx: 96,
  rsi: 104,
  rdi: 112,
  originalRax: 120,
  rip: 128,
  cs: 136,
  rflags: 144,
  rsp: 152,
  ss: 160,
} as const;
export const SAVED_REGISTERS_BYTES = 168;
export const FLOATING_POINT_BYTES = 512;

/** Encoded register numbers in the order of pt_regs' first fifteen words. */
const order = [15, 14, 13, 12, 5, 3, 11, 10, 9, 8, 0, 1, 2, 6, 7] as const;

/** RFLAGS that a program may have: CF PF AF ZF SF TF DF OF AC ID, and IF which is always set. */
const USER_FLAGS = 0x1 | 0x4 | 0x10 | 0x40 | 0x80 | 0x100 | 0x400 | 0x800 | 0x4_0000 | 0x20_0000;
const ALWAYS_SET_FLAGS = 0x202;

const placeOf = (task: Task): number => task.kernelStack + FRAME_BYTES - SAVED_REGISTERS_BYTES;

/** Physical address of a task's pt_regs, which hold its registers from now on. */
export function savedRegistersOf(kernel: Kernel, task: Task): number {
  if (task.registersInCpu) saveAfterSystemCall(kernel, task);
  return placeOf(task);
}

function saveGeneral(memory: PhysicalMemory, cpu: Cpu, base: number): void {
  const words = memory.words32;
  const registers = cpu.generalRegisters;
  let index = base >> 2;
  for (let i = 0; i < 15; i++, index += 2) {
    const register = order[i] * 2;
    words[index] = registers[register];
    words[index + 1] = registers[register + 1];
  }
}

/** In a system call of the current task: everything to pt_regs. RCX and R11 hold RIP and RFLAGS. */
export function saveAfterSystemCall(kernel: Kernel, task: Task): void {
  const { memory, cpu } = kernel.machine;
  const base = placeOf(task);
  task.registersInCpu = false;
  const registers = cpu.generalRegisters;
  saveGeneral(memory, cpu, base);
  const words = memory.words32;
  const frame = (base + SavedRegister.originalRax) >> 2;
  words[frame] = registers[0];
  words[frame + 1] = registers[1];
  words[frame + 2] = registers[2];
  words[frame + 3] = registers[3];
  words[frame + 4] = Selector.userCode;
  words[frame + 5] = 0;
  words[frame + 6] = registers[22];
  words[frame + 7] = registers[23];
  words[frame + 8] = registers[8];
  words[frame + 9] = registers[9];
  words[frame + 10] = Selector.userData;
  words[frame + 11] = 0;
  memory.noteWrite(base, SAVED_REGISTERS_BYTES);
}

/** After an interrupt or exception from ring 3: the CPU has pushed the frame onto the task's kernel stack already. */
export function saveAfterInterrupt(kernel: Kernel, task: Task, hasErrorCode: boolean): void {
  const { memory, cpu } = kernel.machine;
  const base = placeOf(task);
  saveGeneral(memory, cpu, base);
  // No call to restart: orig_rax = -1. (A pushed error code lies in the same place.)
  if (!hasErrorCode) memory.words32.fill(-1, (base + SavedRegister.originalRax) >> 2, (base + SavedRegister.rip) >> 2);
  memory.noteWrite(base, SAVED_REGISTERS_BYTES);
  task.returnByInterrupt = true;
}

/** Loads the general registers for `task` and sets RSP to its interrupt frame; IRETQ does the rest. Flags and selectors are made safe. */
export function loadForReturn(kernel: Kernel, task: Task): void {
  const { memory, cpu } = kernel.machine;
  const base = savedRegistersOf(kernel, task);
  const words = memory.words32;
  const registers = cpu.generalRegisters;
  let index = base >> 2;
  for (let i = 0; i < 15; i++, index += 2) {
    const register = order[i] * 2;
    registers[register] = words[index];
    registers[register + 1] = words[index + 1];
  }
  const frame = (base + SavedRegister.rip) >> 2;
  words[frame + 2] = Selector.userCode;
  words[frame + 3] = 0;
  words[frame + 4] = (words[frame + 4] & USER_FLAGS) | ALWAYS_SET_FLAGS;
  words[frame + 5] = 0;
  words[frame + 8] = Selector.userData;
  words[frame + 9] = 0;
  memory.noteWrite(base, SAVED_REGISTERS_BYTES);
  registers[8] = base + SavedRegister.rip;
  registers[9] = DIRECT_MAP_HIGH | 0;
}

/** A saved register as a number (exact below 2^53). */
export function readSaved(kernel: Kernel, task: Task, offset: number): number {
  return kernel.machine.memory.read64AsNumber(savedRegistersOf(kernel, task) + offset);
}
/** Writes a saved register; the task then leaves by IRET. Value: integer, may be negative, magnitude below 2^53. */
export function writeSaved(kernel: Kernel, task: Task, offset: number, value: number): void {
  const { memory } = kernel.machine;
  const address = savedRegistersOf(kernel, task) + offset;
  memory.write32(address, value >>> 0);
  memory.write32(address + 4, Math.floor(value / 0x1_0000_0000) | 0);
  task.returnByInterrupt = true;
}

/** A fresh program's registers: all zero but RIP and RSP; x87 and SSE as after reset (psABI 3.4.1). */
export function resetRegisters(kernel: Kernel, task: Task, instructionPointer: number, stackPointer: number): void {
  const { memory } = kernel.machine;
  const base = savedRegistersOf(kernel, task);
  memory.fill(base, SAVED_REGISTERS_BYTES, 0);
  memory.fill(base + SavedRegister.originalRax, 8, 0xff);
  memory.write64FromNumber(base + SavedRegister.rip, instructionPointer);
  memory.write64FromNumber(base + SavedRegister.rsp, stackPointer);
  memory.write32(base + SavedRegister.rflags, ALWAYS_SET_FLAGS);
  resetFloatingPoint(memory, task.kernelStack);
  task.fsBaseLow = 0;
  task.fsBaseHigh = 0;
  task.returnByInterrupt = true;
}

/** FXSAVE image of FNINIT and MXCSR's reset value (SDM vol. 1, 10.5.1). */
export function resetFloatingPoint(memory: PhysicalMemory, area: number): void {
  memory.fill(area, FLOATING_POINT_BYTES, 0);
  memory.write16(area, 0x37f);
  memory.write32(area + 24, 0x1f80);
  memory.write32(area + 28, 0xffff);
}
