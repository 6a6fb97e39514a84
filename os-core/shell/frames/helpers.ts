// What all frame handlers use: pushing, answering, failing.

import type { TaskRequest } from '../../sdk/system-task.ts';
import type { Frame } from '../frames.ts';
import { MAX_STACK_FRAMES, type ShellState } from '../state.ts';
import type { Command, Redirection, Word } from '../syntax/tree.ts';

/** A handler's answer: a system call to make, or null to go on with the top of the stack. */
export type Next = TaskRequest | null;

export function push(shell: ShellState, frame: Frame): null {
  if (shell.stack.length >= MAX_STACK_FRAMES) {
    shell.stack.push({ kind: 'failure', at: 0, message: 'commands are nested too deeply', status: 2, ends: true });
    return null;
  }
  shell.stack.push(frame);
  return null;
}
export function pop(shell: ShellState): null {
  shell.stack.pop();
  return null;
}
export function answer(shell: ShellState, status: number): null {
  shell.status = status;
  shell.stack.pop();
  return null;
}

/** Says what is wrong; with `ends` the whole script stops (an interactive shell returns to its prompt). */
export function fail(shell: ShellState, message: string, status: number, ends: boolean): null {
  return push(shell, { kind: 'failure', at: 0, message, status, ends });
}
export function writeText(shell: ShellState, descriptor: number, text: string): null {
  if (text === '') return null;
  return push(shell, { kind: 'write', at: 0, descriptor, text, position: 0 });
}
export function sendAll(shell: ShellState, list: readonly TaskRequest[]): null {
  if (list.length === 0) return null;
  return push(shell, { kind: 'requests', list, index: 0 });
}
export function expandWords(shell: ShellState, words: readonly Word[], mode: 'fields' | 'single' | 'pattern'): null {
  return push(shell, {
    kind: 'expand',
    at: 0,
    words,
    mode,
    wordIndex: 0,
    parts: [],
    current: null,
    endedBySpace: false,
    fields: [],
    results: [],
    fieldIndex: 0,
  });
}
export function redirected(
  redirections: readonly Redirection[],
  body: Frame | null,
  permanent: boolean,
): Extract<Frame, { kind: 'redirected' }> {
  return { kind: 'redirected', at: 0, redirections, index: 0, saved: [], permanent, body, opened: -1, writeEnd: -1 };
}
export function processes(
  bodies: readonly Frame[],
  background: boolean,
  text: string,
): Extract<Frame, { kind: 'pipeline' }> {
  return {
    kind: 'pipeline',
    at: 0,
    bodies,
    background,
    index: 0,
    input: -1,
    nextInput: -1,
    output: -1,
    job: { number: 0, group: 0, processes: [], text, background, reported: false },
  };
}
export function commandFrame(command: Command, tested: boolean, last: boolean): Frame {
  return { kind: 'command', command, tested, last };
}
