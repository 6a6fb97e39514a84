// What is seen when the kernel itself fails.

import { describe, expect, it } from 'vitest';
import { euroosRun } from '../support/euroos.ts';

function crash(command: string, user = 'root') {
  return euroosRun(['--user', user], ['sh', '-c', `echo ${command} > /proc/sysrq-trigger; sleep 3; echo alive`]);
}

describe('faults of the kernel', () => {
  it('E5: a forced panic is on the serial log with registers, CR2 and backtrace; the command ends with 125 and one line', async () => {
    const { status, stdout, stderr, serial, stats } = await crash('c');
    expect(status).toBe(125);
    expect(stdout).toBe('');
    expect(stderr).toBe('euroos: kernel panic: asked for through /proc/sysrq-trigger\n');
    expect(stats.outcome).toBe('panic');
    expect(serial).toMatch(/^\[panic\] asked for through \/proc\/sysrq-trigger$/m);
    expect(serial).toMatch(/^\[panic\] RIP [0-9a-f]{16} {2}RFLAGS [0-9a-f]{16} {2}CPL 0/m);
    expect(serial).toMatch(/^\[panic\] CR0 .* CR2 [0-9a-f]{16} {2}CR3 [0-9a-f]{16}/m);
    expect(serial).toMatch(/^\[panic\] R12 [0-9a-f]{16}/m);
    expect(serial).toMatch(/^\[panic\] task \d+ sh$/m);
    expect(serial.match(/^\[panic\] at .*os-core\.cjs:\d+:\d+$/gm)?.length).toBeGreaterThan(3);
  });

  it('E4 E5: a double fault, delivered by the processor through the IDT to its own stack, ends the same way', async () => {
    const { status, stdout, stderr, serial } = await crash('d');
    expect(status).toBe(125);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^euroos: kernel panic: #DF double fault in ring 0 at [0-9a-f]+\n$/);
    expect(serial).toMatch(/^\[panic\] RIP .* vector 8 {2}error 0$/m);
  });

  it('E5: nobody but root can ask for it', async () => {
    const { status, stdout, stderr } = await crash('c', 'user');
    expect(stderr).toContain('Permission denied');
    expect(stdout).toBe('alive\n');
    expect(status).toBe(0);
  });
});
