// The shell's engine: runs the frame on top of the stack until one needs a system call.

import { Errno } from '../abi/errno.ts';
import { Signal } from '../sdk/constants.ts';
import { request } from '../sdk/requests.ts';
import type { TaskEvent, TaskRequest } from '../sdk/system-task.ts';
import { runPing } from './builtins/ping.ts';
import {
  runCd,
  runDot,
  runKill,
  runRead,
  runResume,
  runUmask,
  runWaitAll,
  runWhich,
} from './builtins/process-builtins.ts';
import { runReport } from './builtins/reports.ts';
import { runBuiltin } from './builtins/table.ts';
import { runTest } from './builtins/test.ts';
import { runComplete, runEditLine } from './editor/edit-frame.ts';
import {
  endCall,
  restoreVariables,
  runAndOr,
  runCall,
  runCase,
  runCheckFailure,
  runCommand,
  runFor,
  runIf,
  runList,
  runNegate,
  runPipeline,
  runScope,
  runSimple,
  runWhile,
} from './frames/commands.ts';
import { runExpand, runGlob, runSubstitute } from './frames/expansion.ts';
import { restoreRequests, runFailure, runReadDirectory, runReadFile, runRedirected, runWrite } from './frames/files.ts';
import { type Next, pop, sendAll } from './frames/helpers.ts';
import { runExecute, runJoinGroup, runReapJobs, runRequests, runWaitJob } from './frames/processes.ts';
import {
  initialiseVariables,
  runFinish,
  runInteractive,
  runSource,
  runStandardInput,
  runStart,
  runStartTerminal,
  runTrap,
} from './frames/source.ts';
import type { Frame } from './frames.ts';
import type { ShellState } from './state.ts';

/** Turns of the stack per step; then the shell yields, so that one step is a bounded amount of work. */
const MAX_TURNS_PER_STEP = 400;

function run(shell: ShellState, frame: Frame): Next {
  switch (frame.kind) {
    case 'start':
      return runStart(shell, frame);
    case 'startTerminal':
      return runStartTerminal(shell, frame);
    case 'interactive':
      return runInteractive(shell, frame);
    case 'standardInput':
      return runStandardInput(shell, frame);
    case 'source':
      return runSource(shell, frame);
    case 'finish':
      return runFinish(shell, frame);
    case 'list':
      return runList(shell, frame);
    case 'andOr':
      return runAndOr(shell, frame);
    case 'negate':
      return runNegate(shell, frame);
    case 'checkFailure':
      return runCheckFailure(shell);
    case 'rethrow':
      shell.unwind = frame.unwind;
      return pop(shell);
    case 'pipeline':
      return runPipeline(shell, frame);
    case 'command':
      return runCommand(shell, frame);
    case 'simple':
      return runSimple(shell, frame);
    case 'if':
      return runIf(shell, frame);
    case 'while':
      return runWhile(shell, frame);
    case 'for':
      return runFor(shell, frame);
    case 'case':
      return runCase(shell, frame);
    case 'redirected':
      return runRedirected(shell, frame);
    case 'scope':
      return runScope(shell, frame);
    case 'call':
      return runCall(shell, frame);
    case 'expand':
      return runExpand(shell, frame);
    case 'substitute':
      return runSubstitute(shell, frame);
    case 'glob':
      return runGlob(shell, frame);
    case 'readFile':
      return runReadFile(shell, frame);
    case 'readDirectory':
      return runReadDirectory(shell, frame);
    case 'write':
      return runWrite(shell, frame);
    case 'requests':
      return runRequests(shell, frame);
    case 'joinGroup':
      return runJoinGroup(shell, frame);
    case 'failure':
      return runFailure(shell, frame);
    case 'execute':
      return runExecute(shell, frame);
    case 'waitJob':
      return runWaitJob(shell, frame);
    case 'reapJobs':
      return runReapJobs(shell, frame);
    case 'runTrap':
      return runTrap(shell, frame);
    case 'builtin':
      return runBuiltin(shell, frame);
    case 'editLine':
      return runEditLine(shell, frame);
    case 'complete':
      return runComplete(shell, frame);
    case 'cd':
      return runCd(shell, frame);
    case 'test':
      return runTest(shell, frame);
    case 'read':
      return runRead(shell, frame);
    case 'waitAll':
      return runWaitAll(shell, frame);
    case 'kill':
      return runKill(shell, frame);
    case 'umask':
      return runUmask(shell, frame);
    case 'which':
      return runWhich(shell, frame);
    case 'dot':
      return runDot(shell, frame);
    case 'resume':
      return runResume(shell, frame);
    case 'report':
      return runReport(shell, frame);
    case 'ping':
      return runPing(shell, frame);
  }
}

