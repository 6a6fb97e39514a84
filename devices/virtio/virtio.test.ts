import { describe, expect, it } from 'vitest';
import { testBackends, testMachine } from '../../test/support/machine-fixture.ts';
import { VirtioTestDriver } from '../../test/support/virtio-test-driver.ts';
import type { BlockBackend, ConsoleBackend, MachineBackends, NetworkBackend } from '../backends/backends.ts';

const NEEDS_RESET = 64;
const EVENT_IDX = 29;
const INDIRECT = 28;

class MemoryDisk implements BlockBackend {
  readonly bytes = new Uint8Array(1024 * 1024);
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
    this.bytes.set(source, offset);
    return !this.failing;
  }
  flush(): boolean {
    this.flushes++;
    return !this.failing;
  }
}

class LoopNetwork implements NetworkBackend {
  readonly macAddress = Uint8Array.of(0x52, 0x54, 0, 0x12, 0x34, 0x56);
  readonly mtu = 1500;
  readonly sent: Uint8Array[] = [];
  readonly waiting: Uint8Array[] = [];
  up = true;
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
    return this.up;
  }
}

class TestConsole implements ConsoleBackend {
  input: Uint8Array[] = [];
  ended = false;
  room = 1_000_000;
  gone = false;
  output: number[] = [];
  terminal: { columns: number; rows: number } | null = null;
  write(source: Uint8Array): number {
    if (this.gone) return -1;
    const count = Math.min(this.room, source.length);
    this.room -= count;
    this.output.push(...source.subarray(0, count));
    return count;
  }
  read(target: Uint8Array): number {
    const next = this.input[0];
    if (next === undefined) return this.ended ? -1 : 0;
    const count = Math.min(next.length, target.length);
    target.set(next.subarray(0, count));
    if (count === next.length) this.input.shift();
    else this.input[0] = next.subarray(count);
    return count;
  }
  size(): { columns: number; rows: number } | null {
    return this.terminal;
  }
}

function withBackends(extra: Partial<MachineBackends>) {
  return testMachine({ ...testBackends(), ...extra }).machine;
}

function diskDriver(disk: MemoryDisk, features: readonly number[] = []) {
  const machine = withBackends({ disks: [disk] });
  return { machine, driver: new VirtioTestDriver(machine, 2).start(features, 1) };
}

/** Header, data and status of one block request. */
function request(driver: VirtioTestDriver, type: number, sector: number, data: number, length: number) {
  const memory = driver.machine.memory;
  const at = driver.allocate(0x1000);
  memory.write32(at, type);
  memory.write64FromNumber(at + 8, sector);
  memory.write8(at + 16, 0xee);
  const segments = [{ address: at, length: 16 }];
  const body = length === 0 ? [] : [{ address: data, length, write: type === 0 || type === 8 }];
  driver.submit(0, [...segments, ...body, { address: at + 16, length: 1, write: true }]);
  return at + 16;
}

describe('PCI', () => {
  it('E40: the scan finds every device with sized BARs, capabilities and an IRQ; memory decoding can be switched off', () => {
    const machine = withBackends({ disks: [new MemoryDisk()] });
    const driver = new VirtioTestDriver(machine, 2);
    const select = (register: number): void =>
      machine.portWrite(0xcf8, 4, (0x8000_0000 | (driver.slot << 11) | register) >>> 0);
    select(0x10);
    machine.portWrite(0xcfc, 4, 0xffff_ffff);
    expect(machine.portRead(0xcfc, 4)).toBe(0xffff_c000);
    machine.portWrite(0xcfc, 4, driver.bar >>> 0);
    const types: number[] = [];
    for (let at = driver.configuration(driver.slot, 0x34) & 0xff; at !== 0; ) {
      const word = driver.configuration(driver.slot, at);
      expect(word & 0xff).toBe(9);
      types.push(word >>> 24);
      at = (word >>> 8) & 0xff;
    }
    expect(types).toEqual([1, 2, 3, 4, 5]);
    expect([5, 9, 10, 11]).toContain(driver.irq);
    expect(driver.read(0x12, 2)).toBe(1);
    driver.setCommand(4);
    expect(driver.read(0x12, 2)).toBe(0xffff);
    expect(driver.configuration(31, 0)).toBe(0xffff_ffff);
  });

  it('the configuration access capability reaches the BAR without memory decoding', () => {
    const machine = withBackends({ disks: [new MemoryDisk()] });
    const driver = new VirtioTestDriver(machine, 2);
    let at = driver.configuration(driver.slot, 0x34) & 0xff;
    while (driver.configuration(driver.slot, at) >>> 24 !== 5)
      at = (driver.configuration(driver.slot, at) >>> 8) & 0xff;
    const put = (offset: number, value: number): void => {
      driver.configuration(driver.slot, at + offset);
      machine.portWrite(0xcfc, 4, value);
    };
    put(4, 0);
    put(8, 0x12);
    put(12, 2);
    expect(driver.configuration(driver.slot, at + 16)).toBe(1);
    put(8, 0xffff_fff0);
    expect(driver.configuration(driver.slot, at + 16)).toBe(0);
  });
});

