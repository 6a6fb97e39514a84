import { describe, expect, it } from 'vitest';
import { createTestSystem } from '../../../test/support/kernel-fixture.ts';
import { Errno } from '../../abi/errno.ts';
import { Signal } from '../../abi/signal.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import type { Process } from '../../kernel/process/process.ts';
import type { Task } from '../../kernel/process/task.ts';
import { OpenFile, Poll } from '../../kernel/vfs/open-file.ts';
import { Drivers } from '../startup.ts';
import { PtySlaveFile, PtySlaveNode } from './pty.ts';

const O_NOCTTY = 0o400;

function openPair(): {
  kernel: Kernel;
  drivers: Drivers;
  process: Process;
  task: Task;
  master: OpenFile;
  node: PtySlaveNode;
} {
  const { kernel, start } = createTestSystem();
  const drivers = kernel.service('drivers', Drivers);
  // A program that pauses for ever: its process opens things here.
  const process = start(Uint8Array.of(0xb8, 0x22, 0, 0, 0, 0x0f, 0x05, 0xeb, 0xf7));
  process.session = process.id;
  process.group = process.id;
  const [task] = process.tasks;
  const master = drivers.devices.lookup('ptmx')?.open(kernel, task, 0);
  const node = drivers.devices.lookup('pts/0');
  if (!(master instanceof OpenFile) || !(node instanceof PtySlaveNode)) throw new Error('no pair');
  return { kernel, drivers, process, task, master, node };
}
const pairOf = (node: PtySlaveNode) =>
  (node as unknown as { pair: { locked: boolean; terminal: import('./terminal.ts').Terminal } }).pair;

describe('pty', () => {
  it('is locked first, lives with its master, and hangs up with it', () => {
    const { kernel, drivers, task, master, node } = openPair();
    expect(drivers.devices.list('pts')?.map((entry) => entry.name)).toEqual(['0']);
    expect(node.open(kernel, task, O_NOCTTY)).toBe(-Errno.EIO);
    const { terminal } = pairOf(node);
    pairOf(node).locked = false;
    const slave = node.open(kernel, task, O_NOCTTY);
    if (!(slave instanceof PtySlaveFile)) throw new Error('no slave');
    terminal.feed(kernel, new TextEncoder().encode('hi\r'), 0, 3);
    expect(terminal.discipline.readable).toBe(3);
    expect(master.readiness(kernel) & Poll.in).toBe(Poll.in);
    slave.closed();
    expect(master.readiness(kernel) & Poll.hangUp).toBe(Poll.hangUp);
    const again = node.open(kernel, task, O_NOCTTY);
    if (!(again instanceof PtySlaveFile)) throw new Error('no slave');
    master.closed(kernel);
    expect(again.readiness() & Poll.hangUp).toBe(Poll.hangUp);
    expect(drivers.devices.list('pts')).toEqual([]);
    expect(node.open(kernel, task, O_NOCTTY)).toBe(-Errno.EIO);
  });

  it('becomes the controlling terminal of a session leader, once; Ctrl-C reaches the foreground only', () => {
    const { kernel, drivers, process, task, node } = openPair();
    const { terminal } = pairOf(node);
    pairOf(node).locked = false;
    expect(drivers.devices.lookup('tty')?.open(kernel, task, 0)).toBe(-Errno.ENXIO);
    node.open(kernel, task, 0);
    expect(process.controllingTerminal).toBe(terminal);
    expect([terminal.session, terminal.foreground]).toEqual([process.id, process.group]);
    expect(drivers.devices.lookup('tty')?.open(kernel, task, 0)).toBeInstanceOf(OpenFile);
    expect(terminal.checkForeground(kernel, task, Signal.SIGTTIN)).toBe(0);
    terminal.foreground = 31999;
    terminal.feed(kernel, Uint8Array.of(3), 0, 1);
    expect(task.signalPending).toBe(false);
    terminal.foreground = process.group;
    terminal.feed(kernel, Uint8Array.of(3), 0, 1);
    expect(task.signalPending).toBe(true);
    expect(process.signals.pending.mask).toBe(1n << BigInt(Signal.SIGINT - 1));
  });

  it('a resize is SIGWINCH for the foreground, and only if the size changes', () => {
    const { kernel, task, process, node } = openPair();
    const { terminal } = pairOf(node);
    pairOf(node).locked = false;
    node.open(kernel, task, 0);
    process.signals.actions[Signal.SIGWINCH] = { handler: 0x1000, flags: 0, restorer: 0, mask: 0n };
    terminal.resize(kernel, 80, 24, 0, 0);
    expect(task.signalPending).toBe(false);
    terminal.resize(kernel, 132, 43, 0, 0);
    expect(task.signalPending).toBe(true);
  });
});
