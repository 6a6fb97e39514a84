// The desktop in a real Electron window, driven like a person would and compared pixel by pixel.

import type { PNG } from 'pngjs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CHANNEL_TO_MAIN, CHANNEL_TO_RENDERER } from '../../electron/protocol/renderer-messages.ts';
import type { Scene } from '../../electron/protocol/scene-schema.ts';
import { differingPixels, expectGolden } from '../golden/golden.ts';
import { Desktop } from './desktop.ts';
import {
  bootFramebuffer,
  cellsOf,
  desktopCommands,
  desktopScene,
  sceneCommand,
  styledLines,
  TERMINAL,
  terminalLines,
  withWindow,
} from './scenes.ts';

let desktop: Desktop;
beforeAll(async () => {
  desktop = await Desktop.start();
});
afterAll(async () => {
  await desktop?.close();
});

async function statistics(): Promise<{ frames: number; pixels: number }> {
  return desktop.page.evaluate(() => ({
    ...(window as unknown as { desktopStatistics: { frames: number; pixels: number } }).desktopStatistics,
  }));
}

/** What a renderer shows that knows nothing but the whole state: the truth that damage redraw must agree with. */
async function redrawnFromNothing(): Promise<PNG> {
  const acknowledged = desktop.eventsOf('windowSize').length;
  await desktop.page.reload();
  await desktop.until(() => desktop.eventsOf('windowSize').length > acknowledged);
  await desktop.play([]);
  return desktop.screenshot();
}

