// Where the cursor goes: tabs, margins, save and restore (DEC STD 070).

import type { SavedCursor, ScreenState } from './screen.ts';

export function tab(screen: ScreenState, count: number): void {
  let column = Math.min(screen.column, screen.columns - 1);
  for (let i = 0; i < count && column < screen.columns - 1; i++) {
    do column++;
    while (column < screen.columns - 1 && !screen.tabs[column]);
  }
  screen.column = column;
}
export function tabBack(screen: ScreenState, count: number): void {
  if (screen.column >= screen.columns) return;
  let { column } = screen;
  for (let i = 0; i < count && column > 0; i++) {
    do column--;
    while (column > 0 && !screen.tabs[column]);
  }
  screen.column = column;
}

export function cursorNow(screen: ScreenState): SavedCursor {
  return {
    row: screen.row,
    column: screen.column,
    pen: { ...screen.pen },
    originMode: screen.originMode,
    charset: screen.charset,
    graphics: [...screen.graphics],
  };
}
export function restoreCursor(screen: ScreenState, saved: SavedCursor): void {
  screen.row = Math.min(saved.row, screen.rows - 1);
  screen.column = Math.min(saved.column, screen.columns);
  screen.pen = { ...saved.pen };
  screen.originMode = saved.originMode;
  screen.charset = saved.charset;
  screen.graphics = [...saved.graphics];
}

/** Rows as the program counts them: from the top margin in origin mode. */
export function goTo(screen: ScreenState, row: number, column: number): void {
  const from = screen.originMode ? screen.top : 0;
  const to = screen.originMode ? screen.bottom : screen.rows - 1;
  screen.row = Math.max(from, Math.min(row + from, to));
  screen.column = Math.max(0, Math.min(column, screen.columns - 1));
}
export function moveBy(screen: ScreenState, rows: number, columns: number): void {
  const column = Math.min(screen.column, screen.columns - 1);
  screen.column = Math.max(0, Math.min(column + columns, screen.columns - 1));
  // Margins stop the cursor only from inside (DEC STD 070).
  if (rows < 0) screen.row = Math.max(screen.row + rows, screen.row >= screen.top ? screen.top : 0);
  if (rows > 0) screen.row = Math.min(screen.row + rows, screen.row <= screen.bottom ? screen.bottom : screen.rows - 1);
}
