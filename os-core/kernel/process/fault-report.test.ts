// What is said about a program that faulted.

import { expect, it } from 'vitest';
import { registerClass } from '../../../devices/base/object-graph.ts';
import { createTestSystem, hex } from '../../../test/support/kernel-fixture.ts';
import type { Kernel } from '../kernel.ts';

class Screen {
  readonly lines: string[] = [];
  showMessage(_kernel: Kernel, line: string): void {
    this.lines.push(line);
  }
}
registerClass('test.Screen', 1, Screen);

/** push rbp; mov rbp, rsp; call f; f: push rbp; mov rbp, rsp; xor eax, eax; mov [rax], eax */
const nullPointer = hex('55 4889e5 e800000000 55 4889e5 31c0 8900');

it('E24 L3: signal, address, instruction, registers and callers are on the log, the first lines on the terminal', () => {
  const system = createTestSystem();
  const process = system.start(nullPointer);
  const screen = new Screen();
  process.controllingTerminal = screen;
  system.runUntil(() => process.state !== 'alive');
  const text = system.serialText();
  expect(text).toMatch(/\[fault\] \/program0 \(\d+\): SIGSEGV, #PF page fault at 0x0, error 6, rip 0x40100f/);
  expect(text).toContain('[fault]   /program0+0x100f: mov dword ptr [rax], eax');
  expect(text).toMatch(/\[fault\] {3}rax 0{16} {2}rcx [0-9a-f]{16} {2}rdx [0-9a-f]{16} {2}rbx [0-9a-f]{16}/);
  expect(text).toMatch(/\[fault\] {3}r12 [0-9a-f]{16} .* r15 [0-9a-f]{16}/);
  expect(text).toContain('[fault]   #0 /program0+0x100f  #1 /program0+0x1009');
  expect(screen.lines).toHaveLength(2);
  expect(screen.lines[1]).toContain('mov dword ptr [rax], eax');
});

it('E24 L3: wild registers and endless crashes do no harm', () => {
  const system = createTestSystem();
  const wild = [
    'ff2425 00004100', // jmp [0x410000]: to 0
    '48bd ffffffffffff0000 0f0b', // rbp just above the user half
    '48bd f8ff410000000000 0f0b', // rbp at the end of a mapping
    '48bd 0000000000000080 4889ec 0f0b', // rbp and rsp not canonical
    'bd00004100 48892c2500004100 48c7042508004100 00104000 0f0b', // a frame that leads to itself
  ];
  for (let round = 0; round < 10; round++)
    for (const code of wild) {
      const process = system.start(hex(code));
      system.runUntil(() => process.state !== 'alive');
      expect(process.state).toBe('zombie');
    }
  expect(system.kernel.state.power).toBe('on');
  const lines = system.serialText().split('\n');
  expect(lines.filter((line) => /\[fault\] \/program/.test(line))).toHaveLength(50);
  expect(lines.filter((line) => line.includes('[fault]   rax'))).toHaveLength(20);
});
