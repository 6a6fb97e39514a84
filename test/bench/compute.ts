// Speed of machine code and of the kernel's paths. Every program runs natively and in EuroOS, once with work and once without;
// the difference is the work. Outputs must be equal.

import path from 'node:path';
import { compilePrograms, dist, execute, guest, median, missing, type Row, row } from './measure.ts';

const RUNS = 3;

interface Cost {
  readonly guestMillis: number;
  readonly nativeMillis: number;
  readonly instructions: number;
  readonly tlbHitRate: number;
}

/** The native side does `nativeFactor` times the work, so that it can be timed at all. */
async function cost(program: string, name: string, rounds: number, nativeFactor: number): Promise<Cost> {
  const file = path.join(dist, 'bench-programs', program);
  const inGuest = (count: number) => guest(['--add', `${file}:/bin/${program}`], [program, name, String(count)]);
  const native = (count: number) => execute(file, [name, String(count)]);
  const expected = (await native(rounds)).stdout;
  const guests: number[] = [];
  const natives: number[] = [];
  let instructions = 0;
  let tlbHitRate = 0;
  for (let n = 0; n < RUNS; n++) {
    const [idle, busy] = [await inGuest(0), await inGuest(rounds)];
    if (busy.stdout !== expected)
      throw new Error(`${name}: EuroOS says ${busy.stdout.trim()}, Linux ${expected.trim()}`);
    guests.push(busy.stats.wallMs - idle.stats.wallMs);
    instructions = busy.stats.instructions - idle.stats.instructions;
    const hits = busy.stats.tlbHits - idle.stats.tlbHits;
    const misses = busy.stats.tlbMisses - idle.stats.tlbMisses;
    tlbHitRate = hits / Math.max(1, hits + misses);
    const start = (await native(0)).wallMillis;
    natives.push(((await native(rounds * nativeFactor)).wallMillis - start) / nativeFactor);
  }
  return { guestMillis: median(guests), nativeMillis: median(natives), instructions, tlbHitRate };
}

const ratio = ({ guestMillis, nativeMillis }: Cost) =>
  nativeMillis <= 0 ? 'native too short to time' : `${(guestMillis / nativeMillis).toFixed(1)} x native`;

export async function cpu(print: (row: Row) => void): Promise<void> {
  await compilePrograms('test/bench/programs', 'bench-programs');
  const rates: number[] = [];
  for (const [name, rounds] of [
    ['sieve', 12],
    ['sha256', 6000],
    ['bytecode', 400_000],
    ['strings', 2500],
    ['doubles', 200_000],
  ] as const) {
    const measured = await cost('kernels', name, rounds, 20);
    rates.push(measured.tlbHitRate);
    const speed = (measured.instructions / measured.guestMillis / 1000).toFixed(1);
    print(row(`CPU: ${name}`, `${speed} million instructions/s, ${ratio(measured)}`));
  }
  print(row('CPU: TLB hit rate', `${(100 * median(rates)).toFixed(4)} %`));
}

export async function kernel(print: (row: Row) => void): Promise<void> {
  await compilePrograms('test/bench/programs', 'bench-programs');
  for (const [name, count, unit] of [
    ['getppid', 100_000, 'system calls'],
    ['switch', 5_000, 'round trips of two processes'],
    ['pipe', 2048, 'blocks of 64 KiB'],
    ['exec', 50, 'fork, exec, exit, wait'],
  ] as const) {
    const measured = await cost('system', name, count, name === 'exec' ? 4 : 20);
    if (measured.guestMillis <= 0) {
      print(missing(`kernel: ${name}`, 'the work is lost in the noise of this machine'));
      continue;
    }
    const speed = ((1000 * count) / measured.guestMillis).toFixed(0);
    const each = (measured.guestMillis * 1000) / count;
    print(row(`kernel: ${name}`, `${speed} ${unit}/s, ${each.toFixed(1)} µs each, ${ratio(measured)}`));
  }
}
