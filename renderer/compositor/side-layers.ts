// The dock at the left and the panel at the right: each a cached picture with its shadow, redrawn when its part of the scene changes.
// The panel's figures change every second: then only their rows are drawn again, on the glass, which no shadow reaches.

import type { Container } from 'pixi.js';
import type { SceneDock, ScenePanel } from '../../electron/protocol/scene-schema.ts';
import { colour, radius, securityColour, space } from '../../os-core/design-tokens/tokens.ts';
import { destroyPainting, Painter } from '../design-system/painter.ts';
import { measureText, shortenText, wrapText } from '../design-system/text.ts';
import { Picture } from './picture.ts';
import type { Rectangle } from './rectangle.ts';
import type { Stage } from './stage.ts';

const SHADOW = { offsetY: 12, blur: 32 } as const;
const REACH = Math.ceil(SHADOW.blur * 1.5) + SHADOW.offsetY;
/** Dock and panel are glass: a little of the wallpaper shines through. */
const DOCK_ALPHA = 0.78;
const PANEL_ALPHA = 0.82;

abstract class SideLayer<Part extends Rectangle> {
  private picture: Picture | null = null;
  private key = '';
  private extent: Rectangle | null = null;
  private shown: Part | null = null;

  protected abstract readonly fillAlpha: number;
  protected abstract readonly shadowAlpha: number;
  protected abstract paintContent(painter: Painter, part: Part): void;
  /** Where two contents differ, relative to the part's top left and inside its glass; null: anywhere. */
  protected changes(_before: Part, _after: Part): Rectangle[] | null {
    return null;
  }

  get nodes(): Container[] {
    return this.picture ? [this.picture.mesh] : [];
  }

  /** What of the desktop changed. */
  update(stage: Stage, part: Part): Rectangle[] {
    const key = JSON.stringify(part);
    if (key === this.key) return [];
    this.key = key;
    const changed = this.shown && this.picture ? this.changes(this.shown, part) : null;
    this.shown = part;
    if (changed) return changed.map((rectangle) => this.repaint(stage, part, rectangle));
    const before = this.extent;
    const width = part.width + 2 * REACH;
    const height = part.height + 2 * REACH;
    if (part.width === 0 || part.height === 0) {
      this.destroy();
      return before ? [before] : [];
    }
    if (this.picture && (this.picture.width !== width || this.picture.height !== height)) this.destroy();
    this.picture ??= new Picture(width, height);
    this.extent = { x: part.x - REACH, y: part.y - REACH, width, height };
    const painter = new Painter();
    this.paintShadow(painter, part);
    const shadow = painter.finish(stage.glyphs.interface);
    // A shadow falls around the glass, not through it.
    painter.box(0, 0, part.width, part.height, { radius: radius.large, fill: colour.ink });
    const hole = painter.finish(stage.glyphs.interface);
    hole.blendMode = 'erase';
    this.paintGlass(painter, part);
    const content = painter.finish(stage.glyphs.interface);
    const paintings = [shadow, hole, content];
    for (const painting of paintings) painting.position.set(REACH, REACH);
    this.picture.paint(stage, paintings);
    paintings.forEach(destroyPainting);
    this.picture.moveTo(part.x - REACH, part.y - REACH);
    return before ? [before, this.extent] : [this.extent];
  }

  destroy(): void {
    this.picture?.destroy();
    this.picture = null;
    this.extent = null;
    this.shown = null;
  }

  /** Draws a rectangle of the glass again; its place on the desktop. */
  private repaint(stage: Stage, part: Part, rectangle: Rectangle): Rectangle {
    const painter = new Painter();
    this.paintGlass(painter, part);
    const content = painter.finish(stage.glyphs.interface);
    content.position.set(REACH, REACH);
    this.picture!.repaint(stage, [content], { ...rectangle, x: rectangle.x + REACH, y: rectangle.y + REACH });
    destroyPainting(content);
    return { ...rectangle, x: rectangle.x + part.x, y: rectangle.y + part.y };
  }

  private paintGlass(painter: Painter, part: Part): void {
    painter.box(0, 0, part.width, part.height, { radius: radius.large, fill: colour.surface, alpha: this.fillAlpha });
    this.paintContent(painter, part);
  }

  private paintShadow(painter: Painter, { width, height }: Rectangle): void {
    painter.shadow(0, 0, width, height, {
      radius: radius.large,
      offsetY: SHADOW.offsetY,
      blur: SHADOW.blur,
      colour: colour.ink,
      alpha: this.shadowAlpha,
    });
    painter.box(-1, -1, width + 2, height + 2, { radius: radius.large + 1, fill: colour.line, alpha: 0.8 });
  }
}

const MARK = { diameter: 40, top: 12 } as const;

export class DockLayer extends SideLayer<SceneDock> {
  protected readonly fillAlpha = DOCK_ALPHA;
  protected readonly shadowAlpha = 0.14;

  protected paintContent(painter: Painter, dock: SceneDock): void {
    const markLeft = Math.round((dock.width - MARK.diameter) / 2);
    painter.box(markLeft, MARK.top, MARK.diameter, MARK.diameter, {
      radius: MARK.diameter / 2,
      fill: colour.deepAccent,
    });
    painter.shape(markLeft, MARK.top, 'stars', colour.gold);
    for (const tile of dock.tiles) {
      // Tiles stand in desktop coordinates, as all of the scene.
      const left = tile.x - dock.x;
      const top = tile.y - dock.y;
      painter.box(left, top, tile.size, tile.size, {
        radius: radius.medium,
        fill: colour.card,
        border: { colour: colour.line, width: 1 },
      });
      const inset = Math.round((tile.size - 22) / 2);
      painter.shape(
        left + inset,
        top + inset,
        `icon-${tile.icon}`,
        tile.running || tile.active ? colour.accent : colour.softInk,
      );
      if (tile.running) {
        painter.box(0, top + Math.round((tile.size - 18) / 2), 4, 18, { radius: 2, fill: colour.accent });
      }
    }
  }
}

