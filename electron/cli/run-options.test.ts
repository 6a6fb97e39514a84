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
    ])
      try {
        parseRunOptions(args);
        expect.unreachable(args.join(' '));
      } catch (error) {
        expect(error).toBeInstanceOf(UsageError);
        expect((error as Error).message).not.toContain('\n');
      }
  });

  it('D7: --help asks for the help text', () => {
    expect(parseRunOptions(['--help'])).toBeNull();
  });
});
