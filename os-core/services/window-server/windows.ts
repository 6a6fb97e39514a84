// Opening, closing, moving and resizing of terminal windows: changes of state, and the calls that belong to them.

import { CELL_BYTES, DISPLAY_HEADER_BYTES, DisplayCommand, MAX_SURFACES, SurfaceKind } from '../../abi/display.ts';
import { terminalCell } from '../../design-tokens/tokens.ts';
import { Ioctl, OpenFlag } from '../../sdk/constants.ts';
import { request } from '../../sdk/requests.ts';
import { windowSizeBytes } from '../../sdk/structures.ts';
import { ARENA_BYTES, type TaskRequest } from '../../sdk/system-task.ts';
import { visibleLine, writeCells } from '../terminal/cells.ts';
import { damageAll } from '../terminal/screen.ts';
import { createTerminal, resizeTerminal } from '../terminal/terminal.ts';
import { type Box, gridSize, MINIMUM_WINDOW } from './layout.ts';
import { clearSelection, selectedColumns } from './selection.ts';
import type { DesktopState, Purpose, WindowState } from './state.ts';

/** As many windows as surfaces, less a few that change size. */
const MAX_WINDOWS = 24;
const FIRST_WINDOW = { x: 120, y: 90, width: 720, height: 424 } as const;

export function enqueue(desktop: DesktopState, call: TaskRequest, purpose: Purpose = 'nothing', subject = 0): void {
  desktop.queue.push({ request: call, purpose, subject });
}

export function displayMessage(
  desktop: DesktopState,
  command: number,
  surface: number,
  argument0: number,
  argument1: number,
  payload: Uint8Array | null = null,
): TaskRequest {
  const bytes = new Uint8Array(DISPLAY_HEADER_BYTES + (payload?.length ?? 0));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, command, true);
  view.setUint32(4, surface, true);
  view.setUint32(8, argument0 >>> 0, true);
  view.setUint32(12, argument1 >>> 0, true);
  if (payload !== null) bytes.set(payload, DISPLAY_HEADER_BYTES);
  return request.write(desktop.display, bytes);
}

export function findWindow(desktop: DesktopState, id: number): WindowState | undefined {
  return desktop.windows.find((window) => window.id === id);
}

function newSurface(desktop: DesktopState, columns: number, rows: number): number {
  for (let surface = 1; surface < MAX_SURFACES; surface++) {
    if (desktop.surfacesInUse[surface]) continue;
    desktop.surfacesInUse[surface] = true;
    enqueue(
      desktop,
      displayMessage(desktop, DisplayCommand.createSurface, surface, columns | (rows << 16), SurfaceKind.cells),
    );
    return surface;
  }
  return 0;
}

export function openTerminal(desktop: DesktopState): void {
  if (desktop.windows.length >= MAX_WINDOWS) return;
  const step = (desktop.nextWindow - 1) % 8;
  const width = Math.min(FIRST_WINDOW.width, desktop.width);
  const height = Math.min(FIRST_WINDOW.height, desktop.height);
  const { columns, rows } = gridSize(width, height);
  const surface = newSurface(desktop, columns, rows);
  if (surface === 0) return;
  const id = desktop.nextWindow++;
  desktop.windows.push({
    id,
    x: Math.max(0, Math.min(FIRST_WINDOW.x + step * 32, desktop.width - width)),
    y: Math.max(0, Math.min(FIRST_WINDOW.y + step * 32, desktop.height - height)),
    width,
    height,
    restore: null,
    surface,
    columns,
    rows,
    terminal: createTerminal(columns, rows),
    master: -1,
    slave: -1,
    process: 0,
    input: '',
    inputBlocked: false,
    scrolled: 0,
    cursorRow: 0,
    closing: false,
  });
  desktop.sceneDirty = true;
  const flags = OpenFlag.readWrite | OpenFlag.nonBlocking | OpenFlag.noControllingTerminal | OpenFlag.closeOnExec;
  enqueue(desktop, request.open('/dev/ptmx', flags), 'openMaster', id);
}

export function tellSize(desktop: DesktopState, window: WindowState): void {
  if (window.master < 0) return;
  const { columns, rows } = window;
  const bytes = windowSizeBytes({ columns, rows }, columns * terminalCell.width, rows * terminalCell.height);
  enqueue(desktop, request.ioctl(window.master, Ioctl.TIOCSWINSZ, bytes, 0));
}