describe('virtio transport', () => {
  it('refuses features that were not offered, and a driver without VERSION_1', () => {
    const machine = withBackends({ disks: [new MemoryDisk()] });
    const driver = new VirtioTestDriver(machine, 2);
    expect(() => driver.start([24], 1)).toThrow(/refused/);
    driver.write(0x14, 1, 0);
    driver.write(0x14, 1, 11);
    expect(driver.status & 8).toBe(0);
    driver.write(0x14, 1, 15);
    expect(driver.status & 4).toBe(0);
  });

  it('does no DMA without bus mastering', () => {
    const disk = new MemoryDisk();
    const { machine, driver } = diskDriver(disk);
    driver.setCommand(2);
    const status = request(driver, 4, 0, 0, 0);
    machine.advanceTo(1e9);
    expect(machine.memory.read8(status)).toBe(0xee);
    driver.setCommand(6);
    driver.kick(driver.queues[0]);
    machine.advanceTo(2e9);
    expect(machine.memory.read8(status)).toBe(0);
  });

  it('rings outside RAM set DEVICE_NEEDS_RESET, a reset brings the device back', () => {
    const { driver } = diskDriver(new MemoryDisk());
    driver.start([], 0);
    driver.write(0x16, 2, 0);
    driver.write(0x20, 4, 0xfff0_0000);
    driver.write(0x1c, 2, 1);
    expect(driver.status & NEEDS_RESET).toBe(NEEDS_RESET);
    driver.start([], 1);
    expect(driver.status).toBe(15);
  });

  const malformed: readonly [string, (driver: VirtioTestDriver, buffer: number) => void][] = [
    ['a chain that loops', (d, b) => d.descriptor(d.queues[0], 0, b, 16, 1, 0)],
    ['a next beyond the table', (d, b) => d.descriptor(d.queues[0], 0, b, 16, 1, 999)],
    ['a buffer outside RAM', (d) => d.descriptor(d.queues[0], 0, 2 ** 40, 16, 0, 0)],
    ['a buffer that ends outside RAM', (d) => d.descriptor(d.queues[0], 0, d.machine.memory.sizeBytes - 8, 16, 0, 0)],
    ['a buffer of no length', (d, b) => d.descriptor(d.queues[0], 0, b, 0, 0, 0)],
    ['a buffer of 4 GiB', (d, b) => d.descriptor(d.queues[0], 0, b, 0xffff_ffff, 0, 0)],
    [
      'readable after writable',
      (d, b) => {
        d.descriptor(d.queues[0], 0, b, 16, 1 | 2, 1);
        d.descriptor(d.queues[0], 1, b, 16, 0, 0);
      },
    ],
    ['an indirect table of an odd length', (d, b) => d.descriptor(d.queues[0], 0, b, 17, 4, 0)],
    ['an indirect table outside RAM', (d) => d.descriptor(d.queues[0], 0, 2 ** 45, 32, 4, 0)],
    ['an empty indirect table', (d, b) => d.descriptor(d.queues[0], 0, b, 0, 4, 0)],
    ['indirect with next', (d, b) => d.descriptor(d.queues[0], 0, b, 32, 5, 1)],
    [
      'an indirect table inside an indirect table',
      (d, b) => {
        d.descriptor(d.queues[0], 0, b, 32, 4, 0);
        d.machine.memory.write64FromNumber(b, b + 64);
        d.machine.memory.write32(b + 8, 32);
        d.machine.memory.write16(b + 12, 4);
      },
    ],
    [
      'a chain longer than 64 MiB',
      (d) => {
        for (let n = 0; n < 15; n++) d.descriptor(d.queues[0], n, 0, 60 * 1024 * 1024, n < 14 ? 1 : 0, n + 1);
      },
    ],
    ['a request without room for its status', (d, b) => d.descriptor(d.queues[0], 0, b, 16, 0, 0)],
    ['a request with half a header', (d, b) => d.descriptor(d.queues[0], 0, b, 8, 0, 0)],
  ];
  for (const [name, plant] of malformed)
    it(`E40: ${name} sets DEVICE_NEEDS_RESET and nothing more`, () => {
      const { machine, driver } = diskDriver(new MemoryDisk(), [INDIRECT]);
      plant(driver, driver.allocate(0x1000));
      driver.offer(driver.queues[0], 0);
      driver.kick(driver.queues[0]);
      expect(driver.status & NEEDS_RESET).toBe(NEEDS_RESET);
      machine.advanceTo(1e9);
      expect(driver.finished(0)).toEqual([]);
      driver.kick(driver.queues[0]);
      driver.start([], 1);
      const status = request(driver, 4, 0, 0, 0);
      machine.advanceTo(2e9);
      expect(machine.memory.read8(status)).toBe(0);
    });

  it('E40: an available index that is too far ahead, and a head beyond the table', () => {
    const { machine, driver } = diskDriver(new MemoryDisk());
    machine.memory.write16(driver.queues[0].available + 2, 17);
    driver.kick(driver.queues[0]);
    expect(driver.status & NEEDS_RESET).toBe(NEEDS_RESET);
    driver.start([], 1);
    driver.offer(driver.queues[0], 4000);
    driver.kick(driver.queues[0]);
    expect(driver.status & NEEDS_RESET).toBe(NEEDS_RESET);
  });
});