describe('desktop window', () => {
  test('D1: before the guest has drawn anything the window says that it is starting', async () => {
    expectGolden('starting', await desktop.screenshot());
  });

  test('D5: boot framebuffer fills the window', async () => {
    await desktop.play([bootFramebuffer(1440, 900)]);
    expectGolden('framebuffer', await desktop.screenshot());
  });

  test('D3, E50: the whole desktop is as designed', async () => {
    await desktop.play(desktopCommands());
    expectGolden('desktop', await desktop.screenshot());
  });

  test.each([
    [1024, 768],
    [1920, 1080],
  ])('E50: the desktop at %i x %i', async (width, height) => {
    const { panel, dock } = desktopScene;
    const top = Math.round((height - dock.height) / 2);
    const scene: Scene = {
      ...withWindow(desktopScene, 2, { x: width - 720, y: height - 560 }),
      width,
      height,
      panel: { ...panel, x: width - 300 },
      dock: { ...dock, y: top, tiles: dock.tiles.map((tile) => ({ ...tile, y: tile.y - dock.y + top })) },
    };
    await desktop.play([sceneCommand(scene)]);
    expectGolden(`desktop-${width}x${height}`, await desktop.screenshot());
    await desktop.play([sceneCommand(desktopScene)]);
    expectGolden('desktop', await desktop.screenshot());
  });

  test('D5: a window shifted by one pixel is noticed (planted fault)', async () => {
    const before = await desktop.screenshot();
    await desktop.play([sceneCommand(withWindow(desktopScene, 1, { x: 121 }))]);
    const shifted = await desktop.screenshot();
    expect(differingPixels(shifted, before)).toBeGreaterThan(1000);
    if (process.env.EUROOS_UPDATE_GOLDENS !== '1') {
      expect(() => expectGolden('desktop', shifted)).toThrow(/pixels differ/);
    }
    await desktop.play([sceneCommand(desktopScene)]);
    expectGolden('desktop', await desktop.screenshot());
  });

  test('D3: terminal styles, box drawing, European letters', async () => {
    await desktop.play([
      {
        kind: 'surfaceDamaged',
        id: 1,
        x: 0,
        y: 0,
        ...sizeOf(TERMINAL),
        data: cellsOf(TERMINAL.columns, TERMINAL.rows, styledLines),
      },
    ]);
    expectGolden('terminal-styles', await desktop.screenshot());
    await desktop.play([
      {
        kind: 'surfaceDamaged',
        id: 1,
        x: 0,
        y: 0,
        ...sizeOf(TERMINAL),
        data: cellsOf(TERMINAL.columns, TERMINAL.rows, terminalLines),
      },
    ]);
    expectGolden('desktop', await desktop.screenshot());
  });

  test('E51: another order of windows, each drawn over the one below', async () => {
    const [inspector, terminal] = desktopScene.windows;
    const swapped = {
      ...desktopScene,
      windows: [
        { ...terminal, focused: false },
        { ...inspector, focused: true },
      ],
    };
    await desktop.play([sceneCommand(swapped)]);
    const image = await desktop.screenshot();
    expectGolden('windows-swapped', image);
    expect(differingPixels(await redrawnFromNothing(), image)).toBe(0);
    await desktop.play([sceneCommand(desktopScene)]);
    expectGolden('desktop', await desktop.screenshot());
  });

  test('D3: damage redraw is pixel-identical to drawing everything, over 60 random steps (seed 7)', async () => {
    let state = 7;
    const random = (below: number) => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
    let scene = desktopScene;
    for (let step = 0; step < 60; step++) {
      const kind = random(4);
      if (kind === 0) {
        scene = withWindow(scene, 1 + random(2), { x: random(1200) - 100, y: random(700) - 40 });
        await desktop.play([sceneCommand(scene)]);
      } else if (kind === 1) {
        scene = {
          ...scene,
          windows: [...scene.windows].reverse().map((window, index) => ({ ...window, focused: index === 1 })),
        };
        await desktop.play([sceneCommand(scene)]);
      } else if (kind === 2) {
        const [width, height] = [1 + random(TERMINAL.columns), 1 + random(TERMINAL.rows)];
        const data = cellsOf(width, height, Array(height).fill([['█▓▒░ab'.repeat(16), random(0xffffff)]]));
        const [x, y] = [random(TERMINAL.columns - width + 1), random(TERMINAL.rows - height + 1)];
        await desktop.play([{ kind: 'surfaceDamaged', id: 1, x, y, width, height, data }]);
      } else {
        await desktop.play([{ kind: 'cursor', x: random(1440), y: random(900), shape: random(4) }]);
      }
    }
    const drawn = await desktop.screenshot();
    expect(differingPixels(await redrawnFromNothing(), drawn)).toBe(0);
  });

  test('E52: the cursor leaves no trail', async () => {
    await desktop.play([
      { kind: 'surfaceDestroyed', id: 1 },
      { kind: 'surfaceDestroyed', id: 2 },
      { kind: 'surfaceDestroyed', id: 3 },
    ]);
    await desktop.play(desktopCommands());
    const before = await desktop.screenshot();
    // 10,000 moves in batches, as they come when the machine is faster than the screen.
    for (let batch = 0; batch < 50; batch++) {
      const moves = Array.from({ length: 200 }, (_, index) => {
        const step = batch * 200 + index;
        return { kind: 'cursor' as const, x: (step * 37) % 1440, y: (step * 23) % 900, shape: step % 4 };
      });
      await desktop.play(moves);
    }
    await desktop.play([{ kind: 'cursor', x: 900, y: 640, shape: 0 }]);
    expect(differingPixels(await desktop.screenshot(), before)).toBe(0);
  });

  test('D3: an idle desktop draws nothing; a changed cell draws a cell', async () => {
    const before = await statistics();
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(await statistics()).toEqual(before);
    await desktop.play([
      { kind: 'surfaceDamaged', id: 1, x: 3, y: 15, width: 1, height: 1, data: cellsOf(1, 1, [['x']]) },
    ]);
    const after = await statistics();
    expect(after.frames).toBe(before.frames + 1);
    expect(after.pixels - before.pixels).toBe(8 * 20);
  });

  test('D3: a batch is acknowledged even if unnumbered ones follow before the frame is drawn', async () => {
    // Both messages are in the page's queue before it can draw; the machine would wait for a lost answer for ever.
    const answered = await desktop.app.evaluate(
      async ({ BrowserWindow, ipcMain }, channels) => {
        const { webContents } = BrowserWindow.getAllWindows()[0];
        const batch = (sequence: number) => ({ kind: 'display', sequence, reset: false, commands: [] });
        const answers: number[] = [];
        let arrived = () => {};
        const listener = (_event: unknown, message: { kind: string; sequence: number }) => {
          if (message.kind !== 'acknowledge') return;
          answers.push(message.sequence);
          arrived();
        };
        ipcMain.on(channels.toMain, listener);
        for (const sequence of [1001, 1002, 1003]) {
          const answer = new Promise<void>((resolve) => {
            arrived = resolve;
          });
          webContents.send(channels.toRenderer, batch(sequence));
          webContents.send(channels.toRenderer, batch(0));
          await answer;
        }
        ipcMain.off(channels.toMain, listener);
        return answers;
      },
      { toMain: CHANNEL_TO_MAIN, toRenderer: CHANNEL_TO_RENDERER },
    );
    expect(answered).toEqual([1001, 1002, 1003]);
  });

  test('D1: a window whose surface is gone keeps its frame; too large, off-screen and tiny windows do no harm', async () => {
    const [inspector, terminal] = desktopScene.windows;
    await desktop.play([
      { kind: 'surfaceDestroyed', id: 2 },
      sceneCommand({
        ...desktopScene,
        windows: [
          { ...inspector, surface: 99 },
          { ...terminal, id: 5, x: -4000, y: 2000 },
          { ...terminal, id: 6, x: 300, y: 860, width: 8000, height: 3000, title: 'x'.repeat(256) },
          { ...terminal, id: 9, x: 20, y: 560, title: 'over the dock' },
          { ...terminal, id: 7, x: 900, y: 700, width: 1, height: 1 },
          { ...terminal, id: 8, x: 850, y: 600, width: 120, height: 60, title: 'W'.repeat(200), focused: false },
        ],
      }),
    ]);
    expectGolden('odd-windows', await desktop.screenshot());
  });

  test('E5: a panic shows the guest’s own screen over everything', async () => {
    await desktop.play([{ kind: 'showScene', on: false }]);
    expectGolden('framebuffer', await desktop.screenshot());
    desktop.post({ kind: 'status', status: 'panic', text: '' });
    await desktop.play([
      { kind: 'framebuffer', x: 0, y: 0, width: 2, height: 1, rgba: Uint8Array.of(179, 38, 30, 255, 1, 2, 3, 255) },
    ]);
    const image = await desktop.screenshot();
    expect(Array.from(image.data.subarray(0, 8))).toEqual([179, 38, 30, 255, 1, 2, 3, 255]);
    desktop.post({ kind: 'status', status: 'running', text: '' });
    await desktop.play([{ kind: 'showScene', on: true }]);
  });
});

