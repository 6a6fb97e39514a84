// The kinds of frames on the shell's stack (state.ts), as plain records. `at` is the place within a frame's handler.

import type { TaskRequest } from '../sdk/system-task.ts';
import type { EditorState } from './editor/line-editor.ts';
import type { Job, Unwind, Variable } from './state.ts';
import type { AndOr, Command, List, Pipeline, Redirection, Word } from './syntax/tree.ts';

/**
 * tested: a failure is looked at by the construct around it, so `set -e` does not end the shell.
 * last: nothing is left to do after it in this process, so a program may replace the shell.
 */
interface Running {
  readonly tested: boolean;
  readonly last: boolean;
}

export interface ExpandFrame {
  readonly kind: 'expand';
  at: number;
  readonly words: readonly Word[];
  /** fields: split and glob; single: one text; pattern: one text that keeps its quoting. */
  readonly mode: 'fields' | 'single' | 'pattern';
  wordIndex: number;
  /** The parts under expansion; a chosen `${x-word}` is pushed on top. */
  parts: { readonly parts: Word; index: number; readonly split: boolean }[];
  /** The field under construction, quoted as a pattern; null when none is begun. */
  current: string | null;
  endedBySpace: boolean;
  readonly fields: string[];
  readonly results: string[];
  fieldIndex: number;
}

export type Frame =
  | { readonly kind: 'start'; at: number; readonly arguments: readonly string[] }
  | { readonly kind: 'startTerminal'; at: number }
  | { readonly kind: 'interactive'; at: number; text: string; diedBySignal: boolean }
  | { readonly kind: 'standardInput'; at: number; text: string; line: string; delimiter: string | null; ended: boolean }
  | {
      readonly kind: 'source';
      readonly text: string;
      position: number;
      line: number;
      readonly last: boolean;
      /** `.`: a return ends it. */
      readonly stopsReturn: boolean;
    }
  | { readonly kind: 'finish'; at: number }
  | ({ readonly kind: 'list'; readonly list: List; index: number } & Running)
  | ({ readonly kind: 'andOr'; readonly chain: AndOr; index: number } & Running)
  | { readonly kind: 'negate'; at: number; readonly pipeline: Pipeline }
  /** After a command whose failure ends the shell under `set -e`. */
  | { readonly kind: 'checkFailure' }
  /** Goes on popping, after descriptors of an interrupted frame were given back. */
  | { readonly kind: 'rethrow'; readonly unwind: Unwind }
  | {
      /** Processes joined by pipes; also single programs, subshells and background lists. */
      readonly kind: 'pipeline';
      at: number;
      readonly bodies: readonly Frame[];
      readonly background: boolean;
      index: number;
      /** Read end of the pipe from the command before, or -1. */
      input: number;
      nextInput: number;
      output: number;
      readonly job: Job;
    }
  | ({ readonly kind: 'command'; readonly command: Command } & Running)
  | ({
      readonly kind: 'simple';
      at: number;
      readonly command: Extract<Command, { kind: 'simple' }>;
      argv: string[];
      readonly values: string[];
    } & Running)
  | ({ readonly kind: 'if'; index: number; at: number; readonly command: Extract<Command, { kind: 'if' }> } & Running)
  | ({
      readonly kind: 'while';
      at: number;
      result: number;
      readonly command: Extract<Command, { kind: 'while' }>;
    } & Running)
  | ({
      readonly kind: 'for';
      at: number;
      index: number;
      values: string[];
      result: number;
      readonly command: Extract<Command, { kind: 'for' }>;
    } & Running)
  | ({
      readonly kind: 'case';
      at: number;
      item: number;
      pattern: number;
      text: string;
      readonly command: Extract<Command, { kind: 'case' }>;
    } & Running)
  | {
      readonly kind: 'redirected';
      at: number;
      readonly redirections: readonly Redirection[];
      index: number;
      readonly saved: { readonly descriptor: number; readonly copy: number }[];
      /** Stays after the frame (exec, or a child that will only run a program). */
      readonly permanent: boolean;
      readonly body: Frame | null;
      opened: number;
      writeEnd: number;
    }
  | {
      readonly kind: 'scope';
      at: number;
      readonly saved: (readonly [string, Variable | null])[];
      readonly values: readonly (readonly [string, string])[];
      readonly body: Frame;
    }
  | {
      readonly kind: 'call';
      at: number;
      readonly body: Command;
      readonly arguments: readonly string[];
      savedParameters: string[];
      readonly saved: (readonly [string, Variable | null])[];
      readonly tested: boolean;
    }
  | ExpandFrame
  | {
      readonly kind: 'substitute';
      at: number;
      readonly body: List;
      input: number;
      output: number;
      child: number;
      chunks: string[];
      bytes: number;
    }
  | {
      readonly kind: 'glob';
      at: number;
      readonly components: readonly string[];
      index: number;
      candidates: string[];
      next: string[];
      candidateIndex: number;
      seenPattern: boolean;
    }
  | {
      readonly kind: 'readFile';
      at: number;
      readonly path: string;
      descriptor: number;
      chunks: string[];
      bytes: number;
    }
  | { readonly kind: 'readDirectory'; at: number; readonly path: string; descriptor: number; names: string[] }
  | { readonly kind: 'write'; at: number; readonly descriptor: number; readonly text: string; position: number }
  | { readonly kind: 'requests'; readonly list: readonly TaskRequest[]; index: number }
  | { readonly kind: 'joinGroup'; at: number; readonly group: number; readonly foreground: boolean }
  | { readonly kind: 'failure'; at: number; readonly message: string; readonly status: number; readonly ends: boolean }
  | {
      readonly kind: 'execute';
      at: number;
      readonly argv: readonly string[];
      readonly environment: readonly string[];
      candidates: string[];
      index: number;
      error: number;
    }
  | { readonly kind: 'waitJob'; at: number; readonly job: Job; index: number; readonly foreground: boolean }
  | { readonly kind: 'reapJobs'; at: number; job: number; process: number }
  | { readonly kind: 'runTrap'; at: number; status: number; readonly text: string }
  | {
      readonly kind: 'builtin';
      at: number;
      readonly argv: readonly string[];
      result: BuiltinResult | null;
      readonly tested: boolean;
    }
  | { readonly kind: 'editLine'; at: number; readonly prompt: string; editor: EditorState }
  | {
      readonly kind: 'complete';
      at: number;
      readonly word: string;
      readonly isCommand: boolean;
      index: number;
      found: string[];
    }
  | BuiltinFrame;

