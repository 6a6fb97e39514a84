// `euroos run`: the main thread. It owns stdin, stdout and the terminal; the machine lives in a worker thread.

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { configurationFolder } from '../backends/owner-key.ts';
import { type ByteRing, createByteRing } from '../protocol/byte-ring.ts';
import {
  CONTROL_BYTES,
  ControlWord,
  type HeadlessEnd,
  type HeadlessMessage,
  type HeadlessWorkerData,
  RING_BYTES,
  StopReason,
} from '../protocol/headless-messages.ts';
import { EVENTFD_ONE } from '../protocol/wake.ts';
import { feed } from './input-feed.ts';
import type { RunOptions } from './run-options.ts';

/** Exit statuses of `euroos run` that are not the program's own. */
export const ExitStatus = { timeLimit: 124, failed: 125, refused: 126, notFound: 127, signalBase: 128 } as const;
/** After asking the machine to stop, the worker is ended by force. */
const STOP_PATIENCE_MILLIS = 5000;
const MAXIMUM_PRELOADED_INPUT = 64 * 1024 * 1024;

/** Moves bytes from a ring to a stream, minding the stream's back-pressure. */
class Drain {
  private readonly ring: ByteRing;
  private readonly stream: NodeJS.WriteStream;
  private readonly buffer = new Uint8Array(64 * 1024);
  private waiting = false;
  private closed = false;

  constructor(ring: ByteRing, stream: NodeJS.WriteStream) {
    this.ring = ring;
    this.stream = stream;
    stream.on('error', () => {
      this.closed = true;
      ring.breakOff();
    });
  }

  pump(): void {
    while (!this.waiting) {
      const count = this.ring.read(this.buffer);
      if (count <= 0) return;
      if (this.closed) continue;
      if (!this.stream.write(Buffer.from(this.buffer.subarray(0, count)))) {
        this.waiting = true;
        this.stream.once('drain', () => {
          this.waiting = false;
          this.pump();
        });
      }
    }
  }

  /** Writes all that is left and waits until the host has taken it. */
  async finish(): Promise<void> {
    while (!this.closed && (this.waiting || this.ring.available() > 0)) {
      this.pump();
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    if (!this.closed) await new Promise<void>((resolve) => this.stream.write('', () => resolve()));
  }
}

function readAllInput(): Uint8Array {
  if (process.stdin.isTTY) return new Uint8Array(0);
  const input = fs.readFileSync(0);
  if (input.length > MAXIMUM_PRELOADED_INPUT) throw new Error('stdin is too long for a seeded run (at most 64 MiB)');
  return new Uint8Array(input);
}

function statusOf(end: HeadlessEnd): number {
  switch (end.outcome) {
    case 'exit':
      return end.code;
    case 'signal':
      return ExitStatus.signalBase + end.code;
    case 'time-limit':
      return ExitStatus.timeLimit;
    default:
      return ExitStatus.failed;
  }
}

function writeStats(file: string, end: HeadlessEnd, wallMillis: number): void {
  const stats = {
    outcome: end.outcome,
    exitCode: end.outcome === 'exit' ? end.code : null,
    signal: end.outcome === 'signal' ? end.code : null,
    wallMs: wallMillis,
    ...end.figures,
    peakRssBytes: process.resourceUsage().maxRSS * 1024,
  };
  fs.writeFileSync(file, `${JSON.stringify(stats, null, 2)}\n`);
}

/** Runs the machine; resolves with the exit status. `folder`: where the build's files lie. */
export async function runHeadless(options: RunOptions, folder: string): Promise<number> {
  const started = performance.now();
  const control = new Int32Array(new SharedArrayBuffer(CONTROL_BYTES));
  const doorbell = control.subarray(ControlWord.doorbell, ControlWord.doorbell + 1);
  const stdin = createByteRing(RING_BYTES, doorbell);
  const [stdout, stderr, terminal] = [0, 1, 2].map(() => createByteRing(RING_BYTES, doorbell));
  const terminals: [boolean, boolean, boolean] =
    options.seed === null
      ? [process.stdin.isTTY === true, process.stdout.isTTY === true, process.stderr.isTTY === true]
      : [false, false, false];
  const preloadedInput = options.seed === null ? null : readAllInput();
  const data: HeadlessWorkerData = {
    ...options,
    bootFolder: folder,
    configurationFolder: configurationFolder(process.env),
    rings: {
      stdin: stdin.buffer,
      stdout: stdout.buffer,
      stderr: stderr.buffer,
      terminal: terminal.buffer,
      control: control.buffer as SharedArrayBuffer,
    },
    terminals,
    preloadedInput,
    powerOnUnixMillis: Date.now(),
  };

  let wakeDescriptor = -1;
  const wake = (): void => {
    Atomics.add(control, ControlWord.doorbell, 1);
    Atomics.notify(control, ControlWord.doorbell);
    if (wakeDescriptor >= 0) fs.writeSync(wakeDescriptor, EVENTFD_ONE);
  };
  for (const ring of [stdin, stdout, stderr, terminal]) ring.announce = wake;

  const drains = [new Drain(stdout, process.stdout), new Drain(stderr, process.stderr)];
  if (terminals.includes(true)) drains.push(new Drain(terminal, terminals[1] ? process.stdout : process.stderr));
  const input = preloadedInput === null ? feed(process.stdin, stdin) : null;
  watchTerminal(terminals, options.verbose, control, wake);

  const worker = new Worker(path.join(folder, 'headless-worker.cjs'), { workerData: data, stdin: false });
  const stop = (reason: number): void => {
    Atomics.store(control, ControlWord.stop, reason);
    wake();
    setTimeout(() => void worker.terminate(), STOP_PATIENCE_MILLIS).unref();
  };
  const timer =
    options.timeLimitSeconds === null
      ? null
      : setTimeout(() => stop(StopReason.timeLimit), options.timeLimitSeconds * 1000);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => stop(StopReason.signal));

