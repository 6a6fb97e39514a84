// The kernel on the real machine: tiny ring-3 programs, given as machine code with their source beside it.

import { expect, it } from 'vitest';
import { createTestSystem, hex } from '../../test/support/kernel-fixture.ts';

it('E25: SYSCALL preserves all registers but RAX, RCX, R11', () => {
  const system = createTestSystem();
  // mov $0x1111…,%rbx … mov $-1,%r15; 1: mov $39,%eax; syscall; jmp 1b
  const process = system.start(
    hex(
      '48bb1111111111111111 48ba2222222222222222 48be3333333333333333 48bf4444444444444444 48bd5555555555555555' +
        '49b88888888888888888 49b99999999999999999 49baaaaaaaaaaaaaaaaa 49bccccccccccccccccc 49bddddddddddddddddd' +
        '49beeeeeeeeeeeeeeeee 49c7c7ffffffff b827000000 0f05 ebf7',
    ),
  );
  const [task] = process.tasks;
  system.runUntil(() => task.userInstructions > 3000);
  const { cpu } = system.machine;
  expect(system.kernel.scheduler.current).toBe(task);
  const digits = [2, 4, 6, 7, 3, 8, 9, 10, 12, 13, 14, 15].map((n) => cpu.readRegister(n).toString(16));
  expect(digits[0]).toBe('2'.repeat(16));
  expect(cpu.readRegister(3)).toBe(0x1111111111111111n);
  expect(cpu.readRegister(6)).toBe(0x3333333333333333n);
  expect(cpu.readRegister(7)).toBe(0x4444444444444444n);
  expect(cpu.readRegister(5)).toBe(0x5555555555555555n);
  for (const n of [8, 9, 10, 12, 13, 14]) expect(cpu.readRegister(n)).toBe(BigInt(`0x${n.toString(16).repeat(16)}`));
  expect(cpu.readRegister(15)).toBe(0xffffffffffffffffn);
  expect(process.state).toBe('alive');
});
