// The shell's state: an explicit stack of frames over plain data, so that a shell can be forked and snapshotted wherever it
// sleeps.
//
//     stack   [ root | list | pipeline | simple | expand | substitute ]  <- top: the frame that runs next
//                                                            │ returns a TaskRequest: its result is in value and data
//                                                            ▼ when the frame is run again; or null: go on with the top
//
// Invariants: a frame is changed only by its own handler; a handler that pushed a frame is run again when that frame has
// popped itself, with its answer in `status` (commands), `text`, `fields` or `value`. `unwind`, when set, pops frames until
// one stops it. Nothing here is a function or a class instance.

import type { ChildOutcome, TerminalModes } from '../sdk/structures.ts';
import type { Frame } from './frames.ts';
import type { Command } from './syntax/tree.ts';

export interface Variable {
  value: string | null;
  exported: boolean;
  readonly: boolean;
}

export interface Job {
  number: number;
  group: number;
  processes: { id: number; outcome: ChildOutcome | null }[];
  text: string;
  background: boolean;
  /** The end was told to the person. */
  reported: boolean;
}

export interface Unwind {
  kind: 'break' | 'continue' | 'return' | 'exit' | 'interrupt';
  levels: number;
}

export interface ShellState {
  stack: Frame[];
  unwind: Unwind | null;
  /** Result of the last system call. */
  value: number;
  data: Uint8Array;
  /** The last request was only a pause: its result is nobody's. */
  pausing: boolean;
  /** Answers of frames. */
  text: string;
  fields: string[];
  /** $? */
  status: number;
  variables: Map<string, Variable>;
  functions: Map<string, Command>;
  /** $0, $1… */
  name: string;
  parameters: string[];
  /** Letters of `set -e` and so on that are on. */
  options: Set<string>;
  processId: number;
  parentProcessId: number;
  lastBackground: number;
  jobs: Job[];
  interactive: boolean;
  /** A forked copy that runs a part of a command. */
  isChild: boolean;
  /** The terminal's modes for programs, while a line is edited. */
  terminalModes: TerminalModes | null;
  columns: number;
  history: string[];
  /** Cut text of the line editor (kill ring of one). */
  killed: string;
  traps: Map<string, string>;
  pendingSignals: number[];
  /** Ctrl-C came and nobody has taken it yet. */
  interrupted: boolean;
  directory: string;
  /** getopts: where in the current argument. */
  optionOffset: number;
  /** The status of the last command substitution of the command under expansion, or null. */
  substitutionStatus: number | null;
}

/** What one shell may hold; beyond it is a clear error instead of an endless grab of memory. */
export const MAX_STACK_FRAMES = 4000;
export const MAX_SUBSTITUTION_BYTES = 64 * 1024 * 1024;
export const MAX_HISTORY_LINES = 1000;

export function createShellState(): ShellState {
  return {
    stack: [],
    unwind: null,
    value: 0,
    data: new Uint8Array(0),
    pausing: false,
    text: '',
    fields: [],
    status: 0,
    variables: new Map(),
    functions: new Map(),
    name: 'sh',
    parameters: [],
    options: new Set(),
    processId: 0,
    parentProcessId: 0,
    lastBackground: 0,
    jobs: [],
    interactive: false,
    isChild: false,
    terminalModes: null,
    columns: 80,
    history: [],
    killed: '',
    traps: new Map(),
    pendingSignals: [],
    interrupted: false,
    directory: '/',
    optionOffset: 0,
    substitutionStatus: null,
  };
}

export function variableText(shell: ShellState, name: string): string | null {
  return shell.variables.get(name)?.value ?? null;
}
/** False when the variable is read-only. */
export function setVariable(shell: ShellState, name: string, value: string): boolean {
  const variable = shell.variables.get(name);
  if (variable === undefined) {
    shell.variables.set(name, { value, exported: shell.options.has('a'), readonly: false });
    return true;
  }
  if (variable.readonly) return false;
  variable.value = value;
  if (shell.options.has('a')) variable.exported = true;
  if (name === 'OPTIND') shell.optionOffset = 0;
  return true;
}
export function exportedEnvironment(shell: ShellState): string[] {
  const environment: string[] = [];
  for (const [name, variable] of shell.variables)
    if (variable.exported && variable.value !== null) environment.push(`${name}=${variable.value}`);
  return environment;
}
export const isVariableName = (text: string): boolean => /^[A-Za-z_][A-Za-z0-9_]*$/.test(text);
