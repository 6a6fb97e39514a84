// Where things stand on the desktop, and what lies under the pointer.
//
//   ┌ dock 64 ┐   ┌ window ───────────────┐        ┌ panel 284 ┐
//   │ mark    │   │ ● ● ●  title   badges │ 44     │ clock     │
//   │ tiles   │   │ 16 px, then cells     │        │ cards     │
//   └─────────┘   └───────────────────────┘        └───────────┘

import type { Scene, ScenePanel } from '../../abi/scene.ts';
import { colour, snapZone, space, terminalCell, titleBarHeight, titleDot } from '../../design-tokens/tokens.ts';
import { MAX_COLUMNS, MAX_ROWS } from '../terminal/screen.ts';
import { securityStatus } from './panel.ts';
import type { DesktopState, WindowState } from './state.ts';

const MARGIN = space[4];
export const CONTENT_PADDING = { x: 20, y: 16 } as const;
export const DOCK_WIDTH = 64;
const TILE = { size: 42, gap: 12, firstTop: 64, bottom: 12 } as const;
const PANEL_WIDTH = 284;
export const MINIMUM_WINDOW = { width: 320, height: 160 } as const;
/** How far inside its right and lower edge a window can be resized. */
const GRIP = 8;
const CORNER_GRIP = 20;

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}
const contains = (box: Box, x: number, y: number): boolean =>
  x >= box.x && y >= box.y && x < box.x + box.width && y < box.y + box.height;

export function gridSize(width: number, height: number): { columns: number; rows: number } {
  const columns = Math.floor((width - 2 * CONTENT_PADDING.x) / terminalCell.width);
  const rows = Math.floor((height - titleBarHeight - 2 * CONTENT_PADDING.y) / terminalCell.height);
  return { columns: Math.max(2, Math.min(columns, MAX_COLUMNS)), rows: Math.max(1, Math.min(rows, MAX_ROWS)) };
}

const dockTiles = [{ icon: 'terminal', label: 'Terminal' }] as const;

export function dockBox(desktop: DesktopState): Box {
  const height = TILE.firstTop + dockTiles.length * (TILE.size + TILE.gap) - TILE.gap + TILE.bottom;
  return { x: MARGIN, y: Math.round((desktop.height - height) / 2), width: DOCK_WIDTH, height };
}
function tileBox(dock: Box, index: number): Box {
  const x = dock.x + (DOCK_WIDTH - TILE.size) / 2;
  return { x, y: dock.y + TILE.firstTop + index * (TILE.size + TILE.gap), width: TILE.size, height: TILE.size };
}

export type Target =
  | { readonly kind: 'desktop' | 'dock' | 'panel' | 'terminalTile' }
  | {
      readonly kind: 'close' | 'zoom' | 'title' | 'right' | 'bottom' | 'corner' | 'content';
      readonly window: WindowState;
    };

/** What a click at a point means; the dock and the panel lie under the windows. */
export function targetAt(desktop: DesktopState, x: number, y: number): Target {
  for (let i = desktop.windows.length - 1; i >= 0; i--) {
    const window = desktop.windows[i];
    if (!contains(window, x, y)) continue;
    const left = x - window.x;
    const top = y - window.y;
    if (top < titleBarHeight) {
      const dot = Math.floor((left - titleDot.left + titleDot.gap / 2) / (titleDot.diameter + titleDot.gap));
      const isDot = left >= titleDot.left - titleDot.gap / 2 && Math.abs(top - titleBarHeight / 2) <= titleDot.diameter;
      if (isDot && dot === 0) return { kind: 'close', window };
      if (isDot && dot === 2) return { kind: 'zoom', window };
      return { kind: 'title', window };
    }
    const fromRight = window.width - left;
    const fromBottom = window.height - top;
    if (fromRight <= CORNER_GRIP && fromBottom <= CORNER_GRIP) return { kind: 'corner', window };
    if (fromRight <= GRIP) return { kind: 'right', window };
    if (fromBottom <= GRIP) return { kind: 'bottom', window };
    return { kind: 'content', window };
  }
  const dock = dockBox(desktop);
  if (contains(tileBox(dock, 0), x, y)) return { kind: 'terminalTile' };
  if (contains(dock, x, y)) return { kind: 'dock' };
  return { kind: contains(panelBox(desktop, panelCards(desktop)), x, y) ? 'panel' : 'desktop' };
}

/** Where a window goes when it is let go with the pointer at an edge of the desktop; null elsewhere. */
export function snapBox(desktop: DesktopState, x: number, y: number): Box | null {
  const { width, height } = desktop;
  const left = DOCK_WIDTH + 2 * MARGIN;
  const half = Math.floor((width - left) / 2);
  if (y < snapZone) return { x: left, y: 0, width: width - left, height };
  if (x < snapZone) return { x: left, y: 0, width: half, height };
  if (x >= width - snapZone) return { x: width - half, y: 0, width: half, height };
  return null;
}

