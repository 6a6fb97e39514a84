// The table of built-ins. One that needs no system call returns its result at once; the others return the frame that does
// their work (process-builtins.ts, reports.ts, ping.ts, test.ts).

import { SignalAction } from '../../sdk/constants.ts';
import { request } from '../../sdk/requests.ts';
import { signalByName, signalNames } from '../../sdk/signal-names.ts';
import { type Next, pop, push, writeText } from '../frames/helpers.ts';
import { jobState } from '../frames/processes.ts';
import { optionByName, optionLetters } from '../frames/source.ts';
import type { BuiltinResult, Frame, FrameOf } from '../frames.ts';
import { exportedEnvironment, isVariableName, type ShellState, setVariable, variableText } from '../state.ts';
import { builtinHelp } from './names.ts';
import { pingFrame } from './ping.ts';
import { formatPrintf, unescapeText } from './printf.ts';
import { killFrame, resumeFrame, waitFrame } from './process-builtins.ts';
import { testFrame } from './test.ts';

type Builtin = (shell: ShellState, argv: readonly string[], tested: boolean) => BuiltinResult | Frame;

const ok: BuiltinResult = { status: 0 };
const wrong = (text: string, status = 2): BuiltinResult => ({ status, error: `eurosh: ${text}\n` });
/** A text between single quotes, as the shell would read it again. */
const quote = (text: string): string => `'${text.replace(/'/g, "'\\''")}'`;

const declare =
  (what: 'export' | 'readonly'): Builtin =>
  (shell, argv) => {
    const list = argv.slice(1).filter((argument) => argument !== '-p');
    if (list.length === 0) {
      let output = '';
      for (const [name, variable] of [...shell.variables].sort(([a], [b]) => (a < b ? -1 : 1)))
        if (what === 'export' ? variable.exported : variable.readonly)
          output += `${what} ${name}${variable.value === null ? '' : `=${quote(variable.value)}`}\n`;
      return { status: 0, output };
    }
    for (const argument of list) {
      const equals = argument.indexOf('=');
      const name = equals < 0 ? argument : argument.slice(0, equals);
      if (!isVariableName(name)) return wrong(`${what}: ${name}: bad variable name`);
      if (equals >= 0 && !setVariable(shell, name, argument.slice(equals + 1)))
        return { ...wrong(`${what}: ${name}: is read only`), unwind: { kind: 'exit', levels: 0 } };
      const variable = shell.variables.get(name) ?? { value: null, exported: false, readonly: false };
      if (what === 'export') variable.exported = true;
      else variable.readonly = true;
      shell.variables.set(name, variable);
    }
    return ok;
  };

const leave =
  (kind: 'break' | 'continue'): Builtin =>
  (shell, argv) => {
    const levels = Number(argv[1] ?? 1);
    if (!Number.isInteger(levels) || levels < 1) return wrong(`${argv[0]}: ${argv[1]}: bad number`);
    let loops = 0;
    for (const frame of shell.stack) {
      if (frame.kind === 'while' || frame.kind === 'for') loops++;
      if (frame.kind === 'call') loops = 0;
    }
    if (loops === 0) return ok;
    return { status: 0, unwind: { kind, levels: Math.min(levels, loops) } };
  };

function statusArgument(shell: ShellState, argv: readonly string[]): number | null {
  if (argv[1] === undefined) return shell.status;
  return /^[0-9]+$/.test(argv[1]) ? Number(argv[1]) & 255 : null;
}

const sourceText = (text: string): Frame => ({
  kind: 'source',
  text,
  position: 0,
  line: 1,
  last: false,
  stopsReturn: false,
});

function setOptions(shell: ShellState, argv: readonly string[]): BuiltinResult {
  let i = 1;
  if (argv.length === 1) {
    let output = '';
    for (const [name, variable] of [...shell.variables].sort(([a], [b]) => (a < b ? -1 : 1)))
      if (variable.value !== null) output += `${name}=${quote(variable.value)}\n`;
    return { status: 0, output };
  }
  for (; i < argv.length; i++) {
    const argument = argv[i];
    if (argument === '--') {
      shell.parameters = argv.slice(i + 1);
      return ok;
    }
    if (!/^[-+]./.test(argument)) break;
    const letters = argument[1] === 'o' ? optionByName(argv[++i] ?? '') : argument.slice(1);
    if (letters === undefined) return wrong(`set: ${argv[i] ?? '-o'}: unknown option`);
    for (const letter of letters) {
      if (!optionLetters.has(letter)) return wrong(`set: -${letter}: unknown option`);
      if (argument[0] === '-') shell.options.add(letter);
      else shell.options.delete(letter);
    }
  }
  if (i < argv.length) shell.parameters = argv.slice(i);
  return ok;
}

