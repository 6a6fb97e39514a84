// What would be in a core dump's summary: on the serial log all of it, on the program's terminal its first lines.
//
//   [fault] /bin/x (12): SIGSEGV, #PF page fault at 0x0, error 4, rip 0x5555…, rsp 0x7ffd…
//   [fault]   /bin/x+0x1152: mov eax, dword ptr [rdi]
//   [fault]   rax 0000000000000000  rcx …                                    four lines of registers
//   [fault]   #0 /bin/x+0x1152  #1 /bin/x+0x1180 …                           by frame pointers, where the program keeps them
//
// Only what is in RAM is looked at; nothing that a program leaves in its memory or registers makes this more than a few dozen reads.

import { registerClass } from '../../../devices/base/object-graph.ts';
import type { Kernel } from '../kernel.ts';
import type { AddressSpace } from '../memory/address-space.ts';
import { Protection } from '../memory/area.ts';
import { SavedRegister, savedRegistersOf } from '../traps/saved-registers.ts';
import { type Task, TaskKind } from './task.ts';

/** A terminal that shows lines of the kernel's among those of its programs. */
export interface MessageTerminal {
  showMessage(kernel: Kernel, line: string): void;
}

const MOST_FRAMES = 12;
const LONGEST_INSTRUCTION = 15;
/** A program that crashes children for ever must not fill the log: so many whole reports in so many seconds. */
const MOST_REPORTS = 20;
const WINDOW_NANOS = 10e9;

const registers = [
  ['rax', 'rcx', 'rdx', 'rbx'],
  ['rsp', 'rbp', 'rsi', 'rdi'],
  ['r8', 'r9', 'r10', 'r11'],
  ['r12', 'r13', 'r14', 'r15'],
] as const;

/** How many reports there were of late. */
export class FaultReports {
  private windowStart = 0;
  private count = 0;

  /** One more: true if it may be a whole one. */
  admit(nowNanos: number): boolean {
    if (nowNanos - this.windowStart > WINDOW_NANOS) {
      this.windowStart = nowNanos;
      this.count = 0;
    }
    return this.count++ < MOST_REPORTS;
  }
}
registerClass('FaultReports', 1, FaultReports);

/** Logs `headline`, then what the registers and the stack of `task` say. */
export function reportFault(kernel: Kernel, task: Task, headline: string): void {
  const lines = [headline];
  const space = task.process.addressSpace;
  if (space !== null && task.kind === TaskKind.program && kernel.state.faultReports.admit(kernel.nowNanos()))
    lines.push(...details(kernel, task, space).map((line) => `[fault]   ${line}`));
  for (const line of lines) kernel.log(line);
  const terminal = task.process.controllingTerminal;
  if (terminal === null || !('showMessage' in terminal)) return;
  for (const line of lines.slice(0, 2)) (terminal as MessageTerminal).showMessage(kernel, line);
}

function details(kernel: Kernel, task: Task, space: AddressSpace): string[] {
  const saved = savedRegistersOf(kernel, task);
  const { memory } = kernel.machine;
  const value = (name: keyof typeof SavedRegister): bigint => memory.read64(saved + SavedRegister[name]);
  const instruction = new Uint8Array(LONGEST_INSTRUCTION);
  const rip = value('rip');
  const count = read(kernel, space, rip, instruction);
  const text = count === 0 ? '(not in memory)' : kernel.machine.disassemble(instruction.subarray(0, count), rip);
  const lines = [`${placeOf(space, rip)}: ${text}`];
  for (const row of registers)
    lines.push(row.map((name) => `${name.padEnd(3)} ${value(name).toString(16).padStart(16, '0')}`).join('  '));
  const calls = [`#0 ${placeOf(space, rip)}`];
  const words = new Uint8Array(16);
  const view = new DataView(words.buffer);
  // [rbp] = caller's rbp, [rbp + 8] = return address. The stack grows down, so each frame lies above the one before.
  for (let frame = value('rbp'); calls.length < MOST_FRAMES && read(kernel, space, frame, words) === 16; ) {
    const address = view.getBigUint64(8, true);
    const area = areaAt(space, address);
    if (area === null || (area.protection & Protection.execute) === 0) break;
    calls.push(`#${calls.length} ${placeOf(space, address)}`);
    const above = view.getBigUint64(0, true);
    if (above <= frame) break;
    frame = above;
  }
  lines.push(calls.join('  '));
  return lines;
}

const inUserHalf = (address: bigint): boolean => address < 0x8000_0000_0000n;
const areaAt = (space: AddressSpace, address: bigint) => (inUserHalf(address) ? space.find(Number(address)) : null);

/** Bytes of the program's memory that are in RAM; how many. */
function read(kernel: Kernel, space: AddressSpace, address: bigint, target: Uint8Array): number {
  return inUserHalf(address) ? space.peek(kernel, Number(address), target) : 0;
}

/** An address as file and offset, as `addr2line` wants it. */
function placeOf(space: AddressSpace, address: bigint): string {
  const area = areaAt(space, address);
  const name = area?.backing.file?.path ?? area?.label ?? '';
  if (area === null || name === '') return `0x${address.toString(16)}`;
  return `${name}+0x${(Number(address) - area.start + area.backing.fileOffset).toString(16)}`;
}
