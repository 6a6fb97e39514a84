// What the oracle cannot see from ring 3: CR0.TS and EM, CR4.OSFXSR and OSXMMEXCPT, and the kernel's save and restore.

import { expect, test } from 'vitest';
import { TrapKind } from '../../contract/cpu.ts';
import { createFlatMachine, hex, type TestMachine } from '../test-machine.ts';

const CR0_EM = 4n;
const CR0_TS = 8n;
const OSFXSR = 0x200n;
const OSXMMEXCPT = 0x400n;
/** Interrupt gates in ring 0 for the vectors below 32, all to an address where run() stops. */
function withGates(machine: TestMachine): TestMachine {
  const { memory, cpu } = machine;
  memory.write64(0x6008, 0xaf9b000000ffffn);
  memory.write64(0x6010, 0xcf93000000ffffn);
  for (let vector = 0; vector < 32; vector++) {
    memory.write64(0x7000 + vector * 16, 0x0000_8e00_0008_c000n);
    memory.write64(0x7008 + vector * 16, 0n);
  }
  cpu.loadGlobalDescriptorTable(0x6000n, 0x17);
  cpu.loadInterruptDescriptorTable(0x7000n, 0x1ff);
  cpu.loadSegments(8, 16);
  return machine;
}

/** The vector that `code` ends with under the given control registers; -1 if it halts. */
function vectorOf(code: string, cr0 = 0n, cr4 = OSFXSR | OSXMMEXCPT): number {
  const { cpu } = withGates(createFlatMachine(hex(`${code} f4`)));
  cpu.writeControl(4, 0x20n | cr4);
  cpu.writeControl(0, 0x10033n | cr0);
  return cpu.run(100) === TrapKind.halt ? -1 : cpu.trapVector;
}

test('M1: TS and EM raise #NM for x87, #NM and #UD for SSE and MMX', () => {
  expect(vectorOf('d9e8')).toBe(-1); // fld1
  expect(vectorOf('d9e8', CR0_TS)).toBe(7);
  expect(vectorOf('d9e8', CR0_EM)).toBe(7);
  expect(vectorOf('9b', CR0_TS)).toBe(7); // fwait, MP is set
  expect(vectorOf('0f58c1')).toBe(-1); // addps
  expect(vectorOf('0f58c1', CR0_TS)).toBe(7);
  expect(vectorOf('0f58c1', CR0_EM)).toBe(6);
  expect(vectorOf('0f58c1', 0n, OSXMMEXCPT)).toBe(6);
  expect(vectorOf('0fefc0', CR0_EM)).toBe(6); // pxor mm
  expect(vectorOf('0fefc0', CR0_TS)).toBe(7);
});

test('M1: an unmasked SIMD exception is #XM, or #UD without OSXMMEXCPT', () => {
  // push 0x1f80 & ~ZM; ldmxcsr [rsp]; xorps; movups of 1.0 by pcmpeqd/psrld/pslld; divss by zero
  const code = '68801d0000 0fae1424 0f57c9 660f76c0 660f72d019 660f72f017 f30f5ec1';
  expect(vectorOf(code.replace('0fae1424', '0fae1424'))).toBe(19);
  expect(vectorOf(code, 0n, OSFXSR)).toBe(6);
});

test('M1: an unmasked x87 exception waits for the next waiting instruction', () => {
  // fninit; push 0x37b (ZM clear); fldcw [rsp]; fld1; fldz; fdivp
  const divide = 'dbe3 687b030000 d92c24 d9e8 d9ee def9';
  expect(vectorOf(divide)).toBe(-1);
  expect(vectorOf(`${divide} dfe0`)).toBe(-1); // fnstsw does not wait
  expect(vectorOf(`${divide} 9b`)).toBe(16);
  expect(vectorOf(`${divide} 0fefc0`)).toBe(16); // MMX waits too
  expect(vectorOf(`${divide} dbe2 9b`)).toBe(-1); // fnclex
});

test('E13: the floating point state survives save, other work and restore', () => {
  const { cpu, memory } = withGates(createFlatMachine(hex('d9ee d9eb 660f76c0 f4')));
  cpu.writeControl(4, 0x620n);
  expect(cpu.run(100)).toBe(TrapKind.halt);
  cpu.saveFloatingPoint(0x9000);
  expect(memory.read64(0x9000 + 32)).toBe(0xc90fdaa22168c235n);
  expect(memory.read8(0x9004)).toBe(0xc0);
  expect(memory.read64(0x9000 + 160)).toBe(0xffffffffffffffffn);
  memory.fill(0xa000, 512, 0);
  memory.write16(0xa000, 0x37f);
  memory.write32(0xa018, 0x1f80);
  cpu.restoreFloatingPoint(0xa000);
  cpu.restoreFloatingPoint(0x9000);
  cpu.saveFloatingPoint(0xb000);
  const first = memory.bytes.slice(0x9000, 0x9200);
  expect(memory.bytes.slice(0xb000, 0xb200)).toEqual(first);
});
