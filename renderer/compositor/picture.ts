// A cached picture and the mesh that copies it, texel for pixel, to its place on the desktop.

import { type Container, Geometry, Mesh, RenderTexture, Shader, type TextureSource } from 'pixi.js';
import { copyFragment, copyVertex } from '../design-system/painter-shader.ts';
import type { Rectangle } from './rectangle.ts';
import type { Stage } from './stage.ts';

/** Copies parts of a picture: each part is a rectangle of the mesh and the rectangle of texels shown in it. */
export function copyMesh(
  source: TextureSource,
  parts: readonly { readonly place: Rectangle; readonly texels: Rectangle }[],
  blend: boolean,
): Mesh<Geometry, Shader> {
  const positions: number[] = [];
  const texels: number[] = [];
  const indices: number[] = [];
  parts.forEach((part, index) => {
    for (const [target, { x, y, width, height }] of [
      [positions, part.place],
      [texels, part.texels],
    ] as const) {
      target.push(x, y, x + width, y, x, y + height, x + width, y + height);
    }
    indices.push(...[0, 1, 2, 2, 1, 3].map((corner) => index * 4 + corner));
  });
  const geometry = new Geometry({
    attributes: {
      aPosition: { buffer: new Float32Array(positions), format: 'float32x2' },
      aTexel: { buffer: new Float32Array(texels), format: 'float32x2' },
    },
    indexBuffer: new Uint32Array(indices),
  });
  const shader = Shader.from({
    gl: { name: 'copy', vertex: copyVertex, fragment: copyFragment },
    resources: { uPicture: source },
  });
  const mesh = new Mesh({ geometry, shader });
  mesh.state.blend = blend;
  return mesh;
}

export function destroyMesh(mesh: Mesh<Geometry, Shader>): void {
  const { geometry, shader } = mesh;
  mesh.destroy();
  geometry.destroy(true);
  shader?.destroy();
}

export class Picture {
  readonly width: number;
  readonly height: number;
  readonly mesh: Mesh<Geometry, Shader>;
  private readonly texture: RenderTexture;

  constructor(width: number, height: number, opaque = false) {
    this.width = width;
    this.height = height;
    this.texture = RenderTexture.create({ width, height, resolution: 1, antialias: false, scaleMode: 'nearest' });
    const whole = { x: 0, y: 0, width, height };
    this.mesh = copyMesh(this.texture.source, [{ place: whole, texels: whole }], !opaque);
  }

  paint(stage: Stage, nodes: readonly Container[], clip: Rectangle | null = null): void {
    stage.paintPicture(this.texture, nodes, clip);
  }

  /** Empties a rectangle and draws `nodes` into it. */
  repaint(stage: Stage, nodes: readonly Container[], clip: Rectangle): void {
    stage.paintPicture(this.texture, nodes, clip, true);
  }

  get source(): TextureSource {
    return this.texture.source;
  }

  moveTo(x: number, y: number): void {
    this.mesh.position.set(x, y);
  }

  destroy(): void {
    destroyMesh(this.mesh);
    this.texture.destroy(true);
  }
}
