// One window: its shadow, and a cached picture of frame, title, badges and surface. A change of the surface redraws only the changed
// rectangle of the picture; a change of the frame redraws the picture; a move redraws nothing.

import type { Container, Geometry, Mesh, Shader } from 'pixi.js';
import type { SceneBadge, SceneWindow } from '../../electron/protocol/scene-schema.ts';
import { colour, radius, securityColour, titleBarHeight, titleDot } from '../../os-core/design-tokens/tokens.ts';
import { destroyPainting, Painter } from '../design-system/painter.ts';
import { measureText, shortenText } from '../design-system/text.ts';
import type { Surface } from '../surfaces/surface.ts';
import { destroyMesh, Picture } from './picture.ts';
import { contains, intersect, type Rectangle } from './rectangle.ts';
import type { WindowShadow } from './shadow.ts';
import type { Stage } from './stage.ts';

const BADGES: Readonly<Record<SceneBadge, { text: string; fill: number; ink: number }>> = {
  sandboxed: { text: 'Sandboxed', fill: securityColour.verifiedTint, ink: securityColour.verifiedInk },
  verified: { text: 'Verified', fill: securityColour.verifiedTint, ink: securityColour.verifiedInk },
  network: { text: 'Network', fill: securityColour.protectedTint, ink: securityColour.protectedInk },
  encrypted: { text: 'Encrypted', fill: securityColour.protectedTint, ink: securityColour.protectedInk },
  system: { text: 'System', fill: colour.line, ink: colour.softInk },
};
const BADGE_HEIGHT = 22;
const BADGE_PADDING = 10;
const BADGE_GAP = 6;
const TITLE_LEFT = 87;

/** What the frame's picture depends on. */
function frameKey(window: SceneWindow): string {
  const { width, height, title, focused, badges, surface, contentX, contentY, background } = window;
  return JSON.stringify([width, height, title, focused, badges, surface, contentX, contentY, background]);
}

export class WindowLayer {
  private window: SceneWindow;
  private key = '';
  private picture: Picture | null = null;
  private shadow: Mesh<Geometry, Shader> | null = null;
  private shadowKey = '';
  private reach = 0;

  constructor(window: SceneWindow) {
    this.window = window;
  }

  /** Where the window and its shadow may have left pixels. */
  get extent(): Rectangle {
    const { x, y, width, height } = this.window;
    return { x: x - this.reach, y: y - this.reach, width: width + 2 * this.reach, height: height + 2 * this.reach };
  }

  get surfaceId(): number {
    return this.window.surface;
  }

  /** True if nothing below this rectangle of the desktop can be seen through the window. */
  hides(rectangle: Rectangle): boolean {
    const { x, y, width, height } = this.window;
    const r = radius.window;
    return (
      contains({ x, y: y + r, width, height: height - 2 * r }, rectangle) ||
      contains({ x: x + r, y, width: width - 2 * r, height }, rectangle)
    );
  }

  /** Nodes back to front. */
  get nodes(): Container[] {
    return this.picture && this.shadow ? [this.shadow, this.picture.mesh] : [];
  }

  /** Takes the window's place in a new scene; the rectangles of the desktop that changed. */
  update(
    stage: Stage,
    window: SceneWindow,
    shadows: { focused: WindowShadow; resting: WindowShadow },
    surface: Surface | null,
  ): Rectangle[] {
    const before = this.picture ? this.extent : null;
    const previous = this.window;
    this.window = window;
    const shadow = window.focused ? shadows.focused : shadows.resting;
    const shadowKey = `${window.focused} ${window.width} ${window.height}`;
    const key = frameKey(window);
    const moved = previous.x !== window.x || previous.y !== window.y;
    const reshaped = shadowKey !== this.shadowKey;
    if (reshaped) {
      if (this.shadow) destroyMesh(this.shadow);
      this.shadow = shadow.meshFor(window.width, window.height);
      this.shadowKey = shadowKey;
      this.reach = shadow.reach;
    }
    const repaint = key !== this.key;
    if (repaint) {
      this.key = key;
      this.paint(stage, surface);
    }
    this.picture?.moveTo(window.x, window.y);
    this.shadow?.position.set(window.x, window.y);
    if (moved || reshaped) return before ? [before, this.extent] : [this.extent];
    if (repaint) return [{ x: window.x, y: window.y, width: window.width, height: window.height }];
    return [];
  }

