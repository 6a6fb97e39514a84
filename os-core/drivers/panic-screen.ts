// The panic screen: red, with reason, registers, CR2 and backtrace; the same on COM1. Works without interrupts.

import { registerClass } from '../../devices/base/object-graph.ts';
import { FramebufferConsole } from '../boot/framebuffer-console.ts';
import type { Kernel } from '../kernel/kernel.ts';
import type { PanicPresenter, PanicReport } from '../kernel/process/seams.ts';
import type { Uart16550 } from './uart-16550.ts';
import type { VirtioDisplay } from './virtio/display.ts';

/** 0xRRGGBB: the panic colours of the EuroDesign System, which os-core/drivers may not import. */
const PANIC_BACKGROUND = 0xb3261e;
const PANIC_INK = 0xffffff;
/** FIFO loads that the serial log may take to drain: all of its ring. */
const MAX_DRAIN_ATTEMPTS = 20_000;

export class PanicScreen implements PanicPresenter {
  private readonly uart: Uart16550;
  display: VirtioDisplay | null = null;

  constructor(uart: Uart16550) {
    this.uart = uart;
  }

  present(kernel: Kernel, report: PanicReport): void {
    const { framebuffer } = kernel.state.boot;
    if (framebuffer !== null) {
      const screen = new FramebufferConsole(framebuffer);
      screen.background = PANIC_BACKGROUND;
      screen.foreground = PANIC_INK;
      screen.clear(kernel.machine);
      screen.write(kernel.machine, '\n EuroOS has stopped: the kernel found a fault of its own.\n\n');
      screen.write(kernel.machine, ` ${report.reason}\n\n`);
      for (const line of report.lines) screen.write(kernel.machine, ` ${line}\n`);
      screen.write(
        kernel.machine,
        '\n The same text is in the serial log (COM1). Nothing was written to the disk after this.\n',
      );
      this.display?.showFramebuffer(kernel);
    }
    // The log lines of the panic are on their way already; see them out.
    this.uart.drainBounded(kernel.machine, MAX_DRAIN_ATTEMPTS);
  }
}
registerClass('drivers.PanicScreen', 1, PanicScreen);
