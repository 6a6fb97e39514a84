import fc from 'fast-check';
import * as v from 'valibot';
import { describe, expect, test } from 'vitest';
import * as abi from '../../os-core/abi/display.ts';
import type { Scene as AbiScene } from '../../os-core/abi/scene.ts';
import * as limits from './limits.ts';
import {
  dispatchRingMessage,
  encodeDisplayAcknowledged,
  encodeKey,
  encodePaste,
  encodePointer,
  encodePower,
  encodeWindowSize,
  PowerAction,
  type RingMessageHandler,
  type WorkerMessage,
  type workerMessageSchema,
} from './machine-messages.ts';
import { type RendererMessage, rendererMessageSchema } from './renderer-messages.ts';
import { parseScene, type Scene } from './scene-schema.ts';

// Held by the compiler: what the guest's ABI says and what is checked here are one shape.
export const protocolIsAbi: (scene: Scene) => AbiScene = (scene) => scene;
export const abiIsProtocol: (scene: DeepMutable<AbiScene>) => Scene = (scene) => scene;
type DeepMutable<T> = T extends object ? { -readonly [K in keyof T]: DeepMutable<T[K]> } : T;
export const workerShape: (message: v.InferOutput<typeof workerMessageSchema>) => WorkerMessage = (message) => message;

const smallScene: Scene = {
  version: 1,
  width: 1440,
  height: 900,
  windows: [
    {
      id: 1,
      x: 120,
      y: 90,
      width: 720,
      height: 424,
      title: 'Terminal',
      focused: true,
      badges: ['sandboxed', 'network'],
      surface: 3,
      contentX: 20,
      contentY: 60,
      background: 0x1b232c,
    },
  ],
  dock: { x: 16, y: 200, width: 64, height: 400, tiles: [] },
  panel: {
    x: 1140,
    y: 16,
    width: 284,
    height: 560,
    clock: '09:41',
    date: 'Sunday',
    status: { tone: 'verified', title: 'Safe', text: '' },
    cards: [{ rows: [{ label: 'CPU', value: '7 %', bar: 0.07 }] }],
  },
};
const encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

class Recorder implements RingMessageHandler {
  readonly calls: unknown[][] = [];
  key(scancodes: Uint8Array) {
    this.calls.push(['key', ...scancodes]);
  }
  pointer(...values: number[]) {
    this.calls.push(['pointer', ...values]);
  }
  displayAcknowledged(sequence: number) {
    this.calls.push(['displayAcknowledged', sequence]);
  }
  power(action: PowerAction) {
    this.calls.push(['power', action]);
  }
  paste(utf8: Uint8Array) {
    this.calls.push(['paste', new TextDecoder().decode(utf8)]);
  }
  windowSize(width: number, height: number) {
    this.calls.push(['windowSize', width, height]);
  }
}

describe('limits', () => {
  test('D3: are those of the display ABI', () => {
    expect(limits.CELL_BYTES).toBe(abi.CELL_BYTES);
    expect(limits.MAX_SURFACES).toBe(abi.MAX_SURFACES);
    expect(limits.MAX_SURFACE_CELLS).toBe(abi.MAX_SURFACE_CELLS);
    expect(limits.MAX_SCENE_BYTES).toBe(abi.MAX_SCENE_BYTES);
  });
});

