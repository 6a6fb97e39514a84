// The whole product in a real window on a virtual screen: app, machine, EuroOS. Driven by keys and pointer like a person would; what the
// guest shows is read where main hands it to the page, and as pixels from the page's canvas.

import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ElectronApplication, _electron as electron, type Page } from 'playwright-core';
import type { PNG } from 'pngjs';
import { CHANNEL_TO_MAIN, CHANNEL_TO_RENDERER } from '../../electron/protocol/renderer-messages.ts';
import type { Scene } from '../../electron/protocol/scene-schema.ts';
import { temporaryFolder } from '../support/euroos.ts';
import { canvasOf, DETERMINISTIC_GRAPHICS, root, runtime, startXvfb, WAIT_FOR_ATTACH } from './desktop.ts';

export interface Shown {
  readonly status: string;
  readonly scene: Scene | null;
  readonly showsScene: boolean;
  readonly cursor: { readonly x: number; readonly y: number; readonly shape: number } | null;
  /** Rows of text by surface number, without blanks at the end. */
  readonly texts: Record<string, string[]>;
  /** Where messages stopped if nothing goes on: batches by number, input messages of the page. */
  readonly traffic: { readonly sent: number; readonly acknowledged: number; readonly inputs: number };
}

const SHIFTED = '~!@#$%^&*()_+{}|:"<>?';
const UNSHIFTED = "`1234567890-=[]\\;',./";

/** A folder for the user's files that is gone when the tests end. */
export function makeUserFolder(settings: Record<string, unknown>): string {
  const folder = temporaryFolder('machine');
  mkdirSync(join(folder, 'user'));
  writeFileSync(join(folder, 'user/settings.json'), JSON.stringify(settings));
  return join(folder, 'user');
}

export class MachineDesktop {
  readonly app: ElectronApplication;
  readonly page: Page;
  readonly userFolder: string;
  private readonly command: { readonly file: string; readonly args: readonly string[]; readonly display: string };
  private readonly cleanUps: (() => void)[];
  /** Asked for at the start: Playwright forgets it when the app ends. */
  private readonly process: ChildProcess;

  private constructor(
    app: ElectronApplication,
    page: Page,
    userFolder: string,
    command: { readonly file: string; readonly args: readonly string[]; readonly display: string },
    cleanUps: (() => void)[],
  ) {
    this.app = app;
    this.process = app.process();
    this.page = page;
    this.userFolder = userFolder;
    this.command = command;
    this.cleanUps = cleanUps;
  }

  static async start(userFolder: string): Promise<MachineDesktop> {
    if (!existsSync(join(root, 'dist/main.cjs'))) throw new Error('dist/ is not built: npm run setup -- test');
    const cleanUps: (() => void)[] = [];
    try {
      const screen = await startXvfb();
      cleanUps.push(() => screen.stop());
      const file = await (await runtime()).resolveElectron({ log: console.error });
      const isRoot = process.getuid?.() === 0;
      const args = [
        ...(isRoot ? ['--no-sandbox'] : []),
        ...DETERMINISTIC_GRAPHICS,
        `--user-data-dir=${userFolder}`,
        ...['-r', WAIT_FOR_ATTACH],
        root,
      ];
      const env = { ...(process.env as Record<string, string>), DISPLAY: screen.display };
      const app = await electron.launch({ executablePath: file, chromiumSandbox: !isRoot, args, env, timeout: 60_000 });
      const child = app.process();
      cleanUps.push(() => void child.kill('SIGKILL'));
      const page = await app.firstWindow({ timeout: 60_000 });
      await app.evaluate(listenIn, CHANNEL_TO_MAIN);
      // The page says that it knows nothing, and main tells it everything once more: now there is someone who listens.
      await page.waitForFunction(() => 'desktopStatistics' in window);
      await page.evaluate(() => window.euroos.send({ kind: 'ready' }));
      const command = { file, args, display: screen.display };
      return new MachineDesktop(app, page, userFolder, command, cleanUps);
    } catch (error) {
      for (const cleanUp of cleanUps.reverse()) cleanUp();
      throw error;
    }
  }

