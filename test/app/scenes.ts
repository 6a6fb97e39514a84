// Scenes that the app tests show, built from the same records that the window server sends.

import type { RawDisplayCommand } from '../../electron/protocol/display-messages.ts';
import type { Scene, SceneWindow } from '../../electron/protocol/scene-schema.ts';

const INK = 0xd9dee5;
const GROUND = 0x1b232c;
const GREEN = 0x7fd1a0;
const BLUE = 0x7fa8f5;
const YELLOW = 0xe2b565;

type Run = string | readonly [text: string, foreground: number, style?: number, background?: number];

/** Lines of coloured text as cells. */
export function cellsOf(columns: number, rows: number, lines: readonly (readonly Run[])[]): Uint8Array {
  const bytes = new Uint8Array(columns * rows * 12);
  const view = new DataView(bytes.buffer);
  const put = (column: number, row: number, code: number, style: number, foreground: number, background: number) => {
    const offset = (row * columns + column) * 12;
    view.setUint32(offset, ((style << 24) | code) >>> 0, true);
    view.setUint32(offset + 4, foreground, true);
    view.setUint32(offset + 8, background, true);
  };
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) put(column, row, 0x20, 0, INK, GROUND);
    let column = 0;
    for (const run of lines[row] ?? []) {
      const [text, foreground, style = 0, background = GROUND] = typeof run === 'string' ? [run, INK] : run;
      for (const character of text) {
        if (column < columns) put(column++, row, character.codePointAt(0)!, style, foreground, background);
      }
    }
  }
  return bytes;
}

const prompt: readonly Run[] = [['you@euroos', GREEN], ' ', ['~', BLUE], ' $ '];

export const TERMINAL = { columns: 85, rows: 17 } as const;

export const terminalLines: readonly (readonly Run[])[] = [
  [...prompt, 'net'],
  [['eth0', YELLOW], '  virtio  52:54:00:12:34:56  up'],
  ['      10.77.0.50/24   router 10.77.0.1   lease 118 s'],
  ['      fd77::5054:ff:fe12:3456/64   router fe80::1'],
  [...prompt, "lua -e 'print(_VERSION)'"],
  ['Lua 5.4'],
  [...prompt, './unknown'],
  ['eurosh: ./unknown: not signed by a trusted key. Run `why` to see the rule.'],
  [...prompt, 'seq 3 | sort -r > n.txt; cat n.txt'],
  ['3'],
  ['2'],
  ['1'],
  [...prompt, [' ', INK, 32]],
];

/** What a terminal must be able to show: styles, box drawing, European letters, a character that no font here has. */
export const styledLines: readonly (readonly Run[])[] = [
  ['plain ', ['bold ', INK, 1], ['italic ', INK, 2], ['both ', INK, 3], ['underline', INK, 4], ' ', ['strike', INK, 8]],
  [['red on gold', 0xd6453d, 0, 0xe2a33a], ' ', ['bar', INK, 64], ' Grüße, café, Ελλάδα, България, łódź €'],
  ['┌───────┬────────┐ ╔══════╦═════╗ ┏━━━━┳━━━┓ ╭──────╮'],
  ['│ light │ cells  │ ║double║  ░▒▓║ ┃    ┃   ┃ │ round│'],
  ['├───────┼────────┤ ╠══════╬═════╣ ┣━━━━╋━━━┫ ╰──────╯'],
  ['└───────┴────────┘ ╚══════╩═════╝ ┗━━━━┻━━━┛ ▁▂▃▄▅▆▇█ ▏▎▍▌▋▊▉'],
  ['missing: ﷽ 漢  arrows ← ↑ → ↓  math ≤ ≥ ≠ √ ∑  check ✓ ✗'],
];

const inspectorLines: readonly (readonly Run[])[] = [
  [
    ['0x0000 7f3a 2c01 0a40', 0x24303b, 1, 0xffffff],
    [' stack, read/write, not executable', 0x5c6672, 0, 0xffffff],
  ],
];

const tiles = (['terminal', 'files', 'inspector', 'monitor', 'security', 'settings'] as const).map((icon, index) => ({
  icon,
  label: icon,
  running: icon === 'terminal' || icon === 'inspector',
  active: icon === 'terminal',
  x: 27,
  y: 320 + index * 54,
  size: 42,
}));

