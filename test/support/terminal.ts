// Programs on real pseudo terminals of the host, for tests of interactive use.
//
//   test ─ master /dev/ptmx ═ /dev/pts/N ─ stdin, stdout, stderr of the program, which leads the session's foreground group

import { type ChildProcess, spawn } from 'node:child_process';
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

export interface HostTerminalOptions {
  readonly columns: number;
  readonly rows: number;
  readonly environment?: NodeJS.ProcessEnv;
  readonly folder?: string;
}

export class HostTerminal {
  /** All that has come out, without control sequences and carriage returns. */
  get output(): string {
    // ECMA-48, 5.4.
    return this.raw.replace(/\x1b\[[0-9;?]*[A-Za-z]|\r/g, '');
  }
  private raw = '';
  /** Told of all that comes out. */
  onOutput: (bytes: Buffer) => void = () => {};
  status: number | null = null;
  private readonly master: number;
  private readonly slave: number;
  private readonly ended: Promise<void>;
  private readonly child: ChildProcess;
  private readsEnd: () => void = () => {};
  private readonly lastRead: Promise<void> = new Promise((resolve) => {
    this.readsEnd = resolve;
  });

  constructor(command: readonly string[], { columns, rows, environment, folder }: HostTerminalOptions) {
    this.master = fs.openSync('/dev/ptmx', fs.constants.O_RDWR | fs.constants.O_NOCTTY);
    const number = Buffer.alloc(4);
    ioctl(this.master, TIOCSPTLCK, Buffer.alloc(4));
    ioctl(this.master, TIOCGPTN, number);
    this.slave = fs.openSync(`/dev/pts/${number.readInt32LE()}`, fs.constants.O_RDWR | fs.constants.O_NOCTTY);
    this.resize(columns, rows);
    const child = spawn('setsid', ['--ctty', '--wait', ...command], {
      stdio: [this.slave, this.slave, this.slave],
      env: environment ?? process.env,
      cwd: folder,
    });
    this.ended = new Promise((resolve) => {
      child.once('exit', (status) => {
        this.status = status;
        resolve();
      });
    });
    this.child = child;
    this.readOn();
  }

  private readOn(): void {
    const buffer = Buffer.alloc(4096);
    fs.read(this.master, buffer, 0, buffer.length, null, (error, count) => {
      if (error !== null || count === 0) return this.readsEnd();
      this.raw += buffer.toString('latin1', 0, count);
      this.onOutput(buffer.subarray(0, count));
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

  /** Ends the program, and those in its foreground by the hang-up that follows. */
  async hangUp(): Promise<void> {
    if (this.status === null) this.child.kill('SIGKILL');
    await this.ended;
    fs.closeSync(this.slave);
    // A read that still waits would keep one of the few threads of Node's pool for ever.
    const late = new Promise((resolve) => setTimeout(resolve, 5000).unref());
    await Promise.race([this.lastRead, late]);
    fs.closeSync(this.master);
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

/** `euroos run` on such a terminal. */
export class TerminalRun extends HostTerminal {
  /** `args` after `euroos run`. */
  constructor(args: readonly string[], columns: number, rows: number) {
    const command = [process.execPath, path.join(root, 'electron/cli/euroos.mjs'), 'run', '--net', 'none', ...args];
    super(command, { columns, rows, environment: { ...process.env, XDG_CONFIG_HOME: temporaryFolder('terminal') } });
  }
}
