// `euroos run` on a real pseudo terminal of the host, for tests of interactive use.
//
//   test ─ master /dev/ptmx ═ /dev/pts/N ─ stdin, stdout, stderr of euroos, which is the session's foreground group

import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import koffi from 'koffi';
import { root, temporaryFolder } from './euroos.ts';

const libc = koffi.load('libc.so.6');
const ioctl = libc.func('int ioctl(int fd, unsigned long request, _Inout_ void *argument)') as (
  descriptor: number,
  request: number,
  argument: Buffer,
) => number;
const TIOCGPTN = 0x8004_5430;
const TIOCSPTLCK = 0x4004_5431;
const TIOCSWINSZ = 0x5414;

export class TerminalRun {
  /** All that has come out, without control sequences and carriage returns. */
  get output(): string {
    // ECMA-48, 5.4.
    return this.raw.replace(/\x1b\[[0-9;?]*[A-Za-z]|\r/g, '');
  }
  private raw = '';
  status: number | null = null;
  private readonly master: number;
  private readonly slave: number;
  private readonly ended: Promise<void>;

  /** `args` after `euroos run`. */
  constructor(args: readonly string[], columns: number, rows: number) {
    this.master = fs.openSync('/dev/ptmx', fs.constants.O_RDWR | fs.constants.O_NOCTTY);
    const number = Buffer.alloc(4);
    ioctl(this.master, TIOCSPTLCK, Buffer.alloc(4));
    ioctl(this.master, TIOCGPTN, number);
    this.slave = fs.openSync(`/dev/pts/${number.readInt32LE()}`, fs.constants.O_RDWR | fs.constants.O_NOCTTY);
    this.resize(columns, rows);
    const command = [process.execPath, path.join(root, 'electron/cli/euroos.mjs'), 'run', '--net', 'none', ...args];
    const child = spawn('setsid', ['--ctty', '--wait', ...command], {
      stdio: [this.slave, this.slave, this.slave],
      env: { ...process.env, XDG_CONFIG_HOME: temporaryFolder('terminal') },
    });
    this.ended = new Promise((resolve) => {
      child.once('exit', (status) => {
        this.status = status;
        resolve();
      });
    });
    this.readOn();
  }

  private readOn(): void {
    const buffer = Buffer.alloc(4096);
    fs.read(this.master, buffer, 0, buffer.length, null, (error, count) => {
      if (error !== null || count === 0) return;
      this.raw += buffer.toString('latin1', 0, count);
      this.readOn();
    });
  }

  resize(columns: number, rows: number): void {
    const size = Buffer.alloc(8);
    size.writeUInt16LE(rows, 0);
    size.writeUInt16LE(columns, 2);
    ioctl(this.master, TIOCSWINSZ, size);
  }

  type(text: string): void {
    fs.writeSync(this.master, text);
  }

  /**
   * Waits until `pattern` stands in what has come since `from` (a length of `output`); returns the whole match. `nudge` is called
   * every half second meanwhile.
   */
  async see(pattern: RegExp, from = 0, nudge: () => void = () => {}): Promise<string> {
    for (let waited = 0; waited < 60 * 50; waited++) {
      const match = pattern.exec(this.output.slice(from));
      if (match !== null) return match[0];
      if (waited % 25 === 0) nudge();
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw new Error(`not seen: ${pattern}; the terminal shows:\n${this.output}`);
  }

  /** The exit status. */
  async end(): Promise<number | null> {
    await this.ended;
    fs.closeSync(this.slave);
    // What is left reaches the reader, then the master reports the hang-up.
    await new Promise((resolve) => setTimeout(resolve, 50));
    fs.closeSync(this.master);
    return this.status;
  }
}
