// The window server: one system task that owns every window, the pointer, the dock and the panel.
//
//   start: display, its size, keyboard, mouse, first terminal
//   then   queued calls ─► input for programs ─► changed rows ─► scene ─► cursor ─► poll ─► keyboard, mouse, pty output, clock
//
// One call per step; drawing goes before waiting, so that what was read is on screen before more is read.

import { CLIPBOARD_PORT } from '../../abi/clipboard.ts';
import { CursorShape, DisplayCommand } from '../../abi/display.ts';
import { Errno } from '../../abi/errno.ts';
import { byteString, bytesOf, toByteString } from '../../sdk/bytes.ts';
import { Clock, Ioctl, OpenFlag, PollEvent, Wait } from '../../sdk/constants.ts';
import { executeRequest, readyEvents, request, resultBytes, resultInteger } from '../../sdk/requests.ts';
import { parseTimeSeconds } from '../../sdk/structures.ts';
import type { SystemTask, TaskEvent, TaskRequest } from '../../sdk/system-task.ts';
import { feedTerminal } from '../terminal/terminal.ts';
import { takeKeyboard, takeMouse, updateShape } from './input.ts';
import { sceneOf } from './layout.ts';
import { panelFiles, takePanelFile } from './panel.ts';
import { afterOutput, beforeOutput, pasteBytes, takeClipboard } from './selection.ts';
import { createDesktopState, type DesktopState, type QueuedCall } from './state.ts';
import {
  closeWindow,
  displayMessage,
  drawRows,
  enqueue,
  findWindow,
  openTerminal,
  tellSize,
  typeText,
} from './windows.ts';

const INPUT_READ_BYTES = 16 * 64;
const OUTPUT_READ_BYTES = 16 * 1024;
const FILE_READ_BYTES = 4096;
const CLIPBOARD_BYTES = 4096;
/** Between two looks at the panel's figures: while the desktop is in use, and when nothing has happened for a while. */
const REFRESH_SECONDS = 1;
const IDLE_REFRESH_SECONDS = 4;
const IDLE_AFTER_SECONDS = 10;

const device = OpenFlag.readWrite | OpenFlag.nonBlocking | OpenFlag.closeOnExec;
const inputDevice = OpenFlag.readOnly | OpenFlag.nonBlocking | OpenFlag.closeOnExec;

function step(desktop: DesktopState, event: TaskEvent): TaskRequest {
  if (event.kind === 'start') {
    desktop.environment = event.environment.map(toByteString);
    enqueue(desktop, request.open('/dev/display', device), 'openDisplay');
  } else if (event.kind === 'result') {
    const call = desktop.current;
    desktop.current = null;
    if (call !== null) takeResult(desktop, call, event.value, event.data);
  }
  const next = desktop.queue.shift() ?? draw(desktop);
  desktop.current = next;
  return next.request;
}

/** What there is to show, or else waiting for something to happen. */
function draw(desktop: DesktopState): QueuedCall {
  const nothing = (call: TaskRequest): QueuedCall => ({ request: call, purpose: 'nothing', subject: 0 });
  for (const window of desktop.windows) {
    if (window.terminal.reply !== '') {
      window.input += window.terminal.reply;
      window.terminal.reply = '';
    }
    if (window.input !== '' && !window.inputBlocked && window.master >= 0)
      return {
        request: request.write(window.master, bytesOf(window.input.slice(0, 4096))),
        purpose: 'terminalInput',
        subject: window.id,
      };
    const rows = drawRows(desktop, window);
    if (rows !== null) return nothing(rows);
  }
  if (desktop.clipboardOutput !== '' && !desktop.clipboardBlocked)
    return {
      request: request.write(desktop.clipboard, bytesOf(desktop.clipboardOutput.slice(0, CLIPBOARD_BYTES))),
      purpose: 'clipboardOutput',
      subject: 0,
    };
  if (desktop.sceneDirty && !desktop.sceneBlocked) {
    updateShape(desktop);
    const text = JSON.stringify(sceneOf(desktop));
    desktop.sceneDirty = false;
    if (text !== desktop.sceneSent) {
      desktop.sceneSent = text;
      const message = displayMessage(desktop, DisplayCommand.scene, 0, 0, 0, new TextEncoder().encode(text));
      return { request: message, purpose: 'scene', subject: 0 };
    }
  }
  if (!desktop.sceneShown && desktop.sceneSent !== '' && !desktop.sceneBlocked) {
    desktop.sceneShown = true;
    return nothing(displayMessage(desktop, DisplayCommand.showScene, 0, 1, 0));
  }
  const retired = desktop.sceneDirty ? undefined : desktop.retired.pop();
  if (retired !== undefined) {
    desktop.surfacesInUse[retired] = false;
    return nothing(displayMessage(desktop, DisplayCommand.destroySurface, retired, 0, 0));
  }
  if (desktop.cursorDirty) {
    desktop.cursorDirty = false;
    const place = desktop.pointerX | (desktop.pointerY << 16);
    return nothing(displayMessage(desktop, DisplayCommand.cursor, 0, place, desktop.cursorShape));
  }
  return waitForEvents(desktop);
}

