import { expect, test } from 'vitest';
import { PhysicalMemory } from '../base/physical-memory.ts';
import { TrapKind } from '../contract/cpu.ts';
import { createCpu } from './index.ts';
import { createFlatMachine, hex } from './test-machine.ts';

test('E10: an access to a chip ends the run, so that the machine sees the interrupt line at the next instruction', () => {
  // mov al,1; out 80h,al; inc ebx; in al,60h; inc ebx; hlt
  const { cpu } = createFlatMachine(hex('b001 e680 ffc3 e460 ffc3 f4'));
  expect(cpu.run(100)).toBe(TrapKind.budget);
  expect([cpu.instructionCount, cpu.readRegister(3)]).toEqual([2, 0n]);
  expect(cpu.run(100)).toBe(TrapKind.budget);
  expect([cpu.instructionCount, cpu.readRegister(3)]).toEqual([4, 1n]);
  expect(cpu.run(100)).toBe(TrapKind.halt);
  expect([cpu.instructionCount, cpu.readRegister(3)]).toEqual([6, 2n]);
});

test('E10: REP OUTSB stops after each byte that a chip has taken, and goes on', () => {
  const { cpu, log } = createFlatMachine(hex('f36e f4'));
  cpu.writeRegister(1, 3n);
  cpu.writeRegister(6, 0x1000n);
  cpu.writeRegister(2, 0x80n);
  let runs = 1;
  while (cpu.run(100) === TrapKind.budget) runs++;
  expect([runs, cpu.instructionCount, log.length]).toEqual([4, 4, 3]);
});

test('E10: a chip and RDTSC see the exact count in the middle of a block, whatever the slices', () => {
  // four times inc eax; in al,60h; rdtsc; hlt
  const code = hex('ffc0 ffc0 ffc0 ffc0 e460 0f31 f4');
  for (const budget of [1, 2, 3, 100]) {
    const counts: number[] = [];
    const memory = new PhysicalMemory(1024 * 1024);
    const cpu = createCpu({
      memory,
      bus: {
        portRead: () => counts.push(cpu.instructionCount),
        portWrite: () => {},
        mmioRead: () => 0,
        mmioWrite: () => {},
      },
      nowNanos: () => cpu.instructionCount * 10 + 5,
    });
    cpu.writeControl(0, 0x10033n);
    memory.writeBytes(0x1000, code);
    cpu.rip = 0x1000n;
    while (cpu.run(budget) !== TrapKind.halt);
    expect([budget, counts, cpu.readRegister(0), cpu.readRegister(2)]).toEqual([budget, [4], 55n, 0n]);
  }
});

test('E10: TLB hits are counted per access: operands, stack and strings alike', () => {
  // mov eax,[rbx]; add [rbx],eax; push rax; pop rcx; movsb; hlt   — with RSI, RDI and RSP on pages of their own
  const { cpu } = createFlatMachine(hex('8b03 0103 50 59 a4 f4'));
  cpu.writeRegister(3, 0x4000n);
  cpu.writeRegister(6, 0x5000n);
  cpu.writeRegister(7, 0x6000n);
  const misses = () => cpu.statistics.tlbMisses;
  cpu.run(100);
  const [hitsBefore, missesBefore] = [cpu.statistics.tlbHits, misses()];
  cpu.rip = 0x1000n;
  cpu.writeRegister(6, 0x5000n);
  cpu.writeRegister(7, 0x6000n);
  cpu.run(100);
  // load; probe, load and store; push; pop; load and store; the block is found again without a look-up
  expect([cpu.statistics.tlbHits - hitsBefore, misses() - missesBefore]).toEqual([8, 0]);
});

test('E10: ENTER with levels and a frame pointer that is not canonical raises #SS', () => {
  // enter 0,2
  const { cpu } = createFlatMachine(hex('c8000002'));
  cpu.writeRegister(5, 0x8000_0000_0000_0000n);
  // No IDT: the delivery ends in a shutdown, after #SS and #DF.
  const seen: number[] = [];
  const original = cpu.core.raiseWithCode.bind(cpu.core);
  cpu.core.raiseWithCode = (vector: number, code: number): never => {
    seen.push(vector);
    return original(vector, code);
  };
  cpu.run(1);
  expect(seen[0]).toBe(12);
});
