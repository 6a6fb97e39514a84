// Compares what silicon and our CPU made of one vector, and writes a report that is enough to see it again.

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { rowText } from '../../../devices/cpu/table/row-text.ts';
import { type Exemption, exemptionsFor, type Maker } from './exemptions.ts';
import {
  CODE_ADDRESS,
  DATA_PAGES,
  FxOffset,
  OUTCOME_BYTES,
  Outcome,
  OutcomeOffset,
  READ_ONLY_PAGE,
  type Snippet,
  VectorOffset,
  type WindowRange,
} from './layout.ts';

/** General registers in the order of their encoding. */
export const registerNames = [
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

function hex(value: bigint | number, digits = 16): string {
  return value.toString(16).padStart(digits, '0');
}
function stackValue(view: DataView, fx: number, n: number): bigint {
  const at = fx + FxOffset.stack + n * 16;
  return (BigInt(view.getUint16(at + 8, true)) << 64n) | view.getBigUint64(at, true);
}

/** Makes equal what no pair of machines need have in common. */
function normalise(outcome: Outcome, undefinedFlags: number): void {
  outcome.flags &= ~undefinedFlags;
  if (outcome.vector !== 14) return;
  // Elsewhere the two address spaces differ in what is mapped for ring 0.
  const { cr2 } = outcome;
  if (cr2 < BigInt(DATA_PAGES) || cr2 >= BigInt(READ_ONLY_PAGE + 4096)) outcome.error |= 1;
}

/** The differences, as lines; empty if there is none. */
function differences(silicon: Outcome, ours: Outcome): string[] {
  const report: string[] = [];
  const check = (name: string, a: bigint | number, b: bigint | number, digits = 16): void => {
    if (a !== b) report.push(`${name}: silicon ${hex(a, digits)} ours ${hex(b, digits)}`);
  };
  check('vector', silicon.vector, ours.vector, 2);
  check('rip', silicon.rip, ours.rip);
  check('cr2', silicon.cr2, ours.cr2);
  check('error code', silicon.error, ours.error, 4);
  for (let n = 0; n < 16; n++) check(registerNames[n], silicon.general(n), ours.general(n));
  check('flags', silicon.flags, ours.flags, 3);
  const { fx } = OutcomeOffset;
  check('fcw', silicon.controlWord, ours.controlWord, 4);
  check('fsw', silicon.statusWord, ours.statusWord, 4);
  check('ftw (abridged)', silicon.bytes[fx + FxOffset.tags], ours.bytes[fx + FxOffset.tags], 2);
  check('mxcsr', silicon.view.getUint32(fx + FxOffset.mxcsr, true), ours.view.getUint32(fx + FxOffset.mxcsr, true), 4);
  for (let n = 0; n < 8; n++) check(`st${n}`, stackValue(silicon.view, fx, n), stackValue(ours.view, fx, n), 20);
  for (let n = 0; n < 64; n++) {
    const at = fx + FxOffset.xmm + n * 4;
    check(`xmm${n >> 2}[${n & 3}]`, silicon.view.getUint32(at, true), ours.view.getUint32(at, true), 8);
  }
  const a = silicon.window;
  const b = ours.window;
  for (let n = 0; n < a.length && report.length <= 12; n++) check(`memory at window+${n}`, a[n], b[n], 2);
  return report;
}

export interface Comparison {
  /** What differs, as lines. */
  readonly lines: readonly string[];
  /** Exemptions without which it would have differed. */
  readonly exempted: readonly Exemption[];
}

const nothing: Comparison = { lines: [], exempted: [] };

/**
 * Compares the outcomes at byte `at` of both, but for what is exempted for the maker of this silicon. Changes them where they may
 * differ.
 */
export function compareOutcomes(
  snippet: Pick<Snippet, 'rows' | 'undefinedFlags'>,
  maker: Maker,
  siliconBytes: Uint8Array,
  oursBytes: Uint8Array,
  at: number,
  pointers: readonly WindowRange[] = [],
): Comparison {
  const equal = (): boolean =>
    Buffer.compare(siliconBytes.subarray(at, at + OUTCOME_BYTES), oursBytes.subarray(at, at + OUTCOME_BYTES)) === 0;
  if (equal()) return nothing;
  const silicon = new Outcome(siliconBytes, at);
  const ours = new Outcome(oursBytes, at);
  normalise(silicon, snippet.undefinedFlags);
  normalise(ours, snippet.undefinedFlags);
  if (equal()) return nothing;
  const exempted: Exemption[] = [];
  const before = new Uint8Array(OUTCOME_BYTES);
  for (const exemption of exemptionsFor(maker, snippet.rows)) {
    before.set(ours.bytes);
    exemption.forgive(silicon, ours, pointers);
    if (Buffer.compare(before, ours.bytes) !== 0) exempted.push(exemption);
    if (equal()) return { lines: [], exempted };
  }
  return { lines: differences(silicon, ours), exempted };
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

/** What a snippet is made of, as text. */
export function snippetText(snippet: Snippet): string {
  return snippet.rows.map(rowText).join('; ');
}

/** Everything one needs to see a difference again. `input` holds the vector's machine state at byte `at`. */
export function describeDifference(
  snippet: Snippet,
  vector: number,
  input: Uint8Array,
  at: number,
  lines: readonly string[],
): string {
  const view = new DataView(input.buffer, input.byteOffset + at);
  const { fx } = VectorOffset;
  const text = [
    `${snippetText(snippet)}   --seed ${snippet.seed} --case ${snippet.index}.${vector}`,
    `  bytes ${Array.from(snippet.code, (byte) => hex(byte, 2)).join(' ')}`,
    disassemble(snippet.code),
    ...lines.map((line) => `  ${line}`),
    `  in: fcw ${hex(view.getUint16(fx, true), 4)} fsw ${hex(view.getUint16(fx + 2, true), 4)} tags ${hex(view.getUint8(fx + 4), 2)} mxcsr ${hex(view.getUint32(fx + FxOffset.mxcsr, true), 4)} flags ${hex(view.getUint32(VectorOffset.flags, true), 3)}`,
  ];
  const general = (n: number): string => `${registerNames[n]} ${hex(view.getBigUint64(n * 8, true))}`;
  const xmm = (n: number): string => {
    const from = fx + FxOffset.xmm + n * 16;
    return `xmm${n} ${hex(view.getBigUint64(from + 8, true))}${hex(view.getBigUint64(from, true))}`;
  };
  for (let n = 0; n < 16; n += 4) text.push(`  in: ${[n, n + 1, n + 2, n + 3].map(general).join(' ')}`);
  for (let n = 0; n < 8; n++) text.push(`  in: st${n} ${hex(stackValue(view, fx, n), 20)}`);
  for (let n = 0; n < 16; n += 2) text.push(`  in: ${[n, n + 1].map(xmm).join(' ')}`);
  return text.join('\n');
}
