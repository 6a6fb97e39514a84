import { expect, test } from 'vitest';
import { disassemble } from './disassembler.ts';
import { hex } from './test-machine.ts';

test('Intel syntax from the table', () => {
  const cases: readonly [string, string][] = [
    ['4801c8', 'add rax, rcx'],
    ['83ec10', 'sub esp, 0x10'],
    ['4883c4f8', 'add rsp, -0x8'],
    ['8a6c9801', 'mov ch, byte ptr [rax+rbx*4+0x1]'],
    ['64488b042528000000', 'mov rax, qword ptr fs:[0x28]'],
    ['488b0510000000', 'mov rax, qword ptr [0x401017]'],
    ['e8fbffffff', 'call 0x401000'],
    ['0f8405000000', 'je 0x40100b'],
    ['f348a5', 'rep movs qword ptr [rdi], qword ptr [rsi]'],
    ['f00fb10f', 'lock cmpxchg dword ptr [rdi], ecx'],
    ['48b8efcdab8967452301', 'mov rax, 0x123456789abcdef'],
    ['4899', 'cqo'],
    ['90', 'nop'],
    ['f30f1efa', 'endbr64'],
    ['0f05', 'syscall'],
    ['0f22d8', 'mov cr3, rax'],
    ['8ed8', 'mov ds, ax'],
    ['c8100002', 'enter 0x10, 0x2'],
    ['06', '(bad)'],
    ['48', '(incomplete)'],
  ];
  for (const [code, text] of cases) expect([code, disassemble(hex(code), 0x401000n).text]).toEqual([code, text]);
});

test('more than 15 bytes is no instruction', () => {
  const bytes = new Uint8Array(20).fill(0x66);
  bytes[19] = 0x90;
  expect(disassemble(bytes, 0n)).toEqual({ text: '(bad)', length: 15 });
});
