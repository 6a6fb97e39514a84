// Speed of the reference interpreter. Usage: node build/run-ts.mjs test/bench/cpu-interpreter.ts
//
// Compiles cpu-kernels.c with gcc -O2, runs it on the virtual CPU through real page tables, compares the results with the host's
// and prints MIPS (by CPU time) and the TLB hit rate for each kernel. Exit status 1 if a result differs.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PhysicalMemory } from '../../devices/base/physical-memory.ts';
import { TrapKind } from '../../devices/contract/cpu.ts';
import { createCpu } from '../../devices/cpu/index.ts';

const LOAD_ADDRESS = 0x100000;
const KERNELS = ['sieve', 'mix', 'fib', 'sha256 rounds'];

const folder = mkdtempSync(path.join(tmpdir(), 'euroos-bench-'));
const source = path.join(process.cwd(), 'test/bench/cpu-kernels.c');
const file = (name: string): string => path.join(folder, name);
const guestFlags =
  '-O2 -mgeneral-regs-only -ffreestanding -fno-builtin -nostdlib -static -no-pie -fno-stack-protector -fcf-protection=none';
execFileSync('gcc', ['-O2', '-DNATIVE', source, '-o', file('native')]);
execFileSync('gcc', [
  ...guestFlags.split(' '),
  `-Wl,-Ttext=0x${LOAD_ADDRESS.toString(16)},--build-id=none,-z,norelro`,
  source,
  '-o',
  file('guest.elf'),
]);
execFileSync('objcopy', ['-O', 'binary', file('guest.elf'), file('guest.bin')]);
const entry = BigInt(
  `0x${/^(\w+) T _start$/m.exec(execFileSync('nm', [file('guest.elf')], { encoding: 'utf8' }))?.[1]}`,
);
const expected = execFileSync(file('native'), { encoding: 'utf8' }).trim().split('\n');

const memory = new PhysicalMemory(16 * 1024 * 1024);
const halves: number[] = [];
let mark = process.cpuUsage();
let markCount = 0;
const cpu = createCpu({
  memory,
  bus: {
    portRead: () => 0,
    portWrite: (_port, _width, value) => {
      halves.push(value);
      if (halves.length % 2 === 0) report();
    },
    mmioRead: () => 0,
    mmioWrite: () => {},
  },
});
let failed = false;
function report(): void {
  const micros = process.cpuUsage(mark).user;
  const count = cpu.instructionCount - markCount;
  const at = halves.length / 2 - 1;
  const result = ((BigInt(halves[at * 2 + 1]) << 32n) | BigInt(halves[at * 2])).toString(16).padStart(16, '0');
  if (result !== expected[at]) failed = true;
  const verdict = result === expected[at] ? 'ok' : `WRONG: ${result}, host ${expected[at]}`;
  console.log(
    `${KERNELS[at].padEnd(14)} ${(count / micros).toFixed(1).padStart(7)} MIPS  ${count} instructions  ${verdict}`,
  );
  mark = process.cpuUsage();
  markCount = cpu.instructionCount;
}

// One identity-mapped 1 GiB page.
memory.write64(0x1000, 0x2003n);
memory.write64(0x2000, 0x83n);
cpu.writeControl(3, 0x1000n);
memory.writeBytes(LOAD_ADDRESS, readFileSync(file('guest.bin')));
cpu.rip = entry;
cpu.writeRegister(4, 0xf00000n);
rmSync(folder, { recursive: true });

let kind: TrapKind = TrapKind.budget;
while (kind === TrapKind.budget) kind = cpu.run(1_000_000);
if (kind !== TrapKind.halt) {
  console.log(`stopped with trap ${kind}, vector ${cpu.trapVector}, RIP ${cpu.rip.toString(16)}`);
  failed = true;
}
const { tlbHits, tlbMisses } = cpu.statistics;
console.log(`TLB hit rate ${((100 * tlbHits) / (tlbHits + tlbMisses)).toFixed(4)} %`);
process.exit(failed ? 1 : 0);