export interface BuiltinResult {
  status: number;
  output?: string;
  error?: string;
  unwind?: Unwind;
}

/** Built-ins that need system calls of their own. */
export type BuiltinFrame =
  | { readonly kind: 'cd'; at: number; target: string; readonly print: boolean }
  | {
      readonly kind: 'test';
      at: number;
      readonly argv: readonly string[];
      readonly probes: { operator: string; operand: string; answer: boolean }[];
      index: number;
    }
  | {
      readonly kind: 'read';
      at: number;
      readonly raw: boolean;
      readonly names: readonly string[];
      line: string;
      ended: boolean;
    }
  | { readonly kind: 'waitAll'; at: number; index: number; readonly jobs: Job[] }
  | {
      readonly kind: 'kill';
      at: number;
      readonly signal: number;
      readonly targets: readonly string[];
      index: number;
      errors: string;
      failed: boolean;
    }
  | { readonly kind: 'umask'; at: number; value: number | null }
  | {
      readonly kind: 'which';
      at: number;
      readonly names: readonly string[];
      index: number;
      pathIndex: number;
      readonly long: boolean;
      output: string;
      failed: boolean;
    }
  | { readonly kind: 'dot'; at: number; readonly path: string; candidates: string[]; index: number }
  | { readonly kind: 'resume'; at: number; readonly job: Job; readonly foreground: boolean }
  | { readonly kind: 'report'; at: number; readonly topic: 'mem' | 'uptime' | 'net' | 'why' }
  | {
      readonly kind: 'ping';
      at: number;
      readonly host: string;
      readonly version6: boolean;
      readonly count: number;
      address: string;
      socket: number;
      sequence: number;
      received: number;
      sentAt: number;
      deadline: number;
      times: number[];
      output: string;
    };

export type FrameOf<Kind extends Frame['kind']> = Extract<Frame, { kind: Kind }>;
