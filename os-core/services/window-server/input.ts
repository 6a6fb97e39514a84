// Records of keyboard and mouse (os-core/abi/input.ts) become focus, movement of windows, and bytes for programs.

import { CursorShape } from '../../abi/display.ts';
import { INPUT_RECORD_BYTES, InputKind, KeyAction, KeyModifier, MouseButton } from '../../abi/input.ts';
import { toByteString } from '../../sdk/bytes.ts';
import { keyText } from '../terminal/keys.ts';
import { damageAll } from '../terminal/screen.ts';
import { MINIMUM_WINDOW, snapBox, type Target, targetAt } from './layout.ts';
import { beginSelection, clearSelection, copySelection, extendSelection, placeAt, selectWord } from './selection.ts';
import type { DesktopState, Drag, WindowState } from './state.ts';
import {
  closeWindow,
  findWindow,
  focusWindow,
  openTerminal,
  placeWindow,
  scrollBy,
  toggleZoom,
  typeText,
} from './windows.ts';

const KEY_TAB = 15;
const KEY_W = 17;
const KEY_T = 20;
const KEY_C = 46;
const KEY_V = 47;
const KEY_N = 49;
const KEY_F4 = 62;
const KEY_PAGE_UP = 104;
const KEY_PAGE_DOWN = 109;
const LINES_PER_STEP = 3;
const MAX_WHEEL_LINES = 256;
const DOUBLE_CLICK_SECONDS = 0.4;
const DOUBLE_CLICK_PIXELS = 4;
/** This much of a title bar stays on the desktop, so that a window can be fetched back. */
const KEEP_VISIBLE = 64;

export function takeKeyboard(desktop: DesktopState, bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + INPUT_RECORD_BYTES <= bytes.length; at += INPUT_RECORD_BYTES) {
    if (view.getUint32(at, true) !== InputKind.key) continue;
    if (view.getUint32(at + 8, true) === KeyAction.release) continue;
    const typed = view.getUint32(at + 12, true);
    pressKey(desktop, view.getUint32(at + 4, true), typed & 0xffffff, typed >>> 24);
  }
}

function pressKey(desktop: DesktopState, key: number, character: number, modifiers: number): void {
  const window = desktop.windows[desktop.windows.length - 1];
  const control = (modifiers & KeyModifier.control) !== 0;
  const alt = (modifiers & KeyModifier.alt) !== 0;
  const shift = (modifiers & KeyModifier.shift) !== 0;
  if (key === KEY_T && control && alt) return openTerminal(desktop);
  if (control && shift && !alt) {
    if (key === KEY_N) return openTerminal(desktop);
    if (key === KEY_C) return void copySelection(desktop);
    // The host answers this key itself, with the text on its clipboard.
    if (key === KEY_V) return;
    if (key === KEY_W && window !== undefined) return closeWindow(desktop, window);
  }
  if (window === undefined) return;
  if (key === KEY_F4 && alt) return closeWindow(desktop, window);
  if (key === KEY_TAB && alt) return focusWindow(desktop, desktop.windows[0]);
  if (shift && (key === KEY_PAGE_UP || key === KEY_PAGE_DOWN))
    return scrollBy(window, key === KEY_PAGE_UP ? window.rows - 1 : 1 - window.rows);
  const text = keyText(window.terminal, key, character, modifiers);
  if (text === '') return;
  if (window.scrolled > 0) {
    window.scrolled = 0;
    damageAll(window.terminal.screen);
  }
  typeText(window, toByteString(text));
}

const shapes: Readonly<Partial<Record<Target['kind'], number>>> = {
  content: CursorShape.text,
  terminalTile: CursorShape.hand,
  close: CursorShape.hand,
  zoom: CursorShape.hand,
  right: CursorShape.move,
  bottom: CursorShape.move,
  corner: CursorShape.move,
};

export function takeMouse(desktop: DesktopState, bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + INPUT_RECORD_BYTES <= bytes.length; at += INPUT_RECORD_BYTES) {
    const kind = view.getUint32(at, true);
    if (kind === InputKind.lost) {
      desktop.drag = null;
      desktop.buttons = 0;
    }
    if (kind === InputKind.wheel) turnWheel(desktop, view.getInt32(at + 4, true));
    if (kind !== InputKind.pointer) continue;
    const x = Math.min(view.getUint32(at + 4, true), desktop.width - 1);
    const y = Math.min(view.getUint32(at + 8, true), desktop.height - 1);
    movePointer(desktop, x, y, view.getUint32(at + 12, true));
  }
}

/** Scrolls the terminal under the pointer; a program that fills the screen gets arrow keys instead, as in xterm. */
function turnWheel(desktop: DesktopState, steps: number): void {
  const target = targetAt(desktop, desktop.pointerX, desktop.pointerY);
  if (!('window' in target)) return;
  const { window } = target;
  const lines = Math.max(-MAX_WHEEL_LINES, Math.min(steps * LINES_PER_STEP, MAX_WHEEL_LINES));
  if (window.terminal.screen.mainLines === null) return scrollBy(window, -lines);
  const letter = lines < 0 ? 'A' : 'B';
  const key = `\x1b${window.terminal.applicationCursor ? 'O' : '['}${letter}`;
  typeText(window, key.repeat(Math.abs(lines)));
}