describe('virtio block', () => {
  it('reads, writes, flushes and says its id, each after its virtual latency', () => {
    const disk = new MemoryDisk();
    const { machine, driver } = diskDriver(disk);
    expect(driver.config(0, 4)).toBe(2048);
    expect(driver.config(20, 4)).toBe(4096);
    const data = driver.allocate(0x2000);
    machine.memory.fill(data, 4096, 0x5a);
    const written = request(driver, 1, 8, data, 4096);
    expect(machine.memory.read8(written)).toBe(0xee);
    expect(machine.nextDeadlineNanos()).toBeGreaterThan(machine.nowNanos() + 10_000);
    machine.advanceTo(machine.nextDeadlineNanos());
    expect(machine.memory.read8(written)).toBe(0);
    expect(disk.bytes[4096]).toBe(0x5a);
    const read = request(driver, 0, 8, data + 0x1000, 512);
    const flush = request(driver, 4, 0, 0, 0);
    const id = request(driver, 8, 0, data, 20);
    machine.advanceTo(machine.nowNanos() + 1e6);
    expect([read, flush, id].map((at) => machine.memory.read8(at))).toEqual([0, 0, 0]);
    expect(machine.memory.read8(data + 0x1000)).toBe(0x5a);
    expect(Buffer.from(machine.memory.bytes.slice(data, data + 9)).toString()).toBe('test-disk');
    expect(disk.flushes).toBe(1);
    expect(machine.counters).toMatchObject({ diskReads: 1, diskWrites: 1, flushes: 1 });
    expect(driver.isr).toBe(1);
    expect(driver.isr).toBe(0);
    expect(driver.finished(0).map(({ length }) => length)).toEqual([1, 513, 1, 21]);
  });

  it('answers beyond the end, odd lengths, I/O errors and unknown types with a status', () => {
    const disk = new MemoryDisk();
    const { machine, driver } = diskDriver(disk);
    const data = driver.allocate(0x1000);
    const statuses = [
      request(driver, 0, 2048, data, 512),
      request(driver, 0, 0, data, 100),
      request(driver, 0, 2 ** 52, data, 512),
      request(driver, 77, 0, data, 512),
    ];
    machine.advanceTo(1e9);
    expect(statuses.map((at) => machine.memory.read8(at))).toEqual([1, 1, 1, 2]);
    disk.failing = true;
    const failed = request(driver, 0, 0, data, 512);
    machine.advanceTo(2e9);
    expect(machine.memory.read8(failed)).toBe(1);
  });

  it('data that is split at odd places arrives whole', () => {
    const disk = new MemoryDisk();
    disk.bytes.set(Uint8Array.from({ length: 1024 }, (_, n) => n % 251));
    const { machine, driver } = diskDriver(disk);
    const at = driver.allocate(0x3000);
    driver.submit(0, [
      { address: at, length: 7 },
      { address: at + 7, length: 9 },
      { address: at + 0x1000, length: 3, write: true },
      { address: at + 0x1100, length: 1021, write: true },
      { address: at + 0x2000, length: 1, write: true },
    ]);
    machine.advanceTo(1e9);
    const got = [
      ...machine.memory.bytes.slice(at + 0x1000, at + 0x1003),
      ...machine.memory.bytes.slice(at + 0x1100, at + 0x1100 + 1021),
    ];
    expect(got).toEqual([...disk.bytes.slice(0, 1024)]);
  });

  it('a chain that the guest changes while it is in flight is checked again', () => {
    const { machine, driver } = diskDriver(new MemoryDisk());
    request(driver, 0, 0, driver.allocate(0x1000), 512);
    driver.descriptor(driver.queues[0], 1, 2 ** 41, 512, 3, 2);
    machine.advanceTo(1e9);
    expect(driver.status & NEEDS_RESET).toBe(NEEDS_RESET);
  });

  it('event indices suppress and allow interrupts', () => {
    const { machine, driver } = diskDriver(new MemoryDisk(), [EVENT_IDX]);
    const queue = driver.queues[0];
    machine.memory.write16(queue.available + 4 + 2 * queue.size, 2); // used_event: interrupt at the third
    for (let n = 0; n < 3; n++) {
      request(driver, 4, 0, 0, 0);
      machine.advanceTo(machine.nowNanos() + 1e6);
      expect(driver.isr).toBe(n === 0 || n === 2 ? 1 : 0); // the first one has nothing to compare with
    }
    // avail_event follows what was taken.
    expect(machine.memory.read16(queue.used + 4 + 8 * queue.size)).toBe(3);
  });

  it('a snapshot with requests in flight goes on in the restored machine', () => {
    const disk = new MemoryDisk();
    disk.bytes.fill(7);
    const { machine, driver } = diskDriver(disk);
    const data = driver.allocate(0x1000);
    const status = request(driver, 0, 0, data, 512);
    const taken = machine.snapshotDevices();
    const other = withBackends({ disks: [disk] });
    other.memory.bytes.set(machine.memory.bytes.subarray(0, machine.memory.sizeBytes));
    other.restoreDevices(taken);
    for (const each of [machine, other]) {
      each.advanceTo(1e6);
      expect(each.memory.read8(status)).toBe(0);
      expect(each.memory.read8(data)).toBe(7);
    }
    expect(other.snapshotDevices()).toEqual(machine.snapshotDevices());
  });
});

