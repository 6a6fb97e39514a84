// Frames of the command language: lists, and-or chains, pipelines, compound commands (POSIX.1-2017, XCU 2.9).

import { errorText } from '../../sdk/error-text.ts';
import { request, resultInteger } from '../../sdk/requests.ts';
import type { TaskRequest } from '../../sdk/system-task.ts';
import { builtins, specialBuiltins } from '../builtins/table.ts';
import { matches } from '../expansion/pattern.ts';
import type { Frame, FrameOf } from '../frames.ts';
import { exportedEnvironment, type Job, type ShellState, setVariable } from '../state.ts';
import type { Pipeline } from '../syntax/tree.ts';
import {
  answer,
  commandFrame,
  expandWords,
  fail,
  type Next,
  pop,
  processes,
  push,
  redirected,
  sendAll,
  writeText,
} from './helpers.ts';
import { enterChild, foregroundRequest } from './processes.ts';

export function runList(shell: ShellState, frame: FrameOf<'list'>): Next {
  if (shell.pendingSignals.length > 0 && runPendingTrap(shell)) return null;
  const item = frame.list.items[frame.index];
  if (item === undefined) return pop(shell);
  frame.index++;
  const last = frame.last && frame.index === frame.list.items.length;
  const chain: Frame = {
    kind: 'andOr',
    chain: item.chain,
    index: 0,
    tested: frame.tested,
    last: last || item.background,
  };
  if (!item.background) return push(shell, chain);
  return push(shell, processes([chain], true, item.chain.pipelines.map((p) => p.source).join(' && ')));
}

/** Starts the trap of the oldest signal that waits; false if it has none any more. */
export function runPendingTrap(shell: ShellState): boolean {
  const signal = shell.pendingSignals.shift() as number;
  const text = shell.traps.get(String(signal));
  if (text === undefined) return false;
  push(shell, { kind: 'runTrap', at: 0, status: shell.status, text });
  return true;
}

export function runAndOr(shell: ShellState, frame: FrameOf<'andOr'>): Next {
  const { pipelines, operators } = frame.chain;
  while (frame.index > 0 && frame.index < pipelines.length) {
    const wanted = operators[frame.index - 1] === '&&' ? shell.status === 0 : shell.status !== 0;
    if (wanted) break;
    frame.index++;
  }
  const pipeline = pipelines[frame.index];
  if (pipeline === undefined) return pop(shell);
  frame.index++;
  const isLast = frame.index === pipelines.length;
  if (pipeline.negated) return push(shell, { kind: 'negate', at: 0, pipeline });
  return pushPipeline(shell, pipeline, frame.tested || !isLast, frame.last && isLast);
}

function pushPipeline(shell: ShellState, pipeline: Pipeline, tested: boolean, last: boolean): null {
  if (pipeline.commands.length === 1) return push(shell, commandFrame(pipeline.commands[0], tested, last));
  if (!tested) push(shell, { kind: 'checkFailure' });
  const bodies = pipeline.commands.map((command) => commandFrame(command, tested, true));
  return push(shell, processes(bodies, false, pipeline.source));
}

export function runNegate(shell: ShellState, frame: FrameOf<'negate'>): Next {
  if (frame.at === 0) {
    frame.at = 1;
    return pushPipeline(shell, frame.pipeline, true, false);
  }
  return answer(shell, shell.status === 0 ? 1 : 0);
}

export function runCheckFailure(shell: ShellState): Next {
  pop(shell);
  if (shell.status !== 0 && shell.options.has('e')) shell.unwind = { kind: 'exit', levels: 0 };
  return null;
}

