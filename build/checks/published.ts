// The published tables: written from the code, and compared with what docs/ holds so that they cannot go stale.
// Usage: published [--write]

import fs from 'node:fs';
import { coverageOf, Execution } from '../../devices/cpu/jit/coverage.ts';
import { instructionTable } from '../../devices/cpu/table/index.ts';
import { encodingText, rowText } from '../../devices/cpu/table/row-text.ts';
import { capabilityNames } from '../../os-core/abi/capability.ts';
import { networkSubsystem } from '../../os-core/kernel/network/subsystem.ts';
import { kernelCoreSystemCalls } from '../../os-core/kernel/syscalls/groups.ts';
import type { SystemCallEntry } from '../../os-core/kernel/syscalls/handler.ts';
import { SystemCallTable } from '../../os-core/kernel/syscalls/table.ts';
import { vfsSubsystem } from '../../os-core/kernel/vfs/subsystem.ts';

function rightOf(entry: SystemCallEntry): string {
  if (entry.capability === 'descriptor') return 'of the descriptor';
  const names = Object.entries(capabilityNames).filter(([, bit]) => ((entry.capability as number) & bit) !== 0);
  return names.map(([name]) => name).join(', ') || '–';
}

function systemCallPage(): string {
  const rows = new SystemCallTable([
    ...kernelCoreSystemCalls,
    vfsSubsystem.systemCalls,
    networkSubsystem.systemCalls,
  ]).list();
  const lines = rows.map((entry) => {
    const number = entry.number >= 0x4000_0000 ? `0x${entry.number.toString(16)}` : String(entry.number);
    return `| ${number} | ${entry.name} | ${rightOf(entry)} | ${entry.arguments.map(([name]) => name).join(', ')} |`;
  });
  return [
    '# System calls',
    '',
    `${rows.length} calls of the Linux x86-64 table (and those of EuroOS from 0x40000000 up). Any other number gives ENOSYS and one line in`,
    'the kernel log. This page is written from the table in the kernel: `node build/checks/published.mjs --write`.',
    '',
    '| number | call | right it needs | arguments |',
    '|---|---|---|---|',
    ...lines,
    '',
  ].join('\n');
}

function cpuCoveragePage(): string {
  let forms = 0;
  let compiled = 0;
  const lines = instructionTable.map((row) => {
    const { interpreted, register, memory } = coverageOf(row);
    for (const execution of [register, memory]) {
      if (execution === undefined) continue;
      forms++;
      if (execution === Execution.compiled) compiled++;
    }
    const cells = [rowText(row), encodingText(row), row.feature ?? 'base', interpreted ? 'yes' : 'no'];
    return `| ${[...cells, register ?? '–', memory ?? '–'].join(' | ')} |`;
  });
  return [
    '# Coverage of the CPU engines',
    '',
    `The instruction table has ${instructionTable.length} rows with ${forms} forms (registers, memory). The interpreter executes what says "yes";`,
    `compiled code executes ${compiled} forms itself. "by call": compiled code calls the interpreter's handler and goes on. "interpreter": compiled`,
    'code ends before it (system instructions, far control transfers). A compiled instruction may still be left to the interpreter for some',
    'values: TLB misses, faults, denormals, NaNs. This page is written from the table and the compiler: `node build/checks/published.mjs --write`.',
    '',
    '| instruction | encoding | feature | interpreter | compiled, registers | compiled, memory |',
    '|---|---|---|---|---|---|',
    ...lines,
    '',
  ].join('\n');
}

const pages: Readonly<Record<string, string>> = {
  'docs/SYSTEM-CALLS.md': systemCallPage(),
  'docs/CPU-COVERAGE.md': cpuCoveragePage(),
};
let stale = 0;
for (const [file, text] of Object.entries(pages)) {
  if (process.argv.includes('--write')) fs.writeFileSync(file, text);
  else if (!fs.existsSync(file) || fs.readFileSync(file, 'utf8') !== text) {
    stale++;
    console.error(`${file} is out of date: run node build/checks/published.mjs --write`);
  }
}
process.exitCode = stale === 0 ? 0 : 1;
