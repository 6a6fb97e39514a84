import { expect, test } from 'vitest';
import { PhysicalMemory } from '../base/physical-memory.ts';
import { SeededRandom } from '../base/random.ts';
import { Mmu } from './mmu.ts';

const MEMORY_BYTES = 8 * 1024 * 1024;
const ROOT = 0x10000;

interface Policy {
  writeProtect: boolean;
  noExecute: boolean;
  smep: boolean;
  smap: boolean;
  accessFlag: boolean;
}

/** The page walk again, from the SDM's tables, in bigint and without a shared line: virtual address to physical or error code. */
function independentWalk(memory: PhysicalMemory, address: bigint, access: number, policy: Policy): bigint | number {
  const write = (access & 2) !== 0;
  const user = (access & 4) !== 0;
  const fetch = (access & 16) !== 0;
  const base = (write ? 2 : 0) | (user ? 4 : 0) | (fetch && (policy.noExecute || policy.smep) ? 16 : 0);
  let table = BigInt(ROOT);
  let allWritable = true;
  let allUser = true;
  let anyNoExecute = false;
  for (const shift of [39n, 30n, 21n, 12n]) {
    const entry = memory.read64(Number(table + ((address >> shift) & 511n) * 8n));
    if ((entry & 1n) === 0n) return base;
    const large = shift === 12n || ((entry >> 7n) & 1n) === 1n;
    let reserved = ((1n << 52n) - 1n) & ~((1n << 40n) - 1n) & entry;
    if (!policy.noExecute) reserved |= entry & (1n << 63n);
    if (shift === 39n) reserved |= entry & 0x80n;
    if (large && shift > 12n) reserved |= entry & ((1n << shift) - 1n) & ~0x1fffn;
    if (reserved !== 0n) return base | 9;
    allWritable &&= (entry & 2n) !== 0n;
    allUser &&= (entry & 4n) !== 0n;
    anyNoExecute ||= entry >> 63n !== 0n;
    if (large) {
      const denied =
        (user && !allUser) ||
        (write && !allWritable && (user || policy.writeProtect)) ||
        (fetch && anyNoExecute) ||
        (!user && allUser && fetch && policy.smep) ||
        (!user && allUser && !fetch && policy.smap && !policy.accessFlag);
      if (denied) return base | 1;
      const mask = (1n << shift) - 1n;
      return (entry & ((1n << 40n) - 1n) & ~mask) | (address & mask);
    }
    table = entry & ((1n << 40n) - 1n) & ~0xfffn;
  }
  throw new Error('unreachable');
}

/** Random tables over a few slots at each level, so that random addresses often reach a page. */
function buildTables(memory: PhysicalMemory, random: SeededRandom): void {
  let next = ROOT + 4096;
  const build = (table: number, level: number): void => {
    for (let slot = 0; slot < 6; slot++) {
      if (random.below(8) === 0) continue;
      let entry = 1n;
      if (random.below(4) !== 0) entry |= 2n;
      if (random.below(4) !== 0) entry |= 4n;
      if (random.below(6) === 0) entry |= 1n << 63n;
      if (random.below(40) === 0) entry |= 1n << BigInt(40 + random.below(12));
      if (random.below(8) === 0) entry |= 0x200n;
      if (level === 0) entry |= BigInt(random.below(MEMORY_BYTES / 4096)) << 12n;
      else if (random.below(level === 3 ? 40 : 5) === 0) {
        entry |= 0x80n;
        const shift = level === 1 ? 21n : 30n;
        entry |= BigInt(random.below(64)) << shift;
        if (random.below(6) === 0) entry |= 1n << BigInt(13 + random.below(7));
      } else {
        const child = next;
        next += 4096;
        if (next > 0x700000) throw new Error('tables too large');
        entry |= BigInt(child);
        build(child, level - 1);
      }
      memory.write64(table + slot * 8, entry);
    }
  };
  build(ROOT, 3);
}