/** Several processes joined by pipes, each a fork of this shell that goes on with one body. */
export function runPipeline(shell: ShellState, frame: FrameOf<'pipeline'>): Next {
  const { bodies, job } = frame;
  switch (frame.at) {
    case 0:
      if (frame.index < bodies.length - 1) {
        frame.at = 1;
        return request.pipe();
      }
      frame.output = -1;
      frame.nextInput = -1;
      frame.at = 2;
      return null;
    case 1:
      if (shell.value < 0) return forkFailed(shell, frame);
      frame.nextInput = resultInteger(shell.data, 0);
      frame.output = resultInteger(shell.data, 4);
      frame.at = 2;
      return null;
    case 2:
      frame.at = 3;
      return request.fork();
    case 3: {
      if (shell.value < 0) return forkFailed(shell, frame);
      if (shell.value === 0) {
        const setup: TaskRequest[] = [];
        if (frame.input >= 0 && frame.input !== 0)
          setup.push(request.duplicateTo(frame.input, 0), request.close(frame.input));
        if (frame.output >= 0 && frame.output !== 1)
          setup.push(request.duplicateTo(frame.output, 1), request.close(frame.output));
        if (frame.nextInput >= 0) setup.push(request.close(frame.nextInput));
        return enterChild(shell, job.group, frame.background, setup, bodies[frame.index]);
      }
      const child = shell.value;
      job.processes.push({ id: child, outcome: null });
      const after: TaskRequest[] = [];
      if (job.group === 0) job.group = child;
      if (shell.interactive) {
        after.push(request.setProcessGroup(child, job.group));
        if (!frame.background && frame.index === 0) after.push(foregroundRequest(job.group));
      }
      if (frame.input >= 0) after.push(request.close(frame.input));
      if (frame.output >= 0) after.push(request.close(frame.output));
      frame.input = frame.nextInput;
      frame.index++;
      frame.at = frame.index < bodies.length ? 0 : 4;
      return sendAll(shell, after);
    }
    case 4:
      if (!frame.background) {
        frame.at = 5;
        return push(shell, { kind: 'waitJob', at: 0, job, index: 0, foreground: true });
      }
      addJob(shell, job);
      shell.lastBackground = job.processes[job.processes.length - 1].id;
      answer(shell, 0);
      return shell.interactive ? writeText(shell, 2, `[${job.number}] ${shell.lastBackground}\n`) : null;
    default:
      return pop(shell);
  }
}

function forkFailed(shell: ShellState, frame: FrameOf<'pipeline'>): Next {
  const why = errorText(shell.value);
  const open = [frame.input, frame.nextInput, frame.output].filter((descriptor) => descriptor >= 0);
  pop(shell);
  fail(shell, `cannot start a process: ${why}`, 2, true);
  return sendAll(
    shell,
    open.map((descriptor) => request.close(descriptor)),
  );
}

export function addJob(shell: ShellState, job: Job): void {
  job.number = 1;
  for (const other of shell.jobs) job.number = Math.max(job.number, other.number + 1);
  shell.jobs.push(job);
}

export function runCommand(shell: ShellState, frame: FrameOf<'command'>): Next {
  const { command, tested, last } = frame;
  pop(shell);
  if (command.kind === 'function') {
    shell.functions.set(command.name, command.body);
    shell.status = 0;
    return null;
  }
  if (command.kind === 'simple') {
    if (!tested) push(shell, { kind: 'checkFailure' });
    return push(shell, { kind: 'simple', at: 0, command, argv: [], values: [], tested, last });
  }
  const hasRedirections = command.redirections.length > 0;
  if (command.kind === 'subshell') {
    if (!tested) push(shell, { kind: 'checkFailure' });
    const body: Frame = { kind: 'list', list: command.body, index: 0, tested, last: true };
    const inside = hasRedirections ? redirected(command.redirections, body, true) : body;
    return push(shell, processes([inside], false, '( … )'));
  }
  const running = { tested, last: last && !hasRedirections };
  const body = compoundFrame(command, running);
  return push(shell, hasRedirections ? redirected(command.redirections, body, false) : body);
}

function compoundFrame(
  command: Extract<Parameters<typeof commandFrame>[0], { kind: 'group' | 'if' | 'while' | 'for' | 'case' }>,
  running: { tested: boolean; last: boolean },
): Frame {
  switch (command.kind) {
    case 'if':
      return { kind: 'if', index: 0, at: 0, command, ...running };
    case 'while':
      return { kind: 'while', at: 0, result: 0, command, ...running, last: false };
    case 'for':
      return { kind: 'for', at: 0, index: 0, values: [], result: 0, command, ...running, last: false };
    case 'case':
      return { kind: 'case', at: 0, item: 0, pattern: 0, text: '', command, ...running };
    default:
      return { kind: 'list', list: command.body, index: 0, ...running };
  }
}