type Card = ScenePanel['cards'][number];

function panelCards(desktop: DesktopState): Card[] {
  const { panel } = desktop;
  const cards: Card[] = [];
  if (panel.network !== '') cards.push({ rows: [{ label: 'Network', value: panel.network }] });
  const total = panel.memoryTotalKibibytes;
  cards.push({
    rows: [
      {
        label: 'Memory',
        value: `${Math.round(panel.memoryUsedKibibytes / 1024)} of ${Math.round(total / 1024)} MB`,
        bar: total === 0 ? 0 : Math.max(0, Math.min(1, panel.memoryUsedKibibytes / total)),
      },
      { label: 'CPU', value: `${Math.round(panel.busyShare * 100)} %`, bar: panel.busyShare },
    ],
  });
  cards.push({
    rows: [
      { label: 'EuroMonitor', value: panel.beat === '' ? 'not running' : `beat ${grouped(panel.beat)}` },
      { label: 'Up', value: durationText(panel.uptimeSeconds) },
      { label: 'Processes', value: String(panel.processes) },
    ],
  });
  return cards;
}

function panelBox(desktop: DesktopState, cards: readonly Card[]): Box {
  // The renderer's measures: clock and date, status card with two lines, then 28 + rows of 24 (44 with a bar) and 12 between.
  let height = 114 + 76 + 24;
  for (const card of cards)
    height += 12 + 28 + card.rows.reduce((sum, row) => sum + (row.bar === undefined ? 24 : 44), 0);
  return {
    x: desktop.width - MARGIN - PANEL_WIDTH,
    y: MARGIN,
    width: PANEL_WIDTH,
    height: Math.min(height, desktop.height - 2 * MARGIN),
  };
}

function grouped(digits: string): string {
  return digits.replace(/\B(?=(\d{3})+$)/g, ' ');
}
function clockText(seconds: number): string {
  const two = (value: number): string => String(Math.floor(value)).padStart(2, '0');
  return `${two((seconds / 3600) % 24)}:${two((seconds / 60) % 60)}`;
}
/** No seconds: an idle desktop has nothing to draw for them. */
function durationText(seconds: number): string {
  const minutes = Math.floor(seconds / 60);
  const [days, hours] = [Math.floor(minutes / 1440), Math.floor(minutes / 60) % 24];
  if (days > 0) return `${days} d ${hours} h`;
  return hours > 0 ? `${hours} h ${minutes % 60} min` : `${minutes} min`;
}

const weekdays = ['Thursday', 'Friday', 'Saturday', 'Sunday', 'Monday', 'Tuesday', 'Wednesday'] as const;
const months = 'January February March April May June July August September October November December'.split(' ');

/** "Sunday, 22 November" of seconds since 1970 UTC; days to civil date by Howard Hinnant's algorithm. */
export function dateText(seconds: number): string {
  const days = Math.floor(seconds / 86400);
  const shifted = days + 719468;
  const era = Math.floor(shifted / 146097);
  const dayOfEra = shifted - era * 146097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36524) - Math.floor(dayOfEra / 146096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shiftedMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1;
  const month = (shiftedMonth + 2) % 12;
  return `${weekdays[((days % 7) + 7) % 7]}, ${day} ${months[month]}`;
}

export function sceneOf(desktop: DesktopState): Scene {
  const { panel } = desktop;
  const dock = dockBox(desktop);
  const cards = panelCards(desktop);
  const focused = desktop.windows[desktop.windows.length - 1];
  return {
    version: 1,
    width: desktop.width,
    height: desktop.height,
    windows: desktop.windows.map((window) => ({
      id: window.id,
      x: window.x,
      y: window.y,
      width: window.width,
      height: window.height,
      title: (window.terminal.title || 'Terminal').slice(0, 120),
      focused: window === focused,
      badges: ['system'],
      surface: window.surface,
      contentX: CONTENT_PADDING.x,
      contentY: titleBarHeight + CONTENT_PADDING.y,
      background: colour.terminal,
    })),
    dock: {
      ...dock,
      tiles: dockTiles.map((tile, i) => {
        const box = tileBox(dock, i);
        return {
          ...tile,
          running: desktop.windows.length > 0,
          active: desktop.windows.length > 0,
          x: box.x,
          y: box.y,
          size: TILE.size,
        };
      }),
    },
    panel: {
      ...panelBox(desktop, cards),
      clock: clockText(panel.wallSeconds),
      date: dateText(panel.wallSeconds),
      status: securityStatus(panel),
      cards,
    },
  };
}
