// The silicon side: builds harness.c once and runs batches through it.

import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Batch } from './batch.ts';
import { OUTCOME_BYTES } from './layout.ts';

/** Why the oracle cannot run here, undefined if it can. */
export function hostObstacle(): string | undefined {
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'the oracle needs an x86-64 Linux host';
  if (spawnSync('gcc', ['--version']).status !== 0) return 'the oracle needs gcc';
  const flags = /^flags\s*:(.*)$/m.exec(fs.readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? '';
  return / sse4_2 /.test(`${flags} `) ? undefined : 'the oracle needs a host with SSE4.2';
}

/** The processor of this host, as it names itself. */
export function hostModel(): string {
  const field = (name: string): string =>
    new RegExp(`^${name}\\s*: *(.*)$`, 'm').exec(fs.readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? '?';
  return `${field('model name')}, family ${field('cpu family')} model ${field('model')}`;
}

/** Compiles the harness into a temporary folder and returns its path. `source` is harness.c. */
export function buildHarness(source: string): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'euroos-oracle-'));
  const binary = path.join(folder, 'harness');
  // Position-independent: at the usual 0x400000 it would lie where shifted addresses of a case lead.
  execFileSync('gcc', ['-O2', '-fPIE', '-static-pie', '-o', binary, source]);
  return binary;
}

/** Runs a batch on the CPU of this host; the outcomes of its vectors, one after the other. */
export function runOnHost(harness: string, batch: Batch): Uint8Array {
  const size = batch.vectors * OUTCOME_BYTES;
  const result = spawnSync(harness, { input: batch.input, maxBuffer: size + 4096, timeout: 60_000 });
  if (result.status !== 0 || result.stdout.length !== size)
    throw new Error(
      `oracle: the harness ended with status ${result.status}, signal ${result.signal}; seed ${batch.snippets[0].seed}, snippets from ${batch.snippets[0].index}`,
    );
  return new Uint8Array(result.stdout.buffer, result.stdout.byteOffset, size);
}