function movePointer(desktop: DesktopState, x: number, y: number, buttons: number): void {
  const pressed = buttons & ~desktop.buttons & MouseButton.left;
  const pressedOther = buttons & ~desktop.buttons & (MouseButton.right | MouseButton.middle);
  const released = desktop.buttons & ~buttons & MouseButton.left;
  if (x !== desktop.pointerX || y !== desktop.pointerY) desktop.cursorDirty = true;
  desktop.pointerX = x;
  desktop.pointerY = y;
  desktop.buttons = buttons;
  if (desktop.drag !== null) followDrag(desktop, desktop.drag);
  if (pressed !== 0) press(desktop, targetAt(desktop, x, y));
  if (pressedOther !== 0 && targetAt(desktop, x, y).kind === 'terminalTile') openTerminal(desktop);
  if (released !== 0 && desktop.drag !== null) endDrag(desktop, desktop.drag);
  updateShape(desktop);
}

/** The pointer's shape tells what a click would do. */
export function updateShape(desktop: DesktopState): void {
  const { drag } = desktop;
  const dragged = drag?.kind === 'select' ? CursorShape.text : CursorShape.move;
  const target = targetAt(desktop, desktop.pointerX, desktop.pointerY);
  const shape = drag !== null ? dragged : (shapes[target.kind] ?? CursorShape.arrow);
  if (shape !== desktop.cursorShape) {
    desktop.cursorShape = shape;
    desktop.cursorDirty = true;
  }
}

function press(desktop: DesktopState, target: Target): void {
  clearSelection(desktop);
  if (target.kind === 'terminalTile') {
    const window = desktop.windows[desktop.windows.length - 1];
    if (window === undefined) openTerminal(desktop);
    else focusWindow(desktop, desktop.windows[0]);
    return;
  }
  if (!('window' in target)) return;
  const { window } = target;
  focusWindow(desktop, window);
  if (target.kind === 'content') return pressText(desktop, window);
  if (target.kind === 'close') return closeWindow(desktop, window);
  if (target.kind === 'zoom') {
    const full = snapBox(desktop, desktop.width / 2, 0);
    if (full !== null) toggleZoom(desktop, window, full);
    return;
  }
  const { pointerX, pointerY } = desktop;
  if (target.kind === 'title')
    desktop.drag = { window: window.id, kind: 'move', offsetX: pointerX - window.x, offsetY: pointerY - window.y };
  else
    desktop.drag = {
      window: window.id,
      kind: target.kind,
      offsetX: window.x + window.width - pointerX,
      offsetY: window.y + window.height - pointerY,
    };
}

function pressText(desktop: DesktopState, window: WindowState): void {
  const { pointerX: x, pointerY: y, lastPress, now } = desktop;
  const isDouble =
    now - lastPress.seconds <= DOUBLE_CLICK_SECONDS &&
    Math.abs(x - lastPress.x) + Math.abs(y - lastPress.y) <= DOUBLE_CLICK_PIXELS;
  // After a double click the next press begins anew.
  desktop.lastPress = { seconds: isDouble ? Number.NEGATIVE_INFINITY : now, x, y };
  if (isDouble) return selectWord(desktop, window, placeAt(window, x, y, false));
  beginSelection(desktop, window, placeAt(window, x, y, true));
  desktop.drag = { window: window.id, kind: 'select', offsetX: 0, offsetY: 0 };
}

function followDrag(desktop: DesktopState, drag: Drag): void {
  const window = findWindow(desktop, drag.window);
  if (window === undefined) {
    desktop.drag = null;
    return;
  }
  const { pointerX, pointerY } = desktop;
  if (drag.kind === 'select') return extendSelection(desktop, window, placeAt(window, pointerX, pointerY, true));
  if (drag.kind === 'move') {
    window.x = Math.max(KEEP_VISIBLE - window.width, Math.min(pointerX - drag.offsetX, desktop.width - KEEP_VISIBLE));
    window.y = Math.max(0, Math.min(pointerY - drag.offsetY, desktop.height - KEEP_VISIBLE / 2));
    desktop.sceneDirty = true;
    return;
  }
  const width = drag.kind === 'bottom' ? window.width : pointerX + drag.offsetX - window.x;
  const height = drag.kind === 'right' ? window.height : pointerY + drag.offsetY - window.y;
  placeWindow(desktop, window, {
    x: window.x,
    y: window.y,
    width: Math.max(MINIMUM_WINDOW.width, width),
    height: Math.max(MINIMUM_WINDOW.height, height),
  });
}

function endDrag(desktop: DesktopState, drag: Drag): void {
  desktop.drag = null;
  const window = findWindow(desktop, drag.window);
  if (window === undefined || drag.kind !== 'move') return;
  const box = snapBox(desktop, desktop.pointerX, desktop.pointerY);
  if (box === null) return;
  window.restore ??= { x: window.x, y: Math.max(0, window.y), width: window.width, height: window.height };
  placeWindow(desktop, window, box);
}