describe('virtio net', () => {
  function start(features: readonly number[]) {
    const network = new LoopNetwork();
    const machine = withBackends({ network });
    return { network, machine, driver: new VirtioTestDriver(machine, 1).start(features, 2) };
  }

  it('E40: frames leave and come back', () => {
    const { network, machine, driver } = start([5]);
    expect([0, 1, 2, 3, 4, 5].map((n) => driver.config(n, 1))).toEqual([...network.macAddress]);
    expect(driver.config(6, 2)).toBe(1);
    expect(driver.config(10, 2)).toBe(1500);
    const buffer = driver.allocate(0x1000);
    machine.memory.fill(buffer + 12, 60, 0x42);
    driver.submit(1, [{ address: buffer, length: 12 + 60 }]);
    expect(network.sent).toEqual([new Uint8Array(60).fill(0x42)]);
    network.waiting.push(new Uint8Array(100).fill(9), new Uint8Array(64).fill(8));
    expect(machine.pollBackends()).toBe(false); // no buffer is posted: the backend keeps its frames
    expect(network.waiting.length).toBe(2);
    const receive = driver.allocate(0x2000);
    driver.submit(0, [{ address: receive, length: 1600, write: true }]);
    expect(machine.pollBackends()).toBe(true);
    expect(driver.finished(0)).toEqual([{ id: 0, length: 112 }]);
    expect(machine.memory.read16(receive + 10)).toBe(1);
    expect(machine.memory.read8(receive + 12)).toBe(9);
    driver.submit(0, [{ address: receive, length: 1600, write: true }]);
    machine.pollBackends();
    expect(driver.finished(0)).toEqual([{ id: 1, length: 76 }]);
    expect(machine.counters).toMatchObject({ framesIn: 2, framesOut: 1, bytesIn: 164, bytesOut: 60 });
  });

  it('E40: a frame is spread over merged buffers, and waits whole until there are enough', () => {
    const { network, machine, driver } = start([15]);
    network.waiting.push(Uint8Array.from({ length: 250 }, (_, n) => n));
    const at = driver.allocate(0x3000);
    driver.submit(0, [{ address: at, length: 112, write: true }]);
    driver.submit(0, [{ address: at + 0x1000, length: 100, write: true }]);
    machine.pollBackends();
    expect(driver.finished(0)).toEqual([]);
    const taken = machine.snapshotDevices();
    machine.restoreDevices(taken);
    driver.submit(0, [{ address: at + 0x2000, length: 100, write: true }]);
    expect(driver.finished(0).map(({ length }) => length)).toEqual([112, 100, 50]);
    expect(machine.memory.read16(at + 10)).toBe(3);
    expect(machine.memory.read8(at + 0x2000)).toBe(200);
  });

  it('E40: a header that ends at the end of RAM, in the middle of num_buffers, touches nothing beside its buffers', () => {
    const { network, machine, driver } = start([15]);
    const end = machine.memory.sizeBytes;
    network.waiting.push(new Uint8Array(60).fill(5));
    machine.memory.write8(0x30_0000, 0xee);
    driver.submit(0, [
      { address: end - 11, length: 11, write: true },
      { address: 0x30_0000, length: 200, write: true },
    ]);
    machine.pollBackends();
    expect(driver.finished(0).map(({ length }) => length)).toEqual([72]);
    expect(machine.memory.read8(end - 1)).toBe(1);
    expect(machine.memory.read8(0x30_0000)).toBe(0);
  });

  it('E40: frames that are too short, too long or ask for offload are dropped, and their buffers come back', () => {
    const { network, machine, driver } = start([]);
    const at = driver.allocate(0x20000);
    driver.submit(1, [{ address: at, length: 20 }]);
    driver.submit(1, [{ address: at, length: 0x1f000 }]);
    machine.memory.write8(at, 1);
    driver.submit(1, [{ address: at, length: 100 }]);
    expect(network.sent).toEqual([]);
    expect(driver.finished(1).length).toBe(3);
    expect(driver.status).toBe(15);
    driver.submit(1, [{ address: at, length: 11 }]);
    expect(driver.status & NEEDS_RESET).toBe(NEEDS_RESET);
  });

  it('a carrier that goes down is a configuration change', () => {
    const { network, machine, driver } = start([16]);
    network.up = false;
    machine.pollBackends();
    expect(driver.config(6, 2)).toBe(0);
    expect(driver.isr & 2).toBe(2);
  });
});