test('E10: a million random addresses agree with an independent walker', () => {
  const seed = 20261;
  const random = new SeededRandom(seed);
  const memory = new PhysicalMemory(MEMORY_BYTES);
  const mmu = new Mmu(memory, memory.sizeBytes + 0x10000, memory.sizeBytes + 0x500000);
  mmu.rootTable = ROOT;
  buildTables(memory, random);
  const outcomes = new Map<string, number>();
  for (let n = 0; n < 1_000_000; n++) {
    const bits = random.next32();
    const policy: Policy = {
      writeProtect: (bits & 1) !== 0,
      noExecute: (bits & 2) !== 0,
      smep: (bits & 4) !== 0,
      smap: (bits & 8) !== 0,
      accessFlag: (bits & 16) !== 0,
    };
    mmu.writeProtect = policy.writeProtect;
    mmu.noExecute = policy.noExecute;
    mmu.smep = policy.smep;
    mmu.smap = policy.smap;
    mmu.accessFlag = policy.accessFlag;
    const access = ((bits & 32) !== 0 ? 4 : 0) | [0, 2, 16][random.below(3)];
    const low = (random.below(7) << 30) | (random.below(7) << 21) | (random.below(7) << 12) | random.below(4096) | 0;
    const high = (random.below(7) << 7) | (random.below(6) >> 2);
    const address = (BigInt(high) << 32n) | BigInt(low >>> 0);
    const expected = independentWalk(memory, address, access, policy);
    const got = mmu.walk(low, high, access);
    const answer = got < 0 ? mmu.faultCode : BigInt(got);
    if (answer !== expected)
      throw new Error(
        `seed ${seed} case ${n}: ${address.toString(16)} access ${access}: ${answer}, expected ${expected}`,
      );
    const kind = got < 0 ? `fault ${mmu.faultCode}` : 'page';
    outcomes.set(kind, (outcomes.get(kind) ?? 0) + 1);
  }
  // The comparison means something only if every kind of outcome occurred.
  expect(outcomes.get('page') ?? 0).toBeGreaterThan(100_000);
  for (const code of [0, 1, 2, 3, 4, 5, 6, 7, 9, 17, 21])
    expect(outcomes.get(`fault ${code}`) ?? 0).toBeGreaterThan(100);
});

test('E10: the User bit is needed at every level', () => {
  const memory = new PhysicalMemory(1024 * 1024);
  const mmu = new Mmu(memory, memory.sizeBytes + 0x10000, memory.sizeBytes + 0x500000);
  mmu.rootTable = 0x1000;
  const entries = [0x1000, 0x2000, 0x3000, 0x4000];
  const fill = (without: number): void => {
    entries.forEach((at, n) => {
      memory.write64(at, BigInt((at + 0x1000) | 3 | (n === without ? 0 : 4)));
    });
  };
  fill(-1);
  expect(mmu.walk(0x123, 0, 4)).toBe(0x5123);
  for (let level = 0; level < 4; level++) {
    fill(level);
    expect(mmu.walk(0x123, 0, 4)).toBe(-1);
    expect(mmu.faultCode).toBe(5);
    expect(mmu.walk(0x123, 0, 0)).toBe(0x5123);
  }
});

test('accessed and dirty bits are set in memory, through the gateway', () => {
  const memory = new PhysicalMemory(1024 * 1024);
  const mmu = new Mmu(memory, memory.sizeBytes + 0x10000, memory.sizeBytes + 0x500000);
  mmu.rootTable = 0x1000;
  for (const at of [0x1000, 0x2000, 0x3000, 0x4000]) memory.write64(at, BigInt((at + 0x1000) | 7));
  memory.epoch = 5;
  mmu.walk(0, 0, 0);
  expect(memory.read8(0x1000) & 0x60).toBe(0x20);
  expect(memory.read8(0x4000) & 0x60).toBe(0x20);
  expect(memory.dirtyGeneration[4]).toBe(5);
  mmu.walk(0, 0, 2);
  expect(memory.read8(0x4000) & 0x60).toBe(0x60);
  expect(memory.read8(0x3000) & 0x40).toBe(0);
});
