// Built-ins about folders, processes and input that need system calls: cd, dot, read, wait, fg, bg, kill, umask, type.

import { Errno } from '../../abi/errno.ts';
import { byteString, resultText } from '../../sdk/bytes.ts';
import { FileType, Signal } from '../../sdk/constants.ts';
import { errorText } from '../../sdk/error-text.ts';
import { request } from '../../sdk/requests.ts';
import { signalByName, signalNames } from '../../sdk/signal-names.ts';
import { parseStatus } from '../../sdk/structures.ts';
import { answer, fail, type Next, pop, push, sendAll, writeText } from '../frames/helpers.ts';
import { commandCandidates, foregroundRequest } from '../frames/processes.ts';
import type { BuiltinResult, Frame, FrameOf } from '../frames.ts';
import { type Job, type ShellState, setVariable, variableText } from '../state.ts';
import { builtins } from './table.ts';

export function runCd(shell: ShellState, frame: FrameOf<'cd'>): Next {
  switch (frame.at) {
    case 0:
      frame.at = 1;
      return request.changeDirectory(frame.target);
    case 1:
      if (shell.value < 0) {
        pop(shell);
        return fail(shell, `cd: ${frame.target}: ${errorText(shell.value)}`, 2, false);
      }
      frame.at = 2;
      return request.currentDirectory();
    default: {
      const now = shell.value > 0 ? resultText(shell.data) : frame.target;
      setVariable(shell, 'OLDPWD', shell.directory);
      setVariable(shell, 'PWD', now);
      shell.directory = now;
      answer(shell, 0);
      return frame.print ? writeText(shell, 1, `${now}\n`) : null;
    }
  }
}

/** `. file`: a name without a slash is looked for along PATH (XCU dot). */
export function runDot(shell: ShellState, frame: FrameOf<'dot'>): Next {
  if (frame.at === 0) {
    frame.candidates = commandCandidates(shell, frame.path);
    if (!frame.path.includes('/')) frame.candidates.push(frame.path);
    frame.at = 1;
  } else if (shell.value >= 0) {
    const text = shell.text;
    pop(shell);
    shell.status = 0;
    return push(shell, { kind: 'source', text, position: 0, line: 1, last: false, stopsReturn: true });
  } else frame.index++;
  const path = frame.candidates[frame.index];
  if (path === undefined) {
    pop(shell);
    return fail(shell, `.: ${frame.path}: ${errorText(shell.value)}`, 2, true);
  }
  return push(shell, { kind: 'readFile', at: 0, path, descriptor: -1, chunks: [], bytes: 0 });
}

/** Byte by byte, so that what follows the line stays for others. Quoted characters are kept with a backslash until the split. */
export function runRead(shell: ShellState, frame: FrameOf<'read'>): Next {
  if (frame.at === 0) {
    frame.at = 1;
    return request.read(0, 1);
  }
  if (shell.value === -Errno.EINTR && shell.pendingSignals.length === 0) return request.read(0, 1);
  if (shell.value <= 0) return readEnded(shell, frame, 1);
  const c = byteString(shell.data.subarray(0, 1));
  const quoted = !frame.raw && /(^|[^\\])(\\\\)*\\$/.test(frame.line);
  if (c === '\n') {
    if (!quoted) return readEnded(shell, frame, 0);
    frame.line = frame.line.slice(0, -1);
    return request.read(0, 1);
  }
  frame.line += frame.raw && c === '\\' ? '\\\\' : c;
  return request.read(0, 1);
}

function readEnded(shell: ShellState, frame: FrameOf<'read'>, status: number): Next {
  const separators = variableText(shell, 'IFS') ?? ' \t\n';
  const isSpace = (c: string): boolean => ' \t\n'.includes(c) && separators.includes(c);
  const { line } = frame;
  let at = 0;
  const skipSpaces = (): void => {
    while (at < line.length && isSpace(line[at])) at++;
  };
  const plain = (text: string): string => text.replace(/\\([\s\S])/g, '$1');
  skipSpaces();
  frame.names.forEach((name, i) => {
    if (i === frame.names.length - 1) {
      let end = line.length;
      while (end > at && isSpace(line[end - 1]) && line[end - 2] !== '\\') end--;
      let rest = line.slice(at, end);
      // One separator after the last field goes with it (XCU 2.6.5).
      const inner = rest.slice(0, -1);
      if (
        rest !== '' &&
        separators.includes(rest[rest.length - 1]) &&
        !isSpace(rest[rest.length - 1]) &&
        ![...inner].some((c) => separators.includes(c))
      )
        rest = inner;
      setVariable(shell, name, plain(rest));
      return;
    }
    const start = at;
    while (at < line.length && !separators.includes(line[at])) at += line[at] === '\\' ? 2 : 1;
    setVariable(shell, name, plain(line.slice(start, at)));
    skipSpaces();
    if (at < line.length && separators.includes(line[at]) && !isSpace(line[at]) && at > start) {
      at++;
      skipSpaces();
    }
  });
  return answer(shell, status);
}

function findJob(shell: ShellState, name: string | undefined): Job | undefined {
  if (name === undefined || name === '%' || name === '%+' || name === '%%') return shell.jobs[shell.jobs.length - 1];
  const number = Number(name.replace(/^%/, ''));
  if (name.startsWith('%')) return shell.jobs.find((job) => job.number === number);
  return shell.jobs.find((job) => job.processes.some((process) => process.id === number));
}

