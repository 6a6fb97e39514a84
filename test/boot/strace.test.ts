// strace: system calls, signals and ends as lines of text; who may watch.

import { describe, expect, it } from 'vitest';
import { euroosRun, type RunResult } from '../support/euroos.ts';

const shell = (script: string, ...options: string[]): Promise<RunResult> => euroosRun(options, ['sh', '-c', script]);

describe('strace', () => {
  it('E28: shows calls with decoded arguments and results, and ends as the program does', async () => {
    const { stdout, stderr, status } = await euroosRun([], ['strace', 'cat', '/etc/hostname', '/missing']);
    expect(stdout).toBe('euroos\n');
    expect(status).toBe(1);
    const lines = stderr.split('\n');
    expect(lines[0]).toMatch(/^execve\("\/bin\/cat", \["cat", "\/etc\/hostname", "\/missing"\], 0x[0-9a-f]+\) = 0$/);
    expect(lines[1]).toMatch(/^arch_prctl\(ARCH_SET_FS, 0x[0-9a-f]+\) = 0$/);
    const text = lines.slice(2).join('\n');
    expect(text).toMatch(
      /^open\("\/etc\/hostname", O_RDONLY(\|O_LARGEFILE)?, 00\) = 3\nread\(3, "euroos\\n", \d+\) = 7\nwrite\(1, "euroos\\n", 7\) = 7\nread\(3, .*\) = 0\nclose\(3\) = 0$/m,
    );
    expect(text).toMatch(/^open\("\/missing", O_RDONLY.*\) = -1 ENOENT \(No such file or directory\)$/m);
    expect(text).toMatch(/^exit_group\(1\) = \?\n\+\+\+ exited with 1 \+\+\+$/m);
  });

  it('E28: -f follows children, -o writes to a file, a signal and the death by it are told', async () => {
    const { stdout, stderr, status } = await shell(
      'strace -f -o lines sh -c "echo text | cat; sleep 100 & kill -USR1 \\$!; wait \\$!; exit 5"; echo "status $?"; cat lines',
    );
    expect(stderr).toBe('');
    expect(status).toBe(0);
    expect(stdout).toMatch(/^text\nstatus 5\nexecve\("\/bin\/sh", \["sh", "-c", /);
    expect(stdout).toMatch(/\n\[pid \d+\] write\(1, "text\\n", 5\) = 5\n/);
    expect(stdout).toMatch(
      /\n\[pid (\d+)\] --- SIGUSR1 \{si_signo=SIGUSR1, si_code=0, si_pid=\d+\} ---\n\[pid \1\] \+\+\+ killed by SIGUSR1 \+\+\+\n/,
    );
    expect(stdout).toMatch(/\n\[pid \d+\] \+\+\+ exited with 5 \+\+\+\n$/);
  });

  it('E28: -p watches a program that runs; it goes on when the watcher ends', async () => {
    const { stdout } = await shell(
      'sh -c "sleep 0.5; exec sleep 1; exit 7" & p=$!; strace -o lines -p $p & sleep 0.1; kill %2; wait $p; echo "status $?"',
      // In virtual time nothing is late.
      '--seed',
      '1',
    );
    expect(stdout).toContain('status 0\n');
    const whole = await shell('sh -c "sleep 0.2; exit 7" & strace -p $!', '--seed', '1');
    expect(whole.stderr).toMatch(/exit_group\(7\) = \?\n\+\+\+ exited with 7 \+\+\+\n$/);
  });

  it('E28: a program that makes more calls than the watcher reads at once waits, and no line is lost', async () => {
    const { stdout } = await shell(
      "strace -o lines sh -c 'n=0; while [ $n -lt 3000 ]; do echo $n; n=$((n+1)); done' >/dev/null; tail -n 4 lines; wc -l < lines",
    );
    expect(stdout).toMatch(
      /^write\(1, "2998\\n", 5\) = 5\nwrite\(1, "2999\\n", 5\) = 5\nexit_group\(0\) = \?\n\+\+\+ exited with 0 \+\+\+\n30\d\d\n$/,
    );
  });

  it('E32 E34: who has fewer rights, or is another user, may not watch', async () => {
    const narrow = await euroosRun(['--caps', 'console,file'], ['strace', 'true']);
    expect(narrow.stderr).toMatch(/^strace: process \d+: Operation not permitted\n$/);
    expect(narrow.status).toBe(1);
    const other = await shell('strace -p 1; echo $?; strace -p 9999; strace; echo $?; strace nothing; echo $?');
    expect(other.stdout).toBe('1\n2\n127\n');
    expect(other.stderr).toMatch(
      /^strace: process 1: Operation not permitted\nstrace: process 9999: No such process\nusage: strace .*\n(execve.*ENOENT.*\n)*[\s\S]*strace: nothing: No such file or directory\n/,
    );
  });
});
