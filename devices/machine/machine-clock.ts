// Virtual time: nowNanos = base + retired instructions x nanosPerInstruction.
//
// Invariant: time never runs backwards. A clock event moves the base forward only: when the guest ran ahead of the host's
// clock, time waits (in the sense of the host) until the host has caught up.

import { restoreState, writeState } from '../base/device-state.ts';
import type { DeviceSnapshot, Snapshotable, VirtualClock } from '../contract/device.ts';

export class MachineClock implements VirtualClock, Snapshotable {
  private readonly state = { baseNanos: 0 };
  private readonly nanosPerInstruction: number;
  private readonly instructionCount: () => number;

  constructor(nanosPerInstruction: number, instructionCount: () => number) {
    this.nanosPerInstruction = nanosPerInstruction;
    this.instructionCount = instructionCount;
  }

  nowNanos(): number {
    return this.state.baseNanos + Math.floor(this.instructionCount() * this.nanosPerInstruction);
  }

  /** Time becomes at least `nanos`. */
  moveTo(nanos: number): void {
    const now = this.nowNanos();
    if (Number.isFinite(nanos) && nanos > now) this.state.baseNanos += Math.ceil(nanos) - now;
  }

  /** The fewest instructions after which nowNanos() is at least `deadlineNanos`; at least 1. */
  instructionsUntil(deadlineNanos: number): number {
    if (deadlineNanos === Number.POSITIVE_INFINITY) return Number.POSITIVE_INFINITY;
    return Math.max(1, Math.ceil((deadlineNanos - this.nowNanos()) / this.nanosPerInstruction));
  }

  snapshot(): DeviceSnapshot {
    return writeState('clock', 1, this.state);
  }
  restore(snapshot: DeviceSnapshot): void {
    restoreState('clock', 1, snapshot, this.state);
  }
}
