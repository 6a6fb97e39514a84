// What a firmware service works with. One object, made at power-on, shared by boot and runtime services.

import type { PhysicalMemory } from '../base/physical-memory.ts';
import type { FirmwarePlan } from './layout.ts';
import type { FirmwareMemoryMap } from './memory-map.ts';
import type { VariableStore } from './variables.ts';

/** The wires of the firmware to the rest of the machine. */
export interface FirmwareBoard {
  readonly memory: PhysicalMemory;
  /** Sends one byte through COM1 (used before ExitBootServices only). */
  serialByte(value: number): void;
  /** Milliseconds since 1970 UTC by the battery-backed clock. */
  unixMillis(): number;
  /** Virtual time since power-on. */
  nowNanos(): number;
  /** Virtual time passes (Stall). */
  stall(nanos: number): void;
  /** Power-off or reset was asked for. */
  reset(kind: 'off' | 'reset'): void;
}

/** An interface on a handle. */
export interface ProtocolEntry {
  handle: number;
  guid: Uint8Array;
  address: number;
}

export interface FirmwareState {
  exited: boolean;
  /** EFI_TPL of the one processor. */
  taskPriority: number;
  monotonicCount: number;
  highMonotonicCount: number;
  callsAfterExit: number;
  /** Pool allocations; each takes whole pages. */
  pool: { address: number; pages: number }[];
  protocols: ProtocolEntry[];
  /** Set by SetTime: what is added to the battery-backed clock. */
  clockOffsetMillis: number;
}

export interface FirmwareContext {
  readonly board: FirmwareBoard;
  readonly plan: FirmwarePlan;
  readonly map: FirmwareMemoryMap;
  readonly variables: VariableStore;
  readonly state: FirmwareState;
  readonly framebuffer: { readonly width: number; readonly height: number };
}

/** One service: its name in the specification and what a call does. Arguments are Microsoft x64 in order; absent ones read as 0. */
export interface FirmwareService {
  readonly name: string;
  readonly call: (context: FirmwareContext, a: readonly number[]) => bigint;
}

/** Handles that exist from power-on: addresses in boot services data, as EDK2's handles are. */
export function handleAddress(plan: FirmwarePlan, n: number): number {
  return plan.bootData + 0x3000 + n * 16;
}
export const Handle = { image: 0, console: 1, graphics: 2 } as const;
