// A register file in memory space, given as a table: one row per register. Narrow accesses touch part of a register, wide ones
// several; offsets without a row read 0 and ignore writes.

import type { AccessWidth } from '../contract/machine.ts';

export interface RegisterRow {
  readonly offset: number;
  readonly width: AccessWidth;
  readonly read: () => number;
  /** Absent = read only. */
  readonly write?: (value: number) => void;
}

export class RegisterFile {
  /** Row of each byte, -1 = none. */
  private readonly rowOf: Int16Array;
  private readonly rows: readonly RegisterRow[];

  constructor(sizeBytes: number, rows: readonly RegisterRow[]) {
    this.rowOf = new Int16Array(sizeBytes).fill(-1);
    this.rows = rows;
    rows.forEach((row, n) => this.rowOf.fill(n, row.offset, row.offset + row.width));
  }

  read(offset: number, width: AccessWidth): number {
    let value = 0;
    let at = offset;
    while (at < offset + width) {
      const row = this.rows[this.rowOf[at] ?? -1];
      if (row === undefined) {
        at++;
        continue;
      }
      const end = Math.min(row.offset + row.width, offset + width);
      const shifted = Math.floor((row.read() >>> 0) / 2 ** (8 * (at - row.offset)));
      value += (shifted % 2 ** (8 * (end - at))) * 2 ** (8 * (at - offset));
      at = end;
    }
    return value;
  }

  write(offset: number, width: AccessWidth, value: number): void {
    let at = offset;
    while (at < offset + width) {
      const row = this.rows[this.rowOf[at] ?? -1];
      if (row === undefined) {
        at++;
        continue;
      }
      const end = Math.min(row.offset + row.width, offset + width);
      const bits = 8 * (end - at);
      const part = Math.floor((value >>> 0) / 2 ** (8 * (at - offset))) % 2 ** bits;
      const low = 8 * (at - row.offset);
      // The bytes of the register that the access does not cover keep their value.
      const old = bits === row.width * 8 ? 0 : row.read() >>> 0;
      const kept = (old % 2 ** low) + Math.floor(old / 2 ** (low + bits)) * 2 ** (low + bits);
      row.write?.(kept + part * 2 ** low);
      at = end;
    }
  }
}
