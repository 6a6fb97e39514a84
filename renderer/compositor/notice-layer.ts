// What stands on the screen while the guest shows nothing: it is starting, switched off, or could not be run.

import type { Container } from 'pixi.js';
import { colour } from '../../os-core/design-tokens/tokens.ts';
import { destroyPainting, Painter } from '../design-system/painter.ts';
import { wrapText } from '../design-system/text.ts';
import { Picture } from './picture.ts';
import type { Stage } from './stage.ts';

const MARK_DIAMETER = 40;
const TEXT_WIDTH = 560;

export interface Notice {
  readonly title: string;
  readonly text: string;
}

export class NoticeLayer {
  private picture: Picture | null = null;

  get nodes(): Container[] {
    return this.picture ? [this.picture.mesh] : [];
  }

  show(stage: Stage, width: number, height: number, notice: Notice): void {
    this.destroy();
    this.picture = new Picture(width, height, true);
    const painter = new Painter();
    painter.box(0, 0, width, height, { fill: colour.terminal });
    const centre = Math.round(width / 2);
    const top = Math.round(height / 2) - 72;
    painter.box(centre - MARK_DIAMETER / 2, top, MARK_DIAMETER, MARK_DIAMETER, {
      radius: MARK_DIAMETER / 2,
      fill: colour.deepAccent,
    });
    painter.shape(centre - MARK_DIAMETER / 2, top, 'stars', colour.gold);
    painter.textCentred(centre, top + 84, notice.title, 'semibold20', colour.terminalInk);
    wrapText(notice.text, 'regular13', Math.min(TEXT_WIDTH, width - 32), 6).forEach((line, index) => {
      painter.textCentred(centre, top + 114 + index * 20, line, 'regular13', colour.line);
    });
    const painting = painter.finish(stage.glyphs.interface);
    this.picture.paint(stage, [painting]);
    destroyPainting(painting);
  }

  destroy(): void {
    this.picture?.destroy();
    this.picture = null;
  }
}