function echo(argv: readonly string[]): BuiltinResult {
  const bare = argv[1] === '-n';
  const { text, stopped } = unescapeText(argv.slice(bare ? 2 : 1).join(' '), true);
  return { status: 0, output: bare || stopped ? text : `${text}\n` };
}

function localVariables(shell: ShellState, argv: readonly string[]): BuiltinResult {
  const call = shell.stack.findLast((frame): frame is FrameOf<'call'> => frame.kind === 'call');
  if (call === undefined) return wrong('local: not in a function');
  for (const argument of argv.slice(1)) {
    const equals = argument.indexOf('=');
    const name = equals < 0 ? argument : argument.slice(0, equals);
    if (!isVariableName(name)) return wrong(`local: ${name}: bad variable name`);
    const old = shell.variables.get(name);
    if (!call.saved.some(([saved]) => saved === name)) call.saved.push([name, old === undefined ? null : { ...old }]);
    if (equals >= 0) setVariable(shell, name, argument.slice(equals + 1));
  }
  return ok;
}

function setTraps(shell: ShellState, argv: readonly string[]): BuiltinResult | Frame {
  const list = argv[1] === '--' ? argv.slice(2) : argv.slice(1);
  if (list.length === 0) {
    let output = '';
    for (const [signal, action] of shell.traps)
      output += `trap -- ${quote(action)} ${signal === '0' ? 'EXIT' : (signalNames[Number(signal)] ?? signal)}\n`;
    return { status: 0, output };
  }
  const resets = list.length === 1 || /^[0-9]+$/.test(list[0]) || list[0] === '-';
  const action = resets ? null : list[0];
  const requests = [];
  for (const name of list.length === 1 || /^[0-9]+$/.test(list[0]) ? list : list.slice(1)) {
    const signal = name === 'EXIT' ? 0 : signalByName(name);
    if (signal === null) return wrong(`trap: ${name}: bad trap`, 1);
    if (action === null) shell.traps.delete(String(signal));
    else shell.traps.set(String(signal), action);
    const kernelAction =
      action === null ? SignalAction.default : action === '' ? SignalAction.ignore : SignalAction.event;
    if (signal > 0) requests.push(request.signalAction(signal, kernelAction));
  }
  shell.status = 0;
  return { kind: 'requests', list: requests, index: 0 };
}

function getopts(shell: ShellState, argv: readonly string[]): BuiltinResult {
  const [, letters, name, ...given] = argv;
  if (letters === undefined || name === undefined || !isVariableName(name))
    return wrong('getopts: usage: getopts letters name [argument…]');
  const list = given.length > 0 ? given : shell.parameters;
  let index = Number(variableText(shell, 'OPTIND') ?? 1) || 1;
  let offset = shell.optionOffset;
  const finish = (letter: string, argument: string | null, status: number, error = ''): BuiltinResult => {
    setVariable(shell, name, letter);
    if (argument === null) shell.variables.delete('OPTARG');
    else setVariable(shell, 'OPTARG', argument);
    setVariable(shell, 'OPTIND', String(index));
    shell.optionOffset = offset;
    return error === '' ? { status } : { status, error };
  };
  const current = list[index - 1];
  if (offset === 0) {
    if (current === undefined || current[0] !== '-' || current === '-') return finish('?', null, 1);
    if (current === '--') {
      index++;
      return finish('?', null, 1);
    }
    offset = 1;
  }
  const letter = (current ?? '')[offset] ?? '';
  const place = letter === ':' || letter === '' ? -1 : letters.indexOf(letter);
  const silent = letters[0] === ':';
  const isLast = offset + 1 >= (current ?? '').length;
  const next = (): void => {
    index++;
    offset = 0;
  };
  if (place < 0) {
    if (isLast) next();
    else offset++;
    return finish('?', silent ? letter : null, 0, silent ? '' : `eurosh: Illegal option -${letter}\n`);
  }
  if (letters[place + 1] !== ':') {
    if (isLast) next();
    else offset++;
    return finish(letter, null, 0);
  }
  let argument: string | undefined = current.slice(offset + 1);
  next();
  if (argument === '') argument = list[index++ - 1];
  if (argument === undefined) {
    index--;
    return finish(
      silent ? ':' : '?',
      silent ? letter : null,
      0,
      silent ? '' : `eurosh: No arg for -${letter} option\n`,
    );
  }
  return finish(letter, argument, 0);
}