/** The window goes; closing the master hangs the terminal up, which ends its programs. */
export function closeWindow(desktop: DesktopState, window: WindowState): void {
  desktop.windows = desktop.windows.filter((other) => other !== window);
  if (desktop.drag?.window === window.id) desktop.drag = null;
  if (desktop.selection?.window === window.id) desktop.selection = null;
  desktop.retired.push(window.surface);
  desktop.sceneDirty = true;
  window.closing = true;
  if (window.master >= 0) enqueue(desktop, request.close(window.master));
  if (window.slave >= 0) enqueue(desktop, request.close(window.slave));
}

export function focusWindow(desktop: DesktopState, window: WindowState): void {
  const last = desktop.windows[desktop.windows.length - 1];
  if (last === window) return;
  desktop.windows = [...desktop.windows.filter((other) => other !== window), window];
  for (const changed of [last, window]) {
    changed.terminal.screen.damaged[changed.terminal.screen.row] = true;
    if (changed.terminal.focusEvents) typeText(changed, changed === window ? '\x1b[I' : '\x1b[O');
  }
  desktop.sceneDirty = true;
}

/** Bytes for the program; more than it will ever read at once is dropped, as a terminal does. */
const MAX_INPUT_BYTES = 64 * 1024;
export function typeText(window: WindowState, bytes: string): void {
  if (window.input.length + bytes.length <= MAX_INPUT_BYTES) window.input += bytes;
}

export function placeWindow(desktop: DesktopState, window: WindowState, box: Box): void {
  window.x = box.x;
  window.y = box.y;
  window.width = Math.max(MINIMUM_WINDOW.width, Math.min(box.width, desktop.width));
  window.height = Math.max(MINIMUM_WINDOW.height, Math.min(box.height, desktop.height));
  desktop.sceneDirty = true;
  const { columns, rows } = gridSize(window.width, window.height);
  if (columns === window.columns && rows === window.rows) return;
  const surface = newSurface(desktop, columns, rows);
  if (surface === 0) return;
  if (desktop.selection?.window === window.id) clearSelection(desktop);
  desktop.retired.push(window.surface);
  window.surface = surface;
  window.columns = columns;
  window.rows = rows;
  window.scrolled = 0;
  resizeTerminal(window.terminal, columns, rows);
  tellSize(desktop, window);
}

export function toggleZoom(desktop: DesktopState, window: WindowState, full: Box): void {
  const { restore } = window;
  window.restore = restore === null ? { x: window.x, y: window.y, width: window.width, height: window.height } : null;
  placeWindow(desktop, window, restore ?? full);
}

export function scrollBy(window: WindowState, lines: number): void {
  const scrolled = Math.max(0, Math.min(window.scrolled + lines, window.terminal.screen.scrollback.length));
  if (scrolled === window.scrolled) return;
  window.scrolled = scrolled;
  damageAll(window.terminal.screen);
}

/** The next run of changed rows of a window as one message; null when everything is drawn. */
export function drawRows(desktop: DesktopState, window: WindowState): TaskRequest | null {
  const { terminal } = window;
  const { screen } = terminal;
  const isFocused = desktop.windows[desktop.windows.length - 1] === window;
  const hasCursor = terminal.cursorVisible && window.scrolled === 0 && isFocused;
  if (window.cursorRow !== screen.row && window.cursorRow < screen.rows) screen.damaged[window.cursorRow] = true;
  if (window.cursorRow !== screen.row) screen.damaged[screen.row] = true;
  window.cursorRow = screen.row;
  const first = screen.damaged.indexOf(true);
  if (first < 0) return null;
  const rowBytes = screen.columns * CELL_BYTES;
  const most = Math.max(1, Math.floor((ARENA_BYTES - DISPLAY_HEADER_BYTES) / rowBytes));
  let last = first;
  while (last + 1 < screen.rows && screen.damaged[last + 1] && last + 1 - first < most) last++;
  const payload = new Uint8Array((last - first + 1) * rowBytes);
  const view = new DataView(payload.buffer);
  for (let row = first; row <= last; row++) {
    screen.damaged[row] = false;
    const cursor =
      hasCursor && row === screen.row
        ? { column: Math.min(screen.column, screen.columns - 1), shape: terminal.cursorShape }
        : null;
    const selected = selectedColumns(desktop, window, screen.scrollback.length - window.scrolled + row);
    const line = visibleLine(terminal, row, window.scrolled);
    writeCells(view, (row - first) * rowBytes, line, screen.columns, cursor, selected);
  }
  return displayMessage(
    desktop,
    DisplayCommand.updateSurface,
    window.surface,
    first << 16,
    screen.columns | ((last - first + 1) << 16),
    payload,
  );
}
