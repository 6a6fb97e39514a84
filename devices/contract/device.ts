// What a device model looks like from the wiring (devices/machine): a pure chip. It knows neither its address nor its IRQ.

import type { AccessWidth } from './machine.ts';

/** A chip behind I/O ports. `offset` counts from the base that the wiring gave it. */
export interface PortDevice {
  portRead(offset: number, width: AccessWidth): number;
  portWrite(offset: number, width: AccessWidth, value: number): void;
}

/** A register file in memory space. */
export interface MmioDevice {
  mmioRead(offset: number, width: AccessWidth): number;
  mmioWrite(offset: number, width: AccessWidth, value: number): void;
}

/** One interrupt request line, level semantics; the controller decides edge or level. */
export interface InterruptLine {
  set(asserted: boolean): void;
}

/** Virtual time for chips that need it. */
export interface VirtualClock {
  nowNanos(): number;
}

/** A chip that acts by itself at a virtual time. */
export interface TimedDevice {
  /** Virtual time of the next action; Infinity = none. */
  nextDeadlineNanos(): number;
  /** Performs all actions due at or before `nowNanos`. */
  advanceTo(nowNanos: number): void;
}

/** Plain data only: numbers, strings, booleans, null, bigint, typed arrays, arrays and records of them. */
export type SnapshotValue =
  | null
  | boolean
  | number
  | string
  | bigint
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | Int32Array
  | Float64Array
  | readonly SnapshotValue[]
  | { readonly [key: string]: SnapshotValue };

/** The versioned written form of one device. */
export interface DeviceSnapshot {
  readonly kind: string;
  readonly version: number;
  readonly state: SnapshotValue;
}

/** Every device can be written down and restored; restore throws an Error with one clear line for a foreign or newer form. */
export interface Snapshotable {
  snapshot(): DeviceSnapshot;
  restore(snapshot: DeviceSnapshot): void;
}