describe('input', () => {
  test('E7: keys arrive as scan codes of set 1, also the extended ones; a lost focus lifts them', async () => {
    const before = desktop.eventsOf('key').length;
    await desktop.page.keyboard.press('a');
    await desktop.page.keyboard.press('ArrowUp');
    await desktop.page.keyboard.down('Shift');
    await desktop.page.evaluate(() => window.dispatchEvent(new Event('blur')));
    await desktop.until(() => desktop.eventsOf('key').length >= before + 6);
    expect(
      desktop
        .eventsOf('key')
        .slice(before)
        .map((event) => event.scancodes),
    ).toEqual([[0x1e], [0x9e], [0xe0, 0x48], [0xe0, 0xc8], [0x2a], [0xaa]]);
    await desktop.page.keyboard.up('Shift');
  });

  test('E8: the pointer arrives in desktop pixels with its buttons and wheel', async () => {
    const canvas = await desktop.page.evaluate(() => {
      const { left, top, width, height } = document.querySelector('canvas')!.getBoundingClientRect();
      return { left, top, width, height };
    });
    const at = (x: number, y: number) =>
      [canvas.left + ((x + 0.5) * canvas.width) / 1440, canvas.top + ((y + 0.5) * canvas.height) / 900] as const;
    await desktop.page.mouse.move(...at(720, 450));
    await desktop.page.mouse.down();
    await desktop.page.mouse.move(...at(3, 899));
    await desktop.page.mouse.up();
    await desktop.page.mouse.wheel(0, 200);
    await desktop.until(() => desktop.eventsOf('pointer').some((event) => event.wheel === 2));
    const path = desktop.eventsOf('pointer').map(({ x, y, buttons, wheel }) => [x, y, buttons, wheel]);
    expect(path.slice(-5)).toEqual([
      [720, 450, 0, 0],
      [720, 450, 1, 0],
      [3, 899, 1, 0],
      [3, 899, 0, 0],
      [3, 899, 0, 2],
    ]);
  });

  test('D1: the desktop is scaled to fit another window size and the pointer with it', async () => {
    await desktop.app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0].setContentSize(1000, 700));
    await desktop.until(() => desktop.eventsOf('windowSize').at(-1)?.width === 1000);
    const box = await desktop.page.evaluate(() => {
      const { left, top, width, height } = document.querySelector('canvas')!.getBoundingClientRect();
      return [left, top, width, height];
    });
    expect(box).toEqual([0, 37, 1000, 625]);
    await desktop.page.mouse.move(500, 37 + 313);
    await desktop.until(() => desktop.eventsOf('pointer').at(-1)?.x === 720);
    expect(desktop.eventsOf('pointer').at(-1)).toMatchObject({ x: 720, y: 450 });
    await desktop.app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0].setContentSize(1440, 900));
  });

  test('D1: a paste by the menu or its shortcut reaches the machine', async () => {
    await desktop.app.evaluate(({ clipboard, Menu }) => {
      clipboard.writeText('Grüße €');
      const edit = Menu.getApplicationMenu()!.items.find((item) => item.label === 'Edit')!;
      edit.submenu!.items.find((item) => item.label.startsWith('Paste'))!.click();
    });
    await desktop.until(() => desktop.eventsOf('paste').length > 0);
    expect(desktop.eventsOf('paste')[0].text).toBe('Grüße €');
    // The same by its shortcut, of which the guest sees nothing but Ctrl and Shift.
    const before = desktop.eventsOf('key').length;
    await desktop.page.keyboard.press('Control+Shift+V');
    await desktop.until(() => desktop.eventsOf('paste').length > 1 && desktop.eventsOf('key').length >= before + 4);
    const keys = desktop.eventsOf('key').slice(before);
    expect(keys.map((event) => event.scancodes)).toEqual([[0x1d], [0x2a], [0xaa], [0x9d]]);
  });
});

