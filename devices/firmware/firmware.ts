// UEFI firmware (UEFI 2.10): what the machine does between power-on and ExitBootServices, and the runtime services afterwards.
//
//   power-on ─► check the boot flash ─► tables, memory map, page tables in RAM ─► loader calls services by address
//                      │ refused: one line on COM1, nothing in RAM                     └─► ExitBootServices(key) ─► runtime only
//
// A service is called by the address that stands in a table in guest memory: FirmwareService n of a range is at start + 16 n.
//
// Invariants: the map's key names one exact map; after exit no boot service does anything but raise callsAfterExit.

import type { VariableStoreBackend } from '../backends/backends.ts';
import { copyState, restoreState, writeState } from '../base/device-state.ts';
import { PAGE_BYTES } from '../base/physical-memory.ts';
import type { Cpu } from '../contract/cpu.ts';
import type { DeviceSnapshot, Snapshotable } from '../contract/device.ts';
import { bootServices, protocolServices } from './boot-services.ts';
import {
  type FirmwareBoard,
  type FirmwareContext,
  type FirmwareService,
  type FirmwareState,
  Handle,
  handleAddress,
} from './context.ts';
import { enterLongMode } from './entry-state.ts';
import {
  EfiMemoryType,
  EfiStatus,
  FIRMWARE_RANGES,
  type FirmwarePlan,
  LEGACY_HOLE_END,
  LEGACY_HOLE_START,
  planFirmware,
  RuntimeData,
  STUB_BYTES,
} from './layout.ts';
import { FirmwareMemoryMap, type MemoryRegion } from './memory-map.ts';
import { RUNTIME_SERVICES_SUPPORTED, runtimeServices } from './runtime-services.ts';
import { writeTables } from './tables.ts';
import { VariableStore } from './variables.ts';

const bootStubs: readonly FirmwareService[] = [...bootServices, ...protocolServices];
/** The most parameters that any service has (OpenProtocol). */
const MAX_ARGUMENTS = 6;

/** What the loader finds: all of RAM, described without gaps, except that the legacy hole is plainly reserved. */
function powerOnMap(plan: FirmwarePlan): MemoryRegion[] {
  const range = (start: number, bytes: number, type: number): MemoryRegion => ({
    start,
    pages: bytes / PAGE_BYTES,
    type,
  });
  return [
    range(0, LEGACY_HOLE_START, EfiMemoryType.conventional),
    range(LEGACY_HOLE_START, LEGACY_HOLE_END - LEGACY_HOLE_START, EfiMemoryType.reserved),
    range(LEGACY_HOLE_END, plan.bootData - LEGACY_HOLE_END, EfiMemoryType.conventional),
    range(plan.bootData, FIRMWARE_RANGES.bootData, EfiMemoryType.bootServicesData),
    range(plan.bootCode, FIRMWARE_RANGES.bootCode, EfiMemoryType.bootServicesCode),
    range(plan.reserved, FIRMWARE_RANGES.reserved, EfiMemoryType.reserved),
    range(plan.acpiReclaim, FIRMWARE_RANGES.acpiReclaim, EfiMemoryType.acpiReclaim),
    range(plan.acpiNvs, FIRMWARE_RANGES.acpiNvs, EfiMemoryType.acpiNvs),
    range(plan.runtimeData, FIRMWARE_RANGES.runtimeData, EfiMemoryType.runtimeServicesData),
    range(plan.runtimeCode, FIRMWARE_RANGES.runtimeCode, EfiMemoryType.runtimeServicesCode),
    range(plan.framebuffer, plan.framebufferBytes, EfiMemoryType.reserved),
  ];
}

export class Firmware implements Snapshotable {
  readonly plan: FirmwarePlan;
  private readonly context: FirmwareContext;
  private readonly map: FirmwareMemoryMap;
  private readonly variables: VariableStore;
  private readonly state: FirmwareState = {
    exited: false,
    taskPriority: 4, // TPL_APPLICATION
    monotonicCount: 0,
    highMonotonicCount: 0,
    callsAfterExit: 0,
    pool: [],
    protocols: [],
    clockOffsetMillis: 0,
  };

