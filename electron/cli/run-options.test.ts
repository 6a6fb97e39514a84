import { describe, expect, it } from 'vitest';
import { parseRunOptions, UsageError } from './run-options.ts';

describe('D7: euroos run options', () => {
  it('D7: COMMAND is passed verbatim, also when it looks like options', () => {
    const options = parseRunOptions(['--memory', '1G', '--', '/bin/hello', 'a', 'b "c', '--memory', '--', '$x']);
    expect(options?.command).toEqual(['/bin/hello', 'a', 'b "c', '--memory', '--', '$x']);
    expect(options?.memoryBytes).toBe(1024 ** 3);
    expect(options?.network).toEqual({ kind: 'user' });
  });

  it('D7: every bad option is refused with one line', () => {
    for (const args of [
      ['--frobnicate'],
      ['stray'],
      ['--memory', '5'],
      ['--memory', 'lots'],
      ['--net', 'wifi'],
      ['--net', 'tap:'],
      ['--add', 'x'],
      ['--add', 'x:relative'],
      ['--env', '1=2'],
      ['--caps', 'console,sudo'],
      ['--caps', 'constructor'],
      ['--seed', '-1'],
      ['--seed', '1', '--net', 'tap:t0'],
      ['--time-limit', '0'],
      ['--user', 'eve'],
      ['--cwd', 'here'],
      ['--engine', 'magic'],
      ['--disk'],
      ['--trace', 'cpu.nothing'],
      ['--trace', ''],
      ['--trace', 'cpu.region,'],
      ['--trace', '(a+)+'],
      ['--trace-file', 'x'],
    ])
      try {
        parseRunOptions(args);
        expect.unreachable(args.join(' '));
      } catch (error) {
        expect(error).toBeInstanceOf(UsageError);
        expect((error as Error).message).not.toContain('\n');
      }
  });

  it('M1 D7: --trace takes names and patterns, and lists the names when there is no such', () => {
    const chosen = (list: string) => parseRunOptions(['--trace', list])?.trace;
    expect(chosen('cpu.*')).toHaveLength(6);
    expect(chosen('cpu.tlb,cpu.ex*')).toEqual(['cpu.exception', 'cpu.tlb']);
    expect(() => chosen('cpuxtlb')).toThrow(
      /no cpuxtlb; known are cpu.instruction, cpu.block, cpu.region, cpu.exception, cpu.syscall, cpu.tlb/,
    );
  });

  it('D7: --help asks for the help text', () => {
    expect(parseRunOptions(['--help'])).toBeNull();
  });
});
