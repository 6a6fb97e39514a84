// The loader: from power-on through the firmware to a machine that is the kernel's own.
//
//   firmware ──► boot(machine)                                  ──► BootInformation ──► kernel
//                  tables checked · screen found · banner · keys and options read · memory map · ExitBootServices
//
// Left out: loading the kernel from disk (the firmware has checked the signed manifest, which pins the bundle that holds
// loader and kernel both). After ExitBootServices nothing here may call the firmware; boot() ends there.

import type { Machine } from '../../devices/contract/machine.ts';
import type { BootFramebuffer, BootInformation, BootMemoryRegion } from '../abi/boot-information.ts';
import { EfiMemoryType } from '../abi/boot-information.ts';
import { Uart16550 } from '../drivers/uart-16550.ts';
import { BootError, Firmware } from './firmware.ts';
import { FramebufferConsole } from './framebuffer-console.ts';
import {
  AllocateType,
  BootService,
  COMMAND_LINE_VARIABLE,
  EUROOS_VARIABLE_GUID,
  Gop,
  GRAPHICS_OUTPUT_PROTOCOL_GUID,
  isError,
  MemoryDescriptor,
  OWNER_KEYS_VARIABLE,
  PixelFormat,
  RuntimeService,
  Status,
  SystemTable,
} from './uefi.ts';

export { BootError } from './firmware.ts';

export const VERSION = '0.1';

const PAGE_BYTES = 4096;
const KEY_BYTES = 32;
/** More owner's keys than anyone enrols. */
const MAX_OWNER_KEYS = 16;
/** GetMemoryMap buffer at the start and at most; firmware with a map above 4 MiB is out of its mind. */
const FIRST_MAP_PAGES = 2;
const MAX_MAP_PAGES = 1024;
/** A stale map key is possible once or twice (the call itself may allocate); more is a firmware fault. */
const MAX_EXIT_ATTEMPTS = 8;
/** EFI_SET_WATCHDOG_TIMER: 0 seconds = off. The firmware armed it for five minutes. */
const WATCHDOG_OFF = 0;

/** Boots the machine up to and including ExitBootServices. Throws BootError with one clear line if the firmware is unusable. */
export function boot(machine: Machine): BootInformation {
  return new Loader(machine).run();
}

interface MemoryMap {
  readonly regions: readonly BootMemoryRegion[];
  readonly key: number;
}

class Loader {
  private readonly machine: Machine;
  private readonly serial = new Uart16550();
  private readonly lines: string[] = [];
  private screen: FramebufferConsole | null = null;

  constructor(machine: Machine) {
    this.machine = machine;
  }

  run(): BootInformation {
    this.serial.initialise(this.machine);
    const firmware = new Firmware(this.machine);
    const framebuffer = this.findScreen(firmware);
    this.log(`EuroOS ${VERSION} — loader: ${this.describeFirmware(firmware)}`);
    this.describeScreen(framebuffer);
    firmware.boot(BootService.setWatchdogTimer, WATCHDOG_OFF, 0, 0, 0);
    const ownerKeys = this.readOwnerKeys(firmware);
    const commandLine = this.readCommandLine(firmware);
    const memoryMap = this.leaveFirmware(firmware);
    return {
      memoryMap,
      framebuffer,
      commandLine,
      bootLog: this.lines,
      reservedRanges: framebuffer === null ? [] : [this.framebufferRange(framebuffer)],
      ownerKeys,
    };
  }

  /** One line on the screen, on COM1 and in the log that the kernel takes over. */
  private log(line: string): void {
    this.lines.push(line);
    this.serial.writeBytes(this.machine, new TextEncoder().encode(`${line}\r\n`));
    this.screen?.write(this.machine, `${line}\n`);
  }

  private describeFirmware(firmware: Firmware): string {
    const memory = this.machine.memory;
    const vendor = firmware.readText(memory.read64AsNumber(firmware.systemTable + SystemTable.firmwareVendor));
    const revision = memory.read32(firmware.systemTable + 8);
    return `UEFI ${revision >>> 16}.${(revision & 0xffff) / 10} by ${vendor}, tables and checksums good`;
  }

  /** GOP: the mode that the firmware left on. */
  private findScreen(firmware: Firmware): BootFramebuffer | null {
    const gop = firmware.locateProtocol(BootService.locateProtocol, GRAPHICS_OUTPUT_PROTOCOL_GUID);
    if (gop === 0) return null;
    const memory = this.machine.memory;
    const mode = memory.read64AsNumber(gop + Gop.mode);
    const information = memory.read64AsNumber(mode + Gop.modeInfo);
    const framebuffer: BootFramebuffer = {
      physicalAddress: memory.read64AsNumber(mode + Gop.modeFrameBufferBase),
      width: memory.read32(information + Gop.infoHorizontalResolution),
      height: memory.read32(information + Gop.infoVerticalResolution),
      pixelsPerScanLine: memory.read32(information + Gop.infoPixelsPerScanLine),
      format: memory.read32(information + Gop.infoPixelFormat) === PixelFormat.bgrx ? 'bgrx' : 'rgbx',
    };
    const sizeBytes = memory.read64AsNumber(mode + Gop.modeFrameBufferSize);
    const usable =
      memory.read32(information + Gop.infoPixelFormat) <= PixelFormat.bgrx &&
      framebuffer.width >= 8 &&
      framebuffer.height >= 8 &&
      framebuffer.width <= framebuffer.pixelsPerScanLine &&
      framebuffer.physicalAddress % 4 === 0 &&
      framebuffer.pixelsPerScanLine * framebuffer.height * 4 <= sizeBytes;
    if (!usable) return null;
    this.screen = new FramebufferConsole(framebuffer);
    this.screen.clear(this.machine);
    return framebuffer;
  }

