// The shell on a terminal of the host: raw mode, line editing, Ctrl-C, resize, exit status.

import { describe, expect, it } from 'vitest';
import { TerminalRun } from '../support/terminal.ts';

/** Computes for ever in a process of its own; when its word is out it has the terminal. (The echo of the line is another word.) */
const RUNNING_LOOP = `sh -c 'echo rea""dy; exec loop'`;

describe('interactive shell', () => {
  it('D7: prompt, echo, history, Ctrl-C, resize, end', async () => {
    const terminal = new TerminalRun([], 100, 30);
    await terminal.see(/\$ /);
    terminal.type('echo $((6*7))\r');
    await terminal.see(/\n42\n/);
    // A foreground program that computes for ever ends by Ctrl-C; the shell stays.
    let mark = terminal.output.length;
    terminal.type(`${RUNNING_LOOP}\r`);
    await terminal.see(/\nready\n/, mark);
    terminal.type('\x03');
    await terminal.see(/\^C[\s\S]*\$ /, mark);
    mark = terminal.output.length;
    terminal.type('echo "status $?"\r');
    expect(await terminal.see(/status \d+\n/, mark)).toBe('status 130\n');
    // Arrow up brings the last line back.
    mark = terminal.output.length;
    terminal.type('\x1b[A\r');
    await terminal.see(/status \d+\n/, mark);
    // A new size reaches the guest: SIGWINCH runs the trap.
    mark = terminal.output.length;
    terminal.type('trap \'echo resized\' WINCH; echo rea""dy; while :; do :; done\r');
    await terminal.see(/\nready\n/, mark);
    terminal.resize(77, 22);
    await terminal.see(/\nresized\n/, mark);
    terminal.type('\x03');
    await terminal.see(/\^C[\s\S]*\$ /, mark);
    // At the prompt too, before the next one.
    mark = terminal.output.length;
    terminal.resize(78, 23);
    // How long the signal takes to the shell is not seen from here: one prompt after the other until it has come.
    await terminal.see(/resized\n/, mark, () => terminal.type('\r'));
    terminal.type('exit 9\r');
    expect(await terminal.end()).toBe(9);
  });

  it('D7: a command on a terminal: Ctrl-C reaches it, the status is 128 + SIGINT', async () => {
    const terminal = new TerminalRun(['--', 'sh', '-c', 'echo ready; exec loop'], 80, 24);
    await terminal.see(/ready\n/);
    terminal.type('\x03');
    expect(await terminal.end()).toBe(130);
  });

  it('D7: Ctrl-D ends the shell with the status of the last command', async () => {
    const terminal = new TerminalRun([], 80, 24);
    await terminal.see(/\$ /);
    terminal.type('false\r');
    await terminal.see(/false\n[\s\S]*\$ /);
    terminal.type('\x04');
    expect(await terminal.end()).toBe(1);
  });
});
