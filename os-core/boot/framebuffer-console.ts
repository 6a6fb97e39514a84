// A text console in the GOP framebuffer: 8x8 glyphs, enlarged by a whole factor, white on a colour, scrolling.
//
//   framebuffer (UEFI 2.10, 12.9): physicalAddress + y * pixelsPerScanLine * 4 + x * 4, one u32 a pixel
//   'rgbx': byte 0 red, 1 green, 2 blue, 3 reserved        'bgrx': byte 0 blue, 1 green, 2 red, 3 reserved
//
// Invariant: (column, row) is a cell of the grid, or column == columns (the next character wraps). All writes stay within
// the framebuffer as the mode describes it; a framebuffer outside RAM is reached by MMIO.

import { registerClass } from '../../devices/base/object-graph.ts';
import type { Machine } from '../../devices/contract/machine.ts';
import type { BootFramebuffer } from '../abi/boot-information.ts';
import { GLYPH_HEIGHT, GLYPH_WIDTH, glyphRow } from './font-8x8.ts';

/** Screens at least this wide show each font pixel as a block of 2x2, and so on. */
const WIDTH_PER_SCALE = 640;

export class FramebufferConsole {
  readonly framebuffer: BootFramebuffer;
  readonly scale: number;
  readonly columns: number;
  readonly rows: number;
  column = 0;
  row = 0;
  /** 0xRRGGBB */
  foreground = 0xe8ecf1;
  background = 0x0e1a2b;

  constructor(framebuffer: BootFramebuffer) {
    this.framebuffer = framebuffer;
    this.scale = Math.max(1, Math.floor(framebuffer.width / WIDTH_PER_SCALE));
    this.columns = Math.max(1, Math.floor(framebuffer.width / (GLYPH_WIDTH * this.scale)));
    this.rows = Math.max(1, Math.floor(framebuffer.height / (GLYPH_HEIGHT * this.scale)));
  }

  /** 0xRRGGBB as the u32 that lies in framebuffer memory. */
  private pixel(colour: number): number {
    if (this.framebuffer.format === 'bgrx') return colour & 0xffffff;
    return ((colour & 0xff) << 16) | (colour & 0xff00) | ((colour >> 16) & 0xff);
  }

  private address(x: number, y: number): number {
    return this.framebuffer.physicalAddress + (y * this.framebuffer.pixelsPerScanLine + x) * 4;
  }

  /** Fills a rectangle of pixels; parts outside the screen are left out. */
  fillRectangle(machine: Machine, x: number, y: number, width: number, height: number, colour: number): void {
    const left = Math.max(0, x);
    const right = Math.min(this.framebuffer.width, x + width);
    const bottom = Math.min(this.framebuffer.height, y + height);
    const value = this.pixel(colour);
    for (let line = Math.max(0, y); line < bottom; line++) this.fillLine(machine, left, right, line, value);
  }

  private fillLine(machine: Machine, left: number, right: number, line: number, value: number): void {
    if (right <= left) return;
    const memory = machine.memory;
    const start = this.address(left, line);
    const length = (right - left) * 4;
    if (memory.contains(start, length)) {
      memory.words32.fill(value, start >> 2, (start + length) >> 2);
      memory.noteWrite(start, length);
    } else {
      for (let x = 0; x < length; x += 4) machine.mmioWrite(start + x, 4, value);
    }
  }

  /** Paints the whole screen and puts the cursor at the top left. */
  clear(machine: Machine): void {
    this.fillRectangle(machine, 0, 0, this.framebuffer.width, this.framebuffer.height, this.background);
    this.column = 0;
    this.row = 0;
  }

  /** Writes text at the cursor. Newline and carriage return move; other control characters are shown as the replacement glyph. */
  write(machine: Machine, text: string): void {
    for (const character of text) {
      const codePoint = character.codePointAt(0) ?? 0;
      if (codePoint === 10) {
        this.newLine(machine);
      } else if (codePoint === 13) {
        this.column = 0;
      } else {
        if (this.column >= this.columns) this.newLine(machine);
        this.drawGlyph(machine, codePoint, this.column, this.row);
        this.column++;
      }
    }
  }

  private newLine(machine: Machine): void {
    this.column = 0;
    if (this.row + 1 < this.rows) this.row++;
    else this.scroll(machine);
  }

  private drawGlyph(machine: Machine, codePoint: number, column: number, row: number): void {
    const scale = this.scale;
    const left = column * GLYPH_WIDTH * scale;
    const ink = this.pixel(this.foreground);
    const paper = this.pixel(this.background);
    const bytes = GLYPH_WIDTH * scale * 4;
    const memory = machine.memory;
    for (let y = 0; y < GLYPH_HEIGHT * scale; y++) {
      const bits = glyphRow(codePoint, Math.floor(y / scale));
      const start = this.address(left, row * GLYPH_HEIGHT * scale + y);
      const direct = memory.contains(start, bytes);
      for (let x = 0; x < GLYPH_WIDTH * scale; x++) {
        const value = ((bits >> (7 - Math.floor(x / scale))) & 1) !== 0 ? ink : paper;
        if (direct) memory.words32[(start >> 2) + x] = value;
        else machine.mmioWrite(start + 4 * x, 4, value);
      }
      if (direct) memory.noteWrite(start, bytes);
    }
  }

  /** Moves everything up by one text row. A framebuffer outside RAM is not read back: it starts a new page instead. */
  private scroll(machine: Machine): void {
    const { width, height, pixelsPerScanLine, physicalAddress } = this.framebuffer;
    const lines = GLYPH_HEIGHT * this.scale;
    const memory = machine.memory;
    const total = height * pixelsPerScanLine * 4;
    if (!memory.contains(physicalAddress, total)) return this.clear(machine);
    memory.bytes.copyWithin(physicalAddress, this.address(0, lines), this.address(0, this.rows * lines));
    memory.noteWrite(physicalAddress, (this.rows - 1) * lines * pixelsPerScanLine * 4);
    this.fillRectangle(machine, 0, (this.rows - 1) * lines, width, height, this.background);
  }
}
registerClass('FramebufferConsole', 1, FramebufferConsole);