function waitForEvents(desktop: DesktopState): QueuedCall {
  const list: { descriptor: number; events: number }[] = [];
  desktop.polled = [];
  const add = (descriptor: number, events: number, kind: DesktopState['polled'][number]['kind'], window = 0): void => {
    if (descriptor < 0) return;
    list.push({ descriptor, events });
    desktop.polled.push({ kind, window });
  };
  add(desktop.keyboard, PollEvent.in, 'keyboard');
  add(desktop.mouse, PollEvent.in, 'mouse');
  add(desktop.clipboard, PollEvent.in | (desktop.clipboardBlocked ? PollEvent.out : 0), 'clipboard');
  if (desktop.sceneBlocked) add(desktop.display, PollEvent.out, 'display');
  for (const window of desktop.windows)
    add(window.master, PollEvent.in | (window.inputBlocked ? PollEvent.out : 0), 'window', window.id);
  const untilRefresh = Math.ceil((desktop.nextRefresh - desktop.now) * 1000);
  const timeoutMillis = Math.max(10, Math.min(untilRefresh, IDLE_REFRESH_SECONDS * 1000));
  return { request: request.poll(list, timeoutMillis), purpose: 'poll', subject: 0 };
}

function takeResult(desktop: DesktopState, call: QueuedCall, value: number, data: Uint8Array): void {
  const window = findWindow(desktop, call.subject);
  switch (call.purpose) {
    case 'openDisplay':
      if (value < 0) {
        enqueue(desktop, request.write(2, bytesOf('desktop: /dev/display cannot be opened\n')));
        enqueue(desktop, request.exit(1));
        return;
      }
      desktop.display = value;
      enqueue(desktop, request.read(value, 8), 'displaySize');
      return;
    case 'displaySize':
      if (value === 8) {
        desktop.width = resultInteger(data, 0);
        desktop.height = resultInteger(data, 4);
      }
      desktop.pointerX = Math.floor(desktop.width / 2);
      desktop.pointerY = Math.floor(desktop.height / 2);
      desktop.cursorShape = CursorShape.arrow;
      desktop.cursorDirty = true;
      enqueue(desktop, request.open('/dev/input/keyboard', inputDevice), 'openKeyboard');
      enqueue(desktop, request.open('/dev/input/mouse', inputDevice), 'openMouse');
      enqueue(desktop, request.open(`/dev/virtio-ports/${CLIPBOARD_PORT}`, device), 'openClipboard');
      openTerminal(desktop);
      enqueue(desktop, request.clock(Clock.monotonic), 'clock');
      return;
    case 'openKeyboard':
      desktop.keyboard = value < 0 ? -1 : value;
      return;
    case 'openMouse':
      desktop.mouse = value < 0 ? -1 : value;
      return;
    case 'openClipboard':
      // A machine without this port has no clipboard to share.
      desktop.clipboard = value < 0 ? -1 : value;
      return;
    case 'clipboardInput':
      takePaste(desktop, value, data);
      return;
    case 'clipboardOutput':
      if (value > 0) desktop.clipboardOutput = desktop.clipboardOutput.slice(value);
      else if (value === -Errno.EAGAIN) desktop.clipboardBlocked = true;
      else if (value !== -Errno.EINTR) closeClipboard(desktop);
      return;
    case 'openMaster':
    case 'slaveNumber':
    case 'openSlave':
    case 'fork':
      startShell(desktop, call, value, data);
      return;
    case 'poll':
      // The time first: a double click is told by it.
      enqueue(desktop, request.clock(Clock.monotonic), 'clock');
      takeReady(desktop, value, data);
      if (value > 0) desktop.lastActivity = desktop.now;
      return;
    case 'clock':
      takeTime(desktop, parseTimeSeconds(data));
      return;
    case 'keyboard':
      takeKeyboard(desktop, resultBytes(value, data));
      return;
    case 'mouse':
      takeMouse(desktop, resultBytes(value, data));
      return;
    case 'terminalOutput': {
      if (window === undefined) return;
      if (value > 0) {
        const { title, screen } = window.terminal;
        const linesBefore = screen.scrollback.length;
        const selected = beforeOutput(desktop, window);
        feedTerminal(window.terminal, resultBytes(value, data));
        afterOutput(desktop, window, selected);
        // What is being looked at stays where it is.
        const linesAfter = window.terminal.screen.scrollback.length;
        if (window.scrolled > 0) window.scrolled = Math.min(linesAfter, window.scrolled + linesAfter - linesBefore);
        if (window.terminal.title !== title) desktop.sceneDirty = true;
      } else if (value !== -Errno.EAGAIN && value !== -Errno.EINTR) closeWindow(desktop, window);
      return;
    }
    case 'terminalInput':
      if (window === undefined) return;
      if (value > 0) window.input = window.input.slice(value);
      else if (value === -Errno.EAGAIN) window.inputBlocked = true;
      else if (value !== -Errno.EINTR) window.input = '';
      return;
    case 'scene':
      if (value === -Errno.EAGAIN) {
        desktop.sceneBlocked = true;
        desktop.sceneDirty = true;
        desktop.sceneSent = '';
      }
      return;
    case 'reap':
      if (value > 0) enqueue(desktop, request.wait(-1, Wait.noHang), 'reap');
      return;
    case 'wallClock': {
      const seconds = Math.floor(parseTimeSeconds(data));
      if (Math.floor(seconds / 60) !== Math.floor(desktop.panel.wallSeconds / 60)) desktop.sceneDirty = true;
      desktop.panel.wallSeconds = seconds;
      return;
    }
    case 'openFile':
      desktop.fileDescriptor = value;
      desktop.fileText = '';
      if (value < 0) {
        takePanelFile(desktop, call.subject, '');
        return;
      }
      desktop.queue.unshift({
        request: request.read(value, FILE_READ_BYTES),
        purpose: 'readFile',
        subject: call.subject,
      });
      return;
    case 'readFile':
      takePanelFile(desktop, call.subject, byteString(resultBytes(value, data)));
      desktop.sceneDirty = true;
      desktop.queue.unshift({ request: request.close(desktop.fileDescriptor), purpose: 'nothing', subject: 0 });
      return;
    case 'executing':
      // execve came back: the shell could not be started.
      enqueue(desktop, request.exit(126));
      return;
    default:
  }
}

