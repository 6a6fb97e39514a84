import { expect, test } from 'vitest';
import { TrapKind } from '../contract/cpu.ts';
import { createFlatMachine, hex } from './test-machine.ts';

test('a loop adds 1..100 and halts', () => {
  // xor eax,eax; mov ecx,100; l: add rax,rcx; dec ecx; jnz l; hlt
  const { cpu } = createFlatMachine(hex('31c0 b964000000 4801c8 ffc9 75f9 f4'));
  expect(cpu.run(1000)).toBe(TrapKind.halt);
  expect(cpu.readRegister(0)).toBe(5050n);
  expect(cpu.instructionCount).toBe(2 + 300 + 1);
});