  async shown(): Promise<Shown> {
    return this.app.evaluate(() => (globalThis as unknown as { desktopShown(): Shown }).desktopShown());
  }

  /** Waits until what is shown is so. */
  async until(what: string, condition: (shown: Shown) => boolean, timeoutMillis = 60_000): Promise<Shown> {
    const end = Date.now() + timeoutMillis;
    for (;;) {
      const shown = await this.shown();
      if (condition(shown)) return shown;
      if (Date.now() > end) {
        const { status, scene, cursor, texts, traffic } = shown;
        const state = JSON.stringify({ status, windows: scene?.windows, cursor, texts, traffic }, null, 1);
        throw new Error(`timed out waiting for ${what}; shown: ${state}\nserial log:\n${this.serialLog()}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 40));
    }
  }

  /** The text of the window on top. */
  async untilText(what: string | RegExp, timeoutMillis?: number): Promise<string> {
    const matches = (text: string) => (typeof what === 'string' ? text.includes(what) : what.test(text));
    const shown = await this.until(`the text ${what}`, (now) => matches(topText(now)), timeoutMillis);
    return topText(shown);
  }

  /** Waits for the prompt of a terminal that has nothing to do. */
  async untilPrompt(): Promise<void> {
    await this.untilText(/ \$ ?$/);
  }

  /** Keys of a US keyboard, one after the other; the guest sees keys, not characters. */
  async type(text: string): Promise<void> {
    for (const character of text) {
      const place = SHIFTED.indexOf(character);
      const key = place >= 0 ? UNSHIFTED[place] : character;
      const shift = place >= 0 || /[A-Z]/.test(character) ? 'Shift+' : '';
      await this.page.keyboard.press(shift + (key === ' ' ? 'Space' : key));
    }
  }
  async run(command: string): Promise<void> {
    await this.type(command);
    await this.page.keyboard.press('Enter');
  }

  /** Moves to a pixel of the desktop and waits until the guest shows its cursor there. */
  async pointTo(x: number, y: number): Promise<void> {
    await this.page.mouse.move(...(await this.pagePoint(x, y)));
    await this.until(`the cursor at ${x}, ${y}`, ({ cursor }) => cursor?.x === x && cursor.y === y, 15_000);
  }
  async press(): Promise<void> {
    await this.page.mouse.down();
  }
  async release(): Promise<void> {
    await this.page.mouse.up();
  }
  async click(x: number, y: number, button: 'left' | 'middle' | 'right' = 'left'): Promise<void> {
    await this.pointTo(x, y);
    await this.page.mouse.click(...(await this.pagePoint(x, y)), { button });
  }

  async chooseMenu(menu: string, item: string): Promise<void> {
    await this.app.evaluate(
      ({ Menu }, [menuLabel, itemLabel]) => {
        const found = Menu.getApplicationMenu()!.items.find((one) => one.label === menuLabel)!;
        found.submenu!.items.find((one) => one.label === itemLabel)!.click();
      },
      [menu, item],
    );
  }

  /** Lets the page show the guest's framebuffer, or the scene again, whatever the guest says. */
  async lookAtFramebuffer(on: boolean): Promise<void> {
    await this.app.evaluate(
      ({ BrowserWindow }, { sceneOn, channel }) => {
        const command = { kind: 'showScene', on: sceneOn };
        const message = { kind: 'display', sequence: 0, reset: false, commands: [command] };
        BrowserWindow.getAllWindows()[0].webContents.send(channel, message);
      },
      { sceneOn: !on, channel: CHANNEL_TO_RENDERER },
    );
  }

  /** The canvas, after everything that was sent has been drawn. */
  async screenshot(): Promise<PNG> {
    await this.page.evaluate(
      () => new Promise<void>((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => resolve()))),
    );
    return canvasOf(this.page);
  }

  serialLog(): string {
    const file = join(this.userFolder, 'machine/serial.log');
    return existsSync(file) ? readFileSync(file, 'latin1') : '';
  }

  /** Starts the app again while it runs; how the second one ended. */
  async startSecondInstance(): Promise<number | null> {
    const { file, args, display } = this.command;
    const child: ChildProcess = spawn(file, args, { env: { ...process.env, DISPLAY: display }, stdio: 'ignore' });
    return new Promise((resolve) => child.once('exit', resolve));
  }

  /** Closes the window as a person does, unless the app has ended already; its exit status. */
  async close(): Promise<number | null> {
    const child = this.process;
    const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
    if (child.exitCode === null) {
      // The answer never comes when the app ends before it: that is the purpose.
      await this.app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]?.close()).catch(() => {});
    }
    const late = new Promise<null>((resolve) => setTimeout(() => resolve(null), 20_000));
    const status = child.exitCode ?? (await Promise.race([ended, late]));
    for (const cleanUp of this.cleanUps.splice(0).reverse()) cleanUp();
    return status;
  }

  private async pagePoint(x: number, y: number): Promise<[number, number]> {
    const canvas = await this.page.evaluate(() => {
      const element = document.querySelector('canvas')!;
      const { left, top, width, height } = element.getBoundingClientRect();
      return { left, top, width, height, pixels: [element.width, element.height] };
    });
    return [
      canvas.left + ((x + 0.5) * canvas.width) / canvas.pixels[0],
      canvas.top + ((y + 0.5) * canvas.height) / canvas.pixels[1],
    ];
  }
}

export function topWindow({ scene }: Shown): Scene['windows'][number] {
  const window = scene?.windows.at(-1);
  if (!window) throw new Error('no window is open');
  return window;
}
function topText(shown: Shown): string {
  const window = shown.scene?.windows.at(-1);
  return (shown.texts[window?.surface ?? 0] ?? []).join('\n').trimEnd();
}

/** Runs in the main process: keeps a copy of what goes to the page. */
function listenIn({ BrowserWindow, ipcMain }: typeof Electron.CrossProcessExports, fromPage: string): void {
  const { webContents } = BrowserWindow.getAllWindows()[0];
  const surfaces = new Map<number, { columns: number; rows: string[][] }>();
  const state = { status: '', scene: null as unknown, showsScene: false, cursor: null as unknown };
  const traffic = { sent: 0, acknowledged: 0, inputs: 0 };
  ipcMain.on(fromPage, (_event, message: { kind: string; sequence: number }) => {
    if (message.kind === 'acknowledge') traffic.acknowledged = message.sequence;
    if (message.kind === 'key' || message.kind === 'pointer') traffic.inputs++;
  });
  const send = webContents.send.bind(webContents);
  // biome-ignore lint/suspicious/noExplicitAny: messages of main, checked there
  webContents.send = (channel: string, message: any) => {
    if (message.kind === 'status') state.status = message.status;
    if (message.sequence) traffic.sent = message.sequence;
    if (message.reset) surfaces.clear();
    for (const command of message.commands ?? []) {
      if (command.kind === 'scene') state.scene = command.scene;
      if (command.kind === 'showScene') state.showsScene = command.on;
      if (command.kind === 'cursor') state.cursor = { x: command.x, y: command.y, shape: command.shape };
      if (command.kind === 'surfaceDestroyed') surfaces.delete(command.id);
      if (command.kind === 'surfaceCreated') {
        const rows = Array.from({ length: command.height }, () => new Array(command.width).fill(' '));
        surfaces.set(command.id, { columns: command.width, rows });
      }
      if (command.kind === 'surfaceDamaged') {
        const data = new DataView(command.data.buffer, command.data.byteOffset, command.data.byteLength);
        const surface = surfaces.get(command.id);
        for (let cell = 0; surface && cell < command.width * command.height; cell++) {
          const code = data.getUint32(cell * 12, true) & 0x1fffff;
          const row = surface.rows[command.y + Math.floor(cell / command.width)];
          row[command.x + (cell % command.width)] = code === 0 ? '' : String.fromCodePoint(code);
        }
      }
    }
    send(channel, message);
  };
  Object.assign(globalThis, {
    desktopShown: () => ({
      ...state,
      traffic,
      texts: Object.fromEntries([...surfaces].map(([id, { rows }]) => [id, rows.map((row) => row.join('').trimEnd())])),
    }),
  });
}
