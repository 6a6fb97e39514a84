// The real machine in the real window: one boot for most, then an orderly end, another boot, and a panic.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { differingPixels, expectGolden, masked } from '../golden/golden.ts';
import { MachineDesktop, makeUserFolder, type Shown, topWindow } from './machine.ts';

const userFolder = makeUserFolder({ network: 'none', commandLine: 'sysrq=all' });
let desktop: MachineDesktop;
beforeAll(async () => {
  desktop = await MachineDesktop.start(userFolder);
});
afterAll(async () => {
  await desktop?.close();
});

/** Clock and date, the counts below the status, and the figures of the panel's cards, which change from run to run. */
function changingParts({ scene }: Shown) {
  const { x, y, width, height } = scene!.panel;
  return [
    { x: x + 24, y: y + 24, width: width - 48, height: 80 },
    { x: x + 38, y: y + 146, width: width - 76, height: 38 },
    { x: x + 24, y: y + 202, width: width - 48, height: height - 202 - 24 },
  ];
}

async function expectDesktopGolden(name: string): Promise<void> {
  const image = await desktop.screenshot();
  expectGolden(name, masked(image, changingParts(await desktop.shown())));
}

const dots = { close: 20, zoom: 62, y: 22 } as const;

async function drag(from: readonly [number, number], to: readonly [number, number]): Promise<void> {
  await desktop.pointTo(...from);
  await desktop.press();
  await desktop.pointTo(Math.round((from[0] + to[0]) / 2), Math.round((from[1] + to[1]) / 2));
  await desktop.pointTo(...to);
  await desktop.release();
}

describe('from power-on to the desktop', () => {
  test('D1 E1: the firmware starts the loader, and its text was on the screen before the desktop', async () => {
    const shown = await desktop.until('the desktop', ({ showsScene, scene }) => showsScene && scene !== null);
    expect(shown.status).toBe('running');
    await desktop.untilPrompt();
    expect(desktop.serialLog()).toMatch(/ExitBootServices OK/);
    await desktop.lookAtFramebuffer(true);
    // The line of the battery-backed clock is different each time: 16 pixels a line, the sixth or seventh.
    const boot = masked(await desktop.screenshot(), [{ x: 0, y: 5 * 16, width: 1440, height: 3 * 16 }]);
    await desktop.lookAtFramebuffer(false);
    expectGolden('machine-boot', boot);
  });

  test('D1 D3 D5 E50 E53: the desktop with a terminal, pixel by pixel', async () => {
    await desktop.pointTo(1000, 700);
    await expectDesktopGolden('machine-desktop');
  });

  test('E15: the heartbeat of the signed daemon rises on the screen', async () => {
    const beat = ({ scene }: Shown) => Number(/"beat ([0-9  ]+)"/.exec(JSON.stringify(scene?.panel))?.[1] ?? 0);
    const first = beat(await desktop.until('a heartbeat', (shown) => beat(shown) > 0));
    await desktop.until('two more heartbeats', (shown) => beat(shown) >= first + 2, 20_000);
  });
});