  /** The surface changed inside `damage` (surface pixels): redraws that part; the rectangle of the desktop, null if none shows. */
  surfaceChanged(stage: Stage, surface: Surface, damage: Rectangle): Rectangle | null {
    const { contentX, contentY, x, y } = this.window;
    const clip = intersect(
      { x: damage.x + contentX, y: damage.y + contentY, width: damage.width, height: damage.height },
      this.contentArea(),
    );
    if (!clip || !this.picture) return null;
    this.drawSurface(stage, surface, clip);
    return { ...clip, x: clip.x + x, y: clip.y + y };
  }

  /** The surface was made or removed: the whole window is drawn again. */
  repaint(stage: Stage, surface: Surface | null): Rectangle {
    this.paint(stage, surface);
    const { x, y, width, height } = this.window;
    return { x, y, width, height };
  }

  destroy(): void {
    this.picture?.destroy();
    if (this.shadow) destroyMesh(this.shadow);
  }

  /** Below the title bar: an application cannot draw over its own title and badges. */
  private contentArea(): Rectangle {
    const { width, height } = this.window;
    return { x: 0, y: titleBarHeight, width, height: Math.max(0, height - titleBarHeight) };
  }

  private paint(stage: Stage, surface: Surface | null): void {
    const { width, height } = this.window;
    if (this.picture && (this.picture.width !== width || this.picture.height !== height)) {
      this.picture.destroy();
      this.picture = null;
    }
    this.picture ??= new Picture(width, height);
    const painter = new Painter();
    this.paintFrame(painter);
    const frame = painter.finish(stage.glyphs.interface);
    this.picture.paint(stage, [frame]);
    destroyPainting(frame);
    if (surface) {
      const { contentX, contentY } = this.window;
      const whole = { x: contentX, y: contentY, width: surface.pixelWidth, height: surface.pixelHeight };
      const clip = intersect(whole, this.contentArea());
      if (clip) this.drawSurface(stage, surface, clip);
    }
  }

  private drawSurface(stage: Stage, surface: Surface, clip: Rectangle): void {
    const { width, height, contentX, contentY } = this.window;
    surface.mesh.position.set(contentX, contentY);
    this.picture!.paint(stage, [surface.mesh], clip);
    // The surface's corners may stick out of the rounded window; only inside the clip, where everything was just drawn anew.
    const r = radius.window;
    const reachesCorners = clip.y + clip.height > height - r && (clip.x < r || clip.x + clip.width > width - r);
    if (!reachesCorners) return;
    const painter = new Painter();
    painter.outsideCorners(0, 0, width, height, r);
    const corners = painter.finish(stage.glyphs.interface);
    corners.blendMode = 'erase';
    this.picture!.paint(stage, [corners], clip);
    destroyPainting(corners);
  }

  private paintFrame(painter: Painter): void {
    const { width, height, title, focused, badges, background } = this.window;
    const split = Math.min(height, titleBarHeight - 1);
    const frame = (fill: number, from: number, to: number) =>
      painter.box(0, 0, width, height, { radius: radius.window, fill, rows: { from, to } });
    frame(colour.card, 0, split);
    frame(colour.line, split, Math.min(height, titleBarHeight));
    frame(background, Math.min(height, titleBarHeight), height);
    const middle = (titleBarHeight - 1) / 2;
    [colour.closeDot, colour.minimiseDot, colour.zoomDot].forEach((fill, index) => {
      const x = titleDot.left + index * (titleDot.diameter + titleDot.gap);
      const y = Math.round(middle - titleDot.diameter / 2);
      painter.box(x, y, titleDot.diameter, titleDot.diameter, { radius: titleDot.diameter / 2, fill });
    });
    let right = width - titleDot.left;
    for (const badge of [...badges].reverse()) {
      const { text, fill, ink } = BADGES[badge];
      const textWidth = measureText(text, 'semibold11');
      const badgeWidth = Math.round(textWidth + 2 * BADGE_PADDING);
      const top = Math.round(middle - BADGE_HEIGHT / 2);
      if (right - badgeWidth < TITLE_LEFT) break;
      painter.box(right - badgeWidth, top, badgeWidth, BADGE_HEIGHT, { radius: BADGE_HEIGHT / 2, fill });
      painter.textCentred(right - badgeWidth / 2, top + 15, text, 'semibold11', ink);
      right -= badgeWidth + BADGE_GAP;
    }
    const room = right - TITLE_LEFT - BADGE_PADDING;
    const shown = shortenText(title, 'semibold13', Math.max(0, room));
    painter.text(TITLE_LEFT, 27, shown, 'semibold13', focused ? colour.ink : colour.softInk);
  }
}
