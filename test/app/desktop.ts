// Starts the real app in a real window on a virtual screen of its own, for the app tests: Xvfb, Electron driven by Playwright, and
// the scene player in place of the machine.

import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, chownSync, cpSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type ElectronApplication, _electron as electron, type Page } from 'playwright-core';
import { PNG } from 'pngjs';
import type { RawDisplayCommand } from '../../electron/protocol/display-messages.ts';
import { removeFolder, temporaryFolder } from '../support/euroos.ts';

/** From here and from the bundle of a benchmark (dist/tools/) alike two folders up. */
export const root = join(import.meta.dirname, '../..');

/** Loaded by path, not bundled: build scripts find their files beside themselves. */
function buildModule<T>(file: string): Promise<T> {
  return import(/* @vite-ignore */ pathToFileURL(join(root, 'build', file)).href) as Promise<T>;
}
const appBuild = () => buildModule<typeof import('../../build/app/build.mjs')>('app/build.mjs');
export const runtime = () =>
  buildModule<typeof import('../../build/setup/electron-runtime.mjs')>('setup/electron-runtime.mjs');

/** Software rendering that gives the same pixels on every machine. */
export const DETERMINISTIC_GRAPHICS = [
  '--use-gl=angle',
  '--use-angle=swiftshader',
  '--ignore-gpu-blocklist',
  // The page itself is put together by the processor, as everywhere without a GPU: a third of the cost, the same canvas.
  '--disable-gpu-compositing',
  '--disable-accelerated-2d-canvas',
  '--force-color-profile=srgb',
  '--force-device-scale-factor=1',
];

export const WAIT_FOR_ATTACH = join(root, 'test/app/wait-for-attach.cjs');

export interface PlayerEvent {
  readonly event: string;
  readonly [key: string]: unknown;
}

export async function startXvfb(width = 1600, height = 1000): Promise<{ display: string; stop(): void }> {
  const child: ChildProcess = spawn(
    'Xvfb',
    ['-displayfd', '3', '-screen', '0', `${width}x${height}x24`, '-nolisten', 'tcp'],
    { stdio: ['ignore', 'ignore', 'ignore', 'pipe'] },
  );
  const display = await new Promise<string>((resolve, reject) => {
    child.stdio[3]!.once('data', (data: Buffer) => resolve(`:${data.toString().trim()}`));
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`Xvfb ended with status ${code}`)));
  });
  return { display, stop: () => void child.kill() };
}

let appBuilt: Promise<string> | null = null;

/** Builds the app and the scene player once per test file, into a folder of their own. */
function buildOnce(): Promise<string> {
  appBuilt ??= (async () => {
    const folder = temporaryFolder('app');
    const { buildApp, buildScript } = await appBuild();
    await buildApp({ outputFolder: folder, machine: false });
    await buildScript(join(root, 'test/app/scene-player.ts'), join(folder, 'scene-player.cjs'));
    // Beside the app, where an ordinary user can read it too.
    cpSync(WAIT_FOR_ATTACH, join(folder, basename(WAIT_FOR_ATTACH)));
    return folder;
  })();
  return appBuilt;
}

export class Desktop {
  readonly app: ElectronApplication;
  readonly page: Page;
  readonly process: ChildProcess;
  readonly events: PlayerEvent[] = [];
  /** What the app wrote to its terminal. */
  terminal = '';
  private readonly cleanUps: (() => void)[];
  private readonly player: Socket;
  private sequence = 0;