/** Pops one frame on the way out of loops, functions or the whole script, giving back what it holds. */
function unwindTop(shell: ShellState): Next {
  const unwind = shell.unwind;
  const frame = shell.stack[shell.stack.length - 1];
  if (unwind === null) return null;
  const closeAnd = (list: readonly TaskRequest[]): null => {
    shell.unwind = null;
    shell.stack[shell.stack.length - 1] = { kind: 'rethrow', unwind };
    return sendAll(shell, list);
  };
  switch (frame.kind) {
    case 'finish':
      shell.unwind = null;
      return null;
    case 'interactive':
      if (unwind.kind === 'exit') return pop(shell);
      if (unwind.kind === 'interrupt' && shell.interrupted) shell.status = 130;
      shell.unwind = null;
      frame.at = 0;
      frame.text = '';
      return null;
    case 'while':
    case 'for':
      if (unwind.kind !== 'break' && unwind.kind !== 'continue') return pop(shell);
      if (--unwind.levels > 0) return pop(shell);
      shell.unwind = null;
      return unwind.kind === 'break' ? pop(shell) : null;
    case 'source':
      if (unwind.kind === 'return' && frame.stopsReturn) shell.unwind = null;
      return pop(shell);
    case 'call':
      endCall(shell, frame);
      if (unwind.kind === 'return') shell.unwind = null;
      return pop(shell);
    case 'scope':
      restoreVariables(shell, frame.saved);
      return pop(shell);
    case 'redirected':
      return closeAnd(restoreRequests(frame));
    case 'substitute':
      return closeAnd([frame.input, frame.output].filter((d) => d >= 0).map((d) => request.close(d)));
    case 'readFile':
    case 'readDirectory':
      return closeAnd(frame.descriptor >= 0 ? [request.close(frame.descriptor)] : []);
    case 'ping':
      return closeAnd(frame.socket >= 0 ? [request.close(frame.socket)] : []);
    default:
      return pop(shell);
  }
}

/** Ctrl-C at an interactive shell ends what it is doing; these see to it themselves. */
function handlesInterrupt(frame: Frame): boolean {
  return (
    frame.kind === 'ping' ||
    frame.kind === 'waitJob' ||
    frame.kind === 'finish' ||
    frame.kind === 'requests' ||
    frame.kind === 'rethrow' ||
    frame.kind === 'pipeline'
  );
}

function takeEvent(shell: ShellState, event: TaskEvent): void {
  if (event.kind === 'start') {
    initialiseVariables(shell, event.environment);
    shell.stack = [
      { kind: 'finish', at: 0 },
      { kind: 'start', at: 0, arguments: event.arguments },
    ];
    return;
  }
  if (event.kind === 'signal') {
    // The call did not happen: whoever made it sees EINTR.
    if (!shell.pausing) {
      shell.value = -Errno.EINTR;
      shell.data = new Uint8Array(0);
    }
    if (shell.traps.has(String(event.number))) {
      if (shell.pendingSignals.length < 64) shell.pendingSignals.push(event.number);
    } else if (event.number === Signal.INT) shell.interrupted = true;
    shell.pausing = false;
    return;
  }
  if (shell.pausing) {
    shell.pausing = false;
    return;
  }
  shell.value = event.value;
  shell.data = event.data;
}

export function stepShell(shell: ShellState, event: TaskEvent): TaskRequest {
  takeEvent(shell, event);
  for (let turn = 0; turn < MAX_TURNS_PER_STEP; turn++) {
    const frame = shell.stack[shell.stack.length - 1];
    if (frame === undefined) return request.exit(shell.status & 255);
    if (shell.interrupted && shell.interactive && shell.unwind === null && !handlesInterrupt(frame)) {
      if (frame.kind === 'interactive') shell.interrupted = false;
      else shell.unwind = { kind: 'interrupt', levels: 0 };
    }
    const next = shell.unwind === null ? run(shell, frame) : unwindTop(shell);
    if (next !== null) return next;
  }
  shell.pausing = true;
  return request.yield();
}
