// The pointer: two small pictures over everything else. It leaves no trail because its old and new place are both redrawn from the
// cached pictures below it.

import type { Container, Geometry, Mesh, Shader } from 'pixi.js';
import { colour } from '../../os-core/design-tokens/tokens.ts';
import { interfaceGlyphs } from '../design-system/glyph-data.ts';
import { Painter } from '../design-system/painter.ts';
import type { Rectangle } from './rectangle.ts';
import type { Stage } from './stage.ts';

/** By CursorShape of the display ABI. */
const SHAPES = ['arrow', 'text', 'move', 'hand'] as const;

export class CursorLayer {
  private readonly meshes: Mesh<Geometry, Shader>[];
  private shown: { x: number; y: number; shape: number } | null = null;

  constructor(stage: Stage) {
    this.meshes = SHAPES.map((name) => {
      const painter = new Painter();
      const { hotspot } = interfaceGlyphs.shapes[`cursor-${name}-edge`];
      painter.shape(-hotspot[0], -hotspot[1], `cursor-${name}-edge`, colour.surface);
      painter.shape(-hotspot[0], -hotspot[1], `cursor-${name}-body`, colour.ink);
      return painter.finish(stage.glyphs.interface);
    });
  }

  get nodes(): Container[] {
    return this.shown ? [this.meshes[this.shown.shape]] : [];
  }

  /** The rectangles of the desktop that changed. An unknown shape is the arrow. */
  moveTo(x: number, y: number, shape: number): Rectangle[] {
    const known = shape < SHAPES.length ? shape : 0;
    const before = this.shown;
    if (before && before.x === x && before.y === y && before.shape === known) return [];
    this.shown = { x, y, shape: known };
    this.meshes[known].position.set(x, y);
    return before ? [this.extent(before), this.extent(this.shown)] : [this.extent(this.shown)];
  }

  hide(): Rectangle[] {
    const before = this.shown;
    this.shown = null;
    return before ? [this.extent(before)] : [];
  }

  private extent(at: { x: number; y: number; shape: number }): Rectangle {
    const { width, height, hotspot } = interfaceGlyphs.shapes[`cursor-${SHAPES[at.shape]}-edge`];
    return { x: at.x - hotspot[0], y: at.y - hotspot[1], width, height };
  }
}
