// The one place that talks to Pixi's renderer: draws nodes into cached pictures or onto the screen, inside a scissor rectangle.
// There is no ticker: nothing is drawn unless someone asks.

import { Container, type RenderTexture, type Texture, Ticker, WebGLRenderer } from 'pixi.js';
import type { Rectangle } from './rectangle.ts';

export interface GlyphImages {
  readonly interface: Texture;
  readonly terminal: Texture;
}

export class Stage {
  readonly renderer: WebGLRenderer<HTMLCanvasElement>;
  readonly glyphs: GlyphImages;
  private readonly root = new Container();

  private constructor(renderer: WebGLRenderer<HTMLCanvasElement>, glyphs: GlyphImages) {
    this.renderer = renderer;
    this.glyphs = glyphs;
  }

  static async create(canvas: HTMLCanvasElement, glyphs: GlyphImages, background: number): Promise<Stage> {
    const renderer = new WebGLRenderer<HTMLCanvasElement>();
    await renderer.init({
      canvas,
      width: canvas.width,
      height: canvas.height,
      background,
      antialias: false,
      resolution: 1,
      // Damage is drawn over the last frame, so the last frame must still be there.
      preserveDrawingBuffer: true,
      clearBeforeRender: false,
      // Everything is cached by the compositor and freed by it.
      gcActive: false,
      powerPreference: 'low-power',
      skipExtensionImports: true,
    });
    // The renderer has started a ticker for its clean-up tasks, of which there are none: it would wake the page 60 times a second.
    Ticker.system.autoStart = false;
    Ticker.system.stop();
    return new Stage(renderer, glyphs);
  }

  resize(width: number, height: number): void {
    this.renderer.resize(width, height);
  }

  /** Draws `nodes` onto the screen inside `clip`. */
  paintScreen(nodes: readonly Container[], clip: Rectangle): void {
    this.withScissor(clip.x, this.renderer.screen.height - clip.y - clip.height, clip, () => {
      this.draw(nodes, undefined, false);
    });
  }

  /** Draws `nodes` into a cached picture: all of it on a transparent ground, or inside `clip`, emptied first if `clear` says so. */
  paintPicture(target: RenderTexture, nodes: readonly Container[], clip: Rectangle | null, clear = false): void {
    if (clip === null) {
      this.draw(nodes, target, true);
    } else {
      this.withScissor(clip.x, clip.y, clip, () => this.draw(nodes, target, clear));
    }
  }

  private draw(nodes: readonly Container[], target: RenderTexture | undefined, clear: boolean): void {
    for (const node of nodes) this.root.addChild(node);
    this.renderer.render({
      container: this.root,
      clear,
      ...(target ? { target, clearColor: [0, 0, 0, 0] } : {}),
    });
    this.root.removeChildren();
  }

  private withScissor(x: number, bottom: number, size: { width: number; height: number }, action: () => void): void {
    const gl = this.renderer.gl;
    gl.enable(gl.SCISSOR_TEST);
    gl.scissor(x, bottom, size.width, size.height);
    try {
      action();
    } finally {
      gl.disable(gl.SCISSOR_TEST);
    }
  }
}
