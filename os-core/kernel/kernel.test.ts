// The kernel on the real machine: tiny ring-3 programs, given as machine code with their source beside it.

import { expect, it } from 'vitest';
import { createTestSystem, hex } from '../../test/support/kernel-fixture.ts';
import { SystemCall } from '../abi/system-call-numbers.ts';
import type { SystemTask } from '../sdk/system-task.ts';
import type { SystemCallEntry } from './syscalls/handler.ts';
import { handleInterruptTrap } from './traps/traps.ts';

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

/** Runs a program that ends with its result as exit status (mov %eax,%edi; neg %edi; mov $231,%eax; syscall). */
const END_WITH_ERRNO = '89c7 f7df b8e7000000 0f05';

function exitCodeOf(code: string, system = createTestSystem()): number {
  const process = system.start(hex(code));
  system.runUntil(() => process.state !== 'alive', 200);
  return process.exitStatus;
}

it('E23: each CPU exception of a program kills only that program, with its signal', () => {
  const system = createTestSystem();
  const survivor = system.start(hex('48ffc0 ebfb'));
  const faults: [string, number][] = [
    ['31c9 f7f1', 8], // xor %ecx,%ecx; div %ecx: #DE
    ['0f0b', 4], // ud2: #UD
    ['f4', 11], // hlt: #GP
    ['cc', 5], // int3: #BP
    ['488b042500000000', 11], // mov 0,%rax: #PF
    ['48a10000000000800080', 11], // mov 0x8000800000000000,%rax: non-canonical, #GP
    ['c7042500104000 01000000', 11], // write to its own text: #PF
    ['68000041 00 c3', 11], // push $0x410000; ret: data is not executable
    ['0f20c0', 11], // mov %cr0,%rax: privileged
    ['e420', 11], // in $0x20,%al
    ['cd80', 11], // int $0x80: gate closed to ring 3
  ];
  for (const [code, signal] of faults) expect(exitCodeOf(code, system), code).toBe(signal);
  expect(survivor.state).toBe('alive');
  expect(system.serialText()).toContain('SIGFPE, #DE divide error');
});

it('E24: kernel, non-canonical, unmapped and read-only pointers give EFAULT', () => {
  const system = createTestSystem();
  // mov $228,%eax; xor %edi,%edi; mov $pointer,%rsi; clock_gettime(0, pointer)
  for (const pointer of [
    '0000000000 80ffff',
    '0000000000 008000',
    '00000050 00000000',
    '00104000 00000000',
    'f8ff41 0000000000',
    'ffffffffffffffff',
  ])
    expect(exitCodeOf(`b8e4000000 31ff 48be ${pointer} 0f05 ${END_WITH_ERRNO}`, system), pointer).toBe(14 << 8);
});

it('E28: an unknown call gives ENOSYS and one log line for each number and program', () => {
  const system = createTestSystem();
  // call 1000 twice
  expect(exitCodeOf(`b8e8030000 0f05 b8e8030000 0f05 ${END_WITH_ERRNO}`, system)).toBe(38 << 8);
  expect(system.serialText().match(/call 1000 is not known/g)).toHaveLength(1);
});

it('E32: a dropped right means EPERM before any effect, with a [cap] line; E34: it cannot be had again', () => {
  const system = createTestSystem();
  // capability_drop(~file); capability_drop(-1); execve(0, 0, 0)
  const code = `b800000040 bffbffffff 0f05 b800000040 bfffffffff 0f05 b83b000000 31ff 31f6 31d2 0f05 ${END_WITH_ERRNO}`;
  expect(exitCodeOf(code, system)).toBe(1 << 8);
  expect(system.serialText()).toMatch(/\[cap\] \/program0 \(\d+\): execve denied, needs file/);
});

it('E35: what is not signed does not run, and the log says why', () => {
  let signed = true;
  const system = createTestSystem({ isSigned: () => signed });
  system.runUntil(() => system.kernel.scheduler.idle);
  signed = false;
  expect(exitCodeOf('b8e7000000 31ff 0f05', system)).toBe(126 << 8);
  expect(system.serialText()).toContain('[verify] /program0: not signed');
});

