// Entry of the desktop app. The list of what happens, in order:
//
//   1 errors go to the terminal, never into a modal box      4 session locked down, files served at euroos://app
//   2 folders, single instance                               5 window, menu, messages of the page
//   3 scheme and sandbox, before the app is ready            6 machine started; at the end it is shut down in order

import { join } from 'node:path';
import { app, BrowserWindow, clipboard, type IpcMainEvent, ipcMain } from 'electron';
import * as v from 'valibot';
import { encodeKey, encodePaste, encodePointer, encodeWindowSize } from '../protocol/machine-messages.ts';
import {
  CHANNEL_TO_MAIN,
  CHANNEL_TO_RENDERER,
  type MainMessage,
  rendererMessageSchema,
} from '../protocol/renderer-messages.ts';
import { APP_ORIGIN } from './app-files.ts';
import { registerAppScheme, serveApp } from './app-protocol.ts';
import { MachineSession } from './machine-session.ts';
import { installMenu } from './menu.ts';
import { scancodesOf } from './scancodes.ts';
import { machineSettings, readSettings } from './settings.ts';
import { createWindow, lockDownSession } from './window.ts';

const log = (line: string) => console.error(line);

process.on('uncaughtException', (error) => {
  console.error(error);
  app.exit(1);
});

const userFolder = app.commandLine.getSwitchValue('user-data-dir') || join(app.getPath('appData'), 'euroos');
app.setPath('userData', userFolder);

/** A checkout may try another worker (`--machine-worker=FILE`); an installed application runs its own. */
const workerPath =
  (!app.isPackaged && app.commandLine.getSwitchValue('machine-worker')) || join(__dirname, 'machine-worker.cjs');

registerAppScheme();
// As root Chromium's sandbox cannot start and would retry for ever; it then runs with --no-sandbox (checkouts in containers).
if (!app.commandLine.hasSwitch('no-sandbox')) app.enableSandbox();

if (!app.requestSingleInstanceLock()) {
  app.quit();
} else {
  app.on('second-instance', () => {
    const [window] = BrowserWindow.getAllWindows();
    if (window?.isMinimized()) window.restore();
    window?.focus();
  });
  void app.whenReady().then(run);
}

function run(): void {
  lockDownSession();
  serveApp(join(__dirname, 'renderer'));
  const window = createWindow(join(__dirname, 'preload.cjs'));
  const settings = machineSettings(readSettings(userFolder, log), userFolder, __dirname);
  const copying = new CopyGesture();
  const session = new MachineSession(workerPath, settings, {
    toRenderer: (message: MainMessage) => {
      if (!window.isDestroyed()) window.webContents.send(CHANNEL_TO_RENDERER, message);
    },
    clipboard: (text) => {
      if (copying.isRecent()) clipboard.writeText(text);
    },
    log,
  });
  installMenu(window, {
    start: () => session.start(),
    restart: (force) => void session.restart(force),
    powerOff: (force) => void (force ? session.forceOff() : session.shutDown()),
    copy: () => typeShortcut(session, copying, 'KeyC'),
    newTerminal: () => typeShortcut(session, copying, 'KeyN'),
    closeTerminal: () => typeShortcut(session, copying, 'KeyW'),
    paste: () => pasteFromHost(session),
  });
  receivePageMessages(window, session, copying);
  window.webContents.on('did-start-navigation', (details) => {
    if (details.isMainFrame && !details.isSameDocument) session.rendererIsGone();
  });
  window.webContents.on('render-process-gone', (_event, details) => {
    log(`renderer: ${details.reason}`);
    session.rendererIsGone();
    if (details.reason !== 'clean-exit' && !window.isDestroyed()) window.webContents.reload();
  });
  closeInOrder(window, session);
  session.start();
}

/** Keys that are down in the guest; they go up when the window loses the keyboard. */
const keysDown = new Set<string>();

/** How long after the user's gesture the guest may still put a text on the host's clipboard. */
const COPY_GESTURE_MILLIS = 2_000;

