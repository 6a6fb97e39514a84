// The compiler, and threaded code alone, against the interpreter on random programs (smoke run), and a planted fault that this must see. The long run:
//   EUROOS_ENGINE_PROGRAMS=100000 npx vitest run test/conformance/engines            other programs: EUROOS_TEST_SEED=N

import { expect, test } from 'vitest';
import { Guest } from '../cpu/guest.ts';
import { CODE_ADDRESS } from '../cpu/layout.ts';
import { compareEngines, compareSoup } from './compare.ts';

const programs = Number(process.env.EUROOS_ENGINE_PROGRAMS ?? 400);
const firstSeed = Number(process.env.EUROOS_TEST_SEED ?? 1);
const THRESHOLDS = [0, 2, 7, Number.POSITIVE_INFINITY];

test.each(THRESHOLDS)(
  'M1 M18: random programs run alike on both engines, compiled after %s runs of a block',
  (threshold) => {
    const interpreter = { guest: new Guest('interpreter') };
    const compiler = { guest: new Guest('jit', threshold) };
    for (let n = 0; n < programs; n++) {
      const difference = compareEngines(interpreter, compiler, {
        seed: firstSeed + n * 3 + (Number.isFinite(threshold) ? threshold : 1),
        instructions: 20_000,
        piece: 5_000,
      });
      expect(difference).toBe(null);
    }
    const { instructions, threadedInstructions, refused } = compiler.guest.cpu.compilerStatistics;
    expect(refused).toBe(0);
    expect(Number.isFinite(threshold) ? instructions : threadedInstructions).toBeGreaterThan(programs * 100);
  },
  600_000,
);

test('M18: a loop that goes to another page each time, and one whose accesses lie over a page boundary', () => {
  // L: XOR EDI,0x1000; MOV RAX,[RDI]; ADD [RDI+n],RAX; SUB ECX,1; JMP L
  const loop = (start: number, second: number, step: readonly number[]): Uint8Array =>
    Uint8Array.from([
      ...[0x49, 0x8d, 0xbe, start & 0xff, start >> 8, 0, 0],
      ...[...step, 0x48, 0x8b, 0x07, 0x48, 0x01, 0x47, second, 0x83, 0xe9, 1],
      ...[0xeb, -(step.length + 12) & 0xff],
    ]);
  const alternating = { code: loop(0x900, 8, [0x81, 0xf7, 0, 0x10, 0, 0]), compiled: 150_000 };
  // Compiled anew without shared look-ups; where one access alone lies over the boundary, the interpreter does each pass.
  const apart = { code: loop(0xff0, 16, []), compiled: 100_000 };
  const over = { code: loop(0xffc, 0, []), compiled: -1 };
  for (const { code, compiled } of [alternating, apart, over]) {
    const interpreter = { guest: new Guest('interpreter') };
    const compiler = { guest: new Guest('jit', 2) };
    const options = { seed: 1, instructions: 200_000, piece: 50_000, program: { code, blocks: [CODE_ADDRESS] } };
    expect(compareEngines(interpreter, compiler, options)).toBe(null);
    const { regions, instructions } = compiler.guest.cpu.compilerStatistics;
    expect(regions).toBeLessThan(10);
    expect(instructions).toBeGreaterThan(compiled);
  }
});

test('M18: PMULHRSW of the least words, and of nearly those', () => {
  // MOV EAX,80008001; MOVD XMM0,EAX; MOV EAX,80008000; MOVD XMM1,EAX; PMULHRSW XMM0,XMM1; MOVD ECX,XMM0
  const code = Uint8Array.from([
    ...[0xb8, 0x01, 0x80, 0x00, 0x80, 0x66, 0x0f, 0x6e, 0xc0, 0xb8, 0x00, 0x80, 0x00, 0x80, 0x66, 0x0f, 0x6e, 0xc8],
    ...[0x66, 0x0f, 0x38, 0x0b, 0xc1, 0x66, 0x0f, 0x7e, 0xc1],
  ]);
  for (const threshold of [0, Number.POSITIVE_INFINITY]) {
    const interpreter = { guest: new Guest('interpreter') };
    const compiler = { guest: new Guest('jit', threshold) };
    const options = { seed: 1, instructions: 100, piece: 100, program: { code, blocks: [CODE_ADDRESS] } };
    expect(compareEngines(interpreter, compiler, options)).toBe(null);
    expect(compiler.guest.cpu.readRegister(1)).toBe(0x8000_7fffn);
  }
});

