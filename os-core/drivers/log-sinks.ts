// Where kernel log lines are printed: COM1 always, the boot screen until the desktop takes over.

import { registerClass } from '../../devices/base/object-graph.ts';
import type { FramebufferConsole } from '../boot/framebuffer-console.ts';
import type { Kernel } from '../kernel/kernel.ts';
import type { LogSink } from '../kernel/process/seams.ts';
import type { Uart16550 } from './uart-16550.ts';

export class SerialLog implements LogSink {
  private readonly uart: Uart16550;
  constructor(uart: Uart16550) {
    this.uart = uart;
  }
  writeLine(kernel: Kernel, line: string): void {
    this.uart.writeBytes(kernel.machine, new TextEncoder().encode(`${line}\r\n`));
  }
}
registerClass('drivers.SerialLog', 1, SerialLog);

export class ScreenLog implements LogSink {
  readonly screen: FramebufferConsole;
  /** Off once the desktop is shown. */
  enabled = true;
  constructor(screen: FramebufferConsole) {
    this.screen = screen;
  }
  writeLine(kernel: Kernel, line: string): void {
    if (this.enabled) this.screen.write(kernel.machine, `${line}\n`);
  }
}
registerClass('drivers.ScreenLog', 1, ScreenLog);