const PADDING = space[5];
const CARD_PADDING = { x: 16, y: 14 } as const;
const ROW_HEIGHT = 24;
const BAR = { above: 6, height: 6, below: 8 } as const;
const STATUS_TOP = 114;
function rowHeight(row: ScenePanel['cards'][number]['rows'][number]): number {
  return ROW_HEIGHT + (row.bar === undefined ? 0 : BAR.above + BAR.height + BAR.below);
}
const TONES = {
  verified: { fill: securityColour.verifiedTint, ink: securityColour.verifiedInk },
  attention: { fill: securityColour.attentionTint, ink: securityColour.attentionInk },
  compromised: { fill: securityColour.compromisedTint, ink: securityColour.compromisedInk },
} as const;

export class PanelLayer extends SideLayer<ScenePanel> {
  protected readonly fillAlpha = PANEL_ALPHA;
  protected readonly shadowAlpha = 0.12;

  protected override changes(before: ScenePanel, after: ScenePanel): Rectangle[] | null {
    const frame = ({ x, y, width, height, status, cards }: ScenePanel) =>
      JSON.stringify([x, y, width, height, status, cards.map((card) => card.rows.map((row) => row.bar === undefined))]);
    if (frame(before) !== frame(after) || after.height < 2 * radius.large) return null;
    const width = after.width - 2 * PADDING;
    const rectangles: Rectangle[] = [];
    if (before.clock !== after.clock || before.date !== after.date) {
      rectangles.push({ x: PADDING, y: PADDING, width, height: STATUS_TOP - PADDING });
    }
    let top = STATUS_TOP + this.statusHeight(after, width) + space[3];
    after.cards.forEach((card, cardIndex) => {
      let y = top + CARD_PADDING.y;
      card.rows.forEach((row, rowIndex) => {
        const height = rowHeight(row);
        const inside = y + height <= after.height - PADDING;
        if (inside && JSON.stringify(row) !== JSON.stringify(before.cards[cardIndex].rows[rowIndex])) {
          rectangles.push({ x: PADDING + CARD_PADDING.x, y, width: width - 2 * CARD_PADDING.x, height });
        }
        y += height;
      });
      top = y + CARD_PADDING.y + space[3];
    });
    return rectangles;
  }

  private statusHeight(panel: ScenePanel, width: number): number {
    const lines = wrapText(panel.status.text, 'regular12', width - 2 * CARD_PADDING.x, 3);
    return 2 * CARD_PADDING.y + 16 + lines.length * 16;
  }

  protected paintContent(painter: Painter, panel: ScenePanel): void {
    const width = panel.width - 2 * PADDING;
    if (width <= 2 * CARD_PADDING.x) return;
    const bottom = panel.height - PADDING;
    painter.text(PADDING, 67, panel.clock, 'light44', colour.ink, { letterSpacing: -1 });
    painter.text(PADDING, 91, panel.date, 'regular13', colour.softInk);
    let top = STATUS_TOP;

    const tone = TONES[panel.status.tone];
    const inner = width - 2 * CARD_PADDING.x;
    const lines = wrapText(panel.status.text, 'regular12', inner, 3);
    const statusHeight = this.statusHeight(panel, width);
    if (top + statusHeight > bottom) return;
    painter.box(PADDING, top, width, statusHeight, { radius: radius.medium, fill: tone.fill });
    painter.text(
      PADDING + CARD_PADDING.x,
      top + 27,
      shortenText(panel.status.title, 'bold13', inner),
      'bold13',
      tone.ink,
    );
    lines.forEach((line, index) => {
      painter.text(PADDING + CARD_PADDING.x, top + 43 + index * 16, line, 'regular12', tone.ink);
    });
    top += statusHeight + space[3];

    for (const card of panel.cards) {
      const height = 2 * CARD_PADDING.y + card.rows.reduce((sum, row) => sum + rowHeight(row), 0);
      if (top + height > bottom) return;
      this.paintCard(painter, card, top, width, height);
      top += height + space[3];
    }
  }

  private paintCard(
    painter: Painter,
    card: ScenePanel['cards'][number],
    top: number,
    width: number,
    height: number,
  ): void {
    painter.box(PADDING, top, width, height, {
      radius: radius.medium,
      fill: colour.card,
      border: { colour: colour.line, width: 1 },
    });
    const left = PADDING + CARD_PADDING.x;
    const right = PADDING + width - CARD_PADDING.x;
    let y = top + CARD_PADDING.y;
    for (const row of card.rows) {
      const value = shortenText(row.value, 'semibold13', (right - left) * 0.7);
      painter.textRight(right, y + 17, value, 'semibold13', colour.ink);
      const room = right - left - measureText(value, 'semibold13') - space[2];
      painter.text(left, y + 17, shortenText(row.label, 'regular13', room), 'regular13', colour.softInk);
      y += ROW_HEIGHT;
      if (row.bar === undefined) continue;
      y += BAR.above;
      const length = right - left;
      painter.box(left, y, length, BAR.height, { radius: BAR.height / 2, fill: colour.line });
      const filled = Math.round(length * row.bar);
      if (filled > 0) {
        painter.box(left, y, Math.max(filled, BAR.height), BAR.height, { radius: BAR.height / 2, fill: colour.accent });
      }
      y += BAR.height + BAR.below;
    }
  }
}