describe('virtio console', () => {
  function start() {
    const terminal = new TestConsole();
    terminal.terminal = { columns: 80, rows: 25 };
    const output = new TestConsole();
    const machine = withBackends({
      consoles: [
        { name: 'terminal', backend: terminal },
        { name: 'stdout', backend: output },
      ],
    });
    const driver = new VirtioTestDriver(machine, 3).start([0, 1], 6);
    const controlAt = driver.allocate(0x2000);
    for (let n = 0; n < 16; n++) driver.submit(2, [{ address: controlAt + n * 64, length: 64, write: true }]);
    const messages = (): { port: number; event: number; value: number; text: string }[] =>
      driver.finished(2).map(({ id, length }) => {
        const at = controlAt + id * 64;
        const { memory } = machine;
        return {
          port: memory.read32(at),
          event: memory.read16(at + 4),
          value: memory.read16(at + 6),
          text: Buffer.from(memory.bytes.slice(at + 8, at + length)).toString('latin1'),
        };
      });
    const say = (port: number, event: number, value: number): void => {
      const at = driver.allocate(0x1000);
      machine.memory.write32(at, port);
      machine.memory.write16(at + 4, event);
      machine.memory.write16(at + 6, value);
      driver.submit(3, [{ address: at, length: 8 }]);
    };
    return { terminal, output, machine, driver, messages, say };
  }

  it('announces its ports by name, with size and console mark', () => {
    const { machine, messages, say, terminal } = start();
    say(0, 0, 1);
    expect(messages()).toEqual([
      { port: 0, event: 1, value: 1, text: '' },
      { port: 1, event: 1, value: 1, text: '' },
    ]);
    say(0, 3, 1);
    say(1, 3, 1);
    expect(messages().map(({ port, event, value, text }) => [port, event, value, text])).toEqual([
      [0, 4, 1, ''],
      [0, 7, 1, 'terminal'],
      [0, 5, 0, '\x50\0\x19\0'],
      [0, 6, 1, ''],
      [1, 7, 1, 'stdout'],
      [1, 6, 1, ''],
    ]);
    terminal.terminal = { columns: 100, rows: 40 };
    machine.pollBackends();
    expect(messages()).toEqual([{ port: 0, event: 5, value: 0, text: '\x64\0\x28\0' }]);
  });

  it('moves bytes both ways; end of file comes after the bytes', () => {
    const { machine, driver, messages, say, terminal } = start();
    say(0, 3, 1);
    messages();
    terminal.input.push(Buffer.from('hello'));
    terminal.ended = true;
    const at = driver.allocate(0x1000);
    machine.pollBackends();
    expect(messages()).toEqual([]);
    driver.submit(0, [{ address: at, length: 3, write: true }]);
    driver.submit(0, [{ address: at + 16, length: 16, write: true }]);
    driver.submit(0, [{ address: at + 32, length: 16, write: true }]);
    expect(driver.finished(0).map(({ length }) => length)).toEqual([3, 2]);
    expect(messages().at(-1)).toMatchObject({ port: 0, event: 6, value: 0 });
    machine.memory.writeBytes(at + 64, Buffer.from('reply'));
    driver.submit(1, [{ address: at + 64, length: 5 }]);
    expect(Buffer.from(terminal.output).toString()).toBe('reply');
  });

  it('no byte is lost when the reader is slow, also across a snapshot; a reader that has gone ends the port', () => {
    const { machine, driver, messages, say, output } = start();
    say(1, 3, 1);
    messages();
    const text = Buffer.from('0123456789'.repeat(30));
    const at = driver.allocate(0x1000);
    machine.memory.writeBytes(at, text);
    output.room = 37;
    driver.submit(5, [{ address: at, length: text.length }]);
    expect(driver.finished(5)).toEqual([]);
    machine.restoreDevices(machine.snapshotDevices());
    output.room = 1000;
    machine.pollBackends();
    expect(Buffer.from(output.output).toString()).toBe(text.toString());
    expect(driver.finished(5).length).toBe(1);
    output.gone = true;
    driver.submit(5, [{ address: at, length: 10 }]);
    expect(driver.finished(5).length).toBe(1);
    expect(messages()).toEqual([{ port: 1, event: 6, value: 0, text: '' }]);
  });
});

describe('virtio entropy', () => {
  it('fills what it is given', () => {
    const machine = withBackends({ entropy: { fill: (target) => target.fill(0xa5) } });
    const driver = new VirtioTestDriver(machine, 4).start([], 1);
    const at = driver.allocate(0x2000);
    driver.submit(0, [
      { address: at, length: 10, write: true },
      { address: at + 0x100, length: 0x1f00, write: true },
    ]);
    expect(driver.finished(0)).toEqual([{ id: 0, length: 4096 }]);
    expect(machine.memory.read8(at + 0x100)).toBe(0xa5);
  });
});
