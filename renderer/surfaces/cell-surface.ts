// A text grid. Cells come as 12 bytes (os-core/abi/display.ts):
//
//   0 u32 code point (bits 0-20), style (bits 24-31)   4 u32 foreground 0x00RRGGBB   8 u32 background 0x00RRGGBB
//
// and are kept as one RGBA32UI texel each. Only the rows that changed are sent to the GPU.

import { BufferImageSource, Geometry, Mesh, Shader, type Texture } from 'pixi.js';
import { CELL_BYTES, MAX_SURFACE_CELLS } from '../../electron/protocol/limits.ts';
import type { Rectangle } from '../compositor/rectangle.ts';
import { terminalGlyphs } from '../design-system/glyph-data.ts';
import { cellFragment, cellVertex } from './cell-shader.ts';
import { blankSlot, glyphSlot } from './glyph-slots.ts';
import type { Surface } from './surface.ts';

const { cellWidth, cellHeight, columns: imageColumns } = terminalGlyphs;

/** Translates `count` cells at `offset` of `data` into texels from index `texel` on. */
export function encodeCells(data: DataView, offset: number, count: number, texels: Uint32Array, texel: number): void {
  for (let index = 0; index < count; index++) {
    const at = offset + index * CELL_BYTES;
    const character = data.getUint32(at, true);
    const style = character >>> 24;
    const target = (texel + index) * 4;
    texels[target] = glyphSlot(character & 0x1fffff, style) | (style << 24);
    texels[target + 1] = data.getUint32(at + 4, true) & 0xffffff;
    texels[target + 2] = data.getUint32(at + 8, true) & 0xffffff;
  }
}

export class CellSurface implements Surface {
  readonly pixelWidth: number;
  readonly pixelHeight: number;
  readonly mesh: Mesh<Geometry, Shader>;
  private readonly texels: Uint32Array;
  private readonly source: BufferImageSource;
  private readonly columns: number;
  private readonly rows: number;

  constructor(columns: number, rows: number, glyphs: Texture) {
    if (columns < 1 || rows < 1 || columns * rows > MAX_SURFACE_CELLS) throw new RangeError('cell surface size');
    this.columns = columns;
    this.rows = rows;
    this.pixelWidth = columns * cellWidth;
    this.pixelHeight = rows * cellHeight;
    this.texels = new Uint32Array(columns * rows * 4);
    for (let texel = 0; texel < this.texels.length; texel += 4) this.texels[texel] = blankSlot;
    this.source = new BufferImageSource({
      resource: this.texels,
      width: columns,
      height: rows,
      format: 'rgba32uint',
      scaleMode: 'nearest',
    });
    const [width, height] = [this.pixelWidth, this.pixelHeight];
    const geometry = new Geometry({
      attributes: {
        aPosition: { buffer: new Float32Array([0, 0, width, 0, 0, height, width, height]), format: 'float32x2' },
      },
      indexBuffer: new Uint32Array([0, 1, 2, 2, 1, 3]),
    });
    const shader = Shader.from({
      gl: { name: 'cells', vertex: cellVertex, fragment: cellFragment },
      resources: {
        uCells: this.source,
        uGlyphs: glyphs.source,
        cellUniforms: {
          uGrid: { value: new Int32Array([cellWidth, cellHeight, imageColumns, 0]), type: 'vec4<i32>' },
        },
      },
    });
    this.mesh = new Mesh({ geometry, shader });
    this.mesh.state.blend = false;
  }

  update(x: number, y: number, width: number, height: number, data: Uint8Array): Rectangle | null {
    if (width < 1 || height < 1 || x + width > this.columns || y + height > this.rows) return null;
    if (data.length !== width * height * CELL_BYTES) return null;
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    for (let row = 0; row < height; row++) {
      encodeCells(view, row * width * CELL_BYTES, width, this.texels, (y + row) * this.columns + x);
    }
    this.source.update(y * this.columns, (y + height) * this.columns);
    return { x: x * cellWidth, y: y * cellHeight, width: width * cellWidth, height: height * cellHeight };
  }

  destroy(): void {
    const { geometry, shader } = this.mesh;
    this.mesh.destroy();
    geometry.destroy(true);
    shader?.destroy();
    this.source.destroy();
  }
}