  constructor(
    board: FirmwareBoard,
    framebuffer: { readonly width: number; readonly height: number },
    store: VariableStoreBackend,
  ) {
    this.plan = planFirmware(board.memory.sizeBytes, framebuffer.width * framebuffer.height * 4);
    this.map = new FirmwareMemoryMap(powerOnMap(this.plan));
    this.variables = new VariableStore(store);
    this.context = {
      board,
      plan: this.plan,
      map: this.map,
      variables: this.variables,
      state: this.state,
      framebuffer,
    };
  }

  /** What the loader's entry point gets. */
  get entry(): { readonly imageHandle: number; readonly systemTable: number } {
    return {
      imageHandle: handleAddress(this.plan, Handle.image),
      systemTable: this.plan.runtimeData + RuntimeData.systemTable,
    };
  }
  get callsAfterExit(): number {
    return this.state.callsAfterExit;
  }
  get exited(): boolean {
    return this.state.exited;
  }

  /** Lays out the tables and puts the processor into the entry state. */
  powerOn(cpu: Cpu): void {
    writeTables(this.context, {
      boot: bootServices.length,
      protocol: protocolServices.length,
      runtime: runtimeServices.length,
    });
    this.context.board.memory.write32(
      this.plan.runtimeData + RuntimeData.runtimeProperties + 4,
      RUNTIME_SERVICES_SUPPORTED,
    );
    enterLongMode(this.context.board.memory, cpu, this.plan, this.plan.bootCode + bootStubs.length * STUB_BYTES);
  }

  /** One clear line on COM1, before anything of the guest runs. */
  report(line: string): void {
    for (const byte of new TextEncoder().encode(`${line}\r\n`)) this.context.board.serialByte(byte);
  }

  /** Calls the service behind `address`. Returns EFI_STATUS (RaiseTPL: the old level). An address where no service lies: EFI_UNSUPPORTED. */
  call(address: number, parameters: readonly number[]): bigint {
    const a = Array.from({ length: MAX_ARGUMENTS }, (_, n) => {
      const value = parameters[n] ?? 0;
      return Number.isFinite(value) ? Math.floor(value) : 0;
    });
    const boot = serviceAt(bootStubs, this.plan.bootCode, address);
    if (boot !== undefined) {
      if (this.state.exited) {
        this.state.callsAfterExit++;
        return EfiStatus.unsupported;
      }
      return boot.call(this.context, a);
    }
    return serviceAt(runtimeServices, this.plan.runtimeCode, address)?.call(this.context, a) ?? EfiStatus.unsupported;
  }

  snapshot(): DeviceSnapshot {
    return writeState('firmware', 1, {
      services: this.state,
      map: this.map.state,
      variables: this.variables.state,
    });
  }
  restore(snapshot: DeviceSnapshot): void {
    const form = { services: this.state, map: this.map.state, variables: this.variables.state };
    const before = copyState(form as never);
    restoreState('firmware', 1, snapshot, form);
    // A foreign snapshot must not bring in a map that breaks the invariants of the allocator.
    let end = 0;
    for (const region of this.map.state.regions) {
      if (!(region.start >= end) || !(region.pages > 0) || !Number.isInteger(region.start / PAGE_BYTES)) {
        restoreState('firmware', 1, { kind: 'firmware', version: 1, state: before }, form);
        throw new Error('snapshot: firmware holds a broken memory map');
      }
      end = region.start + region.pages * PAGE_BYTES;
    }
  }
}

function serviceAt(services: readonly FirmwareService[], start: number, address: number): FirmwareService | undefined {
  const offset = address - start;
  return offset >= 0 && offset % STUB_BYTES === 0 ? services[offset / STUB_BYTES] : undefined;
}