  private describeScreen(framebuffer: BootFramebuffer | null): void {
    if (framebuffer === null) return this.log('[boot] GOP: no usable screen, serial log only');
    const at = framebuffer.physicalAddress.toString(16);
    this.log(`[boot] GOP ${framebuffer.width}x${framebuffer.height} ${framebuffer.format} at 0x${at}`);
  }

  private framebufferRange(framebuffer: BootFramebuffer): { physicalStart: number; pageCount: number } {
    const start = Math.floor(framebuffer.physicalAddress / PAGE_BYTES);
    const end = framebuffer.physicalAddress + framebuffer.pixelsPerScanLine * framebuffer.height * 4;
    return { physicalStart: start * PAGE_BYTES, pageCount: Math.ceil(end / PAGE_BYTES) - start };
  }

  private readOwnerKeys(firmware: Firmware): Uint8Array[] {
    const bytes = firmware.readVariable(RuntimeService.getVariable, OWNER_KEYS_VARIABLE, EUROOS_VARIABLE_GUID);
    const keys: Uint8Array[] = [];
    if (bytes !== null && bytes.length % KEY_BYTES === 0)
      for (let at = 0; at < bytes.length && keys.length < MAX_OWNER_KEYS; at += KEY_BYTES)
        keys.push(bytes.slice(at, at + KEY_BYTES));
    this.log(`[boot] owner's keys enrolled: ${keys.length}`);
    return keys;
  }

  private readCommandLine(firmware: Firmware): string {
    const bytes = firmware.readVariable(RuntimeService.getVariable, COMMAND_LINE_VARIABLE, EUROOS_VARIABLE_GUID);
    const text =
      bytes === null
        ? ''
        : new TextDecoder()
            .decode(bytes)
            .replace(/[\0-\x1f]+/g, ' ')
            .trim();
    if (text !== '') this.log(`[boot] options: ${text}`);
    return text;
  }

  /** GetMemoryMap and ExitBootServices, again while the key is stale (UEFI 2.10, 7.4.6). */
  private leaveFirmware(firmware: Firmware): readonly BootMemoryRegion[] {
    let buffer = this.allocate(firmware, FIRST_MAP_PAGES);
    for (let attempt = 0; attempt < MAX_EXIT_ATTEMPTS; attempt++) {
      const map = this.readMemoryMap(firmware, buffer.address, buffer.pages);
      if (map === null) {
        // The allocation itself may lengthen the map, hence doubling, not the exact size.
        if (buffer.pages * 2 > MAX_MAP_PAGES) break;
        buffer = this.allocate(firmware, buffer.pages * 2);
        attempt--;
        continue;
      }
      if (attempt === 0) this.describeMemory(map);
      const status = firmware.boot(BootService.exitBootServices, this.machine.firmwareEntry.imageHandle, map.key);
      if (status === Status.success) {
        this.log('[boot] ExitBootServices OK — the machine is ours');
        return map.regions;
      }
      if (status !== Status.invalidParameter) break;
      this.log('[boot] ExitBootServices: the map key is stale, trying again');
    }
    throw new BootError('firmware: ExitBootServices failed');
  }

  private allocate(firmware: Firmware, pages: number): { address: number; pages: number } {
    const memory = this.machine.memory;
    memory.write64FromNumber(firmware.scratch, 0);
    const status = firmware.boot(
      BootService.allocatePages,
      AllocateType.anyPages,
      EfiMemoryType.loaderData,
      pages,
      firmware.scratch,
    );
    const address = memory.read64AsNumber(firmware.scratch);
    if (isError(status) || !memory.contains(address, pages * PAGE_BYTES))
      throw new BootError(`firmware: AllocatePages of ${pages} pages failed`);
    return { address, pages };
  }

  /** null: the buffer is too small. Out parameters in scratch: +0 size, +8 key, +16 descriptor size, +24 version. */
  private readMemoryMap(firmware: Firmware, buffer: number, pages: number): MemoryMap | null {
    const memory = this.machine.memory;
    const out = firmware.scratch;
    memory.write64FromNumber(out, pages * PAGE_BYTES);
    const status = firmware.boot(BootService.getMemoryMap, out, buffer, out + 8, out + 16, out + 24);
    if (status === Status.bufferTooSmall) return null;
    const sizeBytes = memory.read64AsNumber(out);
    const stride = memory.read64AsNumber(out + 16);
    if (isError(status) || stride < MemoryDescriptor.bytes || sizeBytes > pages * PAGE_BYTES)
      throw new BootError('firmware: GetMemoryMap failed');
    const regions: BootMemoryRegion[] = [];
    for (let at = buffer; at + MemoryDescriptor.bytes <= buffer + sizeBytes; at += stride)
      regions.push({
        type: memory.read32(at + MemoryDescriptor.type),
        physicalStart: memory.read64AsNumber(at + MemoryDescriptor.physicalStart),
        pageCount: memory.read64AsNumber(at + MemoryDescriptor.numberOfPages),
      });
    return { regions, key: memory.read64AsNumber(out + 8) };
  }

  private describeMemory(map: MemoryMap): void {
    let freePages = 0;
    for (const region of map.regions) if (region.type === EfiMemoryType.conventional) freePages += region.pageCount;
    const mebibytes = Math.floor((freePages * PAGE_BYTES) / (1024 * 1024));
    this.log(`[boot] memory map: ${map.regions.length} regions, ${mebibytes} MiB free`);
  }
}
