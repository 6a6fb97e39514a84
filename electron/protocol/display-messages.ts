// What the machine shows, as the renderer receives it: a numbered batch of commands, answered by one acknowledgement after
// the frame with them was drawn. The machine sends no further batch before that, so a slow renderer slows the display
// device and nothing else.
//
//   worker ── RawDisplayBatch (scene as bytes) ──► main: DisplayMirror checks ── DisplayBatch ──► renderer
//     ▲                                             │                                              │
//     └────────── ring: displayAcknowledged ────────┴──────────── { acknowledge: sequence } ───────┘

import type { Scene } from './scene-schema.ts';

/** Surface contents and the boot framebuffer: what worker and renderer agree on without change. */
export type PixelCommand =
  /** Rectangle of the boot framebuffer. RGBA bytes, rows tightly packed. */
  | {
      readonly kind: 'framebuffer';
      readonly x: number;
      readonly y: number;
      readonly width: number;
      readonly height: number;
      readonly rgba: Uint8Array;
    }
  /** true: the scene; false: the framebuffer (boot, panic). */
  | { readonly kind: 'showScene'; readonly on: boolean }
  | {
      readonly kind: 'surfaceCreated';
      readonly id: number;
      readonly surfaceKind: 'cells' | 'pixels';
      readonly width: number;
      readonly height: number;
    }
  | { readonly kind: 'surfaceDestroyed'; readonly id: number }
  /** Cells: 12 bytes each. Pixels: RGBA. Rows tightly packed. */
  | {
      readonly kind: 'surfaceDamaged';
      readonly id: number;
      readonly x: number;
      readonly y: number;
      readonly width: number;
      readonly height: number;
      readonly data: Uint8Array;
    }
  /** Desktop pixels; shape is a CursorShape of the display ABI. */
  | { readonly kind: 'cursor'; readonly x: number; readonly y: number; readonly shape: number };

/** From the worker: the scene is still what the guest wrote. */
export type RawDisplayCommand = PixelCommand | { readonly kind: 'scene'; readonly json: Uint8Array };
export interface RawDisplayBatch {
  readonly kind: 'display';
  /** Counts up from 1; comes back in the acknowledgement. */
  readonly sequence: number;
  readonly commands: readonly RawDisplayCommand[];
}

/** To the renderer: the scene has been checked. */
export type DisplayCommand = PixelCommand | { readonly kind: 'scene'; readonly scene: Scene };
export interface DisplayBatch {
  readonly kind: 'display';
  /** 0: from main itself, nobody waits for an acknowledgement. */
  readonly sequence: number;
  /** Forget everything shown before: the batch holds the complete state (first batch, or after a reload). */
  readonly reset: boolean;
  readonly commands: readonly DisplayCommand[];
}
