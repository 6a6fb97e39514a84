// The drivers against the real chips: machine, loader, kernel core, drivers. No program runs here.

import { describe, expect, it } from 'vitest';
import type {
  BlockBackend,
  ConsoleBackend,
  DisplayBackend,
  MachineBackends,
  NetworkBackend,
} from '../../devices/backends/backends.ts';
import type { HostMachine } from '../../devices/contract/host-machine.ts';
import { createMachine } from '../../devices/machine/index.ts';
import { testBackends, testConfiguration } from '../../test/support/machine-fixture.ts';
import { KeyAction } from '../abi/input.ts';
import { boot } from '../boot/loader.ts';
import { createKernel, type Kernel } from '../kernel/kernel.ts';
import { restoreKernel, snapshotKernel } from '../kernel/snapshot.ts';
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

  function block(fill: number): Uint8Array {
    return new Uint8Array(4096).fill(fill);
  }
  /** Asks until the answer is there, as a task that sleeps in between. */
  function ask<T>(machine: HostMachine, kernel: Kernel, question: () => T, pending: T): T {
    for (let i = 0; i < 100; i++) {
      const answer = question();
      if (answer !== pending) return answer;
      pass(machine, kernel, 1);
    }
    return pending;
  }

  it('virtio-blk: what is written is read, on the disk after flush, and survives eviction', () => {
    const backend = new MemoryDisk();
    const { machine, kernel, drivers } = start({ disks: [backend] });
    const disk = drivers.disks[0];
    for (let n = 0; n < 1024; n++) expect(ask(machine, kernel, () => disk.write(n, block(n & 255)), false)).toBe(true);
    expect(disk.read(1023)?.[0]).toBe(255);
    expect(ask(machine, kernel, () => disk.flush(), 'pending')).toBe('done');
    expect(backend.flushes).toBe(1);
    expect(disk.flush()).toBe('done');
    expect(backend.flushes).toBe(1);
    for (let n = 0; n < 1024; n += 7) {
      expect(backend.bytes[n * 4096 + 4095]).toBe(n & 255);
      expect(ask(machine, kernel, () => disk.read(n), null)?.[17]).toBe(n & 255);
    }
    expect(disk.read(1024)).toBe('failed');
    expect(disk.read(-1)).toBe('failed');
  });

  it('virtio-blk: reading and writing go on when RAM is full', () => {
    const backend = new MemoryDisk();
    const { machine, kernel, drivers } = start({ disks: [backend] });
    const disk = drivers.disks[0];
    while (kernel.frames.allocate() !== 0);
    for (let n = 0; n < 100; n++) expect(ask(machine, kernel, () => disk.write(n, block(n)), false)).toBe(true);
    expect(ask(machine, kernel, () => disk.flush(), 'pending')).toBe('done');
    for (let n = 0; n < 100; n++) expect(ask(machine, kernel, () => disk.read(n), null)?.[17]).toBe(n);
  });

  it('virtio-blk: an error of the disk comes back as failed, once, and the next read tries again', () => {
    const backend = new MemoryDisk();
    const { machine, kernel, drivers } = start({ disks: [backend] });
    const disk = drivers.disks[0];
    backend.failing = true;
    expect(ask(machine, kernel, () => disk.read(5), null)).toBe('failed');
    expect(disk.write(6, block(1))).toBe(true);
    expect(ask(machine, kernel, () => disk.flush(), 'pending')).toBe('failed');
    backend.failing = false;
    expect(ask(machine, kernel, () => disk.read(5), null)?.[0]).toBe(0);
    expect(ask(machine, kernel, () => disk.flush(), 'pending')).toBe('done');
  });

  it('E40: frames leave and come back unchanged', () => {
    const cable = new Cable();
    const { machine, kernel, drivers } = start({ network: cable });
    const network = drivers.network;
    if (network === null) throw new Error('no network');
    const received: number[][] = [];
    network.receiver = { receiveFrame: (_kernel, frame) => received.push([...frame]) };
    const frame = (length: number, seed: number): Uint8Array =>
      Uint8Array.from({ length }, (_, i) => (i * 7 + seed) & 255);
    for (let i = 0; i < 500; i++) {
      expect(network.transmit(kernel, frame(14 + ((i * 37) % 1501), i))).toBe(true);
      cable.waiting.push(frame(14 + ((i * 53) % 1501), i));
      if (i % 50 === 0) pass(machine, kernel, 2);
    }
    pass(machine, kernel, 50);
    expect(cable.sent.map((sent) => [...sent])).toEqual(
      Array.from({ length: 500 }, (_, i) => [...frame(14 + ((i * 37) % 1501), i)]),
    );
    expect(received).toEqual(Array.from({ length: 500 }, (_, i) => [...frame(14 + ((i * 53) % 1501), i)]));
    expect(network.transmit(kernel, new Uint8Array(1515))).toBe(false);
  });

  it('virtio-console: bytes pass unchanged both ways, with back-pressure, end of file and a closed reader', () => {
    const wire = new Wire();
    const { machine, kernel, drivers } = start({ consoles: [{ name: 'data', backend: wire }] });
    const port = drivers.console?.portNamed('data');
    if (drivers.console == null || port == null) throw new Error('no port');
    expect(drivers.devices.lookup('virtio-ports/data')).not.toBeNull();
    wire.typed = [1, 2, 3];
    pass(machine, kernel, 5);
    expect(wire.typed.length, 'input waits at the host until a program opens the port').toBe(3);
    drivers.console.open(port);
    pass(machine, kernel, 5);
    expect([port.input.shift(), port.input.shift(), port.input.shift(), port.input.shift()]).toEqual([1, 2, 3, -1]);
    const bytes = Uint8Array.from({ length: 200_000 }, (_, i) => (i * 31 + (i >> 8)) & 255);
    wire.typed = [...bytes];
    wire.room = 100;
    const got: number[] = [];
    for (let sent = 0, i = 0; i < 3000 && (sent < bytes.length || got.length < bytes.length); i++) {
      if (sent < bytes.length) sent += drivers.console.send(port, bytes, sent, Math.min(bytes.length, sent + 5000));
      if (i === 20) wire.room = Infinity;
      pass(machine, kernel, 1);
      while (i > 40 && port.input.length > 0) got.push(port.input.shift());
      drivers.console.refill(port);
    }
    expect(wire.written).toEqual([...bytes]);
    expect(got).toEqual([...bytes]);
    wire.ended = true;
    pass(machine, kernel, 5);
    expect(port.hostClosed).toBe(true);
  });

  it('virtio-console: a port with a size is a terminal that echoes and edits', () => {
    const wire = new Wire();
    wire.dimensions = { columns: 100, rows: 30 };
    const { machine, kernel, drivers } = start({ consoles: [{ name: 'tty', backend: wire }] });
    pass(machine, kernel, 5);
    const port = drivers.console?.portNamed('tty');
    if (drivers.consolePorts == null || port == null) throw new Error('no port');
    const terminal = drivers.consolePorts.terminalOf(port);
    if (terminal === null) throw new Error('no terminal');
    drivers.console?.open(port);
    expect([terminal.columns, terminal.rows]).toEqual([100, 30]);
    wire.typed = [...new TextEncoder().encode('ab\x7fc\r')];
    pass(machine, kernel, 5);
    expect(wire.text).toBe('ab\b \bc\r\n');
    const line = new Uint8Array(16);
    expect(new TextDecoder().decode(line.subarray(0, terminal.discipline.peek(line, 16)))).toBe('ac\n');
    wire.dimensions = { columns: 80, rows: 24 };
    pass(machine, kernel, 5);
    expect([terminal.columns, terminal.rows]).toEqual([80, 24]);
  });

  it('E5: a panic paints the screen red and is in the serial log with registers and CR2', () => {
    const { machine, kernel, serialText } = start();
    kernel.panic('forced by a test');
    expect(serialText()).toMatch(/\[panic\] forced by a test/);
    expect(serialText()).toMatch(/\[panic\] .*CR2 [0-9a-f]{16}/);
    const screen = kernel.state.boot.framebuffer;
    if (screen === null) throw new Error('no screen');
    const last = screen.physicalAddress + 4 * (screen.pixelsPerScanLine * (screen.height - 1) + screen.width - 1);
    expect(machine.memory.read32(last) & 0xffffff).toBe(screen.format === 'bgrx' ? 0xb3261e : 0x1e26b3);
  });

  it('power-off goes through the firmware, with the log seen out', () => {
    const { machine, kernel, serialText } = start();
    kernel.powerOff();
    expect(machine.powerState).toBe('off');
    expect(serialText()).toContain('[kernel] power off\r\n');
  });

  it('M5: all drivers can be written down and go on after it', () => {
    const backend = new MemoryDisk();
    const wire = new Wire();
    wire.dimensions = { columns: 80, rows: 25 };
    const { machine, kernel } = start({
      disks: [backend],
      network: new Cable(),
      consoles: [{ name: 'tty', backend: wire }],
    });
    kernel.service('drivers', Drivers).disks[0].write(3, block(9));
    pass(machine, kernel, 5);
    const bytes = snapshotKernel(kernel);
    const security = kernel.security;
    const copy = restoreKernel({ machine, systemTasks: [], subsystems: [driverSubsystem], security }, bytes);
    expect(Buffer.compare(snapshotKernel(copy), bytes)).toBe(0);
    const drivers = copy.service('drivers', Drivers);
    expect(ask(machine, copy, () => drivers.disks[0].flush(), 'pending')).toBe('done');
    expect(ask(machine, copy, () => drivers.disks[0].read(3), null)?.[0]).toBe(9);
    expect(backend.bytes[3 * 4096]).toBe(9);
  });

  it('D3: surfaces, damage, scene and cursor reach the viewer', () => {
    const seen: string[] = [];
    const display: DisplayBackend = {
      framebuffer: () => undefined,
      showScene: (on) => seen.push(`show ${on}`),
      surfaceCreated: (id, kind, width, height) => seen.push(`create ${id} ${kind} ${width}x${height}`),
      surfaceDestroyed: (id) => seen.push(`destroy ${id}`),
      surfaceDamaged: (id, x, y, width, height, data) =>
        seen.push(`damage ${id} ${x},${y} ${width}x${height} ${data[0]} ${data.length}`),
      scene: (json) => seen.push(`scene ${new TextDecoder().decode(json)}`),
      cursor: (x, y, shape) => seen.push(`cursor ${x},${y} ${shape}`),
    };
    const { machine, kernel, drivers } = start({ display });
    const driver = drivers.display;
    if (driver === null) throw new Error('no display');
    // The reset at start shows the framebuffer.
    seen.length = 0;
    expect([driver.width, driver.height]).toEqual([640, 480]);
    expect(driver.createSurface(kernel, 1, 20, 5, 0)).toBe(0);
    expect(driver.createSurface(kernel, 1, 20, 5, 0)).toBe(-17);
    expect(driver.createSurface(kernel, 65, 20, 5, 0)).toBe(-22);
    expect(driver.checkUpdate(1, 18, 4, 3, 1, 36)).toBe(-22);
    expect(driver.checkUpdate(1, 2, 3, 4, 2, 96)).toBe(48);
    machine.memory.fill(driver.rowAddress(1, 2, 3), 48, 77);
    driver.damage(kernel, 1, 2, 3, 4, 2);
    driver.scene(kernel, new TextEncoder().encode('{}'));
    driver.showScene(kernel, true);
    driver.cursor(kernel, 5 | (6 << 16), 1);
    pass(machine, kernel, 5);
    expect(driver.destroySurface(kernel, 1)).toBe(0);
    pass(machine, kernel, 5);
    expect(seen.slice().sort()).toEqual(
      ['create 1 cells 20x5', 'damage 1 2,3 4x2 77 96', 'scene {}', 'show true', 'cursor 5,6 1', 'destroy 1'].sort(),
    );
    expect(seen[0]).toBe('create 1 cells 20x5');
    expect(seen[seen.length - 1]).toBe('destroy 1');
    expect(driver.refused).toBe(0);
  });
});
