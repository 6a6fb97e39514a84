// The other face of the machine: what the host (electron/machine-host) may do with it between slices.

import type { DeviceSnapshot } from './device.ts';
import type { Machine } from './machine.ts';

export interface HostMachine extends Machine {
  /** Live runs: virtual time becomes at least `nanosSincePowerOn`. Never runs backwards. */
  injectClock(nanosSincePowerOn: number): void;
  /** Deterministic runs when idle: jump to `nanos` (usually nextDeadlineNanos()). */
  advanceTo(nanos: number): void;

  /** Scan code set 1 bytes as they come over the PS/2 wire after translation. Returns how many the keyboard's buffer took. */
  typeScancodes(bytes: Uint8Array): number;
  /** Relative movement in pixels, y down, buttons bit 0 left, 1 right, 2 middle, wheel steps down positive; as many PS/2 packets as needed. */
  moveMouse(deltaX: number, deltaY: number, buttons: number, wheel?: number): void;

  /** Moves what waits at the backends into the devices (received frames, console input and sizes). Bounded work; true if anything moved. */
  pollBackends(): boolean;
  /** The renderer has shown the last batch of display messages; the device may send more. */
  displayAcknowledged(): void;
  /** Sends the framebuffer rectangles that changed since the last call to the display backend (only while it is shown). */
  refreshFramebuffer(): void;

  /** The viewer has lost everything (the window was loaded again): surfaces, scene, cursor and framebuffer are sent whole. */
  resendDisplay(): void;

  /** Every device, the CPU and the clock; RAM is written separately from `memory`. */
  snapshotDevices(): readonly DeviceSnapshot[];
  restoreDevices(snapshots: readonly DeviceSnapshot[]): void;
  /** Boot services called after ExitBootServices so far (must stay 0). */
  readonly bootServiceCallsAfterExit: number;
  /** Set when the guest asked for power-off or reset. */
  readonly powerState: 'on' | 'off' | 'reset';
  readonly counters: MachineCounters;
  /** Why the firmware refused the boot payload (bad signature, other hash), or null. When set, there are no tables in memory and run() answers TrapKind.shutdown. */
  readonly bootRefusal: string | null;
}

export interface MachineCounters {
  framesIn: number;
  framesOut: number;
  bytesIn: number;
  bytesOut: number;
  diskReads: number;
  diskWrites: number;
  flushes: number;
}
