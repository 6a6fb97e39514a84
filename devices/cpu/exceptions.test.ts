import { beforeEach, expect, test } from 'vitest';
import { Msr, TrapKind } from '../contract/cpu.ts';
import { createTestMachine, hex, type TestMachine } from './test-machine.ts';

// A small kernel world: identity pages of 2 MiB for the kernel, user pages at 4 MiB virtual.
const GDT = 0x1000;
const IDT = 0x2000;
const TSS = 0x3000;
const PML4 = 0x4000;
const USER_CODE = 0x400000;
const USER_STACK = 0x410000;
const KERNEL_STACK = 0x9000;
const IST_STACK = 0xb008;

let machine: TestMachine;

function gate(vector: number, type = 0xe, dpl = 0, ist = 0, present = true): void {
  const { memory } = machine;
  const target = 0x10000 + vector * 16;
  const at = IDT + vector * 16;
  memory.write32(at, (0x08 << 16) | (target & 0xffff));
  memory.write32(at + 4, (target & 0xffff0000) | (present ? 0x8000 : 0) | (dpl << 13) | (type << 8) | ist);
  memory.write32(at + 8, 0);
}

beforeEach(() => {
  machine = createTestMachine(8 * 1024 * 1024);
  const { memory, cpu } = machine;
  // Null, kernel code, kernel data, (user code 32), user data, user code, TSS.
  const descriptors = [0n, 0x00af9a000000ffffn, 0x00cf92000000ffffn, 0n, 0x00cff2000000ffffn, 0x00affa000000ffffn];
  descriptors.forEach((value, n) => memory.write64(GDT + n * 8, value));
  memory.write64(GDT + 48, (BigInt(TSS) << 16n) | 0x0000890000000067n);
  memory.write64(GDT + 56, 0n);
  memory.write64(TSS + 4, BigInt(KERNEL_STACK));
  memory.write64(TSS + 36, BigInt(IST_STACK));
  // The I/O map lies beyond the limit: no port is open.
  memory.write16(TSS + 102, 0x68);
  // 0..2 MiB supervisor (4 KiB tables not needed); 4 MiB user by 4 KiB pages.
  memory.write64(PML4, 0x5007n);
  memory.write64(0x5000, 0x6007n);
  memory.write64(0x6000, 0x83n);
  memory.write64(0x6008, 0x200083n);
  memory.write64(0x6010, 0x7007n);
  for (let n = 0; n < 64; n++) memory.write64(0x7000 + n * 8, BigInt(0x400000 + n * 4096) | 7n);
  cpu.writeControl(3, BigInt(PML4));
  cpu.loadGlobalDescriptorTable(BigInt(GDT), 63);
  cpu.loadInterruptDescriptorTable(BigInt(IDT), 32 * 16 - 1);
  cpu.loadSegments(0x08, 0x10);
  cpu.loadTaskRegister(0x30);
  for (let n = 0; n < 32; n++) gate(n);
});

/** Enters ring 3 at USER_CODE with the code given. */
function enterUser(code: string, flags = 0x202n): void {
  const { memory, cpu } = machine;
  memory.writeBytes(USER_CODE, hex(code));
  const frame = [BigInt(USER_CODE), 0x2bn, flags, BigInt(USER_STACK), 0x23n];
  frame.forEach((value, n) => memory.write64(KERNEL_STACK - 40 + n * 8, value));
  cpu.writeRegister(4, BigInt(KERNEL_STACK - 40));
  expect(cpu.interruptReturn()).toBe(TrapKind.budget);
  expect(cpu.currentPrivilegeLevel).toBe(3);
}
const stackWord = (n: number): bigint => machine.memory.read64(Number(machine.cpu.readRegister(4)) + n * 8);

