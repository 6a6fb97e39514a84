import { describe, expect, it } from 'vitest';
import { createMachine } from '../../devices/machine/index.ts';
import { testBackends, testConfiguration } from '../../test/support/machine-fixture.ts';
import { EfiMemoryType } from '../abi/boot-information.ts';
import { GLYPH_HEIGHT, glyphRow, hasGlyph } from './font-8x8.ts';
import { boot } from './loader.ts';
import { tableCrc32 } from './uefi.ts';

function testMachine() {
  const backends = testBackends();
  const machine = createMachine({ ...testConfiguration, framebufferWidth: 1280, framebufferHeight: 800 }, backends);
  return { machine, serialText: () => new TextDecoder().decode(Uint8Array.from(backends.serialBytes)) };
}

describe('font', () => {
  it('E1: has a glyph of its own for all of printable ASCII, and no two are alike', () => {
    const seen = new Map<string, string>();
    for (let code = 32; code < 127; code++) {
      expect(hasGlyph(code), String.fromCharCode(code)).toBe(true);
      const rows = Array.from({ length: GLYPH_HEIGHT }, (_, y) => glyphRow(code, y)).join();
      expect(seen.get(rows), String.fromCharCode(code)).toBeUndefined();
      seen.set(rows, String.fromCharCode(code));
    }
    for (const character of 'äöüÄÖÜß€…—·→─│┌┐└┘') expect(hasGlyph(character.codePointAt(0) ?? 0)).toBe(true);
  });
});

describe('loader', () => {
  it('E1 E2 E6: walks from the system table to a machine of its own, on screen and serial', () => {
    const { machine, serialText } = testMachine();
    const information = boot(machine);
    expect(information.bootLog[0]).toMatch(/^EuroOS 0\.1 — loader: UEFI 2\.\d+ by /);
    expect(serialText()).toBe(`${information.bootLog.join('\r\n')}\r\n`);
    const free = information.memoryMap.filter((region) => region.type === EfiMemoryType.conventional);
    expect(free.length).toBeGreaterThan(0);
    expect(machine.bootServiceCallsAfterExit).toBe(0);
    const screen = information.framebuffer;
    if (screen === null) throw new Error('no framebuffer');
    // The banner's first letter stands at the top left: row 0 of the E, each font pixel enlarged.
    const scale = Math.floor(screen.width / 640);
    const background = machine.memory.read32(screen.physicalAddress + 4 * (screen.width - 1));
    for (let x = 0; x < 8; x++) {
      const lit = machine.memory.read32(screen.physicalAddress + 4 * x * scale) !== background;
      expect(lit).toBe(((glyphRow(69, 0) >> (7 - x)) & 1) !== 0);
    }
  });

  it('E1: a table whose checksum is wrong is refused', () => {
    const { machine } = testMachine();
    const table = machine.firmwareEntry.systemTable;
    machine.memory.write8(table + 32, machine.memory.read8(table + 32) ^ 1);
    expect(() => boot(machine)).toThrow(/EFI_SYSTEM_TABLE has a wrong checksum/);
  });

  it('a system table outside memory or of impossible size is refused', () => {
    const { machine } = testMachine();
    const table = machine.firmwareEntry.systemTable;
    machine.memory.write32(table + 12, 0x7fffffff);
    expect(() => boot(machine)).toThrow(/impossible size/);
  });

  it('the checksum takes its own field as zero', () => {
    const { machine } = testMachine();
    machine.memory.writeBytes(0x9000, new TextEncoder().encode('123456789'));
    // The check value of CRC-32/ISO-HDLC.
    expect(tableCrc32(machine.memory, 0x9000, 9)).toBe(0xcbf43926);
  });
});
