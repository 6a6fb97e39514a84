// Window shadows, drawn once and stretched: nine fields without the middle, which the window hides.
//
//   ┌────┬──────────────┬────┐   corner = reach outside the window + what the blur still changes inside it;
//   │  a │      b       │ c  │   b, d, e, g repeat one column or row of texels
//   ├────┼──────────────┼────┤
//   │  d │  (nothing)   │ e  │
//   ├────┼──────────────┼────┤
//   │  f │      g       │ h  │
//   └────┴──────────────┴────┘

import type { Geometry, Mesh, Shader } from 'pixi.js';
import { colour, radius } from '../../os-core/design-tokens/tokens.ts';
import { destroyPainting, Painter } from '../design-system/painter.ts';
import { copyMesh, Picture } from './picture.ts';
import type { Rectangle } from './rectangle.ts';
import type { Stage } from './stage.ts';

interface Layer {
  readonly offsetY: number;
  readonly blur: number;
  readonly alpha: number;
}

/** Two soft layers and a hairline around the window. */
const focusedLayers: readonly Layer[] = [
  { offsetY: 4, blur: 12, alpha: 0.1 },
  { offsetY: 24, blur: 64, alpha: 0.22 },
];
const restingLayers: readonly Layer[] = [
  { offsetY: 2, blur: 6, alpha: 0.06 },
  { offsetY: 8, blur: 24, alpha: 0.1 },
];

export class WindowShadow {
  /** Pixels outside the window that the shadow may touch. */
  readonly reach: number;
  private readonly corner: number;
  private readonly picture: Picture;

  constructor(stage: Stage, focused: boolean) {
    const layers = focused ? focusedLayers : restingLayers;
    this.reach = Math.max(...layers.map((layer) => Math.ceil(layer.blur * 1.5) + layer.offsetY));
    // Inside the window, too, the blurred edge is not yet flat for three sigma beyond the corner's rounding.
    this.corner = this.reach * 2 + radius.window;
    const size = this.corner * 2 + 1;
    this.picture = new Picture(size, size);
    const painter = new Painter();
    const window = { at: this.reach, size: size - 2 * this.reach };
    for (const layer of layers) {
      painter.shadow(window.at, window.at, window.size, window.size, {
        radius: radius.window,
        offsetY: layer.offsetY,
        blur: layer.blur,
        colour: colour.ink,
        alpha: layer.alpha,
      });
    }
    painter.box(window.at - 1, window.at - 1, window.size + 2, window.size + 2, {
      radius: radius.window + 1,
      fill: colour.ink,
      alpha: focused ? 0.08 : 0.06,
    });
    const painting = painter.finish(stage.glyphs.interface);
    this.picture.paint(stage, [painting]);
    destroyPainting(painting);
  }

  /** For a window of this size with its top left corner at (0, 0). */
  meshFor(width: number, height: number): Mesh<Geometry, Shader> {
    const columns = this.fields(width);
    const rows = this.fields(height);
    const parts: { place: Rectangle; texels: Rectangle }[] = [];
    rows.forEach((row, rowIndex) => {
      columns.forEach((column, columnIndex) => {
        if (rowIndex === 1 && columnIndex === 1) return;
        if (row.length === 0 || column.length === 0) return;
        parts.push({
          place: { x: column.place, y: row.place, width: column.length, height: row.length },
          texels: { x: column.texel, y: row.texel, width: column.texels, height: row.texels },
        });
      });
    });
    return copyMesh(this.picture.source, parts, true);
  }

  /** The three fields along one side. A window too small for two corners shows what fits of each. */
  private fields(windowLength: number): { place: number; length: number; texel: number; texels: number }[] {
    const outer = windowLength + 2 * this.reach;
    const near = Math.min(this.corner, Math.floor(outer / 2));
    const far = Math.min(this.corner, outer - near);
    const start = -this.reach;
    return [
      { place: start, length: near, texel: 0, texels: near },
      { place: start + near, length: outer - near - far, texel: this.corner, texels: 1 },
      { place: start + outer - far, length: far, texel: this.corner * 2 + 1 - far, texels: far },
    ];
  }
}