export function waitFrame(shell: ShellState, argv: readonly string[]): BuiltinResult | Frame {
  if (argv.length === 1) return { kind: 'waitAll', at: 0, index: 0, jobs: [...shell.jobs] };
  const jobs: Job[] = [];
  for (const name of argv.slice(1)) {
    const job = findJob(shell, name);
    if (job === undefined) return { status: 127 };
    jobs.push(job);
  }
  return { kind: 'waitAll', at: 1, index: 0, jobs };
}

export function runWaitAll(shell: ShellState, frame: FrameOf<'waitAll'>): Next {
  const job = frame.jobs[frame.index++];
  if (job === undefined) return frame.at === 0 ? answer(shell, 0) : pop(shell);
  return push(shell, { kind: 'waitJob', at: 0, job, index: 0, foreground: false });
}

export function resumeFrame(shell: ShellState, argv: readonly string[]): BuiltinResult | Frame {
  if (!shell.interactive) return { status: 1, error: `eurosh: ${argv[0]}: no job control here\n` };
  const job = findJob(shell, argv[1]);
  if (job === undefined) return { status: 1, error: `eurosh: ${argv[0]}: no such job\n` };
  return { kind: 'resume', at: 0, job, foreground: argv[0] === 'fg' };
}

export function runResume(shell: ShellState, frame: FrameOf<'resume'>): Next {
  const { job, foreground } = frame;
  if (frame.at === 0) {
    frame.at = 1;
    for (const process of job.processes) if (process.outcome?.kind === 'stopped') process.outcome = null;
    const list = [request.kill(-job.group, Signal.CONT)];
    if (foreground) list.unshift(foregroundRequest(job.group));
    sendAll(shell, list);
    return writeText(shell, 2, `${job.text}${foreground ? '' : ' &'}\n`);
  }
  pop(shell);
  if (!foreground) {
    shell.status = 0;
    return null;
  }
  return push(shell, { kind: 'waitJob', at: 0, job, index: 0, foreground: true });
}

export function killFrame(_shell: ShellState, argv: readonly string[]): BuiltinResult | Frame {
  let list = argv.slice(1);
  let signal: number | null = Signal.TERM;
  if (list[0] === '-l') {
    if (list[1] === undefined)
      return { status: 0, output: `${signalNames.filter((name) => name !== undefined).join(' ')}\n` };
    const number = Number(list[1]) & 127;
    return { status: 0, output: `${signalNames[number] ?? number}\n` };
  }
  if (list[0] === '-s') {
    signal = signalByName(list[1] ?? '');
    list = list.slice(2);
  } else if (list[0]?.startsWith('-') && list[0] !== '--') {
    signal = signalByName(list[0].slice(1));
    list = list.slice(1);
  }
  if (list[0] === '--') list = list.slice(1);
  if (signal === null || list.length === 0)
    return { status: 2, error: 'eurosh: kill: usage: kill [-signal] process...\n' };
  return { kind: 'kill', at: 0, signal, targets: list, index: 0, errors: '', failed: false };
}

export function runKill(shell: ShellState, frame: FrameOf<'kill'>): Next {
  if (frame.at === 1) {
    if (shell.value < 0) {
      frame.failed = true;
      frame.errors += `eurosh: kill: ${frame.targets[frame.index]}: ${errorText(shell.value)}\n`;
    }
    frame.index++;
    frame.at = 0;
  }
  const target = frame.targets[frame.index];
  if (target === undefined) {
    answer(shell, frame.failed ? 1 : 0);
    return writeText(shell, 2, frame.errors);
  }
  frame.at = 1;
  const job = target.startsWith('%') ? findJob(shell, target) : undefined;
  if (job !== undefined) return request.kill(shell.interactive ? -job.group : job.processes[0].id, frame.signal);
  if (!/^-?[0-9]{1,9}$/.test(target)) {
    shell.value = -Errno.ESRCH;
    return null;
  }
  return request.kill(Number(target), frame.signal);
}

export function runUmask(shell: ShellState, frame: FrameOf<'umask'>): Next {
  switch (frame.at) {
    case 0:
      frame.at = 1;
      return request.fileModeMask(frame.value ?? 0);
    case 1:
      if (frame.value !== null) return answer(shell, 0);
      frame.value = shell.value;
      frame.at = 2;
      return request.fileModeMask(frame.value);
    default: {
      const mask = frame.value ?? 0;
      answer(shell, 0);
      return writeText(shell, 1, `${mask.toString(8).padStart(4, '0')}\n`);
    }
  }
}

/** type and command -v. */
export function runWhich(shell: ShellState, frame: FrameOf<'which'>): Next {
  const name = frame.names[frame.index];
  if (name === undefined) {
    answer(shell, frame.failed ? 127 : 0);
    return writeText(shell, 1, frame.output);
  }
  const found = (short: string, long: string): null => {
    frame.output += frame.long ? `${name} is ${long}\n` : `${short}\n`;
    frame.index++;
    frame.pathIndex = 0;
    frame.at = 0;
    return null;
  };
  const candidates = commandCandidates(shell, name);
  if (frame.at === 0) {
    if (shell.functions.has(name)) return found(name, 'a shell function');
    if (builtins.has(name)) return found(name, 'a shell builtin');
  } else {
    const status = shell.value >= 0 ? parseStatus(shell.data) : null;
    const path = candidates[frame.pathIndex];
    if (status !== null && (status.mode & FileType.mask) === FileType.regular && (status.mode & 0o111) !== 0)
      return found(path, path);
    frame.pathIndex++;
  }
  const path = candidates[frame.pathIndex];
  if (path === undefined) {
    frame.failed = true;
    frame.index++;
    frame.pathIndex = 0;
    frame.at = 0;
    return frame.long ? writeText(shell, 2, `eurosh: ${name}: not found\n`) : null;
  }
  frame.at = 1;
  return request.status(path);
}
