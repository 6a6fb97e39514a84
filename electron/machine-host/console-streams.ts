// Ports of the virtio console over rings between threads, and the serial log.

import fs from 'node:fs';
import type { ConsoleBackend } from '../../devices/backends/backends.ts';
import type { ByteRing } from '../protocol/byte-ring.ts';

/** A port that reads one ring and writes another; null = that direction is closed. */
export class RingConsole implements ConsoleBackend {
  private readonly input: ByteRing | null;
  private readonly output: ByteRing | null;
  /** Columns and rows, shared with the thread that watches the terminal; null = no terminal. */
  private readonly terminalSize: Int32Array | null;
  /** Seeded runs wait for room, so that a slow reader does not change the run. */
  private readonly waitForRoom: boolean;

  constructor(options: {
    readonly input: ByteRing | null;
    readonly output: ByteRing | null;
    readonly terminalSize?: Int32Array | null;
    readonly waitForRoom?: boolean;
  }) {
    this.input = options.input;
    this.output = options.output;
    this.terminalSize = options.terminalSize ?? null;
    this.waitForRoom = options.waitForRoom ?? false;
  }

  write(source: Uint8Array): number {
    const { output } = this;
    if (output === null) return source.length;
    if (!this.waitForRoom) return output.write(source);
    for (let done = 0; ; ) {
      const mark = output.changeMark();
      const count = output.write(source.subarray(done));
      if (count < 0) return -1;
      done += count;
      if (done === source.length) return done;
      output.waitForChange(mark, 1000);
    }
  }

  read(target: Uint8Array): number {
    // Not the end of file: that would say that the host has closed the port, and writing to it would be a broken pipe.
    return this.input === null ? 0 : this.input.read(target);
  }

  size(): { columns: number; rows: number } | null {
    const words = this.terminalSize;
    return words === null ? null : { columns: Atomics.load(words, 0), rows: Atomics.load(words, 1) };
  }
}

/** All input at once, as seeded runs have it; output as in RingConsole. */
export class PreloadedInput implements ConsoleBackend {
  private readonly input: Uint8Array;
  private position = 0;

  constructor(input: Uint8Array) {
    this.input = input;
  }
  write(source: Uint8Array): number {
    return source.length;
  }
  read(target: Uint8Array): number {
    const count = Math.min(target.length, this.input.length - this.position);
    if (count === 0) return target.length === 0 ? 0 : -1;
    target.set(this.input.subarray(this.position, this.position + count));
    this.position += count;
    return count;
  }
  size(): null {
    return null;
  }
}

/** A line of the log that does not end is shown all the same at this length. */
const MAXIMUM_LINE_BYTES = 4096;

/** COM1: to a file, and to stderr if wanted. Nothing can be typed into it. */
export class SerialLog implements ConsoleBackend {
  private readonly file: number | null;
  private readonly alsoStderr: boolean;
  /** The line that is not complete yet: a program may write to stderr too, and must not end up inside a line. */
  private line: Buffer = Buffer.alloc(0);

  /** Throws an Error with one line if the file cannot be written. */
  constructor(file: string | null, alsoStderr: boolean) {
    this.file = file === null ? null : fs.openSync(file, 'w');
    this.alsoStderr = alsoStderr;
  }
  write(source: Uint8Array): number {
    if (this.file !== null) writeAnyway(this.file, source);
    if (!this.alsoStderr) return source.length;
    const held = Buffer.concat([this.line, source]);
    const end = held.length >= MAXIMUM_LINE_BYTES ? held.length : held.lastIndexOf(0x0a) + 1;
    if (end > 0) writeAnyway(2, held.subarray(0, end));
    this.line = held.subarray(end);
    return source.length;
  }
  read(): number {
    return 0;
  }
  size(): null {
    return null;
  }
}

function writeAnyway(descriptor: number, bytes: Uint8Array): void {
  try {
    fs.writeSync(descriptor, bytes);
  } catch {
    // A log that cannot be written (full disk, closed terminal) must not stop the machine.
  }
}
