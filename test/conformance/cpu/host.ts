// The silicon side: builds harness.c once and runs batches of cases through it.

import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type Case, emitCase, INPUT_BYTES, OUTPUT_BYTES, type Outcome, parseOutcome } from './layout.ts';

/** Why the oracle cannot run here, undefined if it can. */
export function hostObstacle(): string | undefined {
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'the oracle needs an x86-64 Linux host';
  if (spawnSync('gcc', ['--version']).status !== 0) return 'the oracle needs gcc';
  const flags = /^flags\s*:(.*)$/m.exec(fs.readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? '';
  return / sse4_2 /.test(`${flags} `) ? undefined : 'the oracle needs a host with SSE4.2';
}

/** Compiles the harness into a temporary folder and returns its path. `source` is harness.c. */
export function buildHarness(source: string): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'euroos-oracle-'));
  const binary = path.join(folder, 'harness');
  // Position-independent: at the usual 0x400000 it would lie where shifted addresses of a case lead.
  execFileSync('gcc', ['-O2', '-fPIE', '-static-pie', '-o', binary, source]);
  return binary;
}

/** Runs the cases on the CPU of this host. */
export function runOnHost(harness: string, cases: readonly Case[]): Outcome[] {
  const input = new Uint8Array(8 + cases.length * INPUT_BYTES);
  input.set([0x45, 0x4f, 0x43, 0x53]);
  new DataView(input.buffer).setUint32(4, cases.length, true);
  cases.forEach((item, n) => emitCase(input, 8 + n * INPUT_BYTES, item));
  const result = spawnSync(harness, { input, maxBuffer: cases.length * OUTPUT_BYTES + 4096, timeout: 60_000 });
  if (result.status !== 0 || result.stdout.length !== cases.length * OUTPUT_BYTES)
    throw new Error(
      `oracle: the harness ended with status ${result.status}, signal ${result.signal}, seed ${cases[0].seed}`,
    );
  const bytes = new Uint8Array(result.stdout.buffer, result.stdout.byteOffset, result.stdout.length);
  return cases.map((_, n) => parseOutcome(bytes, n * OUTPUT_BYTES));
}