function takePaste(desktop: DesktopState, value: number, data: Uint8Array): void {
  if (value === -Errno.EAGAIN || value === -Errno.EINTR) return;
  const texts = value > 0 ? takeClipboard(desktop, byteString(resultBytes(value, data))) : null;
  if (texts === null) closeClipboard(desktop);
  const window = desktop.windows[desktop.windows.length - 1];
  if (window === undefined) return;
  for (const text of texts ?? []) typeText(window, pasteBytes(text, window.terminal.bracketedPaste));
}

function closeClipboard(desktop: DesktopState): void {
  if (desktop.clipboard >= 0) enqueue(desktop, request.close(desktop.clipboard));
  desktop.clipboard = -1;
  desktop.clipboardInput = '';
  desktop.clipboardOutput = '';
}

/** Opens the pty's other side and forks; the copy becomes the leader of a session on it and runs the shell. */
function startShell(desktop: DesktopState, call: QueuedCall, value: number, data: Uint8Array): void {
  const window = findWindow(desktop, call.subject);
  if (window === undefined) {
    if (value > 2 && call.purpose !== 'slaveNumber' && call.purpose !== 'fork') enqueue(desktop, request.close(value));
    return;
  }
  if (value < 0) {
    closeWindow(desktop, window);
    return;
  }
  switch (call.purpose) {
    case 'openMaster':
      window.master = value;
      enqueue(desktop, request.ioctl(value, Ioctl.TIOCSPTLCK, new Uint8Array(4), 0));
      tellSize(desktop, window);
      enqueue(desktop, request.ioctl(value, Ioctl.TIOCGPTN, new Uint8Array(4), 4), 'slaveNumber', window.id);
      return;
    case 'slaveNumber': {
      const path = `/dev/pts/${resultInteger(data)}`;
      enqueue(
        desktop,
        request.open(path, OpenFlag.readWrite | OpenFlag.noControllingTerminal | OpenFlag.closeOnExec),
        'openSlave',
        window.id,
      );
      return;
    }
    case 'openSlave':
      window.slave = value;
      enqueue(desktop, request.fork(), 'fork', window.id);
      return;
    default:
      if (value === 0) {
        becomeShell(desktop, window.slave);
        return;
      }
      window.process = value;
      enqueue(desktop, request.close(window.slave));
      window.slave = -1;
  }
}