describe('a broken or hostile machine', () => {
  test('D3: malformed messages are refused and the desktop stays as it is', async () => {
    await desktop.play([
      { kind: 'surfaceDestroyed', id: 1 },
      { kind: 'surfaceDestroyed', id: 3 },
      ...desktopCommands(),
    ]);
    const before = await desktop.screenshot();
    desktop.post({ kind: 'explode' });
    desktop.post({ kind: 'display', sequence: -1, commands: [] });
    desktop.post({ kind: 'display', sequence: 1, commands: [{ kind: 'surfaceDamaged', id: 1, x: 0 }] });
    await desktop.play([
      { kind: 'scene', json: new TextEncoder().encode('{"version":1}') },
      { kind: 'surfaceDamaged', id: 1, x: 80, y: 0, width: 20, height: 1, data: new Uint8Array(240) },
      { kind: 'surfaceDamaged', id: 1, x: 0, y: 0, width: 2, height: 1, data: new Uint8Array(23) },
      { kind: 'surfaceCreated', id: 50, surfaceKind: 'cells', width: 100_000, height: 100_000 },
      { kind: 'framebuffer', x: 4000, y: 0, width: 10, height: 1, rgba: new Uint8Array(40) },
      { kind: 'surfaceCreated', id: 1, surfaceKind: 'cells', width: 4, height: 4 },
    ]);
    expect(differingPixels(await desktop.screenshot(), before)).toBe(0);
    expect(desktop.terminal).toMatch(/display: scene: scene:/);
  });
});

describe('the end', () => {
  test('D1: closing the window asks the guest to power off first, and the app ends with status 0', async () => {
    const child = desktop.app.process();
    const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
    await desktop.app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0].close()).catch(() => {});
    expect(await ended).toBe(0);
    expect(desktop.eventsOf('power')).toEqual([{ event: 'power', action: 'powerOff' }]);
  });
});

function sizeOf(grid: { readonly columns: number; readonly rows: number }): { width: number; height: number } {
  return { width: grid.columns, height: grid.rows };
}