test('E4: a page fault pushes the silicon frame on TSS.RSP0 and sets CR2', () => {
  enterUser('488b042500005000'); // mov rax,[0x500000]
  const { cpu } = machine;
  expect(cpu.run(10)).toBe(TrapKind.interrupt);
  expect(cpu.trapVector).toBe(14);
  expect(cpu.trapErrorCode).toBe(4);
  expect(cpu.readControl(2)).toBe(0x500000n);
  expect(cpu.currentPrivilegeLevel).toBe(0);
  expect(cpu.rip).toBe(0x10000n + 14n * 16n);
  expect(cpu.readRegister(4)).toBe(BigInt(KERNEL_STACK - 48));
  expect([0, 1, 2, 3, 4, 5].map(stackWord)).toEqual([4n, 0x400000n, 0x2bn, 0x10202n, BigInt(USER_STACK), 0x23n]);
  expect(cpu.selectors[0]).toBe(8);
  expect(cpu.selectors[1]).toBe(0);
  expect(cpu.interruptFlag).toBe(false);
  expect(cpu.instructionCount).toBe(0);
});

test('E4: INT3 from ring 3 needs DPL 3; the return address is after it', () => {
  enterUser('90cc90');
  const { cpu } = machine;
  expect(cpu.run(10)).toBe(TrapKind.interrupt);
  expect(cpu.trapVector).toBe(13);
  expect(cpu.trapErrorCode).toBe((3 << 3) | 2);
  expect(stackWord(1)).toBe(BigInt(USER_CODE + 1));
  gate(3, 0xe, 3);
  cpu.writeRegister(4, cpu.readRegister(4) + 8n);
  expect(cpu.interruptReturn()).toBe(TrapKind.budget);
  expect(cpu.run(10)).toBe(TrapKind.interrupt);
  expect(cpu.trapVector).toBe(3);
  expect(stackWord(0)).toBe(BigInt(USER_CODE + 2));
});

test('an IST stack is used and aligned to 16', () => {
  gate(6, 0xe, 0, 1);
  enterUser('0f0b');
  const { cpu } = machine;
  expect(cpu.run(10)).toBe(TrapKind.interrupt);
  expect(cpu.trapVector).toBe(6);
  expect(cpu.readRegister(4)).toBe(BigInt((IST_STACK & -16) - 40));
});

test('E4: a fault on a not-present gate of a contributory fault is #DF; without #DF gate the CPU shuts down', () => {
  gate(13, 0xe, 0, 0, false);
  enterUser('f4'); // hlt in ring 3: #GP
  const { cpu } = machine;
  expect(cpu.run(10)).toBe(TrapKind.interrupt);
  expect(cpu.trapVector).toBe(8);
  expect(cpu.trapErrorCode).toBe(0);
  expect(stackWord(0)).toBe(0n);

  gate(8, 0xe, 0, 0, false);
  cpu.writeRegister(4, BigInt(KERNEL_STACK - 40));
  enterUser('f4');
  expect(cpu.run(10)).toBe(TrapKind.shutdown);
});

test('a page fault on the kernel stack while delivering a page fault is #DF', () => {
  machine.memory.write64(TSS + 4, 0x600000n); // not mapped
  gate(8, 0xe, 0, 1);
  enterUser('488b042500005000');
  const { cpu } = machine;
  expect(cpu.run(10)).toBe(TrapKind.interrupt);
  expect(cpu.trapVector).toBe(8);
  expect(cpu.readRegister(4)).toBe(BigInt((IST_STACK & -16) - 48));
});

test('E25: SYSCALL and SYSRET carry RIP and RFLAGS in RCX and R11', () => {
  const { cpu } = machine;
  cpu.writeMsr(Msr.efer, 1n);
  cpu.writeMsr(Msr.star, (0x1bn << 48n) | (8n << 32n));
  cpu.writeMsr(Msr.lstar, 0x12345n);
  cpu.writeMsr(Msr.fmask, 0x700n);
  enterUser('0f05 b8 07000000 0f0b');
  expect(cpu.run(100)).toBe(TrapKind.systemCall);
  expect(cpu.instructionCount).toBe(1);
  expect(cpu.readRegister(1)).toBe(BigInt(USER_CODE + 2));
  expect(cpu.readRegister(11)).toBe(0x202n);
  expect(cpu.rip).toBe(0x12345n);
  expect(cpu.rflags).toBe(2n);
  expect(cpu.readRegister(4)).toBe(BigInt(USER_STACK));
  expect([cpu.selectors[0], cpu.selectors[1]]).toEqual([8, 16]);
  expect(cpu.systemReturn()).toBe(TrapKind.budget);
  expect([cpu.selectors[0], cpu.selectors[1]]).toEqual([0x2b, 0x23]);
  expect(cpu.rflags).toBe(0x202n);
  expect(cpu.run(100)).toBe(TrapKind.interrupt);
  expect(cpu.readRegister(0)).toBe(7n);
  cpu.writeRegister(1, 0x8000_0000_0000n);
  expect(cpu.systemReturn()).toBe(TrapKind.interrupt);
  expect(cpu.trapVector).toBe(13);
});

