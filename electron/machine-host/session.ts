// A running machine: power-on, then slices until the guest turns it off.
//
//   ┌─► clock event (live) ─► inputs: rings, network, consoles ─► kernel.runSlice ─► outputs ─┐
//   │                                                                                         │
//   └──── idle: live sleeps on the doorbell until the next deadline; seeded jumps to it ◄─────┘
//
// In seeded runs no clock event is injected and slices have a fixed length, so that the same seed gives the same run.

import type { MachineBackends, MachineConfiguration } from '../../devices/backends/backends.ts';
import type { HostMachine } from '../../devices/contract/host-machine.ts';
import { createMachine } from '../../devices/machine/index.ts';
import type { LoadedOsCore, OsCore } from './os-core-bundle.ts';
import type { Waiter } from './waiter.ts';

type Kernel = ReturnType<OsCore['bootSystem']>;

export interface SessionOptions {
  readonly configuration: MachineConfiguration;
  readonly backends: MachineBackends;
  readonly osCore: LoadedOsCore;
  /** Keys whose programs run (besides those that the owner enrolled in the firmware). */
  readonly systemKeys: readonly { readonly name: string; readonly publicKey: Uint8Array }[];
  /** argv of the first process; argv[0] is its path. */
  readonly init: readonly string[];
  readonly seeded: boolean;
  readonly waiter: Waiter;
}

export type SessionEnd = 'off' | 'reset' | 'panic' | 'stopped';

/** A slice aims at this much host time, so that inputs are looked at often enough. */
const SLICE_AIM_MILLIS = 2;
const FIRST_SLICE = 200_000;
const MINIMUM_SLICE = 20_000;
const MAXIMUM_SLICE = 20_000_000;
/** Fixed in seeded runs: part of what makes them repeatable. */
const SEEDED_SLICE = 1_000_000;
/** The longest sleep; the doorbell ends it earlier. */
const MAXIMUM_SLEEP_MILLIS = 1000;

/** Seeded runs begin at a fixed moment: 2026-01-01 00:00 UTC. */
export const SEEDED_POWER_ON_MILLIS = 1_767_225_600_000;

export class BootRefused extends Error {}

export class Session {
  readonly machine: HostMachine;
  readonly kernel: Kernel;
  /** Milliseconds from power-on until the first process was started. */
  readonly bootMillis: number;
  slices = 0;
  private readonly options: SessionOptions;
  private readonly powerOnMillis: number;
  private stopRequested = false;

  /** Powers on, boots, starts init. Throws BootRefused with one line if the firmware refuses the bundle. */
  constructor(options: SessionOptions) {
    this.options = options;
    this.powerOnMillis = performance.now();
    this.machine = createMachine(options.configuration, options.backends);
    if (this.machine.bootRefusal !== null) throw new BootRefused(this.machine.bootRefusal);
    this.kernel = options.osCore.exports.bootSystem(this.machine, {
      systemKeys: options.systemKeys,
      // Arguments are byte strings: one character a byte.
      init: options.init.map((text) => Buffer.from(text, 'utf8').toString('latin1')),
    });
    this.bootMillis = performance.now() - this.powerOnMillis;
  }

  /** Host time since power-on in milliseconds. */
  uptimeMillis(): number {
    return performance.now() - this.powerOnMillis;
  }

  /** Ends run() at the next slice boundary. */
  stop(): void {
    this.stopRequested = true;
  }

  /** Runs until the guest is off. `beforeSlice` and `afterSlice` are the caller's inputs and outputs; bounded work. */
  run(beforeSlice: () => void, afterSlice: () => void): SessionEnd {
    const { seeded, waiter } = this.options;
    const { machine, kernel } = this;
    let budget = seeded ? SEEDED_SLICE : FIRST_SLICE;
    for (;;) {
      const mark = waiter.mark();
      if (!seeded) machine.injectClock(this.uptimeMillis() * 1e6);
      beforeSlice();
      machine.pollBackends();
      if (this.stopRequested) return 'stopped';
      const startMillis = performance.now();
      const startCount = machine.cpu.instructionCount;
      const result = kernel.runSlice(budget);
      this.slices++;
      if (!seeded)
        budget = nextBudget(budget, machine.cpu.instructionCount - startCount, performance.now() - startMillis);
      afterSlice();
      if (machine.powerState !== 'on') return machine.powerState;
      if (result === 'panic') return 'panic';
      if (result === 'off') return 'off';
      // What the slice sent may have been answered at once (user-mode network): looked at before going to sleep.
      if (result === 'idle' && !machine.pollBackends()) this.idle(mark);
    }
  }

  private idle(mark: number): void {
    const { machine } = this;
    const deadline = machine.nextDeadlineNanos();
    if (this.options.seeded) {
      if (Number.isFinite(deadline)) machine.advanceTo(deadline);
      // Nothing will ever happen by itself: only input from outside can wake the guest.
      else this.options.waiter.wait(mark, MAXIMUM_SLEEP_MILLIS);
      return;
    }
    const millis = (deadline - this.uptimeMillis() * 1e6) / 1e6;
    if (millis > 0) this.options.waiter.wait(mark, Math.min(millis, MAXIMUM_SLEEP_MILLIS));
  }
}

/** Steers the slice's length towards its aim by the speed just seen; slow changes, so that one slow slice does not matter much. */
function nextBudget(budget: number, instructions: number, millis: number): number {
  if (instructions < budget / 2 || millis <= 0) return budget;
  const wanted = (instructions / millis) * SLICE_AIM_MILLIS;
  return Math.min(MAXIMUM_SLICE, Math.max(MINIMUM_SLICE, Math.round(budget * 0.75 + wanted * 0.25)));
}
