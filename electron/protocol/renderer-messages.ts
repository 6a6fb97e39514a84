// Main process <-> renderer, over two IPC channels. A hostile renderer can do what its user's hands could: press keys, move the
// pointer, paste. Every message is checked against these schemas in main; what fails is dropped and logged once.

import * as v from 'valibot';
import type { DisplayBatch } from './display-messages.ts';
import { MAX_CLIPBOARD_BYTES, MAX_EXTENT_PIXELS } from './limits.ts';
import type { MachineStatus } from './machine-messages.ts';

/** renderer -> main */
export const CHANNEL_TO_MAIN = 'euroos:to-main';
/** main -> renderer */
export const CHANNEL_TO_RENDERER = 'euroos:to-renderer';

const unsigned = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0xffffffff));
const desktopPixel = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(MAX_EXTENT_PIXELS));

export const rendererMessageSchema = v.variant('kind', [
  /** The page can draw now: main answers with the status and a complete batch. */
  v.strictObject({ kind: v.literal('ready') }),
  v.strictObject({ kind: v.literal('acknowledge'), sequence: unsigned }),
  /** `code` is KeyboardEvent.code: the physical key, whatever the host's layout. */
  v.strictObject({
    kind: v.literal('key'),
    code: v.pipe(v.string(), v.maxLength(32)),
    down: v.boolean(),
  }),
  /** Position in desktop pixels; buttons 1 left, 2 right, 4 middle; wheel steps, down positive. */
  v.strictObject({
    kind: v.literal('pointer'),
    x: desktopPixel,
    y: desktopPixel,
    buttons: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(7)),
    wheel: v.pipe(v.number(), v.integer(), v.minValue(-127), v.maxValue(127)),
  }),
  /** The window lost the keyboard: all keys that are down go up. */
  v.strictObject({ kind: v.literal('blur') }),
  v.strictObject({ kind: v.literal('paste'), text: v.pipe(v.string(), v.maxLength(MAX_CLIPBOARD_BYTES)) }),
  /** Content size of the window in host pixels. */
  v.strictObject({ kind: v.literal('windowSize'), width: desktopPixel, height: desktopPixel }),
]);

export type RendererMessage = v.InferOutput<typeof rendererMessageSchema>;

export type MainMessage =
  | DisplayBatch
  | { readonly kind: 'status'; readonly status: MachineStatus; readonly text: string };

/** What the preload script puts into the page as `window.euroos`, frozen. */
export interface RendererBridge {
  send(message: RendererMessage): void;
  /** One listener; a second call replaces the first. */
  listen(listener: (message: MainMessage) => void): void;
}
