// The window server's state: plain data (os-core/sdk/system-task.ts).
//
// Invariants: windows stand back to front, the last one has the focus; every window has an own surface number from 1 to
// MAX_SURFACES - 1; `queue` holds the calls that are to be made next, each with what its result means.

import type { TaskRequest } from '../../sdk/system-task.ts';
import type { TerminalState } from '../terminal/terminal.ts';

/** What the result of a call is for. */
export type Purpose =
  | 'nothing'
  | 'openDisplay'
  | 'displaySize'
  | 'openKeyboard'
  | 'openMouse'
  | 'openClipboard'
  | 'clipboardInput'
  | 'clipboardOutput'
  | 'openMaster'
  | 'slaveNumber'
  | 'openSlave'
  | 'fork'
  | 'poll'
  | 'clock'
  | 'keyboard'
  | 'mouse'
  | 'terminalOutput'
  | 'terminalInput'
  | 'scene'
  | 'reap'
  | 'wallClock'
  | 'openFile'
  | 'readFile'
  | 'closeFile'
  | 'executing';

export interface QueuedCall {
  readonly request: TaskRequest;
  readonly purpose: Purpose;
  /** The window or the panel's file it belongs to. */
  readonly subject: number;
}

export interface WindowState {
  readonly id: number;
  x: number;
  y: number;
  width: number;
  height: number;
  /** Place before it was made to fill the desktop. */
  restore: { x: number; y: number; width: number; height: number } | null;
  surface: number;
  /** Size of the surface in cells. */
  columns: number;
  rows: number;
  terminal: TerminalState;
  /** The master side of the pty, -1 before it is open. */
  master: number;
  slave: number;
  process: number;
  /** UTF-8 for the program, as a byte string. */
  input: string;
  inputBlocked: boolean;
  /** Lines scrolled back. */
  scrolled: number;
  /** Row where the cursor was drawn, to take it away. */
  cursorRow: number;
  closing: boolean;
}

/** A place in a terminal's text (selection.ts). */
export interface Place {
  readonly line: number;
  readonly column: number;
}
export interface Selection {
  readonly window: number;
  readonly anchor: Place;
  readonly head: Place;
}

export interface Drag {
  readonly window: number;
  readonly kind: 'move' | 'right' | 'bottom' | 'corner' | 'select';
  readonly offsetX: number;
  readonly offsetY: number;
}

/** What the panel shows, as read from the kernel. */
export interface PanelFacts {
  wallSeconds: number;
  memoryTotalKibibytes: number;
  memoryUsedKibibytes: number;
  busyShare: number;
  busyTicks: number;
  totalTicks: number;
  beat: string;
  uptimeSeconds: number;
  network: string;
  processes: number;
  /** /proc/euroos/security; -1 = not known. */
  security: { running: number; unverified: number; refused: number; denied: number };
}

export interface DesktopState {
  width: number;
  height: number;
  display: number;
  keyboard: number;
  mouse: number;
  environment: string[];
  queue: QueuedCall[];
  current: QueuedCall | null;
  windows: WindowState[];
  nextWindow: number;
  surfacesInUse: boolean[];
  pointerX: number;
  pointerY: number;
  buttons: number;
  cursorDirty: boolean;
  cursorShape: number;
  drag: Drag | null;
  selection: Selection | null;
  /** The last press of the left button, to know a double click. */
  lastPress: { readonly seconds: number; readonly x: number; readonly y: number };
  /** The clipboard's port, -1 if there is none; bytes of it as byte strings. */
  clipboard: number;
  clipboardInput: string;
  clipboardOutput: string;
  clipboardBlocked: boolean;
  sceneDirty: boolean;
  sceneBlocked: boolean;
  sceneSent: string;
  sceneShown: boolean;
  /** Surfaces to give back once the scene no longer names them. */
  retired: number[];
  /** Monotonic seconds: when the last wait ended, of the next refresh of the panel, of the last input or output. */
  now: number;
  nextRefresh: number;
  lastActivity: number;
  panel: PanelFacts;
  fileDescriptor: number;
  fileText: string;
  /** In a forked copy: the only thing left is to become the shell. */
  isChild: boolean;
  /** Which descriptors the running poll asks for. */
  polled: { readonly kind: 'keyboard' | 'mouse' | 'clipboard' | 'window' | 'display'; readonly window: number }[];
  started: boolean;
}

export function createDesktopState(): DesktopState {
  return {
    width: 1440,
    height: 900,
    display: -1,
    keyboard: -1,
    mouse: -1,
    environment: [],
    queue: [],
    current: null,
    windows: [],
    nextWindow: 1,
    surfacesInUse: [],
    pointerX: 0,
    pointerY: 0,
    buttons: 0,
    cursorDirty: false,
    cursorShape: 0,
    drag: null,
    selection: null,
    lastPress: { seconds: Number.NEGATIVE_INFINITY, x: 0, y: 0 },
    clipboard: -1,
    clipboardInput: '',
    clipboardOutput: '',
    clipboardBlocked: false,
    sceneDirty: true,
    sceneBlocked: false,
    sceneSent: '',
    sceneShown: false,
    retired: [],
    now: 0,
    nextRefresh: 0,
    lastActivity: 0,
    panel: {
      wallSeconds: 0,
      memoryTotalKibibytes: 0,
      memoryUsedKibibytes: 0,
      busyShare: 0,
      busyTicks: 0,
      totalTicks: 0,
      beat: '',
      uptimeSeconds: 0,
      network: '',
      processes: 0,
      security: { running: -1, unverified: -1, refused: -1, denied: -1 },
    },
    fileDescriptor: -1,
    fileText: '',
    isChild: false,
    polled: [],
    started: false,
  };
}