test('M18: AH to BH beside the registers with the same numbers', () => {
  const code: number[] = [];
  // MOVZX r32,r8; MOV, ADD, XOR, CMP, XCHG r8,r8; MOVSX r64,r8 (with REX: SPL to DIL). RSP stays as it is.
  for (let reg = 0; reg < 8; reg++)
    for (let rm = 0; rm < 8; rm++) {
      const modrm = 0xc0 | (reg << 3) | rm;
      for (const opcode of [0x8a, 0x02, 0x32, 0x38, 0x86]) code.push(opcode, modrm);
      if (reg !== 4) code.push(0x0f, 0xb6, modrm, 0x0f, 0xbe, modrm, 0x48, 0x0f, 0xbe, modrm);
    }
  const program = { code: Uint8Array.from(code), blocks: [CODE_ADDRESS] };
  for (const threshold of [0, Number.POSITIVE_INFINITY])
    for (let seed = 1; seed < 5; seed++)
      for (const piece of [1, 5000]) {
        const interpreter = { guest: new Guest('interpreter') };
        const compiler = { guest: new Guest('jit', threshold) };
        expect(compareEngines(interpreter, compiler, { seed, instructions: 5000, piece, program })).toBe(null);
      }
});

/** L: LEA RSI,[R14+from]; LEA RDI,[R14+to]; MOV ECX,count; ADD BYTE [RSI],5; the instruction; JMP L. */
function stringLoop(from: number, to: number, count: number, instruction: readonly number[]): Uint8Array {
  const word = (value: number): number[] => [value & 0xff, value >> 8, 0, 0];
  const addresses = [0x49, 0x8d, 0xb6, ...word(from), 0x49, 0x8d, 0xbe, ...word(to)];
  const body = [...addresses, 0xb9, ...word(count), 0x80, 0x06, 5, ...instruction];
  return Uint8Array.from([...body, 0xeb, -(body.length + 2) & 0xff]);
}

test.each([0, 2, Number.POSITIVE_INFINITY])(
  'M18: REP MOVS and REP STOS of all widths: apart, overlapping, over pages, backward, into a fault; compiled after %s runs',
  (threshold) => {
    const interpreter = { guest: new Guest('interpreter') };
    const compiler = { guest: new Guest('jit', threshold) };
    const operations = [[0xa4], [0x66, 0xa5], [0xa5], [0x48, 0xa5], [0xaa], [0x66, 0xab], [0xab], [0x48, 0xab]];
    const places = [
      [0x100, 0x800, 100],
      [0x100, 0x101, 64],
      [0x100, 0x108, 64],
      [0x103, 0x133, 90],
      [0x130, 0x103, 90],
      [0x200, 0x200, 50],
      [0x100, 0xf83, 150],
      [0xf9d, 0x303, 150],
      [0x100, 0x300, 0],
      [0x100, 0x300, 1],
      // The page after the second is not mapped.
      [0x100, 0x1f43, 300],
      [0x1f43, 0x100, 300],
    ];
    for (const operation of operations)
      for (const [from, to, count] of places)
        for (const before of [[0xfc], [0xfc, 0x31, 0xc0], [0xfd], [0xfc, 0x67]]) {
          // CLD; RAX = 0, so that all bytes are equal; STD; 32-bit addresses. REP comes before REX.
          const repeated = [...before, 0xf3, ...operation];
          for (const instruction of [repeated, [...before, ...operation]]) {
            const program = { code: stringLoop(from, to, count, instruction), blocks: [CODE_ADDRESS] };
            const options = { seed: from + to + count, instructions: 3000, piece: 700, program };
            expect(compareEngines(interpreter, compiler, options), `${from} ${to} ${count} ${instruction}`).toBe(null);
          }
        }
    expect(compiler.guest.cpu.compilerStatistics.refused).toBe(0);
  },
  120_000,
);

test.each([0, Number.POSITIVE_INFINITY])(
  'M18 E25: SYSCALL without a door ends the run, and is counted, compiled after %s runs',
  (threshold) => {
    const compiler = { guest: new Guest('jit', threshold) };
    // NOP; SYSCALL
    const program = { code: Uint8Array.of(0x90, 0x0f, 0x05), blocks: [CODE_ADDRESS] };
    const options = { seed: 1, instructions: 100, piece: 100, program };
    expect(compareEngines({ guest: new Guest('interpreter') }, compiler, options)).toBe(null);
    expect(compiler.guest.cpu.statistics.systemCalls).toBe(1);
  },
);

test.each([1, Number.POSITIVE_INFINITY])(
  'M18: bytes that are no program do the same on both, and never more than fault, compiled after %s runs',
  (threshold) => {
    const interpreter = { guest: new Guest('interpreter') };
    const compiler = { guest: new Guest('jit', threshold) };
    for (let n = 0; n < programs * 5; n++) expect(compareSoup(interpreter, compiler, firstSeed + n)).toBe(null);
    expect(compiler.guest.cpu.compilerStatistics.refused).toBe(0);
  },
  600_000,
);

test('a flag that one engine gets wrong is seen', () => {
  const interpreter = { guest: new Guest('interpreter') };
  const wrong = {
    guest: new Guest('interpreter'),
    damage: (guest: Guest) => {
      guest.cpu.rflags ^= 0x800n;
    },
  };
  expect(compareEngines(interpreter, wrong, { seed: 1, instructions: 1000, piece: 100 })).toContain('flags');
});
