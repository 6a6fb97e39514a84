// Frames about processes: what a fork does first, execve along PATH, waiting, job control (POSIX.1-2017, XCU 2.9.1.1, 2.11).

import { Errno } from '../../abi/errno.ts';
import { Ioctl, Signal, SignalAction, Wait } from '../../sdk/constants.ts';
import { errorText, signalText } from '../../sdk/error-text.ts';
import { executeRequest, request, resultInteger } from '../../sdk/requests.ts';
import { type ChildOutcome, parseWaitStatus } from '../../sdk/structures.ts';
import type { TaskRequest } from '../../sdk/system-task.ts';
import type { Frame, FrameOf } from '../frames.ts';
import { type Job, type ShellState, variableText } from '../state.ts';
import { addJob } from './commands.ts';
import { answer, fail, type Next, pop, push, writeText } from './helpers.ts';

/** Signals that an interactive shell does not die of; its children get them back. */
export const shellSignals = [Signal.INT, Signal.QUIT, Signal.TERM, Signal.TSTP, Signal.TTIN, Signal.TTOU] as const;

/** The terminal's foreground process group becomes `group` (tcsetpgrp on descriptor 0). */
export function foregroundRequest(group: number): TaskRequest {
  const payload = new Uint8Array(4);
  new DataView(payload.buffer).setInt32(0, group, true);
  return request.ioctl(0, Ioctl.TIOCSPGRP, payload, 0);
}

/** Turns this copy of the shell, just forked, into the process that runs `body` and exits. */
export function enterChild(
  shell: ShellState,
  group: number,
  background: boolean,
  setup: readonly TaskRequest[],
  body: Frame,
): null {
  const jobControl = shell.interactive;
  const list: TaskRequest[] = [];
  if (jobControl) for (const signal of shellSignals) list.push(request.signalAction(signal, SignalAction.default));
  for (const [signal, action] of shell.traps) {
    const number = Number(signal);
    if (action !== '') {
      if (number > 0) list.push(request.signalAction(number, SignalAction.default));
      shell.traps.delete(signal);
    }
  }
  if (background && !jobControl)
    list.push(
      request.signalAction(Signal.INT, SignalAction.ignore),
      request.signalAction(Signal.QUIT, SignalAction.ignore),
    );
  list.push(...setup);
  shell.isChild = true;
  shell.interactive = false;
  shell.jobs = [];
  shell.pendingSignals = [];
  shell.stack = [{ kind: 'finish', at: 0 }, body, { kind: 'requests', list, index: 0 }];
  if (background && !jobControl) {
    const nothing = {
      descriptor: 0,
      operator: '<',
      target: [{ kind: 'text', text: '/dev/null', quoted: true }],
    } as const;
    shell.stack[1] = {
      kind: 'redirected',
      at: 0,
      redirections: [nothing],
      index: 0,
      saved: [],
      permanent: true,
      body,
      opened: -1,
      writeEnd: -1,
    };
  }
  if (jobControl) shell.stack.push({ kind: 'joinGroup', at: 0, group, foreground: !background });
  return null;
}

/** In a new child: both it and its parent set the group, so that neither can be too late. */
export function runJoinGroup(shell: ShellState, frame: FrameOf<'joinGroup'>): Next {
  switch (frame.at++) {
    case 0:
      return request.setProcessGroup(0, frame.group);
    case 1:
      if (!frame.foreground) return pop(shell);
      return request.processId();
    case 2:
      return foregroundRequest(frame.group === 0 ? shell.value : frame.group);
    default:
      return pop(shell);
  }
}

export function runRequests(shell: ShellState, frame: FrameOf<'requests'>): Next {
  const next = frame.list[frame.index++];
  return next ?? pop(shell);
}

/** The files that a command name may mean, in order. */
export function commandCandidates(shell: ShellState, name: string): string[] {
  if (name.includes('/')) return [name];
  const path = variableText(shell, 'PATH') ?? '/bin';
  return path.split(':').map((folder) => (folder === '' ? name : `${folder}/${name}`));
}

