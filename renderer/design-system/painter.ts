// Collects the shapes of one cached picture (a window frame, the dock, the panel) into one mesh with one shader: rounded boxes
// by distance function, glyphs and icons from the interface image, soft shadows. Drawn seldom, so clarity goes before speed.
//
// One vertex, 18 floats:
//   position 2 · local 2 · shape 4 (half width, half height, corner radius, kind) · extra 2 (border width or blur sigma, 0)
//   fill 4 · border 4 (straight alpha, 0..1)
// `local` is the position relative to the box's centre, or the texel of the interface image for glyphs.

import { BufferUsage, Geometry, Buffer as GpuBuffer, Mesh, Shader, type Texture } from 'pixi.js';
import { type FontName, type InterfaceShape, interfaceGlyphs } from './glyph-data.ts';
import { painterFragment, painterVertex } from './painter-shader.ts';
import { layoutText, measureText } from './text.ts';

const FLOATS_PER_VERTEX = 18;
const Kind = { box: 0, glyph: 1, shadow: 2, outsideCorner: 3 } as const;

export interface BoxStyle {
  readonly radius?: number;
  /** 0xRRGGBB. */
  readonly fill: number;
  readonly alpha?: number;
  /** Only these rows are drawn: a box may be rounded at one end. */
  readonly rows?: { readonly from: number; readonly to: number };
  /** Drawn inside the edge. */
  readonly border?: { readonly colour: number; readonly width: number; readonly alpha?: number };
}

export class Painter {
  private floats: number[] = [];
  private quads = 0;

  box(x: number, y: number, width: number, height: number, style: BoxStyle): void {
    const radius = Math.min(style.radius ?? 0, width / 2, height / 2);
    const border = style.border;
    // One pixel more on each side: the edge's anti-aliasing may fall outside.
    const top = style.rows?.from ?? y - 1;
    const bottom = style.rows?.to ?? y + height + 1;
    this.quad(
      { x: x - 1, y: top, width: width + 2, height: bottom - top },
      { x: -width / 2 - 1, y: top - y - height / 2 },
      [width / 2, height / 2, radius, Kind.box],
      border?.width ?? 0,
      rgba(style.fill, style.alpha ?? 1),
      border ? rgba(border.colour, border.alpha ?? 1) : rgba(style.fill, style.alpha ?? 1),
    );
  }

  /** As CSS box-shadow: the box moved by (0, offsetY), blurred with a Gaussian of half the blur radius. */
  shadow(
    x: number,
    y: number,
    width: number,
    height: number,
    style: { radius: number; offsetY: number; blur: number; colour: number; alpha: number },
  ): void {
    const sigma = style.blur / 2;
    const reach = Math.ceil(sigma * 3);
    this.quad(
      { x: x - reach, y: y + style.offsetY - reach, width: width + 2 * reach, height: height + 2 * reach },
      { x: -width / 2 - reach, y: -height / 2 - reach },
      [width / 2, height / 2, style.radius, Kind.shadow],
      sigma,
      rgba(style.colour, style.alpha),
      rgba(style.colour, style.alpha),
    );
  }

  /** Covers what lies outside the rounded corners of the box; drawn with the blend mode "erase" it cuts them off. */
  outsideCorners(x: number, y: number, width: number, height: number, radius: number): void {
    for (const left of [true, false]) {
      for (const top of [true, false]) {
        this.quad(
          {
            x: left ? x : x + width - radius,
            y: top ? y : y + height - radius,
            width: radius,
            height: radius,
          },
          { x: left ? -width / 2 : width / 2 - radius, y: top ? -height / 2 : height / 2 - radius },
          [width / 2, height / 2, radius, Kind.outsideCorner],
          0,
          [0, 0, 0, 1],
          [0, 0, 0, 1],
        );
      }
    }
  }

