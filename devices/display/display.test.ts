import { describe, expect, it } from 'vitest';
import { testBackends, testMachine } from '../../test/support/machine-fixture.ts';
import { VirtioTestDriver } from '../../test/support/virtio-test-driver.ts';
import type { DisplayBackend } from '../backends/backends.ts';
import { BATCH_BYTES } from './display-device.ts';

type Call = readonly [string, ...unknown[]];

function recorder(): DisplayBackend & { calls: Call[] } {
  const calls: Call[] = [];
  return {
    calls,
    framebuffer: (x, y, width, height, rgba) => calls.push(['framebuffer', x, y, width, height, rgba]),
    showScene: (on) => calls.push(['showScene', on]),
    surfaceCreated: (id, kind, width, height) => calls.push(['created', id, kind, width, height]),
    surfaceDestroyed: (id) => calls.push(['destroyed', id]),
    surfaceDamaged: (id, x, y, width, height, data) => calls.push(['damaged', id, x, y, width, height, data]),
    scene: (json) => calls.push(['scene', Buffer.from(json).toString()]),
    cursor: (x, y, shape) => calls.push(['cursor', x, y, shape]),
  };
}

function start() {
  const viewer = recorder();
  const { machine } = testMachine({ ...testBackends(), display: viewer });
  const driver = new VirtioTestDriver(machine, 63).start([], 1, 64);
  viewer.calls.length = 0;
  /** Sends a message; returns where the status will be. */
  const send = (command: number, surface: number, a0: number, a1: number, payload: Uint8Array = new Uint8Array(0)) => {
    const at = driver.allocate(0x12000);
    machine.memory.write32(at, command);
    machine.memory.write32(at + 4, surface);
    machine.memory.write32(at + 8, a0 >>> 0);
    machine.memory.write32(at + 12, a1 >>> 0);
    machine.memory.writeBytes(at + 16, payload);
    machine.memory.write32(at + 0x11000, 0xeeee);
    driver.submit(0, [
      { address: at, length: 16 + payload.length },
      { address: at + 0x11000, length: 4, write: true },
    ]);
    return at + 0x11000;
  };
  const status = (at: number): number => machine.memory.read32(at);
  const u64 = (value: number): Uint8Array => {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, BigInt(value), true);
    return bytes;
  };
  return { viewer, machine, driver, send, status, u64 };
}