const refusals: ReadonlySet<number> = new Set([-Errno.EACCES, -Errno.EPERM, -Errno.EKEYREJECTED]);

/** Replaces this process by a program; when it comes back, the program could not be run. */
export function runExecute(shell: ShellState, frame: FrameOf<'execute'>): Next {
  const name = frame.argv[0];
  switch (frame.at) {
    case 0:
      frame.candidates = name === '' ? [] : commandCandidates(shell, name);
      frame.error = -Errno.ENOENT;
      frame.at = 1;
      return null;
    case 1: {
      if (frame.index >= frame.candidates.length) {
        frame.at = 3;
        return null;
      }
      const execute = executeRequest(frame.candidates[frame.index], frame.argv, frame.environment);
      if (execute === null) {
        frame.error = -Errno.E2BIG;
        frame.at = 3;
        return null;
      }
      frame.at = 2;
      return execute;
    }
    case 2: {
      const error = shell.value;
      if (error === -Errno.ENOENT || error === -Errno.ENOTDIR) {
        frame.index++;
        frame.at = 1;
        return null;
      }
      frame.error = error;
      if (error === -Errno.EACCES && frame.index < frame.candidates.length - 1) {
        frame.index++;
        frame.at = 1;
        return null;
      }
      if (error === -Errno.ENOEXEC) {
        frame.at = 5;
        return push(shell, {
          kind: 'readFile',
          at: 0,
          path: frame.candidates[frame.index],
          descriptor: -1,
          chunks: [],
          bytes: 0,
        });
      }
      frame.at = 3;
      return null;
    }
    case 3:
      if (refusals.has(frame.error)) {
        frame.at = 4;
        return push(shell, { kind: 'readFile', at: 0, path: '/proc/self/why', descriptor: -1, chunks: [], bytes: 0 });
      }
      return executeFailed(shell, frame, '');
    case 4:
      return executeFailed(shell, frame, shell.value < 0 ? '' : refusalReason(shell.text, frame));
    default: {
      const firstLine = shell.text.slice(0, 512).split('\n')[0];
      if (shell.value < 0 || firstLine.includes('\0')) return executeFailed(shell, frame, '');
      // A text file without `#!` is a shell script (XCU 2.9.1.1): this process goes on as a fresh shell.
      shell.functions.clear();
      shell.options.clear();
      shell.name = frame.candidates[frame.index];
      shell.parameters = frame.argv.slice(1);
      for (const [variable, value] of shell.variables) if (!value.exported) shell.variables.delete(variable);
      shell.stack = [
        { kind: 'finish', at: 0 },
        { kind: 'source', text: shell.text, position: 0, line: 1, last: true, stopsReturn: false },
      ];
      return null;
    }
  }
}

/** The kernel's words, without the path in front of them. */
function refusalReason(text: string, frame: FrameOf<'execute'>): string {
  const line = text.split('\n')[0].trim();
  const path = `${frame.candidates[frame.index] ?? ''}: `;
  return line.startsWith(path) ? line.slice(path.length) : line;
}

function executeFailed(shell: ShellState, frame: FrameOf<'execute'>, why: string): null {
  pop(shell);
  const name = frame.argv[0];
  if (frame.error === -Errno.ENOENT) return fail(shell, `${name}: not found`, 127, false);
  return fail(shell, `${name}: ${why === '' ? errorText(frame.error) : why}`, 126, false);
}

export function outcomeStatus(outcome: ChildOutcome): number {
  return outcome.kind === 'exited' ? outcome.status : 128 + outcome.signal;
}

