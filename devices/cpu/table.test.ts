import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { SeededRandom } from '../base/random.ts';
import { decode, NEED_MORE } from './decode/decoder.ts';
import './interpreter/all.ts';
import { arithmeticFast, shiftFast } from './interpreter/arithmetic-fast.ts';
import { movesFast } from './interpreter/moves-fast.ts';
import { selectorFor } from './interpreter/registry.ts';
import { instructionTable } from './table/index.ts';
import { createFlatMachine, hex } from './test-machine.ts';

test('every row of the table has a handler', () => {
  const without = instructionTable
    .filter((row) => selectorFor(row.operation) === undefined)
    .map((row) => row.operation);
  expect(without).toEqual([]);
});

test('rows agree about ModRM at one opcode, and no two rows claim the same encoding', () => {
  const modrm = new Map<string, boolean>();
  const seen = new Set<string>();
  for (const row of instructionTable) {
    const place = `${row.map}/${row.opcode.toString(16)}`;
    expect([place, modrm.get(place) ?? row.modrm === true]).toEqual([place, row.modrm === true]);
    modrm.set(place, row.modrm === true);
    const key = [place, row.prefix, row.reg, row.mod, row.rm, row.rexW].join(' ');
    expect([row.operation, key, seen.has(key)]).toEqual([row.operation, key, false]);
    seen.add(key);
  }
});

test('generated handlers are what the generator writes', () => {
  execFileSync('node', ['build/generate/cpu-fast-handlers.mjs', '--check']);
});

test('any bytes decode to something, within 15 bytes', () => {
  const random = new SeededRandom(7);
  const bytes = new Uint8Array(32);
  for (let n = 0; n < 200_000; n++) {
    random.fill(bytes);
    const instruction = decode(bytes, 0, 32, 0x1000, 0);
    if (instruction === NEED_MORE || instruction.length < 1 || instruction.length > 15)
      throw new Error(`case ${n}: ${Array.from(bytes, (byte) => byte.toString(16)).join(' ')}`);
  }
});

test('fast handlers do what the general ones do', () => {
  const edge = [0, 1, -1, 0x7fffffff, -0x80000000, 0x80, 0x7f, 0xff, 0x8000];
  const codes: string[] = [];
  // Register, memory [rbx] and immediate forms of group 1, TEST, MOV, MOVZX, MOVSX, LEA, INC, DEC, shifts, at 8, 32 and 64 bit.
  for (const rex of ['', '48', '41', '4c']) {
    for (let operation = 0; operation < 8; operation++) {
      for (let form = 0; form < 4; form++) {
        const opcode = ((operation << 3) | form).toString(16).padStart(2, '0');
        codes.push(`${rex}${opcode}d1`, `${rex}${opcode}4304`);
      }
      const register = (0xc1 | (operation << 3)).toString(16);
      const memory = (0x43 | (operation << 3)).toString(16);
      codes.push(`${rex}80${register}85`, `${rex}81${register}12345678`, `${rex}83${register}f0`);
      codes.push(`${rex}80${memory}0885`, `${rex}81${memory}0812345678`, `${rex}83${memory}08f0`);
    }
    for (const opcode of ['84', '85', '88', '89', '8a', '8b', '0fb6', '0fb7', '0fbe', '0fbf', '63'])
      codes.push(`${rex}${opcode}d1`, `${rex}${opcode}4310`);
    for (const modrm of ['c1', 'c9', '4308', '4b08']) codes.push(`${rex}ff${modrm}`, `${rex}fe${modrm}`);
    for (const modrm of ['e1', 'e9', 'f9'])
      for (const count of ['01', '07', '1f', '20', '21', '3f']) codes.push(`${rex}c1${modrm}${count}`);
    // Accumulator forms, rotates, SETcc and CMOVcc.
    for (let operation = 0; operation < 8; operation++) {
      const byte = ((operation << 3) | 4).toString(16).padStart(2, '0');
      const wide = ((operation << 3) | 5).toString(16).padStart(2, '0');
      codes.push(`${rex}${byte}85`, `${rex}${wide}123456f8`);
    }
    codes.push(`${rex}a885`, `${rex}a9123456f8`);
    for (const count of ['01', '07', '1f']) codes.push(`${rex}c1c1${count}`, `${rex}c1c9${count}`);
    for (let condition = 0; condition < 16; condition++)
      codes.push(`${rex}0f9${condition.toString(16)}c1`, `${rex}0f4${condition.toString(16)}d1`);
    codes.push(`${rex}8d4b10`, `${rex}8d8c8b10000080`, `${rex}6885000080`, `${rex}c6430811`, `${rex}c7430811223384`);
  }
  let compared = 0;
  const machine = createFlatMachine([], 1024 * 1024);
  for (const code of codes) {
    const instruction = decode(hex(`${code}00000000000000000000`), 0, 15, 0x1000, 0);
    if (instruction === NEED_MORE) throw new Error('short');
    const fast = arithmeticFast(instruction) ?? shiftFast(instruction) ?? movesFast(instruction);
    if (fast === undefined) continue;
    compared++;
    // The same state twice: the fast handler on one machine, the general one on the other.
    for (let round = 0; round < 6; round++) {
      const states = [false, true].map((general) => {
        const { cpu, memory } = machine;
        const local = new SeededRandom(round * 1000 + code.length);
        for (let n = 0; n < 16; n++) {
          const low = local.below(2) === 0 ? edge[local.below(edge.length)] : local.next32();
          const high = local.below(2) === 0 ? edge[local.below(edge.length)] : local.next32();
          cpu.generalRegisters[n * 2] = low;
          cpu.generalRegisters[n * 2 + 1] = high;
        }
        cpu.writeRegister(3, 0x4000n);
        cpu.writeRegister(11, 0x5000n);
        cpu.writeRegister(4, 0x8000n);
        for (let n = 0; n < 64; n++) memory.write8(0x4000 + n, local.next32() & 0xff);
        for (let n = 0; n < 64; n++) memory.write8(0x5000 + n, local.next32() & 0xff);
        cpu.rflags = BigInt(local.next32() & 0x8d5);
        if (general) generalHandler(instruction)(cpu.core, instruction);
        else instruction.execute(cpu.core, instruction);
        return [
          cpu.generalRegisters.join(),
          cpu.rflags,
          memory.bytes.slice(0x4000, 0x4040).join(),
          memory.bytes.slice(0x7ff0, 0x8000).join(),
        ].join('\n');
      });
      if (states[0] !== states[1]) throw new Error(`${code} round ${round}: fast and general differ`);
    }
  }
  expect(compared).toBeGreaterThan(150);
});

/** The general handler of an instruction: chosen as for a row of another name than those the fast tables know. */
function generalHandler(instruction: Parameters<typeof arithmeticFast>[0]): typeof instruction.execute {
  const copy = Object.assign(Object.create(Object.getPrototypeOf(instruction)), instruction) as typeof instruction;
  copy.row = { ...instruction.row, operation: 'general' };
  const selector = selectorFor(instruction.row.operation);
  if (selector === undefined) throw new Error('no selector');
  return selector(copy);
}