  const end = await new Promise<HeadlessEnd>((resolve) => {
    worker.on('message', (message: HeadlessMessage) => {
      for (const drain of drains) drain.pump();
      input?.pump();
      if (message.kind === 'wake') wakeDescriptor = message.descriptor;
      if (message.kind === 'end') resolve(message);
    });
    const died = (text: string): void => {
      const reason = Atomics.load(control, ControlWord.stop);
      const outcome =
        reason === StopReason.timeLimit ? 'time-limit' : reason === StopReason.signal ? 'stopped' : 'failed';
      resolve({ kind: 'end', outcome, code: 0, text, figures: null });
    };
    worker.on('error', (error) => died(`the machine's thread failed: ${error.message}`));
    worker.on('exit', () => died("the machine's thread ended early"));
  });
  if (timer !== null) clearTimeout(timer);
  for (const drain of drains) await drain.finish();
  if (terminals[0]) process.stdin.setRawMode(false);
  process.stdin.pause();
  if (end.text !== '') process.stderr.write(`euroos: ${end.text}\n`);
  if (options.stats !== null) writeStats(options.stats, end, performance.now() - started);
  await worker.terminate();
  return statusOf(end);
}

/** Raw mode, so that Ctrl-C and the rest go to the guest; window size changes reach it through the control words. */
function watchTerminal(terminals: readonly boolean[], verbose: boolean, control: Int32Array, wake: () => void): void {
  const output = terminals[1] ? process.stdout : terminals[2] ? process.stderr : null;
  const update = (): void => {
    // A terminal that does not know its size (0 x 0) is a terminal all the same.
    Atomics.store(control, ControlWord.columns, output?.columns || 80);
    Atomics.store(control, ControlWord.rows, output?.rows || 24);
    wake();
  };
  update();
  output?.on('resize', update);
  if (!terminals[0]) return;
  process.stdin.setRawMode(true);
  // Node leaves the processing of output on, but the guest's terminal has done that: a line feed that a program means as "down" would
  // go to the first column, too. Not with the serial log on the same screen, whose lines end with a line feed only. The end of raw mode
  // undoes both.
  if (!verbose) spawnSync('stty', ['-opost'], { stdio: ['inherit', 'ignore', 'ignore'] });
}