function commandBuiltin(shell: ShellState, argv: readonly string[], tested: boolean): BuiltinResult | Frame {
  let i = 1;
  let find: 'v' | 'V' | null = null;
  for (; i < argv.length && /^-[pvV-]$/.test(argv[i]); i++) {
    if (argv[i] === '-v' || argv[i] === '-V') find = argv[i][1] as 'v' | 'V';
    if (argv[i] === '--') {
      i++;
      break;
    }
  }
  const rest = argv.slice(i);
  if (find !== null) return which(rest, find === 'V');
  if (rest.length === 0) return ok;
  if (builtins.has(rest[0])) return { kind: 'builtin', at: 0, argv: rest, result: null, tested };
  return programFrame(shell, rest);
}

function which(names: readonly string[], long: boolean): Frame {
  return { kind: 'which', at: 0, names, index: 0, pathIndex: 0, long, output: '', failed: false };
}

function programFrame(shell: ShellState, argv: readonly string[]): Frame {
  const body = execute(shell, argv);
  return {
    kind: 'pipeline',
    at: 0,
    bodies: [body],
    background: false,
    index: 0,
    input: -1,
    nextInput: -1,
    output: -1,
    job: { number: 0, group: 0, processes: [], text: argv.join(' '), background: false, reported: false },
  };
}
function execute(shell: ShellState, argv: readonly string[]): Frame {
  return { kind: 'execute', at: 0, argv, environment: exportedEnvironment(shell), candidates: [], index: 0, error: 0 };
}

function changeDirectory(shell: ShellState, argv: readonly string[]): BuiltinResult | Frame {
  const list = argv.slice(1).filter((argument) => argument !== '-L' && argument !== '-P' && argument !== '--');
  if (list.length > 1) return wrong('cd: too many arguments');
  const print = list[0] === '-';
  const name = print ? 'OLDPWD' : 'HOME';
  const target = print || list[0] === undefined ? variableText(shell, name) : list[0];
  if (target === null) return wrong(`cd: ${name} not set`);
  return { kind: 'cd', at: 0, target, print };
}

const unset: Builtin = (shell, argv) => {
  const functions = argv[1] === '-f';
  for (const name of argv.slice(functions || argv[1] === '-v' ? 2 : 1)) {
    if (functions) shell.functions.delete(name);
    else if (shell.variables.get(name)?.readonly === true) return wrong(`unset: ${name}: is read only`);
    else shell.variables.delete(name);
  }
  return ok;
};

const returnBuiltin: Builtin = (shell, argv) => {
  const status = statusArgument(shell, argv);
  return status === null ? wrong(`return: ${argv[1]}: bad number`) : { status, unwind: { kind: 'return', levels: 0 } };
};

const help = (): BuiltinResult => {
  const width = Math.max(...builtinHelp.map(([, use]) => use.length)) + 2;
  const lines = builtinHelp.map(([, use, meaning]) => `  ${use.replace(/…/g, '...').padEnd(width)}${meaning}\n`);
  return {
    status: 0,
    output: `EuroOS shell. Commands of the shell itself; everything else is a program from ${'$'}PATH.\n${lines.join('')}`,
  };
};

const umask: Builtin = (_shell, argv) => {
  if (argv[1] === undefined) return { kind: 'umask', at: 0, value: null };
  if (!/^[0-7]{1,4}$/.test(argv[1])) return wrong(`umask: ${argv[1]}: bad mode`);
  return { kind: 'umask', at: 0, value: Number.parseInt(argv[1], 8) };
};

const read: Builtin = (_shell, argv) => {
  const raw = argv[1] === '-r';
  const names = argv.slice(raw ? 2 : 1);
  for (const name of names) if (!isVariableName(name)) return wrong(`read: ${name}: bad variable name`);
  return { kind: 'read', at: 0, raw, names: names.length === 0 ? ['REPLY'] : names, line: '', ended: false };
};

const printf: Builtin = (_shell, argv) => {
  const list = argv[1] === '--' ? argv.slice(2) : argv.slice(1);
  if (list.length === 0) return wrong('printf: usage: printf format [value...]');
  const { text, problems } = formatPrintf(list[0], list.slice(1));
  const result: BuiltinResult = { status: problems.length > 0 ? 1 : 0, output: text };
  if (problems.length > 0) result.error = problems.map((problem) => `eurosh: printf: ${problem}\n`).join('');
  return result;
};

