// Main process <-> machine worker (dist/machine-worker.cjs).
//
//   main -> worker   once: workerData (MachineWorkerData). Then only the ring in shared memory: the worker does not look at
//                    its event loop while the machine runs.
//   worker -> main   parentPort.postMessage(WorkerMessage).
//
// Ring messages, byte by byte (all little endian):
//
//   0 u8 RingMessage
//   key                  1.. the scan code set 1 bytes of one key event, 1 to 8 of them
//   pointer              1 i16 x, 3 i16 y (desktop pixels), 5 u8 buttons (1 left, 2 right, 4 middle), 6 i8 wheel steps, down positive
//   displayAcknowledged  1 u32 sequence of the batch that is now on screen
//   power                1 u8 PowerAction
//   paste                1.. UTF-8 text, at most MAX_CLIPBOARD_BYTES
//   windowSize           1 u16 width, 3 u16 height of the window's content in host pixels

import * as v from 'valibot';
import type { RawDisplayBatch } from './display-messages.ts';
import { MAX_BATCH_COMMANDS, MAX_CLIPBOARD_BYTES, MAX_STATUS_TEXT } from './limits.ts';

/** Where and how the machine runs. Paths are absolute host paths. */
export interface MachineWorkerData {
  /** createRingBuffer(INPUT_RING_BYTES); the worker is the reader. */
  readonly inputRing: SharedArrayBuffer;
  readonly settings: MachineSettings;
}

export interface MachineSettings {
  readonly memoryBytes: number;
  readonly engine: 'jit' | 'interpreter';
  /** The installed system image, never written to. */
  readonly systemImagePath: string;
  /** The user's disk, made on first use; null: a throw-away layer. */
  readonly diskPath: string | null;
  /** Firmware variables. */
  readonly variablesPath: string;
  /** COM1 log, appended to; null: none. */
  readonly serialLogPath: string | null;
  /** 'none', 'user' or 'tap:NAME'. */
  readonly network: string;
  /** The kernel's options: its firmware variable CommandLine. */
  readonly commandLine: string;
  readonly framebufferWidth: number;
  readonly framebufferHeight: number;
  /** A number makes the run deterministic. */
  readonly seed: number | null;
}

export const RingMessage = {
  key: 1,
  pointer: 2,
  displayAcknowledged: 3,
  power: 4,
  paste: 5,
  windowSize: 6,
} as const;

export const PowerAction = {
  /** The power button: the guest shuts down in order and powers off; then status 'off', and the worker ends. */
  powerOff: 1,
  /** Pulls the plug, but flushes the disk backend; then status 'off', and the worker ends. */
  forceOff: 2,
} as const;
export type PowerAction = (typeof PowerAction)[keyof typeof PowerAction];

export type MachineStatus = 'starting' | 'running' | 'panic' | 'off' | 'failed';

export type WorkerMessage =
  | RawDisplayBatch
  /** This worker sleeps in poll(2): ring its eventfd (wake.ts) after each ring message, and close it when the worker has ended. */
  | { readonly kind: 'wake'; readonly descriptor: number }
  /** 'off' is the last message: the disk is flushed and closed. `text` explains 'failed' and 'panic'. */
  | { readonly kind: 'status'; readonly status: MachineStatus; readonly text: string }
  /** A copy in the guest; main puts it on the host's clipboard only after the user's own gesture. */
  | { readonly kind: 'clipboard'; readonly text: string };

const unsigned = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0xffffffff));
const bytes = v.instance(Uint8Array);
const rectangle = { x: unsigned, y: unsigned, width: unsigned, height: unsigned };