test('single step raises #DB after each instruction, REP after each iteration', () => {
  enterUser('90 90', 0x302n);
  const { cpu } = machine;
  expect(cpu.run(100)).toBe(TrapKind.interrupt);
  expect(cpu.trapVector).toBe(1);
  expect(stackWord(0)).toBe(BigInt(USER_CODE + 1));
  expect(stackWord(2)).toBe(0x302n);

  cpu.writeRegister(1, 3n);
  cpu.writeRegister(7, BigInt(USER_STACK - 64));
  enterUser('f3aa 90', 0x302n);
  for (const left of [2n, 1n]) {
    expect(cpu.run(100)).toBe(TrapKind.interrupt);
    expect(cpu.readRegister(1)).toBe(left);
    expect(stackWord(0)).toBe(BigInt(USER_CODE));
    expect(cpu.interruptReturn()).toBe(TrapKind.budget);
  }
  expect(cpu.run(100)).toBe(TrapKind.interrupt);
  expect(stackWord(0)).toBe(BigInt(USER_CODE + 2));
});

test('pre-emption is exact: any budget gives the same state after the same count', () => {
  // mov ecx,20000; lea rdi,[rsp-0x4000]; mov al,cl; rep stosb of 300; loop
  const code = 'b920000000 488dbc2400c0ffff 51 b92c010000 f3aa 59 ffc9 75eb f4';
  const finish = (budget: number): string => {
    enterUser(code);
    const { cpu } = machine;
    const start = cpu.instructionCount;
    let left = 7321;
    while (left > 0) {
      const step = Math.min(budget, left);
      expect(cpu.run(step)).toBe(TrapKind.budget);
      left -= step;
    }
    expect(cpu.instructionCount - start).toBe(7321);
    const registers = [0, 1, 2, 3, 4, 5, 6, 7].map((n) => cpu.readRegister(n).toString(16)).join();
    const state = `${registers} ${cpu.rip} ${cpu.rflags}`;
    cpu.deliver(32 - 1);
    return state;
  };
  const expected = finish(7321);
  for (const budget of [1, 2, 3, 7, 64, 100, 299, 301]) expect(finish(budget)).toBe(expected);
});

test('code that writes itself runs as written: same block, other page, and from outside', () => {
  // mov byte [rip+1], 5 ; patches the immediate of the next: mov eax, 1 -> 5; ud2
  enterUser('c6050100000005 b801000000 0f0b');
  const { cpu, memory } = machine;
  cpu.run(100);
  expect(cpu.readRegister(0)).toBe(5n);
  // A loop whose body is patched each time: add eax, imm8 with imm8 counting down.
  enterUser('31c0 b90a000000 880d02000000 83c000 ffc9 75f3 0f0b');
  cpu.run(1000);
  expect(cpu.readRegister(0)).toBe(55n);
  // The kernel patches code that was run.
  enterUser('b801000000 0f0b');
  cpu.run(10);
  enterUser('b802000000 0f0b');
  memory.write8(USER_CODE + 1, 3);
  cpu.run(10);
  expect(cpu.readRegister(0)).toBe(3n);
});

test('an instruction over a page boundary faults in the second page and then runs', () => {
  enterUser('90');
  const { cpu, memory } = machine;
  memory.writeBytes(0x403ffe, hex('b8 78563412'));
  memory.write64(0x7000 + 4 * 8, 0n);
  cpu.invalidatePage(0x404000n);
  cpu.rip = 0x403ffen;
  expect(cpu.run(1)).toBe(TrapKind.interrupt);
  expect(cpu.trapVector).toBe(14);
  expect(cpu.readControl(2)).toBe(0x404000n);
  expect(stackWord(1)).toBe(0x403ffen);
  memory.write64(0x7000 + 4 * 8, 0x404007n);
  cpu.writeRegister(4, cpu.readRegister(4) + 8n);
  cpu.interruptReturn();
  expect(cpu.run(1)).toBe(TrapKind.budget);
  expect(cpu.readRegister(0)).toBe(0x12345678n);
  memory.write8(0x404000, 0x99);
  cpu.rip = 0x403ffen;
  cpu.run(1);
  expect(cpu.readRegister(0)).toBe(0x12349978n);
});

