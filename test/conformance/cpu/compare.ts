// Compares what silicon and our CPU made of one case, and writes a report that is enough to see it again.

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { exemptionsFor, type Maker } from './exemptions.ts';
import { type Case, CODE_ADDRESS, DATA_PAGES, FLAG_MASK, type Outcome, READ_ONLY_PAGE } from './layout.ts';

const names = [
  'rax',
  'rcx',
  'rdx',
  'rbx',
  'rsp',
  'rbp',
  'rsi',
  'rdi',
  'r8',
  'r9',
  'r10',
  'r11',
  'r12',
  'r13',
  'r14',
  'r15',
];
const C1 = 0x200;

function hex(value: bigint | number, digits = 16): string {
  return value.toString(16).padStart(digits, '0');
}

interface Image {
  readonly view: DataView;
  readonly bytes: Uint8Array;
}
function imageOf(bytes: Uint8Array): Image {
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length) };
}
function stackValue(image: Image, n: number): bigint {
  return (BigInt(image.view.getUint16(40 + n * 16, true)) << 64n) | image.view.getBigUint64(32 + n * 16, true);
}

/** Distance of two 80-bit encodings in units in the last place; large if they are not neighbours. */
function ulps(a: bigint, b: bigint): bigint {
  // Without the explicit integer bit neighbours are adjacent numbers also across a power of two.
  const fraction = 0x7fff_ffff_ffff_ffffn;
  const difference = ((a >> 64n) << 63n) + (a & fraction) - (((b >> 64n) << 63n) + (b & fraction));
  return difference < 0n ? -difference : difference;
}

function compareFloatingPoint(item: Case, silicon: Image, ours: Image, report: string[]): void {
  const close = item.tolerance.extendedUlps;
  const half = (name: string, at: number, ignored = 0): void => {
    const a = silicon.view.getUint16(at, true) & ~ignored;
    const b = ours.view.getUint16(at, true) & ~ignored;
    if (a !== b) report.push(`${name}: silicon ${hex(a, 4)} ours ${hex(b, 4)}`);
  };
  half('fcw', 0);
  half('fsw', 2, close > 0 ? C1 : 0);
  half('ftw (abridged)', 4, 0xff00);
  const mxcsr = silicon.view.getUint32(24, true);
  if (mxcsr !== ours.view.getUint32(24, true))
    report.push(`mxcsr: silicon ${hex(mxcsr, 4)} ours ${hex(ours.view.getUint32(24, true), 4)}`);
  for (let n = 0; n < 8; n++) {
    const a = stackValue(silicon, n);
    const b = stackValue(ours, n);
    if (a !== b && ulps(a, b) > BigInt(close)) report.push(`st${n}: silicon ${hex(a, 20)} ours ${hex(b, 20)}`);
  }
  for (let n = 0; n < 16; n++) {
    for (let lane = 0; lane < 4; lane++) {
      const at = 160 + n * 16 + lane * 4;
      const a = silicon.view.getUint32(at, true);
      const b = ours.view.getUint32(at, true);
      if (a === b) continue;
      const difference = Math.abs(silicon.view.getFloat32(at, true) / ours.view.getFloat32(at, true) - 1);
      if (difference <= item.tolerance.relativeError) continue;
      report.push(`xmm${n}[${lane}]: silicon ${hex(a, 8)} ours ${hex(b, 8)}`);
    }
  }
}

/**
 * The differences, as lines; empty if silicon and we agree, apart from what is exempted for the maker of this silicon. May change
 * `ours`.
 */
export function compareOutcomes(item: Case, maker: Maker, silicon: Outcome, ours: Outcome): string[] {
  const report = strictDifferences(item, silicon, ours);
  if (report.length === 0) return report;
  const allowed = exemptionsFor(maker, item.rows);
  if (allowed.length === 0) return report;
  for (const { forgive } of allowed) forgive(silicon, ours);
  return strictDifferences(item, silicon, ours);
}