  private constructor(app: ElectronApplication, page: Page, player: Socket, cleanUps: (() => void)[]) {
    this.app = app;
    this.page = page;
    this.process = app.process();
    this.player = player;
    this.cleanUps = cleanUps;
    let text = '';
    player.setEncoding('utf8');
    player.on('error', () => {}); // the app may be gone before its last line is read
    player.on('data', (chunk: string) => {
      text += chunk;
      for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
        this.events.push(JSON.parse(text.slice(0, end)) as PlayerEvent);
        text = text.slice(end + 1);
      }
    });
  }

  /** @param options.asOrdinaryUser root gives up its rights: Chromium's sandbox works for ordinary users only. */
  static async start(
    options: { readonly arguments?: readonly string[]; readonly asOrdinaryUser?: boolean } = {},
  ): Promise<Desktop> {
    const cleanUps: (() => void)[] = [];
    try {
      const folder = await buildOnce();
      const screen = await startXvfb();
      cleanUps.push(() => screen.stop());
      const work = mkdtempSync(join(tmpdir(), 'euroos-desktop-'));
      cleanUps.push(() => removeFolder(work));
      const socketPath = join(work, 'player.socket');
      const connection = acceptOne(socketPath);
      cleanUps.push(() => void connection.server.close());
      const isRoot = process.getuid?.() === 0;
      let executablePath = await (await runtime()).resolveElectron({ log: console.error });
      if (isRoot && options.asOrdinaryUser) {
        executablePath = asOrdinaryUser(executablePath, work, folder);
      }
      const app = await electron.launch({
        executablePath,
        chromiumSandbox: !isRoot || options.asOrdinaryUser === true,
        args: [
          ...(isRoot && !options.asOrdinaryUser ? ['--no-sandbox'] : []),
          ...DETERMINISTIC_GRAPHICS,
          `--user-data-dir=${join(work, 'user')}`,
          `--machine-worker=${join(folder, 'scene-player.cjs')}`,
          ...(options.arguments ?? []),
          ...['-r', join(folder, basename(WAIT_FOR_ATTACH))],
          join(folder, 'main.cjs'),
        ],
        env: { ...(process.env as Record<string, string>), DISPLAY: screen.display, EUROOS_TEST_SOCKET: socketPath },
        timeout: 60_000,
      });
      const child = app.process();
      cleanUps.push(() => void child.kill('SIGKILL'));
      let terminal = '';
      child.stderr?.on('data', (data: Buffer) => {
        terminal += data.toString();
        if (desktop) desktop.terminal = terminal;
      });
      let desktop: Desktop | null = null;
      const page = await app.firstWindow({ timeout: 60_000 });
      const player = await connection.socket;
      desktop = new Desktop(app, page, player, cleanUps);
      desktop.terminal = terminal;
      await desktop.until(() => desktop?.events.some((event) => event.event === 'windowSize') ?? false);
      return desktop;
    } catch (error) {
      for (const cleanUp of cleanUps.reverse()) cleanUp();
      throw error;
    }
  }

  /** Plays one batch and waits until the renderer has shown it. */
  async play(commands: readonly RawDisplayCommand[]): Promise<void> {
    const sequence = ++this.sequence;
    this.post({ kind: 'display', sequence, commands });
    await this.until(() => this.events.some((event) => event.event === 'acknowledged' && event.sequence === sequence));
  }

  /** Sends the main process whatever a broken worker might send. */
  post(message: unknown): void {
    this.player.write(
      `${JSON.stringify(message, (_key, value: unknown) =>
        value instanceof Uint8Array ? { base64: Buffer.from(value).toString('base64') } : value,
      )}\n`,
    );
  }

  async until(condition: () => boolean, timeoutMillis = 60_000): Promise<void> {
    const end = Date.now() + timeoutMillis;
    while (!condition()) {
      if (Date.now() > end) {
        throw new Error(`timed out; last events ${JSON.stringify(this.events.slice(-5))}; terminal:\n${this.terminal}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  eventsOf(kind: string): PlayerEvent[] {
    return this.events.filter((event) => event.event === kind);
  }

  screenshot(): Promise<PNG> {
    return canvasOf(this.page);
  }

  async close(): Promise<void> {
    if (this.process.exitCode === null) {
      const ended = new Promise((resolve) => this.process.once('exit', resolve));
      // The answer never comes when the app ends before it: that is the purpose.
      await this.app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]?.close()).catch(() => {});
      await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 5_000))]);
    }
    for (const cleanUp of this.cleanUps.reverse()) cleanUp();
  }
}

/** The canvas as the page holds it, without the host's scaling. */
export async function canvasOf(page: Page): Promise<PNG> {
  const base64 = await page.evaluate(() => {
    const canvas = document.querySelector('canvas')!;
    return canvas.toDataURL('image/png').slice('data:image/png;base64,'.length);
  });
  return PNG.sync.read(Buffer.from(base64, 'base64'));
}

/**
 * A command that runs Electron as `nobody`. The runtime lies in root's cache folder, so it is copied to where others may read it; the
 * copy's sandbox helper gets the rights that an installed one has.
 */
function asOrdinaryUser(executable: string, work: string, appFolder: string): string {
  const runtime = join(work, 'electron');
  cpSync(dirname(executable), runtime, { recursive: true });
  chownSync(join(runtime, 'chrome-sandbox'), 0, 0);
  chmodSync(join(runtime, 'chrome-sandbox'), 0o4755);
  const home = join(work, 'user');
  mkdirSync(home);
  chmodSync(home, 0o777);
  for (const folder of [work, appFolder]) chmodSync(folder, 0o755);
  chmodSync(join(work, 'player.socket'), 0o666);
  const command = join(work, 'electron-as-nobody');
  writeFileSync(
    command,
    `#!/bin/sh\nexport HOME='${home}'\nexec runuser -u nobody -- '${join(runtime, basename(executable))}' "$@"\n`,
    { mode: 0o755 },
  );
  return command;
}

function acceptOne(path: string): { server: Server; socket: Promise<Socket> } {
  const server = createServer();
  const socket = new Promise<Socket>((resolve, reject) => {
    server.once('connection', resolve);
    server.once('error', reject);
  });
  server.listen(path);
  return { server, socket };
}