/** The guest's copies count only when the user has just asked for one: by key or by menu, both of which pass through here. */
class CopyGesture {
  private lastMillis = Number.NEGATIVE_INFINITY;
  note(): void {
    this.lastMillis = performance.now();
  }
  isRecent(): boolean {
    return performance.now() - this.lastMillis <= COPY_GESTURE_MILLIS;
  }
}

const isControlDown = () => keysDown.has('ControlLeft') || keysDown.has('ControlRight');
const isShiftDown = () => keysDown.has('ShiftLeft') || keysDown.has('ShiftRight');

/** What Ctrl+Shift and a letter mean here, before the guest sees the key; true if it shall not. */
function takeShortcut(session: MachineSession, copying: CopyGesture, code: string): boolean {
  if (!isControlDown() || !isShiftDown()) return false;
  if (code === 'KeyC') copying.note();
  if (code !== 'KeyV') return false;
  pasteFromHost(session);
  return true;
}

/** Types Ctrl+Shift and a letter for a menu item. */
function typeShortcut(session: MachineSession, copying: CopyGesture, code: string): void {
  if (code === 'KeyC') copying.note();
  const keys = ['ControlLeft', 'ShiftLeft', code].filter((key) => !keysDown.has(key));
  for (const key of keys) sendKey(session, key, true);
  for (const key of keys.reverse()) sendKey(session, key, false);
}

function pasteFromHost(session: MachineSession): void {
  // Newer runtimes answer with a promise, older ones at once.
  void Promise.resolve(clipboard.readText()).then((text) => paste(session, text));
}

function receivePageMessages(window: BrowserWindow, session: MachineSession, copying: CopyGesture): void {
  let refused = 0;
  ipcMain.on(CHANNEL_TO_MAIN, (event: IpcMainEvent, value: unknown) => {
    const frame = event.senderFrame;
    const own = event.sender === window.webContents && frame === window.webContents.mainFrame;
    const result = own && frame?.url.startsWith(`${APP_ORIGIN}/`) ? v.safeParse(rendererMessageSchema, value) : null;
    if (!result?.success) {
      if (refused++ === 0) log('renderer: a message was refused (further ones are not logged)');
      return;
    }
    const message = result.output;
    switch (message.kind) {
      case 'ready':
        session.rendererIsReady();
        break;
      case 'acknowledge':
        session.rendererHasShown(message.sequence);
        break;
      case 'key':
        if (message.down && takeShortcut(session, copying, message.code)) break;
        sendKey(session, message.code, message.down);
        break;
      case 'blur':
        for (const code of [...keysDown]) sendKey(session, code, false);
        break;
      case 'pointer':
        session.send(encodePointer(message.x, message.y, message.buttons, message.wheel));
        break;
      case 'windowSize':
        session.send(encodeWindowSize(message.width, message.height));
        break;
      case 'paste':
        paste(session, message.text);
        break;
    }
  });
}

function paste(session: MachineSession, text: string): void {
  const message = encodePaste(text);
  if (message) session.send(message);
  else log('paste: the text is too long');
}

function sendKey(session: MachineSession, code: string, down: boolean): void {
  const scancodes = scancodesOf(code, down);
  if (!scancodes) return;
  if (down) keysDown.add(code);
  else if (!keysDown.delete(code)) return; // went down elsewhere
  session.send(encodeKey(scancodes));
}

/** The window stays until the guest has powered off and its disk is closed; both steps have a time limit. */
function closeInOrder(window: BrowserWindow, session: MachineSession): void {
  let closing = false;
  window.on('close', (event) => {
    if (closing) return;
    event.preventDefault();
    closing = true;
    window.setTitle('EuroOS Workstation: shutting down…');
    void session.shutDown().then(() => {
      window.destroy();
      app.quit();
    });
  });
  app.on('window-all-closed', () => app.quit());
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => window.close());
}
