// External interrupts: from the vector that the CPU delivered to the drivers that asked for the line.
//
//   device ── IRQ n ──► interrupt controller ── vector 32+n ──► CPU ──► IDT ──► dispatch ──► handlers of line n ──► EOI
//
// The controller (8259 pair) is a driver too: it registers itself here. Handlers do bounded work and may wake tasks.

import { registerClass } from '../../../devices/base/object-graph.ts';
import type { Kernel } from '../kernel.ts';

export const FIRST_INTERRUPT_VECTOR = 32;
export const INTERRUPT_LINES = 16;

/** A driver's end of an interrupt line. Instances are of registered classes (they are part of the snapshot). */
export interface InterruptHandler {
  /** Runs with interrupts off. True if the device behind this handler had asked (shared lines call every handler). */
  handleInterrupt(kernel: Kernel, line: number): boolean;
}

/** The driver of the interrupt controller. Maps line n to vector FIRST_INTERRUPT_VECTOR + n. */
export interface InterruptController {
  setMasked(kernel: Kernel, line: number, masked: boolean): void;
  /** True if the delivered line was not really asserted (8259A data sheet, "spurious interrupt"); no handler and no EOI then, save what the controller itself does. */
  isSpurious(kernel: Kernel, line: number): boolean;
  endOfInterrupt(kernel: Kernel, line: number): void;
}

export class Interrupts {
  private controller: InterruptController | null = null;
  private readonly handlers: InterruptHandler[][] = Array.from({ length: INTERRUPT_LINES }, () => []);
  /** Deliveries per line since boot (/proc/interrupts). */
  readonly counts: Float64Array = new Float64Array(INTERRUPT_LINES);
  spuriousCount = 0;

  setController(controller: InterruptController): void {
    this.controller = controller;
  }

  /** Adds a handler to a line (0-15) and unmasks it. */
  register(kernel: Kernel, line: number, handler: InterruptHandler): void {
    this.handlers[line].push(handler);
    this.controller?.setMasked(kernel, line, false);
  }

  /** Called by the trap code with interrupts off. */
  dispatch(kernel: Kernel, vector: number): void {
    const line = vector - FIRST_INTERRUPT_VECTOR;
    if (this.controller === null || line < 0 || line >= INTERRUPT_LINES || this.controller.isSpurious(kernel, line)) {
      this.spuriousCount++;
      return;
    }
    this.counts[line]++;
    let handled = false;
    kernel.scheduler.servingInterrupt = true;
    for (const handler of this.handlers[line]) if (handler.handleInterrupt(kernel, line)) handled = true;
    kernel.scheduler.servingInterrupt = false;
    if (!handled) this.spuriousCount++;
    this.controller.endOfInterrupt(kernel, line);
  }
}
registerClass('Interrupts', 1, Interrupts);
