// A surface as the compositor sees it: something with a size in pixels and a mesh that draws it with its top left at (0, 0).

import type { Geometry, Mesh, Shader } from 'pixi.js';
import type { Rectangle } from '../compositor/rectangle.ts';

export interface Surface {
  readonly pixelWidth: number;
  readonly pixelHeight: number;
  readonly mesh: Mesh<Geometry, Shader>;
  /** Takes new content (cells or pixels, rows tightly packed); the changed rectangle in surface pixels, null if refused. */
  update(x: number, y: number, width: number, height: number, data: Uint8Array): Rectangle | null;
  destroy(): void;
}