const terminalWindow: SceneWindow = {
  id: 1,
  x: 120,
  y: 90,
  width: 720,
  height: 424,
  title: 'Terminal',
  focused: true,
  badges: ['sandboxed', 'network'],
  surface: 1,
  contentX: 20,
  contentY: 60,
  background: GROUND,
};
const inspectorWindow: SceneWindow = {
  id: 2,
  x: 440,
  y: 300,
  width: 660,
  height: 520,
  title: 'Inspector — pages of lua (pid 14)',
  focused: false,
  badges: ['verified'],
  surface: 2,
  contentX: 20,
  contentY: 60,
  background: 0xffffff,
};

export const desktopScene: Scene = {
  version: 1,
  width: 1440,
  height: 900,
  windows: [inspectorWindow, terminalWindow],
  dock: { x: 16, y: 256, width: 64, height: 388, tiles },
  panel: {
    x: 1140,
    y: 16,
    width: 284,
    height: 562,
    clock: '09:41',
    date: 'Sunday, 22 November',
    status: {
      tone: 'verified',
      title: 'Your device is safe',
      text: '14 programs, all verified. No denied access.',
    },
    cards: [
      {
        rows: [
          { label: 'Network', value: '10.77.0.50' },
          { label: 'Down / up', value: '1.2 / 0.1 MB/s' },
        ],
      },
      {
        rows: [
          { label: 'Memory', value: '96 of 512 MB', bar: 0.19 },
          { label: 'CPU', value: '7 %', bar: 0.07 },
          { label: 'Disk', value: '1.1 of 8 GB', bar: 0.14 },
        ],
      },
      {
        rows: [
          { label: 'EuroMonitor', value: 'beat 2 481' },
          { label: 'Up', value: '00:14:08' },
        ],
      },
    ],
  },
};

/** The scene with some of its windows changed. */
export function withWindow(scene: Scene, id: number, change: Partial<SceneWindow>): Scene {
  return { ...scene, windows: scene.windows.map((window) => (window.id === id ? { ...window, ...change } : window)) };
}

export function sceneCommand(scene: Scene): RawDisplayCommand {
  return { kind: 'scene', json: new TextEncoder().encode(JSON.stringify(scene)) };
}

export function cellCommands(
  id: number,
  columns: number,
  rows: number,
  lines: readonly (readonly Run[])[],
): RawDisplayCommand[] {
  return [
    { kind: 'surfaceCreated', id, surfaceKind: 'cells', width: columns, height: rows },
    {
      kind: 'surfaceDamaged',
      id,
      x: 0,
      y: 0,
      width: columns,
      height: rows,
      data: cellsOf(columns, rows, lines),
    },
  ];
}

/** The whole desktop of the design. */
export function desktopCommands(): RawDisplayCommand[] {
  return [
    ...cellCommands(1, TERMINAL.columns, TERMINAL.rows, terminalLines),
    {
      kind: 'surfaceCreated',
      id: 2,
      surfaceKind: 'pixels',
      width: 620,
      height: 440,
    },
    {
      kind: 'surfaceDamaged',
      id: 2,
      x: 0,
      y: 0,
      width: 620,
      height: 440,
      data: gradient(620, 440),
    },
    ...cellCommands(3, 60, 1, inspectorLines),
    sceneCommand(desktopScene),
    { kind: 'cursor', x: 900, y: 640, shape: 0 },
    { kind: 'showScene', on: true },
  ];
}

/** A picture whose every pixel is known: red grows to the right, green downwards. */
export function gradient(width: number, height: number): Uint8Array {
  const rgba = new Uint8Array(width * height * 4);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      rgba.set([(x * 255) / width, (y * 255) / height, 160, 255], (y * width + x) * 4);
    }
  }
  return rgba;
}

/** A boot framebuffer: black with bars of every primary colour, as a loader might paint. */
export function bootFramebuffer(width: number, height: number): RawDisplayCommand {
  const rgba = new Uint8Array(width * height * 4);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const bar = y > 200 && y < 300 ? Math.floor((x * 8) / width) : 0;
      rgba.set([bar & 1 ? 255 : 0, bar & 2 ? 255 : 0, bar & 4 ? 255 : 0, 255], (y * width + x) * 4);
    }
  }
  return { kind: 'framebuffer', x: 0, y: 0, width, height, rgba };
}
