// The desktop's ground, drawn once per desktop size.

import { Geometry, Mesh, Shader } from 'pixi.js';
import { colour } from '../../os-core/design-tokens/tokens.ts';
import { copyVertex, wallpaperFragment } from '../design-system/painter-shader.ts';
import { destroyMesh, Picture } from './picture.ts';
import type { Stage } from './stage.ts';

function components(value: number): Float32Array {
  return new Float32Array([(value >> 16) & 255, (value >> 8) & 255, value & 255].map((part) => part / 255));
}

export function createWallpaper(stage: Stage, width: number, height: number): Picture {
  const corners = new Float32Array([0, 0, width, 0, 0, height, width, height]);
  const tint = (value: number) => ({ value: components(value), type: 'vec3<f32>' as const });
  const mesh = new Mesh({
    geometry: new Geometry({
      attributes: {
        aPosition: { buffer: corners, format: 'float32x2' },
        aTexel: { buffer: corners.slice(), format: 'float32x2' },
      },
      indexBuffer: new Uint32Array([0, 1, 2, 2, 1, 3]),
    }),
    shader: Shader.from({
      gl: { name: 'wallpaper', vertex: copyVertex, fragment: wallpaperFragment },
      resources: {
        wallpaperUniforms: {
          uSize: { value: new Float32Array([width, height]), type: 'vec2<f32>' },
          uCool: tint(colour.wallpaperCool),
          uMiddle: tint(colour.wallpaperMiddle),
          uWarm: tint(colour.wallpaperWarm),
          uAccent: tint(colour.accent),
          uGold: tint(colour.gold),
          uInk: tint(colour.ink),
        },
      },
    }),
  });
  const picture = new Picture(width, height, true);
  picture.paint(stage, [mesh]);
  destroyMesh(mesh);
  return picture;
}
