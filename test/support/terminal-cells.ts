// What a terminal shows, cell by cell, as text that can be compared: of our terminal and of @xterm/headless, in the same form.

import xterm from '@xterm/headless';
import { CellFlag, DEFAULT_COLOUR, MAX_SCROLLBACK_LINES, TRUE_COLOUR } from '../../os-core/services/terminal/screen.ts';
import type { TerminalState } from '../../os-core/services/terminal/terminal.ts';

export interface Cells {
  /** One string a line: `[character styles foreground background]` for each cell. */
  readonly lines: string[];
  /** Row and column. */
  readonly cursor: number[];
}

export function ourCells({ screen }: TerminalState): Cells {
  const lines = screen.lines.map((line) => {
    let text = '';
    for (let at = 0; at < line.length; at += 3) {
      const code = line[at] & 0x1fffff;
      if (code === 0) continue;
      const flags = line[at] >>> 24;
      const blank = code === 32;
      const styles = blank ? 0 : flags & ~CellFlag.wide;
      const shade = (value: number): string =>
        value === DEFAULT_COLOUR
          ? '-'
          : (value & TRUE_COLOUR) !== 0
            ? `#${(value & 0xffffff).toString(16)}`
            : `${value}`;
      text += `[${String.fromCodePoint(code)} ${styles} ${blank ? '-' : shade(line[at + 1])} ${shade(line[at + 2])}]`;
    }
    return text;
  });
  return { lines, cursor: [screen.row, screen.column] };
}

/** @xterm/headless, which takes its input a little later. */
export class XtermScreen {
  private readonly terminal: xterm.Terminal;

  /** `reply` is told what the terminal says back to the program. */
  constructor(columns: number, rows: number, reply: (text: string) => void = () => {}) {
    this.terminal = new xterm.Terminal({
      cols: columns,
      rows,
      allowProposedApi: true,
      scrollback: MAX_SCROLLBACK_LINES,
    });
    this.terminal.onData(reply);
  }
  write(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve) => this.terminal.write(bytes, resolve));
  }
  resize(columns: number, rows: number): void {
    this.terminal.resize(columns, rows);
  }
  dispose(): void {
    this.terminal.dispose();
  }

  /** Lines without blanks at the end. */
  text(): string[] {
    const { active } = this.terminal.buffer;
    return Array.from({ length: this.terminal.rows }, (_, row) =>
      (active.getLine(active.baseY + row)?.translateToString() ?? '').trimEnd(),
    );
  }

  cells(): Cells {
    const buffer = this.terminal.buffer.active;
    const lines: string[] = [];
    for (let row = 0; row < this.terminal.rows; row++) {
      const line = buffer.getLine(buffer.baseY + row);
      let text = '';
      for (let column = 0; column < this.terminal.cols; column++) {
        const cell = line?.getCell(column);
        if (cell === undefined || cell.getWidth() === 0) continue;
        const chars = (cell.getChars() || ' ').normalize('NFC');
        const styles =
          (cell.isBold() ? CellFlag.bold : 0) |
          (cell.isItalic() ? CellFlag.italic : 0) |
          (cell.isUnderline() ? CellFlag.underline : 0) |
          (cell.isStrikethrough() ? CellFlag.strike : 0) |
          (cell.isInverse() ? CellFlag.inverse : 0) |
          (cell.isDim() ? CellFlag.dim : 0) |
          (cell.isInvisible() ? CellFlag.hidden : 0);
        const shade = (isDefault: boolean, isRgb: boolean, value: number): string =>
          isDefault ? '-' : isRgb ? `#${value.toString(16)}` : `${value}`;
        const blank = chars === ' ';
        const foreground = blank ? '-' : shade(cell.isFgDefault(), cell.isFgRGB(), cell.getFgColor());
        text += `[${chars} ${blank ? 0 : styles} ${foreground} ${shade(cell.isBgDefault(), cell.isBgRGB(), cell.getBgColor())}]`;
      }
      lines.push(text);
    }
    return { lines, cursor: [buffer.cursorY, buffer.cursorX] };
  }
}
