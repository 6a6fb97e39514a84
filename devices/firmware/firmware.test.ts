import { describe, expect, it } from 'vitest';
import { testBackends, testConfiguration, testMachine } from '../../test/support/machine-fixture.ts';
import { crc32 } from './crc32.ts';

const INVALID = 0x8000_0000_0000_0002n;
const NOT_FOUND = 0x8000_0000_0000_000en;
const TOO_SMALL = 0x8000_0000_0000_0005n;
const PAGE = 4096;

function start() {
  const backends = testBackends();
  const { machine, serialText } = testMachine(backends);
  const memory = machine.memory;
  const system = machine.firmwareEntry.systemTable;
  const boot = memory.read64AsNumber(system + 0x60);
  const runtime = memory.read64AsNumber(system + 0x58);
  const call = (table: number, offset: number, ...args: number[]): bigint =>
    machine.callFirmware(memory.read64AsNumber(table + offset), ...args);
  const scratch = 0x4000;
  const map = (): { type: number; start: number; pages: number; runtime: boolean }[] => {
    memory.write64FromNumber(scratch, 0x8000);
    expect(call(boot, 0x38, scratch, 0x40000, scratch + 8, scratch + 16, scratch + 24)).toBe(0n);
    const count = memory.read64AsNumber(scratch) / memory.read64AsNumber(scratch + 16);
    return Array.from({ length: count }, (_, n) => {
      const at = 0x40000 + n * 48;
      return {
        type: memory.read32(at),
        start: memory.read64AsNumber(at + 8),
        pages: memory.read64AsNumber(at + 24),
        runtime: memory.read32(at + 36) >>> 31 === 1,
      };
    });
  };
  return { machine, memory, system, boot, runtime, call, scratch, map, serialText };
}