/** The shape of a worker message; whether rectangles fit their surfaces is the display mirror's business. */
export const workerMessageSchema = v.variant('kind', [
  v.strictObject({
    kind: v.literal('display'),
    sequence: unsigned,
    commands: v.pipe(
      v.array(
        v.variant('kind', [
          v.strictObject({ kind: v.literal('framebuffer'), ...rectangle, rgba: bytes }),
          v.strictObject({ kind: v.literal('showScene'), on: v.boolean() }),
          v.strictObject({
            kind: v.literal('surfaceCreated'),
            id: unsigned,
            surfaceKind: v.picklist(['cells', 'pixels']),
            width: unsigned,
            height: unsigned,
          }),
          v.strictObject({ kind: v.literal('surfaceDestroyed'), id: unsigned }),
          v.strictObject({ kind: v.literal('surfaceDamaged'), id: unsigned, ...rectangle, data: bytes }),
          v.strictObject({ kind: v.literal('scene'), json: bytes }),
          v.strictObject({
            kind: v.literal('cursor'),
            x: v.pipe(v.number(), v.integer()),
            y: v.pipe(v.number(), v.integer()),
            shape: unsigned,
          }),
        ]),
      ),
      v.maxLength(MAX_BATCH_COMMANDS),
    ),
  }),
  v.strictObject({
    kind: v.literal('status'),
    status: v.picklist(['starting', 'running', 'panic', 'off', 'failed']),
    text: v.pipe(v.string(), v.maxLength(MAX_STATUS_TEXT)),
  }),
  v.strictObject({ kind: v.literal('wake'), descriptor: v.pipe(unsigned, v.minValue(3)) }),
  v.strictObject({ kind: v.literal('clipboard'), text: v.pipe(v.string(), v.maxLength(MAX_CLIPBOARD_BYTES)) }),
]);

export function encodeKey(scancodes: readonly number[]): Uint8Array {
  return Uint8Array.of(RingMessage.key, ...scancodes);
}

export function encodePointer(x: number, y: number, buttons: number, wheel: number): Uint8Array {
  return Uint8Array.of(
    RingMessage.pointer,
    x & 0xff,
    (x >> 8) & 0xff,
    y & 0xff,
    (y >> 8) & 0xff,
    buttons & 7,
    wheel & 0xff,
  );
}

export function encodeDisplayAcknowledged(sequence: number): Uint8Array {
  return Uint8Array.of(
    RingMessage.displayAcknowledged,
    sequence & 0xff,
    (sequence >>> 8) & 0xff,
    (sequence >>> 16) & 0xff,
    (sequence >>> 24) & 0xff,
  );
}

export function encodePower(action: PowerAction): Uint8Array {
  return Uint8Array.of(RingMessage.power, action);
}

/** Null if the text is too long: a cut paste would be worse than none. */
export function encodePaste(text: string): Uint8Array | null {
  const body = new TextEncoder().encode(text);
  if (body.length > MAX_CLIPBOARD_BYTES) return null;
  const message = new Uint8Array(1 + body.length);
  message[0] = RingMessage.paste;
  message.set(body, 1);
  return message;
}

export function encodeWindowSize(width: number, height: number): Uint8Array {
  return Uint8Array.of(RingMessage.windowSize, width & 0xff, (width >> 8) & 0xff, height & 0xff, (height >> 8) & 0xff);
}

/** What the worker does with each ring message. Views passed in are valid during the call only. */
export interface RingMessageHandler {
  key(scancodes: Uint8Array): void;
  pointer(x: number, y: number, buttons: number, wheel: number): void;
  displayAcknowledged(sequence: number): void;
  power(action: PowerAction): void;
  paste(utf8: Uint8Array): void;
  windowSize(width: number, height: number): void;
}

/** Hands one ring message to its handler; false (and nothing called) if it is malformed. Allocates one view at most. */
export function dispatchRingMessage(message: Uint8Array, handler: RingMessageHandler): boolean {
  const length = message.length;
  switch (message[0]) {
    case RingMessage.key:
      if (length < 2 || length > 9) return false;
      handler.key(message.subarray(1));
      return true;
    case RingMessage.pointer:
      if (length !== 7) return false;
      handler.pointer(
        ((message[1] | (message[2] << 8)) << 16) >> 16,
        ((message[3] | (message[4] << 8)) << 16) >> 16,
        message[5] & 7,
        (message[6] << 24) >> 24,
      );
      return true;
    case RingMessage.displayAcknowledged:
      if (length !== 5) return false;
      handler.displayAcknowledged((message[1] | (message[2] << 8) | (message[3] << 16) | (message[4] << 24)) >>> 0);
      return true;
    case RingMessage.power: {
      const action = message[1];
      if (length !== 2 || action < PowerAction.powerOff || action > PowerAction.forceOff) return false;
      handler.power(action as PowerAction);
      return true;
    }
    case RingMessage.paste:
      if (length > 1 + MAX_CLIPBOARD_BYTES) return false;
      handler.paste(message.subarray(1));
      return true;
    case RingMessage.windowSize:
      if (length !== 5) return false;
      handler.windowSize(message[1] | (message[2] << 8), message[3] | (message[4] << 8));
      return true;
    default:
      return false;
  }
}