export function runIf(shell: ShellState, frame: FrameOf<'if'>): Next {
  const { branches, otherwise } = frame.command;
  const branch = branches[frame.index];
  if (frame.at === 0) {
    frame.at = 1;
    return push(shell, { kind: 'list', list: branch.condition, index: 0, tested: true, last: false });
  }
  let body = branch.body;
  if (shell.status !== 0) {
    frame.index++;
    frame.at = 0;
    if (frame.index < branches.length) return null;
    if (otherwise === null) return answer(shell, 0);
    body = otherwise;
  }
  pop(shell);
  return push(shell, { kind: 'list', list: body, index: 0, tested: frame.tested, last: frame.last });
}

export function runWhile(shell: ShellState, frame: FrameOf<'while'>): Next {
  if (frame.at === 2) frame.result = shell.status;
  if (frame.at !== 1) {
    frame.at = 1;
    return push(shell, { kind: 'list', list: frame.command.condition, index: 0, tested: true, last: false });
  }
  if ((shell.status === 0) === frame.command.until) return answer(shell, frame.result);
  frame.at = 2;
  return push(shell, { kind: 'list', list: frame.command.body, index: 0, tested: frame.tested, last: false });
}

export function runFor(shell: ShellState, frame: FrameOf<'for'>): Next {
  const { words, name, body } = frame.command;
  if (frame.at === 0) {
    frame.at = 1;
    if (words !== null) return expandWords(shell, words, 'fields');
    shell.fields = [...shell.parameters];
  }
  if (frame.at === 1) {
    frame.values = shell.fields;
    frame.at = 2;
  } else frame.result = shell.status;
  if (frame.index >= frame.values.length) return answer(shell, frame.result);
  if (!setVariable(shell, name, frame.values[frame.index++])) {
    pop(shell);
    return fail(shell, `${name}: is read only`, 2, true);
  }
  return push(shell, { kind: 'list', list: body, index: 0, tested: frame.tested, last: false });
}

export function runCase(shell: ShellState, frame: FrameOf<'case'>): Next {
  const { word, items } = frame.command;
  switch (frame.at) {
    case 0:
      frame.at = 1;
      return expandWords(shell, [word], 'single');
    case 1:
      frame.text = shell.text;
      frame.at = 2;
      return null;
    case 2: {
      const item = items[frame.item];
      if (item === undefined) return answer(shell, 0);
      const pattern = item.patterns[frame.pattern];
      if (pattern === undefined) {
        frame.item++;
        frame.pattern = 0;
        return null;
      }
      frame.at = 3;
      return expandWords(shell, [pattern], 'pattern');
    }
    default: {
      if (!matches(shell.text, frame.text)) {
        frame.pattern++;
        frame.at = 2;
        return null;
      }
      pop(shell);
      shell.status = 0;
      const list = items[frame.item].body;
      return push(shell, { kind: 'list', list, index: 0, tested: frame.tested, last: frame.last });
    }
  }
}

/** Expands a simple command, then decides: assignment, function, built-in or program (XCU 2.9.1). */
export function runSimple(shell: ShellState, frame: FrameOf<'simple'>): Next {
  const { command } = frame;
  switch (frame.at) {
    case 0:
      shell.substitutionStatus = null;
      shell.fields = [];
      frame.at = 1;
      return command.words.length === 0 ? null : expandWords(shell, command.words, 'fields');
    case 1:
      frame.argv = shell.fields;
      frame.at = 2;
      return null;
    case 2: {
      const assignment = command.assignments[frame.values.length];
      if (assignment !== undefined) {
        frame.at = 3;
        return expandWords(shell, [assignment.value], 'single');
      }
      frame.at = 4;
      if (!shell.options.has('x')) return null;
      const shown = [...command.assignments.map((a, i) => `${a.name}=${frame.values[i]}`), ...frame.argv];
      return writeText(shell, 2, `+ ${shown.join(' ')}\n`);
    }
    case 3:
      frame.values.push(shell.text);
      frame.at = 2;
      return null;
    default:
      pop(shell);
      return dispatch(shell, frame);
  }
}

