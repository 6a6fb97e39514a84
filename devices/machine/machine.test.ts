import { describe, expect, it } from 'vitest';
import { testBackends, testMachine } from '../../test/support/machine-fixture.ts';
import { TrapKind } from '../contract/cpu.ts';

describe('machine', () => {
  it('E1 E2: a loader walks the tables, allocates, and leaves with a fresh key only', () => {
    const { machine, serialText } = testMachine();
    const memory = machine.memory;
    const table = machine.firmwareEntry.systemTable;
    expect(memory.read64(table)).toBe(0x5453_5953_2049_4249n);
    const boot = memory.read64AsNumber(table + 0x60);
    const service = (offset: number): number => memory.read64AsNumber(boot + offset);
    const scratch = 0x5000;
    const mapAt = 0x10000;
    const getMap = (): number => {
      memory.write64FromNumber(scratch, 0x4000);
      expect(machine.callFirmware(service(0x38), scratch, mapAt, scratch + 8, scratch + 16, scratch + 24)).toBe(0n);
      return memory.read64AsNumber(scratch + 8);
    };
    const stale = getMap();
    expect(machine.callFirmware(service(0x28), 0, 2, 4, scratch + 32)).toBe(0n); // AllocatePages changes the map
    expect(machine.callFirmware(service(0xe8), machine.firmwareEntry.imageHandle, stale)).toBe(0x8000_0000_0000_0002n);
    expect(machine.callFirmware(service(0xe8), machine.firmwareEntry.imageHandle, getMap())).toBe(0n);
    expect(machine.bootServiceCallsAfterExit).toBe(0);
    expect(machine.callFirmware(service(0x38), scratch, mapAt, scratch + 8, scratch + 16, scratch + 24)).toBe(
      0x8000_0000_0000_0003n,
    );
    expect(machine.bootServiceCallsAfterExit).toBe(1);
    expect(memory.read64(table + 0x60)).toBe(0n);
    expect(serialText()).toBe('');
  });

  it('E1: a changed loader is refused with one line, and nothing runs', () => {
    const backends = testBackends();
    const loader = backends.flash.loader.slice();
    loader[3] ^= 1;
    const { machine, serialText } = testMachine({ ...backends, flash: { ...backends.flash, loader } });
    expect(machine.bootRefusal).toMatch(/differs from the hash/);
    expect(serialText()).toBe(`${machine.bootRefusal}\r\n`);
    expect(machine.run(1000)).toBe(TrapKind.shutdown);
    expect(machine.firmwareEntry.systemTable).toBe(0);
  });

  it('E1: a manifest that no platform key signed is refused', () => {
    const backends = testBackends();
    const manifest = new Uint8Array([...backends.flash.manifest, 10]);
    const { machine } = testMachine({ ...backends, flash: { ...backends.flash, manifest } });
    expect(machine.bootRefusal).toMatch(/no platform key/);
  });

  it('E13: the timer interrupts at the same instruction whatever the budgets', () => {
    const counts = [97, 1000, 1_000_000].map((budget) => {
      const { machine, cpu } = testMachine();
      for (const [port, value] of [
        [0x20, 0x11],
        [0x21, 0x20],
        [0x21, 4],
        [0x21, 1],
        [0x21, 0xfe],
        [0x43, 0x34],
        [0x40, 0x9c],
        [0x40, 0x2e],
      ])
        machine.portWrite(port, 1, value);
      cpu.setInterruptFlag(true);
      let trap: number = TrapKind.budget;
      while (trap === TrapKind.budget) trap = machine.run(budget);
      expect(trap).toBe(TrapKind.interrupt);
      expect(cpu.trapVector).toBe(0x20);
      return cpu.instructionCount;
    });
    expect(new Set(counts).size).toBe(1);
    // 11,932 ticks of 1.193182 MHz are 10.0001 ms.
    expect(counts[0]).toBeGreaterThan(9_990_000);
    expect(counts[0]).toBeLessThan(10_010_000);
  });

  it('time never runs backwards', () => {
    const { machine } = testMachine();
    machine.run(5000);
    machine.injectClock(1_000_000);
    expect(machine.nowNanos()).toBe(1_000_000);
    machine.injectClock(500);
    expect(machine.nowNanos()).toBe(1_000_000);
    machine.run(10);
    expect(machine.nowNanos()).toBe(1_000_010);
  });

  it('E7: 256 scan codes in a burst arrive through IRQ 1 one by one, in order', () => {
    const { machine, cpu } = testMachine();
    for (const [port, value] of [
      [0x20, 0x11],
      [0x21, 0x20],
      [0x21, 4],
      [0x21, 1],
      [0x21, 0xfd],
      [0x64, 0x60],
      [0x60, 0x45],
    ])
      machine.portWrite(port, 1, value);
    cpu.setInterruptFlag(true);
    const typed = Uint8Array.from({ length: 256 }, (_, n) => [0x1e, 0x9e, 0xe0, 0x48, 0xe0, 0xc8, 0x41, 0xc1][n % 8]);
    expect(machine.typeScancodes(typed)).toBe(256);
    const got: number[] = [];
    while (machine.pollInterrupts()) {
      expect(cpu.trapVector).toBe(0x21);
      got.push(machine.portRead(0x60, 1));
      machine.portWrite(0x20, 1, 0x20);
    }
    expect(got).toEqual([...typed]);
  });

  it('runtime services go on after exit: variables survive in the store, ResetSystem turns off', () => {
    const backends = testBackends();
    const { machine } = testMachine(backends);
    const memory = machine.memory;
    const runtime = memory.read64AsNumber(machine.firmwareEntry.systemTable + 0x58);
    const name = 0x6000;
    [...'Boot\0'].forEach((letter, n) => memory.write16(name + n * 2, letter.charCodeAt(0)));
    memory.fill(0x7000, 16, 0x42);
    memory.writeBytes(0x8000, Uint8Array.of(1, 2, 3));
    const set = memory.read64AsNumber(runtime + 0x58);
    const get = memory.read64AsNumber(runtime + 0x48);
    expect(machine.callFirmware(set, name, 0x7000, 7, 3, 0x8000)).toBe(0n);
    const again = testMachine(backends).machine;
    again.memory.writeBytes(name, memory.bytes.slice(name, name + 10));
    again.memory.fill(0x7000, 16, 0x42);
    again.memory.write64FromNumber(0x9000, 16);
    expect(again.callFirmware(get, name, 0x7000, 0x9008, 0x9000, 0xa000)).toBe(0n);
    expect([...again.memory.bytes.slice(0xa000, 0xa003)]).toEqual([1, 2, 3]);
    expect(again.callFirmware(memory.read64AsNumber(runtime + 0x68), 2, 0, 0, 0)).toBe(0n);
    expect(again.powerState).toBe('off');
  });

  it('a snapshot restores every device; a foreign one changes nothing', () => {
    const { machine } = testMachine();
    machine.typeScancodes(Uint8Array.of(1, 2, 3));
    machine.portWrite(0x43, 1, 0x34);
    machine.portWrite(0x40, 1, 0x9c);
    machine.portWrite(0x40, 1, 0x2e);
    machine.run(1234);
    const taken = machine.snapshotDevices();
    const other = testMachine().machine;
    other.restoreDevices(taken);
    expect(other.snapshotDevices()).toEqual(taken);
    expect(other.nextDeadlineNanos()).toBe(machine.nextDeadlineNanos());
    expect(() => other.restoreDevices(taken.map((d, n) => (n === 5 ? { ...d, version: 99 } : d)))).toThrow(
      /version 99/,
    );
    expect(other.snapshotDevices()).toEqual(taken);
  });
});
