// One machine: its worker thread, its display on the way to the renderer, its input on the way back, and its end.
//
// States: none ─ start ─► starting ─► running ─► off | failed;  panic comes from running. Only `start` leaves off and failed.

import { closeSync, writeSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import * as v from 'valibot';
import type { RawDisplayBatch } from '../protocol/display-messages.ts';
import { createRingBuffer, RingWriter } from '../protocol/input-ring.ts';
import { INPUT_RING_BYTES } from '../protocol/limits.ts';
import {
  encodeDisplayAcknowledged,
  encodePower,
  type MachineSettings,
  type MachineStatus,
  type MachineWorkerData,
  PowerAction,
  type WorkerMessage,
  workerMessageSchema,
} from '../protocol/machine-messages.ts';
import type { MainMessage } from '../protocol/renderer-messages.ts';
import { EVENTFD_ONE } from '../protocol/wake.ts';
import { DisplayMirror } from './display-mirror.ts';
import { InputQueue } from './input-queue.ts';

/** A guest that has not powered off by then is switched off: its file system survives that. */
const POWER_OFF_MILLIS = 8_000;
/** Time to flush and close the disk. */
const FORCE_OFF_MILLIS = 3_000;
const MAX_LOGGED_PROBLEMS = 20;

export interface MachineSessionEvents {
  toRenderer(message: MainMessage): void;
  clipboard(text: string): void;
  log(line: string): void;
}

export class MachineSession {
  private readonly workerPath: string;
  private readonly settings: MachineSettings;
  private readonly events: MachineSessionEvents;
  private worker: Worker | null = null;
  private ended: Promise<void> = Promise.resolve();
  private input: InputQueue | null = null;
  private mirror: DisplayMirror;
  private rendererReady = false;
  /** The batch that the renderer has not shown yet. */
  private pendingSequence = 0;
  private problems = 0;
  private currentStatus: MachineStatus = 'off';
  private statusText = '';

  constructor(workerPath: string, settings: MachineSettings, events: MachineSessionEvents) {
    this.workerPath = workerPath;
    this.settings = settings;
    this.events = events;
    this.mirror = new DisplayMirror(settings.framebufferWidth, settings.framebufferHeight);
  }

  get status(): MachineStatus {
    return this.currentStatus;
  }

  start(): void {
    if (this.worker) return;
    const inputRing = createRingBuffer(INPUT_RING_BYTES);
    const workerData: MachineWorkerData = { inputRing, settings: this.settings };
    this.mirror = new DisplayMirror(this.settings.framebufferWidth, this.settings.framebufferHeight);
    this.input = new InputQueue(new RingWriter(inputRing));
    this.pendingSequence = 0;
    this.setStatus('starting', '');
    this.sendComplete();
    const worker = new Worker(this.workerPath, { workerData });
    this.worker = worker;
    let wakeDescriptor = -1;
    worker.on('message', (message: unknown) => {
      if (this.worker !== worker) return;
      const checked = this.receive(message);
      if (checked?.kind !== 'wake' || wakeDescriptor >= 0) return;
      wakeDescriptor = checked.descriptor;
      if (this.input) this.input.wake = () => writeSync(wakeDescriptor, EVENTFD_ONE);
      // For what went into the ring before.
      writeSync(wakeDescriptor, EVENTFD_ONE);
    });
    worker.on('error', (error) => this.setStatus('failed', error.message));
    this.ended = new Promise((resolve) => {
      worker.on('exit', (code) => {
        if (wakeDescriptor >= 0) closeSync(wakeDescriptor);
        wakeDescriptor = -1;
        if (this.worker === worker) {
          this.worker = null;
          this.input?.stop();
          this.input = null;
          if (this.currentStatus !== 'off' && this.currentStatus !== 'failed') {
            this.setStatus('failed', `The machine stopped unexpectedly (status ${code}).`);
          }
        }
        resolve();
      });
    });
  }

  /** Asks the guest to power off; after its time is over, switches it off; at last ends the thread. Always resolves. */
  async shutDown(): Promise<void> {
    const worker = this.worker;
    if (!worker) return;
    if (this.currentStatus !== 'panic') {
      this.send(encodePower(PowerAction.powerOff));
      if (await this.endsWithin(POWER_OFF_MILLIS)) return;
    }
    await this.forceOff();
  }

  async forceOff(): Promise<void> {
    const worker = this.worker;
    if (!worker) return;
    this.send(encodePower(PowerAction.forceOff));
    if (await this.endsWithin(FORCE_OFF_MILLIS)) return;
    this.events.log('machine: did not stop in time, its thread was ended');
    this.setStatus('off', '');
    await worker.terminate();
  }

  async restart(force: boolean): Promise<void> {
    await (force ? this.forceOff() : this.shutDown());
    this.start();
  }

  /** A message for the ring; dropped while there is no machine. */
  send(message: Uint8Array): void {
    this.input?.send(message);
  }

  /** The renderer is there and knows nothing. */
  rendererIsReady(): void {
    this.rendererReady = true;
    this.events.toRenderer({ kind: 'status', status: this.currentStatus, text: this.statusText });
    this.sendComplete();
    this.acknowledge(this.pendingSequence); // what the last page still owed
  }

  /** The page is gone or loading anew: nobody will acknowledge. */
  rendererIsGone(): void {
    this.rendererReady = false;
    this.acknowledge(this.pendingSequence);
  }

  rendererHasShown(sequence: number): void {
    if (sequence !== 0 && sequence === this.pendingSequence) this.acknowledge(sequence);
  }

  private acknowledge(sequence: number): void {
    if (sequence === 0) return;
    this.pendingSequence = 0;
    this.send(encodeDisplayAcknowledged(sequence));
  }

  private sendComplete(): void {
    if (!this.rendererReady) return;
    this.events.toRenderer({ kind: 'display', sequence: 0, reset: true, commands: this.mirror.complete() });
  }

  private receive(message: unknown): WorkerMessage | null {
    const result = v.safeParse(workerMessageSchema, message, { abortEarly: true });
    if (!result.success) {
      this.problem(`machine: malformed message: ${result.issues[0].message}`);
      return null;
    }
    const checked = result.output;
    switch (checked.kind) {
      case 'display':
        this.showBatch(checked);
        break;
      case 'status':
        this.setStatus(checked.status, checked.text);
        // Its disk is closed: what the thread still holds is memory.
        if (checked.status === 'off') void this.worker?.terminate();
        break;
      case 'clipboard':
        this.events.clipboard(checked.text);
        break;
    }
    return checked as WorkerMessage;
  }

  private showBatch(batch: RawDisplayBatch): void {
    const commands = this.mirror.apply(batch.commands, (line) => this.problem(line));
    this.pendingSequence = batch.sequence;
    if (this.rendererReady) {
      this.events.toRenderer({ kind: 'display', sequence: batch.sequence, reset: false, commands });
    } else {
      this.acknowledge(batch.sequence);
    }
  }

  private setStatus(status: MachineStatus, text: string): void {
    if (status === 'failed') this.events.log(`machine: ${text}`);
    this.currentStatus = status;
    this.statusText = text.slice(0, 400);
    if (this.rendererReady) this.events.toRenderer({ kind: 'status', status, text: this.statusText });
  }

  /** A guest can produce these without end, the log must not grow with them. */
  private problem(line: string): void {
    this.problems++;
    if (this.problems <= MAX_LOGGED_PROBLEMS) this.events.log(line);
    if (this.problems === MAX_LOGGED_PROBLEMS) this.events.log('machine: further problems of this kind are not logged');
  }

  private async endsWithin(millis: number): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<false>((resolve) => {
      timer = setTimeout(() => resolve(false), millis);
    });
    const ended = await Promise.race([this.ended.then(() => true as const), late]);
    clearTimeout(timer);
    return ended;
  }
}