function dispatch(shell: ShellState, frame: FrameOf<'simple'>): Next {
  const { argv } = frame;
  const { redirections, assignments } = frame.command;
  const values = assignments.map((assignment, i) => [assignment.name, frame.values[i]] as const);
  const name = argv[0];
  const isSpecial = name !== undefined && specialBuiltins.has(name);
  if (name === undefined || isSpecial) {
    for (const [variable, value] of values)
      if (!setVariable(shell, variable, value)) return fail(shell, `${variable}: is read only`, 2, true);
  }
  if (name === undefined) {
    shell.status = shell.substitutionStatus ?? 0;
    return redirections.length === 0 ? null : push(shell, redirected(redirections, null, false));
  }
  const body = shell.functions.get(name);
  let inside: Frame;
  if (body !== undefined && !isSpecial)
    inside = {
      kind: 'call',
      at: 0,
      body,
      arguments: argv.slice(1),
      savedParameters: [],
      saved: [],
      tested: frame.tested,
    };
  else if (builtins.has(name)) inside = { kind: 'builtin', at: 0, argv, result: null, tested: frame.tested };
  else return startProgram(shell, frame, values);
  if (!isSpecial && values.length > 0) inside = { kind: 'scope', at: 0, saved: [], values, body: inside };
  if (redirections.length > 0) inside = redirected(redirections, inside, name === 'exec');
  return push(shell, inside);
}

function startProgram(
  shell: ShellState,
  frame: FrameOf<'simple'>,
  values: readonly (readonly [string, string])[],
): Next {
  const assigned = new Set(values.map(([name]) => name));
  const environment = exportedEnvironment(shell).filter((entry) => !assigned.has(entry.slice(0, entry.indexOf('='))));
  for (const [name, value] of values) environment.push(`${name}=${value}`);
  const execute: Frame = {
    kind: 'execute',
    at: 0,
    argv: frame.argv,
    environment,
    candidates: [],
    index: 0,
    error: 0,
  };
  const body = frame.command.redirections.length > 0 ? redirected(frame.command.redirections, execute, true) : execute;
  if (frame.last && !shell.interactive && shell.traps.size === 0) return push(shell, body);
  return push(shell, processes([body], false, frame.argv.join(' ').slice(0, 200)));
}

/** Variables that are set for one command only. */
export function runScope(shell: ShellState, frame: FrameOf<'scope'>): Next {
  if (frame.at === 0) {
    frame.at = 1;
    for (const [name, value] of frame.values) {
      const old = shell.variables.get(name);
      if (old?.readonly === true) {
        restoreVariables(shell, frame.saved);
        pop(shell);
        return fail(shell, `${name}: is read only`, 2, true);
      }
      frame.saved.push([name, old === undefined ? null : { ...old }]);
      shell.variables.set(name, { value, exported: true, readonly: false });
    }
    return push(shell, frame.body);
  }
  restoreVariables(shell, frame.saved);
  return pop(shell);
}

export function restoreVariables(
  shell: ShellState,
  saved: readonly (readonly [string, ReturnType<ShellState['variables']['get']> | null])[],
): void {
  for (let i = saved.length - 1; i >= 0; i--) {
    const [name, variable] = saved[i];
    if (variable === null || variable === undefined) shell.variables.delete(name);
    else shell.variables.set(name, variable);
  }
}

export function runCall(shell: ShellState, frame: FrameOf<'call'>): Next {
  if (frame.at === 0) {
    frame.at = 1;
    frame.savedParameters = shell.parameters;
    shell.parameters = [...frame.arguments];
    return push(shell, commandFrame(frame.body, frame.tested, false));
  }
  endCall(shell, frame);
  return pop(shell);
}
export function endCall(shell: ShellState, frame: FrameOf<'call'>): void {
  shell.parameters = frame.savedParameters;
  restoreVariables(shell, frame.saved);
}