describe('display device', () => {
  it('tells its size, creates surfaces and sends rectangles of them tightly packed', () => {
    const { viewer, machine, driver, send, status, u64 } = start();
    expect([0, 4, 8, 12, 16].map((at) => driver.config(at, 4))).toEqual([1, 640, 480, 64, BATCH_BYTES]);
    const surface = driver.allocate(0x1000);
    machine.memory.writeBytes(
      surface,
      Uint8Array.from({ length: 4 * 3 * 4 }, (_, n) => n),
    );
    expect(status(send(1, 5, 4 | (3 << 16), 1, u64(surface)))).toBe(0);
    expect(status(send(3, 5, 1 | (1 << 16), 2 | (2 << 16)))).toBe(0);
    expect(viewer.calls).toEqual([
      ['created', 5, 'pixels', 4, 3],
      ['damaged', 5, 1, 1, 2, 2, Uint8Array.of(20, 21, 22, 23, 24, 25, 26, 27, 36, 37, 38, 39, 40, 41, 42, 43)],
    ]);
    expect(status(send(2, 5, 0, 0))).toBe(0);
    expect(status(send(2, 5, 0, 0))).toBe(1);
  });

  it('refuses surfaces outside RAM, rectangles outside their surface, wrong kinds, long scenes; nothing reaches the viewer', () => {
    const { viewer, machine, send, status, u64 } = start();
    const size = 8 | (8 << 16);
    expect(status(send(1, 1, size, 1, u64(machine.memory.sizeBytes - 8)))).toBe(1);
    expect(status(send(1, 1, size, 1, u64(2 ** 52)))).toBe(1);
    expect(status(send(1, 1, size, 2, u64(0x1000)))).toBe(1);
    expect(status(send(1, 65, size, 1, u64(0x1000)))).toBe(1);
    expect(status(send(1, 1, 0xffff_ffff, 1, u64(0x1000)))).toBe(1);
    expect(status(send(1, 1, size, 1))).toBe(1);
    expect(status(send(99, 1, 0, 0))).toBe(1);
    expect(viewer.calls).toEqual([]);
    expect(status(send(1, 1, size, 0, u64(0x1000)))).toBe(0);
    expect(status(send(3, 1, 1, size))).toBe(1);
    expect(status(send(3, 1, 0, 0))).toBe(1);
    expect(status(send(4, 0, 0, 0, new Uint8Array(65_536)))).toBe(0);
    expect(status(send(4, 0, 0, 0, new Uint8Array(65_537)))).toBe(1);
  });

  it('stops after a batch until the viewer has shown it', () => {
    const { machine, driver, send, status, u64 } = start();
    const surface = driver.allocate(1024 * 1024);
    send(1, 1, 512 | (512 << 16), 1, u64(surface));
    const all = 512 | (512 << 16);
    const answers = [0, 1, 2, 3, 4, 5].map(() => send(3, 1, 0, all));
    expect(answers.map(status)).toEqual([0, 0, 0, 0, 0xeeee, 0xeeee]);
    machine.displayAcknowledged();
    expect(answers.map(status)).toEqual([0, 0, 0, 0, 0, 0]);
  });

  it('D3: refused messages, of which the viewer sees nothing, never use up a batch', () => {
    const { viewer, driver, send, status } = start();
    const refused = driver.allocate(0x1000);
    const messages = BATCH_BYTES / 256 + 1;
    for (let count = 0; count < messages; count++) driver.submit(0, [{ address: refused, length: 16 }]);
    expect(viewer.calls).toEqual([]);
    expect(status(send(5, 0, 7 | (8 << 16), 1))).toBe(0);
    expect(viewer.calls).toEqual([['cursor', 7, 8, 1]]);
  });

  it('sends only what has changed in the framebuffer, as RGBA, and nothing while the scene is shown', () => {
    const { viewer, machine, send } = start();
    const base = Math.floor((machine.memory.sizeBytes - 640 * 480 * 4) / 0x10000) * 0x10000;
    machine.refreshFramebuffer();
    expect(viewer.calls.map((call) => call.slice(0, 5))).toEqual([['framebuffer', 0, 0, 640, 480]]);
    viewer.calls.length = 0;
    machine.refreshFramebuffer();
    expect(viewer.calls).toEqual([]);
    machine.memory.write32(base + (100 * 640 + 7) * 4, 0x00112233);
    machine.memory.write32(base + (120 * 640 + 9) * 4, 0x00445566);
    machine.refreshFramebuffer();
    expect(viewer.calls.map((call) => call.slice(0, 5))).toEqual([['framebuffer', 7, 100, 3, 21]]);
    expect([...(viewer.calls[0][5] as Uint8Array).slice(0, 4)]).toEqual([0x11, 0x22, 0x33, 0xff]);
    send(6, 0, 1, 0);
    viewer.calls.length = 0;
    machine.memory.write32(base, 1);
    machine.refreshFramebuffer();
    expect(viewer.calls).toEqual([]);
    send(6, 0, 0, 0);
    machine.refreshFramebuffer();
    expect(viewer.calls.map((call) => call.slice(0, 5))).toEqual([
      ['showScene', false],
      ['framebuffer', 0, 0, 1, 1],
    ]);
  });

  it('after a restore and after resendDisplay the viewer is told everything', () => {
    const { viewer, machine, driver, send, u64 } = start();
    const surface = driver.allocate(0x1000);
    send(1, 3, 2 | (2 << 16), 0, u64(surface));
    send(4, 0, 0, 0, Buffer.from('{"version":1}'));
    send(5, 0, 10 | (20 << 16), 2);
    send(6, 0, 1, 0);
    const taken = machine.snapshotDevices();
    machine.restoreDevices(taken);
    expect(machine.snapshotDevices()).toEqual(taken);
    viewer.calls.length = 0;
    machine.pollBackends();
    const told = viewer.calls.filter(([name, id]) => name !== 'destroyed' || id === 3);
    expect(told.map((call) => call.slice(0, 4))).toEqual([
      ['destroyed', 3],
      ['created', 3, 'cells', 2],
      ['damaged', 3, 0, 0],
      ['scene', '{"version":1}'],
      ['cursor', 10, 20, 2],
      ['showScene', true],
    ]);
  });

  it('a reset destroys the surfaces and shows the framebuffer', () => {
    const { viewer, driver, send, u64 } = start();
    send(1, 3, 2 | (2 << 16), 0, u64(0x1000));
    viewer.calls.length = 0;
    driver.write(0x14, 1, 0);
    expect(viewer.calls).toEqual([
      ['destroyed', 3],
      ['showScene', false],
    ]);
  });
});