describe('UEFI firmware', () => {
  it('E1: the tables carry their signatures, sizes and checksums', () => {
    const { memory, system, boot, runtime } = start();
    for (const [table, size] of [
      [system, 0x78],
      [boot, 0x178],
      [runtime, 0x88],
    ]) {
      expect(memory.read32(table + 12)).toBe(size);
      const bytes = memory.bytes.slice(table, table + size);
      const stored = memory.read32(table + 16);
      bytes.fill(0, 16, 20);
      expect(crc32(bytes)).toBe(stored);
    }
    expect(crc32(Buffer.from('123456789'))).toBe(0xcbf43926);
  });

  it('E9: the map is sorted, without overlaps, and describes all of RAM; hole, framebuffer and firmware are not conventional', () => {
    const { memory, map } = start();
    let end = 0;
    for (const region of map()) {
      expect(region.start).toBe(end);
      end += region.pages * PAGE;
    }
    expect(end).toBe(memory.sizeBytes);
    const typeAt = (address: number): number | undefined =>
      map().find((region) => address >= region.start && address < region.start + region.pages * PAGE)?.type;
    expect(typeAt(0xa0000)).toBe(0);
    expect(typeAt(0xfffff)).toBe(0);
    expect(typeAt(memory.sizeBytes - 1)).toBe(0);
    expect(typeAt(0x100000)).toBe(7);
    expect(
      map()
        .filter((region) => region.runtime)
        .map((region) => region.type),
    ).toEqual([6, 5]);
  });

  it('E1: GOP tells the mode and the framebuffer, and SetMode clears it', () => {
    const { memory, boot, call, scratch } = start();
    memory.writeBytes(
      scratch,
      Uint8Array.of(0xde, 0xa9, 0x42, 0x90, 0xdc, 0x23, 0x38, 0x4a, 0x96, 0xfb, 0x7a, 0xde, 0xd0, 0x80, 0x51, 0x6a),
    );
    expect(call(boot, 0x140, scratch, 0, scratch + 32)).toBe(0n);
    const gop = memory.read64AsNumber(scratch + 32);
    const mode = memory.read64AsNumber(gop + 24);
    const information = memory.read64AsNumber(mode + 8);
    const framebuffer = memory.read64AsNumber(mode + 24);
    expect([4, 8, 12, 32].map((at) => memory.read32(information + at))).toEqual([640, 480, 1, 640]);
    expect(memory.contains(framebuffer, memory.read64AsNumber(mode + 32))).toBe(true);
    memory.write32(framebuffer, 0x123456);
    expect(call(gop, 8, gop, 0)).toBe(0n);
    expect(memory.read32(framebuffer)).toBe(0);
    memory.fill(scratch, 16, 0x11);
    expect(call(boot, 0x140, scratch, 0, scratch + 32)).toBe(NOT_FOUND);
  });

  it('allocates where it is told, gives back, and never gives the same page twice', () => {
    const { memory, boot, call, scratch, map } = start();
    const before = map();
    memory.write64FromNumber(scratch + 64, 0x20_0000);
    expect(call(boot, 0x28, 2, 2, 4, scratch + 64)).toBe(0n);
    expect(call(boot, 0x28, 2, 2, 4, scratch + 64)).toBe(NOT_FOUND);
    memory.write64FromNumber(scratch + 64, 0x10_0000 - 1);
    expect(call(boot, 0x28, 1, 2, 1, scratch + 64)).toBe(0n);
    expect(memory.read64AsNumber(scratch + 64)).toBe(0x9e000);
    expect(call(boot, 0x40, 2, 100, scratch + 72)).toBe(0n);
    expect(call(boot, 0x48, memory.read64AsNumber(scratch + 72))).toBe(0n);
    expect(call(boot, 0x48, memory.read64AsNumber(scratch + 72))).toBe(INVALID);
    expect(call(boot, 0x30, 0x9e000, 1)).toBe(0n);
    expect(call(boot, 0x30, 0x9e000, 1)).toBe(NOT_FOUND);
    expect(call(boot, 0x30, 0x20_0000, 4)).toBe(0n);
    expect(map()).toEqual(before);
    expect(call(boot, 0x30, memory.sizeBytes - PAGE, 1)).toBe(NOT_FOUND); // the framebuffer is nobody's to free
    expect(call(boot, 0x30, 0xa0000, 1)).toBe(NOT_FOUND);
    expect(call(boot, 0x28, 0, 2, 1e9, scratch + 64)).toBe(0x8000_0000_0000_0009n);
    expect(call(boot, 0x28, 0, 7, 1, scratch + 64)).toBe(INVALID);
  });

  it('every service survives every kind of pointer', () => {
    const { machine, memory, boot, runtime } = start();
    const values = [0, 1, 7, 0x4000, memory.sizeBytes - 1, memory.sizeBytes, 2 ** 32, 2 ** 52, 2 ** 63, -1, Number.NaN];
    for (const [table, count] of [
      [boot, 44],
      [runtime, 14],
    ])
      for (let n = 0; n < count; n++) {
        const address = memory.read64AsNumber(table + 24 + n * 8);
        if (table === boot && (n === 26 || n === 28 || n === 41 || n === 42)) continue; // exit, Stall, CopyMem and SetMem do as told
        for (const a of values)
          for (const b of [0, 0x4000, memory.sizeBytes, 2 ** 52])
            expect(typeof machine.callFirmware(address, a, b, a, b, a, b)).toBe('bigint');
      }
    expect(machine.callFirmware(12345)).toBe(0x8000_0000_0000_0003n);
  });

  it('ConOut goes to COM1; a text without end is cut', () => {
    const { machine, memory, system, call, serialText } = start();
    const output = memory.read64AsNumber(system + 0x40);
    [...'Grüße\0'].forEach((letter, n) => memory.write16(0x4000 + n * 2, letter.charCodeAt(0)));
    expect(call(output, 8, output, 0x4000)).toBe(0n);
    expect(serialText()).toBe('Grüße');
    expect(call(output, 8, output, machine.memory.sizeBytes - 2)).not.toBe(undefined);
  });

  it('variables: sizes, attributes, enumeration, and what is visible at runtime', () => {
    const { machine, memory, boot, runtime, call, map } = start();
    const name = (text: string): number => {
      [...`${text}\0`].forEach((letter, n) => memory.write16(0x5000 + n * 2, letter.charCodeAt(0)));
      return 0x5000;
    };
    const guid = 0x5800;
    memory.fill(guid, 16, 1);
    memory.writeBytes(0x6000, Uint8Array.of(1, 2, 3, 4));
    expect(call(runtime, 0x58, name('BootOnly'), guid, 3, 4, 0x6000)).toBe(0n);
    expect(call(runtime, 0x58, name('Always'), guid, 7, 2, 0x6000)).toBe(0n);
    expect(call(runtime, 0x58, name('Always'), guid, 0x47, 2, 0x6002)).toBe(0n); // append
    expect(call(runtime, 0x58, name('Bad'), guid, 4, 2, 0x6000)).toBe(INVALID);
    expect(call(runtime, 0x58, name('Huge'), guid, 7, 40_000, 0x6000)).not.toBe(0n);
    memory.write64FromNumber(0x7000, 1);
    expect(call(runtime, 0x48, name('Always'), guid, 0, 0x7000, 0x7100)).toBe(TOO_SMALL);
    expect(memory.read64AsNumber(0x7000)).toBe(4);
    expect(call(runtime, 0x48, name('Always'), guid, 0x7008, 0x7000, 0x7100)).toBe(0n);
    expect([...memory.bytes.slice(0x7100, 0x7104)]).toEqual([1, 2, 3, 4]);
    const list = (): string[] => {
      const found: string[] = [];
      memory.write16(0x5000, 0);
      for (;;) {
        memory.write64FromNumber(0x7000, 512);
        if (call(runtime, 0x50, 0x7000, 0x5000, guid) !== 0n) return found;
        const bytes = memory.read64AsNumber(0x7000);
        found.push(Buffer.from(memory.bytes.slice(0x5000, 0x5000 + bytes - 2)).toString('utf16le'));
      }
    };
    expect(list()).toEqual(['BootOnly', 'Always']);
    map();
    expect(call(boot, 0xe8, machine.firmwareEntry.imageHandle, memory.read64AsNumber(0x4008))).toBe(0n);
    expect(list()).toEqual(['Always']);
    expect(call(runtime, 0x58, name('BootOnly'), guid, 3, 0, 0)).not.toBe(0n);
    expect(call(runtime, 0x58, name('Always'), guid, 7, 0, 0)).toBe(0n);
    expect(list()).toEqual([]);
  });

  it('GetTime is the battery-backed clock plus virtual time', () => {
    const { machine, memory, runtime, call } = start();
    machine.advanceTo(3_600e9);
    expect(call(runtime, 0x18, 0x4000, 0)).toBe(0n);
    expect(memory.read16(0x4000)).toBe(2026);
    expect([...memory.bytes.slice(0x4002, 0x4007)]).toEqual([2, 3, 5, 5, 6]);
  });

  it('goes on from a snapshot; one with a broken map is refused and changes nothing', () => {
    const { machine, map, call, boot, scratch } = start();
    call(boot, 0x28, 0, 2, 3, scratch + 64);
    const taken = machine.snapshotDevices();
    const before = map();
    const index = taken.findIndex((device) => device.kind === 'firmware');
    const state = structuredClone(taken[index].state) as { map: { regions: { start: number }[] } };
    state.map.regions[2].start = 5;
    expect(() =>
      machine.restoreDevices(taken.map((d, n) => (n === index ? { ...d, state: state as never } : d))),
    ).toThrow(/broken memory map/);
    expect(map()).toEqual(before);
    machine.restoreDevices(taken);
    expect(map()).toEqual(before);
    expect(testConfiguration.memoryBytes).toBe(machine.memory.sizeBytes);
  });
});
