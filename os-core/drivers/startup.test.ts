// The drivers against the real chips: machine, loader, kernel core, drivers. No program runs here.

import { describe, expect, it } from 'vitest';
import type { BlockBackend, ConsoleBackend, MachineBackends, NetworkBackend } from '../../devices/backends/backends.ts';
import type { HostMachine } from '../../devices/contract/host-machine.ts';
import { createMachine } from '../../devices/machine/index.ts';
import { testBackends, testConfiguration } from '../../test/support/machine-fixture.ts';
import { KeyAction } from '../abi/input.ts';
import { boot } from '../boot/loader.ts';
import { createKernel, type Kernel } from '../kernel/kernel.ts';
import { InputFile } from './input/input-queue.ts';
import { Drivers, driverSubsystem } from './startup.ts';

class MemoryDisk implements BlockBackend {
  readonly bytes = new Uint8Array(4 * 1024 * 1024);
  readonly sizeBytes = this.bytes.length;
  readonly readOnly = false;
  readonly serial = 'test-disk';
  flushes = 0;
  failing = false;
  read(offset: number, target: Uint8Array): boolean {
    target.set(this.bytes.subarray(offset, offset + target.length));
    return !this.failing;
  }
  write(offset: number, source: Uint8Array): boolean {
    if (this.failing) return false;
    this.bytes.set(source, offset);
    return true;
  }
  flush(): boolean {
    this.flushes++;
    return !this.failing;
  }
}

class Wire implements ConsoleBackend {
  readonly written: number[] = [];
  typed: number[] = [];
  room = Infinity;
  ended = false;
  dimensions: { columns: number; rows: number } | null = null;
  write(source: Uint8Array): number {
    const count = Math.min(this.room, source.length);
    this.written.push(...source.subarray(0, count));
    return count;
  }
  read(target: Uint8Array): number {
    if (this.typed.length === 0) return this.ended ? -1 : 0;
    const bytes = this.typed.splice(0, target.length);
    target.set(bytes);
    return bytes.length;
  }
  size(): { columns: number; rows: number } | null {
    return this.dimensions;
  }
  get text(): string {
    return new TextDecoder().decode(Uint8Array.from(this.written));
  }
}

class Cable implements NetworkBackend {
  readonly macAddress = Uint8Array.of(0x52, 0x54, 0, 0x12, 0x34, 0x56);
  readonly mtu = 1500;
  readonly sent: Uint8Array[] = [];
  readonly waiting: Uint8Array[] = [];
  send(frame: Uint8Array): boolean {
    this.sent.push(frame.slice());
    return true;
  }
  receive(target: Uint8Array): number {
    const frame = this.waiting.shift();
    if (frame === undefined) return 0;
    target.set(frame);
    return frame.length;
  }
  linkUp(): boolean {
    return true;
  }
}

function start(extra: Partial<MachineBackends> = {}): {
  machine: HostMachine;
  kernel: Kernel;
  drivers: Drivers;
  serialText: () => string;
} {
  const backends = testBackends();
  const machine = createMachine(testConfiguration, { ...backends, ...extra });
  const kernel = createKernel({
    machine,
    bootInformation: boot(machine),
    systemTasks: [],
    subsystems: [driverSubsystem],
    security: { verifyProgram: () => ({ ok: false, reason: 'no programs in this test' }) } as never,
  });
  const drivers = kernel.service('drivers', Drivers);
  return { machine, kernel, drivers, serialText: () => Buffer.from(backends.serialBytes).toString() };
}

/** Lets the machine run for some virtual time. */
function pass(machine: HostMachine, kernel: Kernel, milliseconds: number): void {
  const end = machine.nowNanos() + milliseconds * 1e6;
  for (let i = 0; i < 100_000 && machine.nowNanos() < end; i++) {
    machine.pollBackends();
    if (kernel.runSlice(100_000) === 'idle') machine.advanceTo(Math.min(end, machine.nextDeadlineNanos()));
  }
  machine.pollBackends();
  kernel.runSlice(10_000);
}

describe('drivers against the chips', () => {
  it('E6 E40: everything comes up, with its line in the log', () => {
    const { serialText, drivers } = start({
      disks: [new MemoryDisk()],
      network: new Cable(),
      consoles: [{ name: 'stdin', backend: new Wire() }],
    });
    const log = serialText();
    expect(log).toContain('[rtc] 2026-02-03 04:05:06 UTC');
    expect(log).toContain('[net] virtio-net OK — MAC 52:54:00:12:34:56');
    expect(log).toContain('[blk] virtio-blk OK — 4 MiB');
    expect(log).toContain('[console] virtio-console OK — stdin');
    expect(log).toContain('[input] keyboard OK, mouse OK');
    expect(log).not.toContain('NOT secure');
    expect(drivers.devices.list('input')?.map((entry) => entry.name)).toEqual(['keyboard', 'mouse']);
  });

  /** The records that wait in an input device, as [kind, a, b, c]. */
  function records(drivers: Drivers, name: string): number[][] {
    const file = drivers.devices.lookup(`input/${name}`)?.open(...([] as never as [never, never, never]));
    if (!(file instanceof InputFile)) throw new Error(`no ${name}`);
    const view = new DataView(new ArrayBuffer(16));
    const found: number[][] = [];
    while (file.queue.length > 0) {
      file.queue.emit(0, view, 0);
      found.push([0, 4, 8, 12].map((at) => view.getUint32(at, true)));
      file.queue.discard(1);
    }
    file.closed();
    return found;
  }

  it('E7: 256 scan codes in a burst arrive, none lost, in order', () => {
    const { machine, kernel, drivers } = start();
    // 128 presses and releases of letters and digits.
    const codes = Array.from({ length: 128 }, (_, i) => 2 + (i % 50)).filter((code) => code !== 29 && code !== 42);
    const burst = Uint8Array.from(codes.flatMap((code) => [code, code | 0x80]));
    const full = Uint8Array.from({ length: 256 }, (_, i) => burst[i % burst.length]);
    let done = 0;
    for (let round = 0; round < 2000 && done < full.length; round++) {
      done += machine.typeScancodes(full.subarray(done));
      pass(machine, kernel, 1);
    }
    pass(machine, kernel, 400);
    expect(done).toBe(256);
    const keys = records(drivers, 'keyboard');
    expect(keys.map(([, code, action]) => (action === KeyAction.release ? code | 0x80 : code))).toEqual([...full]);
  });

  it('E8: the pointer follows the mouse and stops at the edges', () => {
    const { machine, kernel, drivers } = start();
    machine.moveMouse(-1000, -1000, 0);
    pass(machine, kernel, 300);
    machine.moveMouse(300, 200, 1);
    pass(machine, kernel, 300);
    machine.moveMouse(-17, 41, 0);
    pass(machine, kernel, 300);
    expect([drivers.mouse?.x, drivers.mouse?.y]).toEqual([283, 241]);
    const buttons = records(drivers, 'mouse').map((record) => record[3]);
    expect(buttons).toContain(1);
    expect(buttons[buttons.length - 1]).toBe(0);
  });
});
