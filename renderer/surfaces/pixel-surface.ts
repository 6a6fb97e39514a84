// A picture of RGBA pixels from the guest: an application's surface or the boot framebuffer. Its alpha is ignored.

import { BufferImageSource, Geometry, Mesh, Shader } from 'pixi.js';
import { MAX_EXTENT_PIXELS, MAX_SURFACE_PIXELS } from '../../electron/protocol/limits.ts';
import type { Rectangle } from '../compositor/rectangle.ts';
import { copyVertex, opaqueFragment } from '../design-system/painter-shader.ts';
import type { Surface } from './surface.ts';

export class PixelSurface implements Surface {
  readonly pixelWidth: number;
  readonly pixelHeight: number;
  readonly mesh: Mesh<Geometry, Shader>;
  private readonly pixels: Uint8Array;
  private readonly source: BufferImageSource;

  constructor(width: number, height: number) {
    if (width < 1 || height < 1 || width * height > MAX_SURFACE_PIXELS) throw new RangeError('pixel surface size');
    if (width > MAX_EXTENT_PIXELS || height > MAX_EXTENT_PIXELS) throw new RangeError('pixel surface size');
    this.pixelWidth = width;
    this.pixelHeight = height;
    this.pixels = new Uint8Array(width * height * 4);
    this.source = new BufferImageSource({
      resource: this.pixels,
      width,
      height,
      format: 'rgba8unorm',
      alphaMode: 'no-premultiply-alpha',
      scaleMode: 'nearest',
    });
    const corners = new Float32Array([0, 0, width, 0, 0, height, width, height]);
    const geometry = new Geometry({
      attributes: {
        aPosition: { buffer: corners, format: 'float32x2' },
        aTexel: { buffer: corners.slice(), format: 'float32x2' },
      },
      indexBuffer: new Uint32Array([0, 1, 2, 2, 1, 3]),
    });
    const shader = Shader.from({
      gl: { name: 'pixels', vertex: copyVertex, fragment: opaqueFragment },
      resources: { uPicture: this.source },
    });
    this.mesh = new Mesh({ geometry, shader });
    this.mesh.state.blend = false;
  }

  update(x: number, y: number, width: number, height: number, data: Uint8Array): Rectangle | null {
    if (width < 1 || height < 1 || x + width > this.pixelWidth || y + height > this.pixelHeight) return null;
    if (data.length !== width * height * 4) return null;
    for (let row = 0; row < height; row++) {
      this.pixels.set(data.subarray(row * width * 4, (row + 1) * width * 4), ((y + row) * this.pixelWidth + x) * 4);
    }
    this.source.update(y * this.pixelWidth, (y + height) * this.pixelWidth);
    return { x, y, width, height };
  }

  destroy(): void {
    const { geometry, shader } = this.mesh;
    this.mesh.destroy();
    geometry.destroy(true);
    shader?.destroy();
    this.source.destroy();
  }
}