describe('a terminal', () => {
  test('D5: runs ls', async () => {
    await desktop.run('ls /');
    await desktop.untilText(/\$ ls \/\n[\s\S]*bin[\s\S]*\$$/);
    await desktop.untilPrompt();
    await expectDesktopGolden('machine-ls');
  });

  test('E7 E26: Ctrl-C ends a command; a held key repeats', async () => {
    // What is typed before the program runs would be echoed, and then cleared away.
    await desktop.run('clear; echo ready; cat');
    await desktop.untilText(/^ready$/);
    await desktop.type('hello');
    await desktop.page.keyboard.press('Enter');
    await desktop.untilText(/hello\nhello/);
    await desktop.page.keyboard.press('Control+c');
    await desktop.untilPrompt();
    for (let press = 0; press < 4; press++) await desktop.page.keyboard.down('x');
    await desktop.page.keyboard.up('x');
    await desktop.untilText('$ xxxx');
    await desktop.page.keyboard.press('Control+u');
    await desktop.untilPrompt();
  });

  test('E8: scrolls back by keys and by the wheel', async () => {
    await desktop.run('clear; seq 100');
    await desktop.untilText(/99\n100\n.*\$$/);
    await desktop.page.keyboard.press('Shift+PageUp');
    await desktop.untilText(/^6\d\n/);
    await desktop.page.keyboard.press('Shift+PageDown');
    await desktop.untilPrompt();
    await desktop.pointTo(400, 300);
    await desktop.page.mouse.wheel(0, -300);
    await desktop.untilText(/\n92$/);
    await desktop.page.mouse.wheel(0, 300);
    await desktop.untilPrompt();
  });

  test('text selected with the mouse is copied, and pasted', async () => {
    await desktop.run('clear; echo Hello, Europe!');
    await desktop.untilPrompt();
    await desktop.app.evaluate(({ clipboard }) => clipboard.writeText('from the host'));
    const { x, y } = topWindow(await desktop.shown());
    const at = (column: number, row: number) => [x + 20 + column * 8, y + 60 + row * 20 + 10] as const;
    await drag(at(0, 0), at(14, 0));
    await desktop.page.keyboard.press('Control+Shift+C');
    const copied = () => desktop.app.evaluate(({ clipboard }) => clipboard.readText());
    for (let attempt = 0; attempt < 200 && (await copied()) === 'from the host'; attempt++) {
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    expect(await copied()).toBe('Hello, Europe!');
    await desktop.type('echo "');
    await desktop.page.keyboard.press('Control+Shift+V');
    await desktop.untilText('$ echo "Hello, Europe!');
    await desktop.type('"');
    await desktop.page.keyboard.press('Enter');
    await desktop.untilText(/"Hello, Europe!"\nHello, Europe!\n/);
  });
});

describe('windows', () => {
  test('E51 E53: the dock opens another terminal; a click brings a window to the front', async () => {
    await desktop.run('clear');
    await desktop.untilPrompt();
    const tile = (await desktop.shown()).scene!.dock.tiles[0];
    expect(tile.running).toBe(true);
    await desktop.click(tile.x + 20, tile.y + 20, 'middle');
    await desktop.until('two windows', ({ scene }) => scene?.windows.length === 2);
    await desktop.untilPrompt();
    await desktop.pointTo(1000, 700);
    await expectDesktopGolden('machine-two-windows');
    await desktop.click(140, 300);
    const shown = await desktop.until('window 1 on top', (now) => topWindow(now).id === 1);
    expect(shown.scene!.windows.map((window) => window.focused)).toEqual([false, true]);
    await desktop.pointTo(1000, 700);
    await expectDesktopGolden('machine-two-windows-swapped');
  });

  test('E8 E51: a window follows the pointer, which ends on the expected pixel', async () => {
    const { x, y } = topWindow(await desktop.shown());
    await drag([x + 300, y + 20], [x + 437, y + 113]);
    const moved = topWindow(await desktop.until('the window in its new place', (now) => topWindow(now).x === x + 137));
    expect([moved.x, moved.y]).toEqual([x + 137, y + 93]);
    expect((await desktop.shown()).cursor).toMatchObject({ x: x + 437, y: y + 113 });
    await drag([x + 437, y + 113], [x + 300, y + 20]);
    await desktop.until('the window back', (now) => topWindow(now).x === x && topWindow(now).y === y);
    await desktop.pointTo(1000, 700);
    await expectDesktopGolden('machine-two-windows-swapped');
  });

  test('D5: a window one pixel aside is noticed (planted fault)', async () => {
    const { x, y } = topWindow(await desktop.shown());
    const before = await desktop.screenshot();
    await drag([x + 300, y + 20], [x + 301, y + 20]);
    await desktop.until('the window one pixel aside', (now) => topWindow(now).x === x + 1);
    await desktop.pointTo(1000, 700);
    const parts = changingParts(await desktop.shown());
    expect(differingPixels(masked(await desktop.screenshot(), parts), masked(before, parts))).toBeGreaterThan(500);
    await drag([x + 301, y + 20], [x + 300, y + 20]);
    await desktop.until('the window back', (now) => topWindow(now).x === x);
  });

  test('E51: dragged over the edges a window can still be fetched back', async () => {
    const { x, y } = topWindow(await desktop.shown());
    await drag([x + 300, y + 20], [700, 899]);
    const low = topWindow(await desktop.until('the window low', (now) => topWindow(now).y > 600));
    expect(low.y).toBeLessThanOrEqual(900 - 32);
    await drag([low.x + 300, low.y + 10], [low.x + 300, 300]);
    await desktop.until('the window up again', (now) => topWindow(now).y < 400);
  });

  test('E51: resizing reflows the terminal and tells its programs', async () => {
    const size = () => desktop.shown().then((shown) => topWindow(shown));
    const before = await size();
    await drag(
      [before.x + before.width - 6, before.y + before.height - 6],
      [before.x + before.width - 6 + 80, before.y + before.height - 6 + 60],
    );
    await desktop.until('the larger window', (now) => topWindow(now).width === before.width + 80);
    const { width, height } = await size();
    expect([width, height]).toEqual([before.width + 80, before.height + 60]);
    await desktop.run(`clear; echo ${'x'.repeat(90)}`);
    await desktop.untilText(/^x{90}$/m);
    const now = await desktop.shown();
    expect(now.texts[topWindow(now).surface]).toHaveLength(20);
  });

  test('E51: the red button closes a window', async () => {
    const { x, y } = topWindow(await desktop.shown());
    await desktop.click(x + dots.close, y + dots.y);
    await desktop.until('one window', ({ scene }) => scene?.windows.length === 1);
  });

  test('E52: thousands of moves leave no trail', async () => {
    await desktop.pointTo(1000, 700);
    const before = await desktop.screenshot();
    for (let round = 0; round < 4; round++) {
      await desktop.page.mouse.move(100 + round * 300, 100, { steps: 50 });
      await desktop.page.mouse.move(200 + round * 250, 850, { steps: 50 });
    }
    await desktop.pointTo(1000, 700);
    const parts = changingParts(await desktop.shown());
    expect(differingPixels(masked(await desktop.screenshot(), parts), masked(before, parts))).toBe(0);
  });

  test('E39: windows carry badges that the window server gives', async () => {
    expect(topWindow(await desktop.shown()).badges).toEqual(['system']);
  });
});

describe('the machine and its end', () => {
  test('D1: a second start brings the first one to the front and ends', async () => {
    const told = desktop.app.evaluate(
      ({ app }) => new Promise<boolean>((resolve) => app.once('second-instance', () => resolve(true))),
    );
    expect(await desktop.startSecondInstance()).toBe(0);
    expect(await told).toBe(true);
  });

  test('D1: off by the menu and on again; what was written is there', async () => {
    await desktop.run('clear; echo kept > kept.txt; echo written');
    await desktop.untilText(/\nwritten|^written/);
    await desktop.chooseMenu('Machine', 'Power Off');
    await desktop.until('the machine to be off', ({ status }) => status === 'off', 20_000);
    expect(desktop.serialLog()).toMatch(/\[input\] power key[\s\S]*\[kernel\] power off/);
    expectGolden('machine-off', await desktop.screenshot());
    await desktop.chooseMenu('Machine', 'Start');
    await desktop.until('the desktop', ({ showsScene, status }) => showsScene && status === 'running');
    await desktop.untilPrompt();
    await desktop.run('cat kept.txt');
    await desktop.untilText(/\nkept\n/);
  });

  test('E5: a panic paints the screen red; a reset starts anew', async () => {
    await desktop.run('echo c > /proc/sysrq-trigger');
    await desktop.until('the panic', ({ status, showsScene }) => status === 'panic' && !showsScene, 20_000);
    const image = await desktop.screenshot();
    // Registers and call stack change with every build: the first lines and the colour do not.
    expectGolden('machine-panic', masked(image, [{ x: 0, y: 5 * 16, width: 1440, height: 900 - 5 * 16 }]));
    const lastPixel = image.data.subarray(image.data.length - 4);
    expect([...lastPixel]).toEqual([0xb3, 0x26, 0x1e, 255]);
    expect(desktop.serialLog()).toMatch(/\[panic\] asked for through \/proc\/sysrq-trigger/);
    await desktop.chooseMenu('Machine', 'Reset');
    await desktop.until('the desktop', ({ showsScene, status }) => showsScene && status === 'running');
    await desktop.untilPrompt();
  });

  test('D1: closing the window shuts EuroOS down in order, and the app ends with status 0', async () => {
    await desktop.run('echo more >> kept.txt; cat kept.txt');
    await desktop.untilText(/kept\nmore/);
    expect(await desktop.close()).toBe(0);
    expect(desktop.serialLog()).toMatch(/\[input\] power key[\s\S]*\[kernel\] power off/);
    expect(existsSync(join(userFolder, 'machine/disk.img'))).toBe(true);
  });
});