function becomeShell(desktop: DesktopState, slave: number): void {
  const environment = desktop.environment.filter((entry) => !/^(TERM|COLORTERM|DESKTOP)=/.test(entry));
  environment.push('TERM=xterm-256color', 'COLORTERM=truecolor');
  const home = environment.find((entry) => entry.startsWith('HOME='))?.slice(5);
  desktop.isChild = true;
  desktop.queue = [];
  enqueue(desktop, request.newSession());
  enqueue(desktop, request.ioctlValue(slave, Ioctl.TIOCSCTTY, 0));
  for (const descriptor of [0, 1, 2]) enqueue(desktop, request.duplicateTo(slave, descriptor));
  if (home !== undefined) enqueue(desktop, request.changeDirectory(home));
  const execute = executeRequest('/bin/sh', ['sh'], environment);
  enqueue(desktop, execute ?? request.exit(126), 'executing');
}

/** Reads once from everything that is ready. */
function takeReady(desktop: DesktopState, value: number, data: Uint8Array): void {
  if (value <= 0) return;
  desktop.polled.forEach((entry, i) => {
    const events = readyEvents(data, i);
    if (events === 0) return;
    if (entry.kind === 'keyboard') enqueue(desktop, request.read(desktop.keyboard, INPUT_READ_BYTES), 'keyboard');
    else if (entry.kind === 'mouse') enqueue(desktop, request.read(desktop.mouse, INPUT_READ_BYTES), 'mouse');
    else if (entry.kind === 'clipboard') {
      if ((events & PollEvent.out) !== 0) desktop.clipboardBlocked = false;
      if ((events & ~PollEvent.out) !== 0)
        enqueue(desktop, request.read(desktop.clipboard, CLIPBOARD_BYTES), 'clipboardInput');
    } else if (entry.kind === 'display') desktop.sceneBlocked = false;
    else {
      const window = findWindow(desktop, entry.window);
      if (window === undefined) return;
      if ((events & PollEvent.out) !== 0) window.inputBlocked = false;
      if ((events & ~PollEvent.out) !== 0)
        enqueue(desktop, request.read(window.master, OUTPUT_READ_BYTES), 'terminalOutput', window.id);
    }
  });
}

/** Notes the time; refreshes the panel when it is due, which is seldom on a desktop that nobody uses. */
function takeTime(desktop: DesktopState, now: number): void {
  desktop.now = now;
  const isIdle = now - desktop.lastActivity > IDLE_AFTER_SECONDS;
  const interval = isIdle ? IDLE_REFRESH_SECONDS : REFRESH_SECONDS;
  desktop.nextRefresh = Math.min(desktop.nextRefresh, now + interval);
  if (now >= desktop.nextRefresh) refresh(desktop, now, interval);
}

/** The clock, the figures of the panel, and children that have ended. */
function refresh(desktop: DesktopState, now: number, interval: number): void {
  desktop.nextRefresh = now + interval;
  enqueue(desktop, request.clock(Clock.realTime), 'wallClock');
  panelFiles.forEach((path, i) => {
    enqueue(desktop, request.open(path, OpenFlag.readOnly | OpenFlag.closeOnExec), 'openFile', i);
  });
  enqueue(desktop, request.wait(-1, Wait.noHang), 'reap');
}

export const desktopTask: SystemTask<DesktopState> = {
  name: 'desktop',
  version: 1,
  create: createDesktopState,
  step,
};
