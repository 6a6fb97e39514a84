// The kernel log: a ring of the last lines (dmesg) and the sinks that print each line as it comes (COM1, boot screen).

import { registerClass } from '../../devices/base/object-graph.ts';
import type { Kernel } from './kernel.ts';
import type { LogSink } from './process/seams.ts';

const MAX_LINES = 2048;
const MAX_LINE_CHARACTERS = 1024;

export class KernelLog {
  private readonly lines: { readonly nanos: number; readonly text: string }[] = [];
  private readonly sinks: LogSink[] = [];

  /** Adds a sink; it is given what is in the ring first when `replay`. */
  addSink(kernel: Kernel, sink: LogSink, replay: boolean): void {
    if (replay) for (const line of this.lines) sink.writeLine(kernel, line.text);
    this.sinks.push(sink);
  }

  /** Control characters are shown as ^X so that no program can forge a line. */
  write(kernel: Kernel, nanos: number, text: string): void {
    const clean = text
      .slice(0, MAX_LINE_CHARACTERS)
      .replace(/[\x00-\x1f\x7f]/g, (c) => `^${String.fromCharCode(c.charCodeAt(0) ^ 64)}`)
      .replace(/[\x80-\x9f\u2028\u2029]/g, '?');
    this.lines.push({ nanos, text: clean });
    if (this.lines.length > MAX_LINES) this.lines.shift();
    for (const sink of this.sinks) sink.writeLine(kernel, clean);
  }

  /** Oldest first: virtual time and text. */
  entries(): readonly { readonly nanos: number; readonly text: string }[] {
    return this.lines;
  }
}
registerClass('KernelLog', 1, KernelLog);