function strictDifferences(item: Case, silicon: Outcome, ours: Outcome): string[] {
  const report: string[] = [];
  const check = (name: string, a: bigint | number, b: bigint | number): void => {
    if (a !== b) report.push(`${name}: silicon ${hex(a)} ours ${hex(b)}`);
  };
  check('vector', silicon.vector, ours.vector);
  check('rip', silicon.rip, ours.rip);
  if (silicon.vector === ours.vector && silicon.vector === 14) {
    // Instructions that touch memory in pieces begin with a piece of their choice.
    const page = item.tolerance.pageOfFaultOnly ? 12n : 0n;
    check('cr2', silicon.cr2 >> page, ours.cr2 >> page);
    // Elsewhere the two address spaces differ in what is mapped for ring 0.
    const known = silicon.cr2 >= BigInt(DATA_PAGES) && silicon.cr2 < BigInt(READ_ONLY_PAGE + 4096);
    check('error code', known ? silicon.error : silicon.error | 1, known ? ours.error : ours.error | 1);
  }
  for (let n = 0; n < 16; n++) check(names[n], silicon.general[n], ours.general[n]);
  const flags = FLAG_MASK & ~item.tolerance.undefinedFlags;
  check('flags', silicon.flags & flags, ours.flags & flags);
  compareFloatingPoint(item, imageOf(silicon.fx), imageOf(ours.fx), report);
  for (let n = 0; n < silicon.window.length; n++) {
    if (silicon.window[n] === ours.window[n]) continue;
    if (item.tolerance.ignoredMemory.some(([from, length]) => n >= from && n < from + length)) continue;
    report.push(`memory at window+${n}: silicon ${hex(silicon.window[n], 2)} ours ${hex(ours.window[n], 2)}`);
    if (report.length > 12) break;
  }
  return report;
}

/** Disassembly by binutils where there is one. */
function disassemble(code: Uint8Array): string {
  const file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'euroos-oracle-')), 'code');
  fs.writeFileSync(file, code);
  const result = spawnSync('objdump', [
    '-D',
    '-b',
    'binary',
    '-m',
    'i386:x86-64',
    `--adjust-vma=${CODE_ADDRESS}`,
    file,
  ]);
  fs.rmSync(path.dirname(file), { recursive: true });
  if (result.status !== 0) return '(no objdump here)';
  return result.stdout.toString().split('\n').slice(7).join('\n').trimEnd();
}

/** Everything one needs to see a difference again. */
export function describeDifference(item: Case, differences: readonly string[]): string {
  const image = imageOf(item.fx);
  const lines = [
    `${item.text}   --seed ${item.seed} --case ${item.index}`,
    `  bytes ${Array.from(item.code, (byte) => hex(byte, 2)).join(' ')}`,
    disassemble(item.code),
    ...differences.map((line) => `  ${line}`),
    `  in: fcw ${hex(image.view.getUint16(0, true), 4)} fsw ${hex(image.view.getUint16(2, true), 4)} tags ${hex(image.bytes[4], 2)} mxcsr ${hex(image.view.getUint32(24, true), 4)} flags ${hex(item.flags, 3)}`,
  ];
  for (let n = 0; n < 16; n += 4)
    lines.push(`  in: ${[0, 1, 2, 3].map((k) => `${names[n + k]} ${hex(item.general[n + k])}`).join(' ')}`);
  for (let n = 0; n < 8; n++) lines.push(`  in: st${n} ${hex(stackValue(image, n), 20)}`);
  for (let n = 0; n < 16; n += 2)
    lines.push(
      `  in: ${[n, n + 1].map((k) => `xmm${k} ${hex(image.view.getBigUint64(168 + k * 16, true))}${hex(image.view.getBigUint64(160 + k * 16, true))}`).join(' ')}`,
    );
  return lines.join('\n');
}
