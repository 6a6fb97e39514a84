// What is said when the kernel itself has failed: reason, registers, CR2, and two backtraces: the kernel's own (it is
// TypeScript, so its call stack is that of the engine that runs it) and the machine's chain of frame pointers.

import type { Kernel } from '../kernel.ts';
import { DIRECT_MAP_BASE } from '../memory/kernel-paging.ts';
import type { PanicReport } from '../process/seams.ts';

const names = [
  'RAX',
  'RCX',
  'RDX',
  'RBX',
  'RSP',
  'RBP',
  'RSI',
  'RDI',
  'R8',
  'R9',
  'R10',
  'R11',
  'R12',
  'R13',
  'R14',
  'R15',
];
const MAX_BACKTRACE = 16;
const MAX_CALLS = 10;

const hex = (value: bigint): string => BigInt.asUintN(64, value).toString(16).padStart(16, '0');

/** `Error.stack` as short lines: `at Kernel.powerOff os-core.cjs:120:7`. */
function callLines(stack: string): string[] {
  const calls = stack.split('\n').filter((line) => /^\s+at /.test(line));
  return calls.slice(0, MAX_CALLS).map((line) => line.trim().replace(/\(?(?:[^\s()]*[\\/])?([^\s()/\\]+)\)?$/, '$1'));
}

/** `stack`: text of the stack of the Error that says where it happened. */
export function panicReport(kernel: Kernel, reason: string, stack: string): PanicReport {
  const { cpu, memory } = kernel.machine;
  const task = kernel.scheduler.current;
  const lines = [
    `RIP ${hex(cpu.rip)}  RFLAGS ${hex(cpu.rflags)}  CPL ${cpu.currentPrivilegeLevel}  vector ${cpu.trapVector}  error ${cpu.trapErrorCode.toString(16)}`,
    `CR0 ${hex(cpu.readControl(0))}  CR2 ${hex(cpu.readControl(2))}  CR3 ${hex(cpu.readControl(3))}  CR4 ${hex(cpu.readControl(4))}`,
  ];
  for (let n = 0; n < 16; n += 4)
    lines.push([0, 1, 2, 3].map((i) => `${names[n + i].padEnd(3)} ${hex(cpu.readRegister(n + i))}`).join('  '));
  lines.push(`task ${task === null ? 'none (idle)' : `${task.id} ${task.name}`}`);
  // Frame pointers: [rbp] = caller's rbp, [rbp + 8] = return address, as long as they lie in the direct map of RAM.
  let frame = cpu.readRegister(5);
  for (let depth = 0; depth < MAX_BACKTRACE; depth++) {
    const physical = frame - DIRECT_MAP_BASE;
    if (physical < 0n || physical >= BigInt(memory.sizeBytes - 16) || physical % 8n !== 0n) break;
    lines.push(`#${depth} ${hex(memory.read64(Number(physical) + 8))}`);
    frame = memory.read64(Number(physical));
  }
  lines.push(...callLines(stack));
  return { reason, lines };
}