/** Waits until every process of a job has ended, or one has stopped. */
export function runWaitJob(shell: ShellState, frame: FrameOf<'waitJob'>): Next {
  const { job } = frame;
  switch (frame.at) {
    case 0: {
      const process = job.processes[frame.index];
      if (process === undefined) {
        frame.at = 2;
        return null;
      }
      if (process.outcome !== null) {
        frame.index++;
        return null;
      }
      frame.at = 1;
      return request.wait(process.id, shell.interactive ? Wait.untraced : 0);
    }
    case 1: {
      frame.at = 0;
      const process = job.processes[frame.index];
      if (shell.value === -Errno.EINTR) {
        // `wait` is ended by a trapped signal (XCU 2.11); a program in the foreground is waited for all the same.
        if (!frame.foreground && (shell.pendingSignals.length > 0 || shell.interrupted))
          return answer(shell, 128 + (shell.pendingSignals[0] ?? Signal.INT));
        return null;
      }
      process.outcome = shell.value < 0 ? { kind: 'exited', status: 127 } : parseWaitStatus(resultInteger(shell.data));
      if (process.outcome.kind === 'stopped') frame.at = 2;
      return null;
    }
    case 2:
      frame.at = 3;
      return frame.foreground && shell.interactive ? foregroundRequest(shell.processId) : null;
    default:
      pop(shell);
      return jobEnded(shell, job, frame.foreground);
  }
}

function jobEnded(shell: ShellState, job: Job, foreground: boolean): Next {
  const stopped = job.processes.find((process) => process.outcome?.kind === 'stopped');
  if (stopped !== undefined && stopped.outcome !== null) {
    shell.status = outcomeStatus(stopped.outcome);
    if (!shell.jobs.includes(job)) addJob(shell, job);
    job.background = true;
    return writeText(shell, 2, `\n[${job.number}] Stopped  ${job.text}\n`);
  }
  shell.jobs = shell.jobs.filter((other) => other !== job);
  const outcome = job.processes[job.processes.length - 1].outcome;
  shell.status = outcome === null ? 127 : outcomeStatus(outcome);
  if (outcome?.kind !== 'signalled' || !foreground) return null;
  const bottom = shell.stack[1];
  if (bottom?.kind === 'interactive') bottom.diedBySignal = true;
  if (outcome.signal === Signal.INT) {
    if (!shell.interactive) return null;
    push(shell, { kind: 'rethrow', unwind: { kind: 'interrupt', levels: 0 } });
    return writeText(shell, 2, '\n');
  }
  return outcome.signal === Signal.PIPE ? null : writeText(shell, 2, `${signalText(outcome.signal)}\n`);
}

/** Before a prompt: tells which background jobs have ended. */
export function runReapJobs(shell: ShellState, frame: FrameOf<'reapJobs'>): Next {
  const job = shell.jobs[frame.job];
  if (job === undefined) {
    const ended = shell.jobs.filter((other) => other.processes.every((process) => isOver(process.outcome)));
    shell.jobs = shell.jobs.filter((other) => !ended.includes(other));
    pop(shell);
    if (!shell.interactive) return null;
    return writeText(shell, 2, ended.map((other) => `[${other.number}] ${jobState(other)}  ${other.text}\n`).join(''));
  }
  if (frame.at === 1) {
    frame.at = 0;
    if (shell.value !== 0)
      job.processes[frame.process].outcome =
        shell.value < 0 ? { kind: 'exited', status: 127 } : parseWaitStatus(resultInteger(shell.data));
    frame.process++;
  }
  const process = job.processes[frame.process];
  if (process === undefined) {
    frame.process = 0;
    frame.job++;
    return null;
  }
  if (isOver(process.outcome)) {
    frame.process++;
    return null;
  }
  frame.at = 1;
  return request.wait(process.id, Wait.noHang);
}

function isOver(outcome: ChildOutcome | null): boolean {
  return outcome !== null && outcome.kind !== 'stopped';
}
export function jobState(job: Job): string {
  if (job.processes.some((process) => process.outcome?.kind === 'stopped')) return 'Stopped';
  if (job.processes.some((process) => process.outcome === null)) return 'Running';
  const last = job.processes[job.processes.length - 1].outcome;
  if (last?.kind === 'signalled') return signalText(last.signal);
  return last?.kind === 'exited' && last.status !== 0 ? `Done(${last.status})` : 'Done';
}