  /** @param y the baseline. Returns the width in pixels. */
  text(
    x: number,
    y: number,
    text: string,
    font: FontName,
    colour: number,
    options: { readonly letterSpacing?: number; readonly alpha?: number } = {},
  ): number {
    const start = Math.floor(x);
    const fill = rgba(colour, options.alpha ?? 1);
    for (const glyph of layoutText(text, font, options.letterSpacing ?? 0, x - start)) {
      this.glyph(start + glyph.x, y + glyph.y, glyph.width, glyph.height, glyph.sourceX, glyph.sourceY, fill);
    }
    return measureText(text, font, options.letterSpacing ?? 0);
  }

  textRight(right: number, y: number, text: string, font: FontName, colour: number): void {
    this.text(right - measureText(text, font), y, text, font, colour);
  }

  textCentred(centre: number, y: number, text: string, font: FontName, colour: number): void {
    this.text(centre - measureText(text, font) / 2, y, text, font, colour);
  }

  /** An icon, the stars or a part of a cursor. */
  shape(x: number, y: number, name: string, colour: number): void {
    const shape: InterfaceShape = interfaceGlyphs.shapes[name];
    this.glyph(x, y, shape.width, shape.height, shape.x, shape.y, rgba(colour, 1));
  }

  /** The mesh of everything painted; the painter is empty afterwards. Destroy it with destroyPainting. */
  finish(interfaceImage: Texture): Mesh<Geometry, Shader> {
    const vertices = new Float32Array(this.floats);
    const indices = new Uint32Array(this.quads * 6);
    for (let quad = 0; quad < this.quads; quad++) {
      indices.set(
        [0, 1, 2, 2, 1, 3].map((corner) => quad * 4 + corner),
        quad * 6,
      );
    }
    this.floats = [];
    this.quads = 0;
    const buffer = new GpuBuffer({ data: vertices, usage: BufferUsage.VERTEX | BufferUsage.COPY_DST });
    const stride = FLOATS_PER_VERTEX * 4;
    const attribute = (format: 'float32x2' | 'float32x4', offset: number) => ({
      buffer,
      format,
      stride,
      offset: offset * 4,
    });
    const geometry = new Geometry({
      attributes: {
        aPosition: attribute('float32x2', 0),
        aLocal: attribute('float32x2', 2),
        aShape: attribute('float32x4', 4),
        aExtra: attribute('float32x2', 8),
        aFill: attribute('float32x4', 10),
        aBorder: attribute('float32x4', 14),
      },
      indexBuffer: indices,
    });
    const shader = Shader.from({
      gl: { name: 'painter', vertex: painterVertex, fragment: painterFragment },
      resources: { uInterface: interfaceImage.source },
    });
    return new Mesh({ geometry, shader });
  }

  private glyph(
    x: number,
    y: number,
    width: number,
    height: number,
    sourceX: number,
    sourceY: number,
    fill: readonly number[],
  ): void {
    this.quad({ x, y, width, height }, { x: sourceX, y: sourceY }, [0, 0, 0, Kind.glyph], 0, fill, fill);
  }

  private quad(
    area: { x: number; y: number; width: number; height: number },
    local: { x: number; y: number },
    shape: readonly number[],
    extra: number,
    fill: readonly number[],
    border: readonly number[],
  ): void {
    for (const [cornerX, cornerY] of [
      [0, 0],
      [1, 0],
      [0, 1],
      [1, 1],
    ]) {
      const acrossX = cornerX * area.width;
      const acrossY = cornerY * area.height;
      this.floats.push(area.x + acrossX, area.y + acrossY, local.x + acrossX, local.y + acrossY);
      this.floats.push(...shape, extra, 0, ...fill, ...border);
    }
    this.quads++;
  }
}

/** Frees the buffers of a finished painting; the interface image stays. */
export function destroyPainting(mesh: Mesh<Geometry, Shader>): void {
  const { geometry, shader } = mesh;
  mesh.destroy();
  geometry.destroy(true);
  shader?.destroy();
}

function rgba(colour: number, alpha: number): [number, number, number, number] {
  return [((colour >> 16) & 255) / 255, ((colour >> 8) & 255) / 255, (colour & 255) / 255, alpha];
}