test('a store that crosses into an unmapped page changes nothing', () => {
  enterUser('488902 0f0b');
  const { cpu, memory } = machine;
  memory.write64(0x7000 + 9 * 8, 0n);
  cpu.invalidatePage(0x409000n);
  cpu.writeRegister(0, 0x1122334455667788n);
  cpu.writeRegister(2, 0x408ffcn);
  expect(cpu.run(5)).toBe(TrapKind.interrupt);
  expect(cpu.trapErrorCode).toBe(6);
  expect(cpu.readControl(2)).toBe(0x409000n);
  expect(memory.read32(0x408ffc)).toBe(0);
});

test('E24: SMEP and SMAP stop ring 0 at user pages unless AC is set', () => {
  const { cpu } = machine;
  cpu.writeControl(4, (1n << 20n) | (1n << 21n));
  const buffer = new Uint8Array(8);
  expect(cpu.copyFromVirtual(USER_CODE, buffer, 0, 8)).toBe(0);
  expect(cpu.faultCode).toBe(1);
  cpu.setAccessFlag(true);
  expect(cpu.copyFromVirtual(USER_CODE, buffer, 0, 8)).toBe(8);
  expect(cpu.translate(USER_CODE, 0, 16)).toBe(-1);
  cpu.setAccessFlag(false);
});

test('addresses that are not canonical: #GP, or #SS through RSP and RBP', () => {
  enterUser('488b00 0f0b');
  const { cpu } = machine;
  cpu.writeRegister(0, 0x8000_0000_0000n);
  cpu.run(5);
  expect([cpu.trapVector, cpu.trapErrorCode]).toEqual([13, 0]);
  enterUser('488b4500 0f0b');
  cpu.writeRegister(5, 0x8000_0000_0000n);
  cpu.run(5);
  expect([cpu.trapVector, cpu.trapErrorCode]).toEqual([12, 0]);
});

test('ring 3 may not touch ports or privileged state', () => {
  for (const code of [
    'e460',
    'ee',
    'fa',
    'fb',
    'f4',
    '0f20c0',
    '0f22d8',
    '0f30',
    '0f32',
    '0f01f8',
    '0f06',
    '0f0138',
    '0f0110',
  ]) {
    enterUser(code);
    machine.cpu.run(3);
    expect([code, machine.cpu.trapVector]).toEqual([code, 13]);
  }
  expect(machine.log).toEqual([]);
});

test('a snapshot restores the CPU', () => {
  enterUser('48ffc0 ebfb');
  const { cpu } = machine;
  cpu.run(1001);
  const snapshot = cpu.snapshot();
  cpu.run(1000);
  const later = cpu.readRegister(0);
  cpu.restore(snapshot);
  expect(cpu.readRegister(0)).toBe(501n);
  cpu.run(1000);
  expect(cpu.readRegister(0)).toBe(later);
});

test('E4: MOVSXD with a 16-bit operand reads two bytes, also the last two of a page', () => {
  machine.memory.write16(0x43fffe, 0x8001);
  enterUser('66630425feff4300'); // movsxd ax,[0x43fffe]
  const { cpu } = machine;
  cpu.writeRegister(0, 0x11223344n);
  expect(cpu.run(1)).toBe(TrapKind.budget);
  expect(cpu.readRegister(0)).toBe(0x11228001n);
});

test('E23: an access over the end of the canonical addresses is #GP (#SS by RSP), also if its first page is missing', () => {
  const { cpu } = machine;
  // mov eax,[rdi]; mov ax,[rdi]; add [rdi],ax; mov eax,[rsp]
  for (const [code, register, vector] of [
    ['8b07', 7, 13],
    ['668b07', 7, 13],
    ['660107', 7, 13],
    ['8b0424', 4, 12],
  ] as const) {
    enterUser(code);
    cpu.writeRegister(register, 0x7fff_ffff_ffffn);
    cpu.run(1);
    expect([code, cpu.trapVector]).toEqual([code, vector]);
  }
});