export const builtins: ReadonlyMap<string, Builtin> = new Map<string, Builtin>([
  [':', () => ok],
  ['true', () => ok],
  ['false', () => ({ status: 1 })],
  ['echo', (_shell, argv) => echo(argv)],
  ['printf', printf],
  ['pwd', (shell) => ({ status: 0, output: `${shell.directory}\n` })],
  ['cd', changeDirectory],
  ['export', declare('export')],
  ['readonly', declare('readonly')],
  ['unset', unset],
  ['set', setOptions],
  [
    'shift',
    (shell, argv) => {
      const count = Number(argv[1] ?? 1);
      if (!Number.isInteger(count) || count < 0 || count > shell.parameters.length)
        return { ...wrong("shift: can't shift that many"), unwind: { kind: 'exit', levels: 0 } };
      shell.parameters = shell.parameters.slice(count);
      return ok;
    },
  ],
  [
    'exit',
    (shell, argv) => {
      const status = statusArgument(shell, argv);
      if (status === null) return wrong(`exit: ${argv[1]}: bad number`);
      return { status, unwind: { kind: 'exit', levels: 0 } };
    },
  ],
  ['return', returnBuiltin],
  ['break', leave('break')],
  ['continue', leave('continue')],
  ['eval', (_shell, argv) => sourceText(argv.slice(1).join(' '))],
  [
    '.',
    (_shell, argv) =>
      argv[1] === undefined
        ? wrong('.: file name missing')
        : { kind: 'dot', at: 0, path: argv[1], candidates: [], index: 0 },
  ],
  ['exec', (shell, argv) => (argv.length === 1 ? ok : execute(shell, argv.slice(1)))],
  ['local', (shell, argv) => localVariables(shell, argv)],
  ['read', read],
  ['test', (_shell, argv) => testFrame(argv)],
  ['[', (_shell, argv) => testFrame(argv)],
  ['wait', waitFrame],
  [
    'jobs',
    (shell) => ({
      status: 0,
      output: shell.jobs.map((job) => `[${job.number}] ${jobState(job)}  ${job.text}\n`).join(''),
    }),
  ],
  ['fg', resumeFrame],
  ['bg', resumeFrame],
  ['kill', killFrame],
  ['type', (_shell, argv) => which(argv.slice(1), true)],
  ['command', commandBuiltin],
  ['umask', umask],
  ['trap', setTraps],
  ['getopts', getopts],
  [
    'history',
    (shell) => ({
      status: 0,
      output: shell.history.map((line, i) => `${String(i + 1).padStart(5)}  ${line}\n`).join(''),
    }),
  ],
  ['help', help],
  ['mem', () => ({ kind: 'report', at: 0, topic: 'mem' })],
  ['uptime', () => ({ kind: 'report', at: 0, topic: 'uptime' })],
  ['net', () => ({ kind: 'report', at: 0, topic: 'net' })],
  ['why', () => ({ kind: 'report', at: 0, topic: 'why' })],
  ['ping', pingFrame],
  ['ping6', pingFrame],
]);

/** Their assignments stay, and functions cannot hide them (XCU 2.14). */
export const specialBuiltins: ReadonlySet<string> = new Set(
  '. : break continue eval exec exit export readonly return set shift trap unset'.split(' '),
);

export function runBuiltin(shell: ShellState, frame: FrameOf<'builtin'>): Next {
  switch (frame.at) {
    case 0: {
      const builtin = builtins.get(frame.argv[0]);
      const result = builtin?.(shell, frame.argv, frame.tested) ?? wrong('no such built-in');
      if ('kind' in result) {
        pop(shell);
        if (result.kind === 'source' && result.text.trim() === '') shell.status = 0;
        if (frame.argv[0] === 'exec')
          push(shell, { kind: 'rethrow', unwind: { kind: shell.interactive ? 'interrupt' : 'exit', levels: 0 } });
        return push(shell, result);
      }
      frame.result = result;
      frame.at = 1;
      return result.output === undefined ? null : writeText(shell, 1, result.output);
    }
    case 1: {
      const { result } = frame;
      frame.at = 2;
      if (result !== null && result.output !== undefined && result.output !== '' && shell.value < 0) {
        result.status = 1;
        return writeText(shell, 2, `eurosh: ${frame.argv[0]}: write error\n`);
      }
      return result?.error === undefined ? null : writeText(shell, 2, result.error);
    }
    default:
      shell.status = frame.result?.status ?? 1;
      if (frame.result?.unwind !== undefined) shell.unwind = frame.result.unwind;
      return pop(shell);
  }
}
