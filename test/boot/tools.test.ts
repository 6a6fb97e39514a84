// The commands that look into the running system: what they print, their errors and statuses.

import { describe, expect, it } from 'vitest';
import { euroosRun, type RunResult } from '../support/euroos.ts';

const shell = (script: string, ...options: string[]): Promise<RunResult> => euroosRun(options, ['sh', '-c', script]);

describe('commands that look into the system', () => {
  it('E28: ps lists processes with their state, or those that are named', async () => {
    const { stdout, status } = await shell('sleep 100 & ps; ps $!; kill $!; ps 9999; echo $?; ps -x 2>&1; echo $?');
    expect(stdout).toMatch(
      /^ {2}PID {2}PPID USER {5}S {4}TIME {2}MEMORY {2}COMMAND\n {4}1 {5}0 root {5}S .*\/bin\/init/,
    );
    expect(stdout).toMatch(/\n +\d+ +\d+ user {5}S +0:00 +\d+K {2}sleep 100\n/);
    expect(stdout).toMatch(/\n +\d+ +\d+ user {5}R +0:00 +\d+K {2}ps\n/);
    expect(stdout.match(/sleep 100\n/g)).toHaveLength(2);
    expect(stdout).toMatch(/\n1\nps: unrecognized option: x\nusage: ps \[-l\] \[process\.\.\.\]\n2\n$/);
    expect(status).toBe(0);
  });

  it('E32: without the right to processes ps and caps show only themselves, dmesg nothing', async () => {
    const { stdout, stderr } = await shell('ps; caps; dmesg; echo $?', '--caps', 'console,file');
    expect(stdout).toMatch(
      /^ {2}PID.*\n.*user {5}R.* ps\n {2}PID.*\n +\d+ {2}caps +held {4}- {7}held - .* EuroOS\n1\n$/,
    );
    expect(stderr).toBe('dmesg: /proc/kmsg: Operation not permitted\n');
  });

  it('E32 E39: caps shows the rights of each process', async () => {
    const { stdout } = await shell('caps; caps 1', '--caps', 'console,process,file');
    expect(stdout).toMatch(/^ {2}PID {2}NAME +console process file network exec-local exec-jit {2}VERIFIED BY\n/);
    expect(stdout).toMatch(/\n +1 {2}init +held +held +held held +held +held +EuroOS\n/);
    expect(stdout).toMatch(/\n +\d+ {2}caps +held +held +held - +- +- +EuroOS\n/);
  });

  it('E28: free, dmesg and lspci', async () => {
    const { stdout } = await shell('free; free -b | tail -n 1; dmesg -t | head -n 1; dmesg -n 1; lspci; lspci -n -v');
    const free = /Memory: +(\d+) +(\d+) +(\d+) +(\d+) +(\d+)\n/.exec(stdout)!.slice(1).map(Number);
    expect(free[0]).toBe(free[1] + free[2] + free[3]);
    expect(free[0]).toBeGreaterThan(500_000);
    expect(stdout).toContain(`\nMemory:  ${free[0] * 1024} `);
    expect(stdout).toMatch(/\n\[ +\d+\.\d{6}\] .*\n/);
    expect(stdout).toMatch(/\n00:00\.0 Host bridge: 1b36:0008\n/);
    expect(stdout).toMatch(/\n00:08\.0 SCSI storage controller: Virtio block device \[1af4:1042\] \(rev 01\)\n/);
    expect(stdout).toMatch(
      /\n00:08\.0 0100: 1af4:1042 \(rev 01\)\n\tInterrupt: line \d+\n\tRegion 0: Memory at [0-9a-f]+ \[size=16K\]\n/,
    );
  });

  it('E28: top prints tables, and says that it needs a terminal to draw', async () => {
    const { stdout, stderr } = await shell('loop & top -b -n 2 -d 1; kill $!; top; echo $?', '--seed', '1');
    const second = stdout.slice(stdout.lastIndexOf('up 0:00:'));
    expect(second).toMatch(/^up 0:00:\d\d, load average: \d\.\d\d \d\.\d\d \d\.\d\d\n\d+ processes, [12] running\n/);
    // The busiest stands first.
    const [, share] = /COMMAND\n +\d+ user {5}R +([\d.]+) .* loop\n/.exec(second) ?? [];
    expect(Number(share)).toBeGreaterThan(80);
    expect(stdout).toMatch(/\n1\n$/);
    expect(stderr).toBe('top: the screen (top -b prints to files and pipes): Not a tty\n');
  });
});
