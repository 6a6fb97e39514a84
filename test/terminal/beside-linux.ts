// The same program, the same keys, twice: on a terminal of this machine and in EuroOS. After each step both must show the same
// cells, cursor included; EuroOS' output is drawn by @xterm/headless and by our own terminal, and these must agree, too.
//
//   keys ─┬─► pty ─ program on Linux ───────────────────► @xterm/headless ─┐
//         └─► pty ─ euroos run ─ program in EuroOS ─┬───► @xterm/headless ─┼─ the same?
//                                                   └───► our terminal ────┘

import fs from 'node:fs';
import path from 'node:path';
import { createTerminal, feedTerminal, resizeTerminal } from '../../os-core/services/terminal/terminal.ts';
import { root, temporaryFolder } from '../support/euroos.ts';
import { HostTerminal, type HostTerminalOptions } from '../support/terminal.ts';
import { type Cells, ourCells, XtermScreen } from '../support/terminal-cells.ts';
import { programFile, terminalPrograms } from './programs.ts';

/** Linux has settled when it shows `until` and was quiet for this long. */
const QUIET_MILLIS = 300;
const LIMIT_MILLIS = 60_000;

export interface Step {
  /** What is typed; nothing = a new size only. */
  readonly keys?: string;
  readonly resize?: readonly [columns: number, rows: number];
  /** What the screen on Linux shows when the step is over. */
  readonly until: RegExp;
}

export interface Session {
  /** Files in the folder where both start. */
  readonly files?: Readonly<Record<string, string>>;
  readonly command: readonly string[];
  readonly columns?: number;
  readonly rows?: number;
  readonly steps: readonly Step[];
  /** Makes lines comparable that tell of the machine; they are compared as text. */
  readonly mask?: (text: string[]) => string[];
}

const pause = (millis: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, millis));

class Side {
  readonly terminal: HostTerminal;
  readonly xterm: XtermScreen;
  readonly ours: ReturnType<typeof createTerminal>;
  private lastOutput = Date.now();

  constructor(command: readonly string[], options: HostTerminalOptions) {
    const { columns, rows } = options;
    this.xterm = new XtermScreen(columns, rows, (text) => this.terminal.type(text));
    this.ours = createTerminal(columns, rows);
    this.terminal = new HostTerminal(command, options);
    this.terminal.onOutput = (bytes) => {
      this.lastOutput = Date.now();
      void this.xterm.write(bytes);
      feedTerminal(this.ours, bytes);
    };
  }
  do({ keys, resize }: Step): void {
    this.lastOutput = Date.now();
    if (resize !== undefined) {
      this.xterm.resize(...resize);
      resizeTerminal(this.ours, ...resize);
      this.terminal.resize(...resize);
    }
    if (keys !== undefined) this.terminal.type(keys);
  }
  get quietMillis(): number {
    return Date.now() - this.lastOutput;
  }
}

const characters = (line: string): string => line.replace(/\[(.) [^\]]*\]/gsu, '$1');
function show(cells: Cells): string {
  return `${cells.lines.map((line) => `|${characters(line)}|`).join('\n')}\ncursor ${cells.cursor}`;
}

async function untilTrue(what: () => string, condition: () => boolean): Promise<void> {
  const end = Date.now() + LIMIT_MILLIS;
  while (!condition()) {
    if (Date.now() > end) throw new Error(what());
    await pause(20);
  }
}

/** Runs the session on both sides; throws with both screens at the first step after which they differ. */
export async function compareWithLinux(session: Session): Promise<void> {
  const { command, files = {}, columns = 80, rows = 24, steps, mask } = session;
  const work = temporaryFolder('beside');
  const programs = path.join(work, 'programs');
  fs.mkdirSync(programs);
  for (const name of terminalPrograms) fs.copyFileSync(programFile(name), path.join(programs, name));
  // The same words in an error message: both sides have their files in a folder of this name.
  const folder = path.join(work, 'job');
  fs.mkdirSync(folder);
  for (const [name, text] of Object.entries(files)) fs.writeFileSync(path.join(folder, name), text);
  const variables = { TERM: 'xterm-256color', LC_ALL: 'C.UTF-8', PS1: '$ ', LESSHISTFILE: '-', ENV: '' };
  const guestFolder = '/home/user/job';
  const guestPrograms = '/opt/programs';
  const linux = new Side(command, {
    columns,
    rows,
    folder,
    environment: { ...variables, PATH: `${programs}:${process.env.PATH}`, HOME: folder },
  });
  const settings = Object.entries({ ...variables, PATH: `${guestPrograms}:/bin`, HOME: guestFolder });
  const euroos = new Side(
    [
      ...[process.execPath, path.join(root, 'electron/cli/euroos.mjs'), 'run', '--net', 'none', '--time-limit', '300'],
      ...['--add', `${programs}:${guestPrograms}`, '--add', `${folder}:${guestFolder}`, '--cwd', guestFolder],
      ...settings.flatMap(([name, value]) => ['--env', `${name}=${value}`]),
      ...['--', `${guestPrograms}/${command[0]}`, ...command.slice(1)],
    ],
    { columns, rows, environment: { ...process.env, XDG_CONFIG_HOME: path.join(work, 'configuration') } },
  );
  try {
    for (const [index, step] of steps.entries()) {
      const name = `step ${index} ${JSON.stringify(step.keys ?? step.resize)}`;
      linux.do(step);
      const text = () => linux.xterm.text().join('\n').trimEnd();
      await untilTrue(
        () => `${name}: Linux does not show ${step.until}:\n${show(linux.xterm.cells())}`,
        () => step.until.test(text()) && linux.quietMillis > QUIET_MILLIS,
      );
      const comparable = (cells: Cells): string =>
        JSON.stringify(mask === undefined ? cells : mask(cells.lines.map((line) => characters(line).trimEnd())));
      const expected = linux.xterm.cells();
      euroos.do(step);
      const ours = (): Cells => euroos.xterm.cells();
      await untilTrue(
        () => `${name}\nLinux:\n${show(expected)}\nEuroOS:\n${show(ours())}\n${firstDifference(expected, ours())}`,
        () => comparable(ours()) === comparable(expected),
      );
      // Between two reads xterm has not drawn all yet.
      await euroos.xterm.write(new Uint8Array(0));
      const [theirs, own] = [euroos.xterm.cells(), ourCells(euroos.ours)];
      if (JSON.stringify(theirs) !== JSON.stringify(own))
        throw new Error(
          `${name}\n@xterm:\n${show(theirs)}\nour terminal:\n${show(own)}\n${firstDifference(theirs, own)}`,
        );
    }
  } finally {
    for (const side of [linux, euroos]) {
      await side.terminal.hangUp();
      side.xterm.dispose();
    }
  }
}

function firstDifference(a: Cells, b: Cells): string {
  const row = a.lines.findIndex((line, i) => line !== b.lines[i]);
  return row < 0 ? '' : `row ${row}:\n  ${a.lines[row].trimEnd()}\n  ${b.lines[row]}`;
}