it('E4: #BP in ring 0 resumes; #GP in ring 0 and a double fault reach the panic with registers', () => {
  const breakpoint = createTestSystem();
  breakpoint.runUntil(() => breakpoint.kernel.scheduler.idle);
  breakpoint.machine.cpu.deliver(3);
  handleInterruptTrap(breakpoint.kernel, null);
  breakpoint.machine.cpu.interruptReturn();
  expect(breakpoint.kernel.state.power).toBe('on');
  for (const vector of [13, 8]) {
    const system = createTestSystem();
    system.runUntil(() => system.kernel.scheduler.idle);
    system.machine.cpu.deliver(vector, 0);
    handleInterruptTrap(system.kernel, null);
    expect(system.kernel.state.power).toBe('panic');
    expect(system.serialText()).toMatch(/in ring 0 at/);
    expect(system.serialText()).toContain('CR2');
  }
});

/** Forks, the child exits with 5; sleeps; waits; ends with the child's code plus one. */
const forkingTask: SystemTask<{ phase: number; status: number }> = {
  name: 'forking',
  version: 1,
  create: () => ({ phase: 0, status: 0 }),
  step(state, event) {
    const value = event.kind === 'result' ? event.value : 0;
    switch (state.phase++) {
      case 0:
        return { call: SystemCall.fork, arguments: [] };
      case 1:
        if (value === 0) return { call: SystemCall.exit_group, arguments: [5] };
        // nanosleep of 30 ms
        return {
          call: SystemCall.nanosleep,
          arguments: [{ at: 0 }, 0],
          payload: hex('0000000000000000 80c3c90100000000'),
        };
      case 2:
        return { call: SystemCall.wait4, arguments: [-1, { at: 64 }, 0, 0], resultAt: 64, resultLength: 4 };
      default:
        if (event.kind === 'result' && event.data.length === 4) state.status = event.data[1];
        return { call: SystemCall.exit_group, arguments: [state.status + 1] };
    }
  },
};

it('E55: a task image turns the process into a system task; it forks, sleeps and waits through the same calls', () => {
  const system = createTestSystem({ systemTasks: [forkingTask as SystemTask<unknown>] });
  const process = system.start(new TextEncoder().encode('EUROTASK\nforking\n'), { file: true });
  system.runUntil(() => process.state !== 'alive', 2000);
  expect(process.exitStatus).toBe(6 << 8);
  const unknown = system.start(new TextEncoder().encode('EUROTASK\nnobody\n'), { file: true });
  system.runUntil(() => unknown.state !== 'alive', 200);
  expect(unknown.exitStatus).toBe(126 << 8);
  expect(system.serialText()).toContain('there is no system task "nobody"');
});

/** Kills itself and asks to end with status 0 at once. */
const killingTask: SystemTask<{ phase: number }> = {
  name: 'killing',
  version: 1,
  create: () => ({ phase: 0 }),
  step(state, event) {
    const value = event.kind === 'result' ? event.value : 0;
    switch (state.phase++) {
      case 0:
        return { call: SystemCall.getpid, arguments: [] };
      case 1:
        return { call: SystemCall.kill, arguments: [value, 9] };
      default:
        return { call: SystemCall.exit_group, arguments: [0] };
    }
  },
};

it('E55: a system task that kills itself has ended by the signal, even if it asks to end next', () => {
  const system = createTestSystem({ systemTasks: [killingTask as SystemTask<unknown>] });
  const process = system.start(new TextEncoder().encode('EUROTASK\nkilling\n'), { file: true });
  system.runUntil(() => process.state !== 'alive', 2000);
  expect(process.exitStatus).toBe(9);
});

it('E5: a failed assertion in the kernel ends on the panic screen, not in the host', () => {
  const row: SystemCallEntry = {
    number: 999,
    name: 'broken',
    capability: 0,
    arguments: [],
    handler: () => {
      throw new Error('planted mistake');
    },
  };
  const system = createTestSystem({ extra: [row] });
  const process = system.start(hex('b8e7030000 0f05'));
  system.runUntil(() => process.state !== 'alive', 200);
  expect(system.kernel.state.power).toBe('panic');
  expect(system.kernel.runSlice(1000)).toBe('panic');
  expect(system.serialText()).toContain('planted mistake');
});