describe('scene', () => {
  test('D3: a good scene passes unchanged', () => {
    expect(parseScene(encode(smallScene))).toEqual({ scene: smallScene });
  });

  test.each([
    ['no JSON', new TextEncoder().encode('{')],
    ['not UTF-8', Uint8Array.of(0x22, 0xff, 0x22)],
    ['too long', new Uint8Array(limits.MAX_SCENE_BYTES + 1)],
    ['another version', encode({ ...smallScene, version: 2 })],
    ['unknown field', encode({ ...smallScene, script: 'x' })],
    ['huge desktop', encode({ ...smallScene, width: 1e9 })],
    ['NaN height', encode({ ...smallScene, height: Number.NaN })],
    ['fraction', encode({ ...smallScene, windows: [{ ...smallScene.windows[0], x: 0.5 }] })],
    ['negative size', encode({ ...smallScene, windows: [{ ...smallScene.windows[0], width: -1 }] })],
    ['long title', encode({ ...smallScene, windows: [{ ...smallScene.windows[0], title: 'x'.repeat(257) }] })],
    ['unknown badge', encode({ ...smallScene, windows: [{ ...smallScene.windows[0], badges: ['trusted'] }] })],
    ['65 windows', encode({ ...smallScene, windows: Array(65).fill({ ...smallScene.windows[0], title: '' }) })],
    [
      '64 huge windows',
      encode({ ...smallScene, windows: Array(64).fill({ ...smallScene.windows[0], width: 4000, height: 4000 }) }),
    ],
    ['deep nesting', new TextEncoder().encode('['.repeat(30_000) + ']'.repeat(30_000))],
  ])('D3: %s is refused with a reason', (_name, json) => {
    const result = parseScene(json);
    expect(result).toHaveProperty('problem');
  });

  test('D3: no JSON value at all makes the check throw', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
        expect(() => parseScene(encode(value))).not.toThrow();
      }),
      { numRuns: 300 },
    );
  });
});

describe('ring messages', () => {
  test('D1: each kind survives the way through the bytes', () => {
    const recorder = new Recorder();
    for (const message of [
      encodeKey([0xe0, 0x48]),
      encodePointer(1439, -3, 5, -1),
      encodeDisplayAcknowledged(0xfffffffe),
      encodePower(PowerAction.forceOff),
      encodePaste('größer €')!,
      encodeWindowSize(2880, 1800),
    ]) {
      expect(dispatchRingMessage(message, recorder)).toBe(true);
    }
    expect(recorder.calls).toEqual([
      ['key', 0xe0, 0x48],
      ['pointer', 1439, -3, 5, -1],
      ['displayAcknowledged', 0xfffffffe],
      ['power', PowerAction.forceOff],
      ['paste', 'größer €'],
      ['windowSize', 2880, 1800],
    ]);
    expect(encodePaste('x'.repeat(limits.MAX_CLIPBOARD_BYTES + 1))).toBeNull();
  });

  test('D1: arbitrary bytes are dispatched or refused, never a throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 12 }), (bytes) => {
        const recorder = new Recorder();
        expect(recorder.calls.length).toBe(0);
        const accepted = dispatchRingMessage(bytes, recorder);
        expect(recorder.calls.length).toBe(accepted ? 1 : 0);
      }),
    );
  });
});

describe('renderer messages', () => {
  test.each<RendererMessage>([
    { kind: 'ready' },
    { kind: 'acknowledge', sequence: 7 },
    { kind: 'key', code: 'KeyA', down: true },
    { kind: 'pointer', x: 10, y: 20, buttons: 1, wheel: 0 },
    { kind: 'windowSize', width: 1440, height: 900 },
  ])('D1: $kind passes', (message) => {
    expect(v.is(rendererMessageSchema, message)).toBe(true);
  });

  test.each([
    null,
    {},
    { kind: 'power', action: 'off' },
    { kind: 'key', code: 'x'.repeat(33), down: true },
    { kind: 'key', code: 'KeyA', down: 1 },
    { kind: 'pointer', x: Number.NaN, y: 0, buttons: 0, wheel: 0 },
    { kind: 'pointer', x: 1e9, y: 0, buttons: 0, wheel: 0 },
    { kind: 'pointer', x: 1, y: 0, buttons: 8, wheel: 0 },
    { kind: 'ready', extra: 1 },
    { kind: 'acknowledge', sequence: -1 },
  ])('D1: %j is refused', (message) => {
    expect(v.is(rendererMessageSchema, message)).toBe(false);
  });
});
