// Where commands come from: the start of the shell, a text, standard input, a person at a terminal; and the shell's end.

import { Errno } from '../../abi/errno.ts';
import { byteString, resultText, toByteString } from '../../sdk/bytes.ts';
import { ControlCharacter, InputMode, Ioctl, LocalMode, SignalAction } from '../../sdk/constants.ts';
import { errorText } from '../../sdk/error-text.ts';
import { request, resultBytes } from '../../sdk/requests.ts';
import { parseTerminalModes, parseWindowSize, type TerminalModes } from '../../sdk/structures.ts';
import { createEditor } from '../editor/line-editor.ts';
import type { FrameOf } from '../frames.ts';
import { isVariableName, MAX_HISTORY_LINES, type ShellState, setVariable, variableText } from '../state.ts';
import { parseCommand } from '../syntax/parser.ts';
import { runPendingTrap } from './commands.ts';
import { answer, fail, type Next, pop, push, sendAll, writeText } from './helpers.ts';
import { foregroundRequest, shellSignals } from './processes.ts';

const optionNames: Readonly<Record<string, string>> = {
  allexport: 'a',
  noclobber: 'C',
  errexit: 'e',
  noglob: 'f',
  noexec: 'n',
  nounset: 'u',
  verbose: 'v',
  xtrace: 'x',
  monitor: 'm',
  notify: 'b',
};
export const optionLetters = new Set(Object.values(optionNames));
export const optionByName = (name: string): string | undefined =>
  Object.hasOwn(optionNames, name) ? optionNames[name] : undefined;

export function initialiseVariables(shell: ShellState, environment: readonly string[]): void {
  for (const entry of environment) {
    const bytes = toByteString(entry);
    const equals = bytes.indexOf('=');
    const name = bytes.slice(0, equals);
    if (equals > 0 && isVariableName(name))
      shell.variables.set(name, { value: bytes.slice(equals + 1), exported: true, readonly: false });
  }
  if (variableText(shell, 'PATH') === null) setVariable(shell, 'PATH', '/bin');
  shell.variables.set('IFS', { value: ' \t\n', exported: false, readonly: false });
  shell.variables.set('OPTIND', { value: '1', exported: false, readonly: false });
}

/** `sh [-aCefnuvx] [-c text [name…] | file […] | -s […]]`. */
export function runStart(shell: ShellState, frame: FrameOf<'start'>): Next {
  switch (frame.at) {
    case 0:
      frame.at = 1;
      return request.processId();
    case 1:
      shell.processId = shell.value;
      frame.at = 2;
      return request.parentProcessId();
    case 2:
      shell.parentProcessId = shell.value;
      frame.at = 3;
      return request.currentDirectory();
    case 3:
      shell.directory = shell.value > 0 ? resultText(shell.data) : '/';
      shell.variables.set('PWD', { value: shell.directory, exported: true, readonly: false });
      return chooseMode(shell, frame);
    case 4: {
      // A script file was read.
      const path = shell.name;
      pop(shell);
      if (shell.value < 0)
        return fail(shell, `${path}: ${errorText(shell.value)}`, shell.value === -Errno.ENOENT ? 127 : 126, true);
      if (shell.text.slice(0, 512).split('\n')[0].includes('\0'))
        return fail(shell, `${path}: not a text file`, 126, true);
      return pushText(shell, shell.text);
    }
    default: {
      // Is standard input a terminal?
      const isTerminal = shell.value >= 0;
      pop(shell);
      if (isTerminal) return push(shell, { kind: 'startTerminal', at: 0 });
      return push(shell, { kind: 'standardInput', at: 0, text: '', line: '', delimiter: null, ended: false });
    }
  }
}

function pushText(shell: ShellState, text: string): null {
  return push(shell, { kind: 'source', text, position: 0, line: 1, last: true, stopsReturn: false });
}

function chooseMode(shell: ShellState, frame: FrameOf<'start'>): Next {
  const list = frame.arguments.map(toByteString);
  shell.name = list[0] ?? 'sh';
  let index = 1;
  let fromText = false;
  let fromInput = false;
  let forced = false;
  for (; index < list.length; index++) {
    const option = list[index];
    if (option === '--' || option === '-') {
      index++;
      break;
    }
    if (!/^[-+]./.test(option)) break;
    if (option.slice(1) === 'o') {
      const letter = optionByName(list[++index] ?? '');
      if (letter === undefined) return fail(shell, `${list[index] ?? ''}: unknown option`, 2, true);
      if (option[0] === '-') shell.options.add(letter);
      else shell.options.delete(letter);
      continue;
    }
    for (const letter of option.slice(1)) {
      if (letter === 'c') fromText = true;
      else if (letter === 's') fromInput = true;
      else if (letter === 'i') forced = true;
      else if (letter === 'l') continue;
      else if (!optionLetters.has(letter)) return fail(shell, `-${letter}: unknown option`, 2, true);
      else if (option[0] === '-') shell.options.add(letter);
      else shell.options.delete(letter);
    }
  }
  if (fromText) {
    const text = list[index];
    if (text === undefined) return fail(shell, '-c needs a command', 2, true);
    if (index + 1 < list.length) shell.name = list[index + 1];
    shell.parameters = list.slice(index + 2);
    pop(shell);
    return pushText(shell, text);
  }
  if (!fromInput && index < list.length) {
    shell.name = list[index];
    shell.parameters = list.slice(index + 1);
    frame.at = 4;
    return push(shell, { kind: 'readFile', at: 0, path: shell.name, descriptor: -1, chunks: [], bytes: 0 });
  }
  shell.parameters = list.slice(index);
  if (forced) {
    pop(shell);
    return push(shell, { kind: 'startTerminal', at: 0 });
  }
  frame.at = 5;
  return request.getTerminalModes(0);
}

/** The shell becomes the leader of its own process group in the terminal's foreground and stops dying of Ctrl-C. */
export function runStartTerminal(shell: ShellState, frame: FrameOf<'startTerminal'>): Next {
  switch (frame.at) {
    case 0: {
      frame.at = 1;
      shell.interactive = true;
      const ignored = shellSignals.map((signal, i) =>
        request.signalAction(signal, i === 0 ? SignalAction.event : SignalAction.ignore),
      );
      return sendAll(shell, [...ignored, request.setProcessGroup(0, 0), foregroundRequest(shell.processId)]);
    }
    case 1: {
      frame.at = 2;
      const home = variableText(shell, 'HOME');
      return push(shell, {
        kind: 'readFile',
        at: 0,
        path: `${home ?? ''}/.history`,
        descriptor: -1,
        chunks: [],
        bytes: 0,
      });
    }
    default:
      shell.history = shell.text
        .split('\n')
        .filter((line) => line !== '')
        .slice(-MAX_HISTORY_LINES);
      pop(shell);
      return push(shell, { kind: 'interactive', at: 0, text: '', diedBySignal: false });
  }
}

/** The terminal as the line editor wants it: every byte at once, no echo, no signals. */
export function editingModes(modes: TerminalModes): TerminalModes {
  const characters = modes.characters.slice();
  characters[ControlCharacter.minimum] = 1;
  characters[ControlCharacter.time] = 0;
  return {
    ...modes,
    input: modes.input & ~(InputMode.BRKINT | InputMode.ICRNL | InputMode.INPCK | InputMode.ISTRIP | InputMode.IXON),
    local: modes.local & ~(LocalMode.ECHO | LocalMode.ICANON | LocalMode.IEXTEN | LocalMode.ISIG),
    characters,
  };
}

const green = '\x1b[32m';
const blue = '\x1b[34m';
const plain = '\x1b[0m';

function promptText(shell: ShellState, continued: boolean): string {
  if (continued) return variableText(shell, 'PS2') ?? '> ';
  const home = variableText(shell, 'HOME');
  let shown = shell.directory;
  if (home !== null && home !== '/' && (shown === home || shown.startsWith(`${home}/`)))
    shown = `~${shown.slice(home.length)}`;
  const user = variableText(shell, 'USER') ?? 'user';
  const custom = variableText(shell, 'PS1');
  if (custom !== null)
    return custom.replace(/\\([uhw$])/g, (_, letter: string) =>
      letter === 'u' ? user : letter === 'h' ? 'euroos' : letter === 'w' ? shown : user === 'root' ? '#' : '$',
    );
  return `${green}${user}@euroos${plain} ${blue}${shown}${plain} ${user === 'root' ? '#' : '$'} `;
}

export function runInteractive(shell: ShellState, frame: FrameOf<'interactive'>): Next {
  switch (frame.at) {
    case 0:
      // Signals that came while the line was edited.
      while (shell.pendingSignals.length > 0) if (runPendingTrap(shell)) return null;
      frame.at = 1;
      shell.interrupted = false;
      return push(shell, { kind: 'reapJobs', at: 0, job: 0, process: 0 });
    case 1:
      frame.at = 2;
      return request.getTerminalModes(0);
    case 2: {
      // A program that ended by itself may have changed the modes on purpose; one that was killed did not.
      const modes = shell.value >= 0 ? parseTerminalModes(shell.data) : null;
      if (modes !== null && (!frame.diedBySignal || shell.terminalModes === null)) shell.terminalModes = modes;
      frame.diedBySignal = false;
      frame.at = 3;
      return request.ioctl(0, Ioctl.TIOCGWINSZ, new Uint8Array(8), 8);
    }
    case 3: {
      const size = shell.value >= 0 ? parseWindowSize(shell.data) : null;
      shell.columns = size === null || size.columns < 10 ? 80 : size.columns;
      frame.at = 4;
      return shell.terminalModes === null ? null : request.setTerminalModes(0, editingModes(shell.terminalModes));
    }
    case 4:
      frame.at = 5;
      return push(shell, {
        kind: 'editLine',
        at: 0,
        prompt: promptText(shell, frame.text !== ''),
        editor: createEditor(shell.columns),
      });
    case 5:
      frame.at = 6;
      return shell.terminalModes === null ? null : request.setTerminalModes(0, shell.terminalModes);
    default: {
      frame.at = 0;
      const [outcome, line] = shell.fields;
      if (outcome === 'interrupt') {
        frame.text = '';
        shell.status = 130;
        return null;
      }
      if (outcome === 'end') {
        if (frame.text === '') {
          pop(shell);
          return writeText(shell, 2, 'exit\n');
        }
        frame.text = '';
        return fail(shell, 'unexpected end of file', 2, false);
      }
      return lineEntered(shell, frame, line);
    }
  }
}

function lineEntered(shell: ShellState, frame: FrameOf<'interactive'>, line: string): Next {
  frame.text += `${line}\n`;
  const outcome = parseCommand(frame.text, 0);
  if (outcome.kind === 'incomplete') return null;
  const text = frame.text;
  frame.text = '';
  const entry = text.replace(/\n+$/, '');
  const isNew = entry.trim() !== '' && shell.history[shell.history.length - 1] !== entry;
  if (isNew) {
    shell.history.push(entry);
    if (shell.history.length > MAX_HISTORY_LINES) shell.history.shift();
  }
  if (outcome.kind === 'error') return fail(shell, `syntax error: ${outcome.message}`, 2, false);
  return push(shell, { kind: 'list', list: outcome.list, index: 0, tested: false, last: false });
}

/** A script on standard input, byte by byte, so that its commands find what follows them there. */
export function runStandardInput(shell: ShellState, frame: FrameOf<'standardInput'>): Next {
  if (frame.at === 0) {
    if (frame.ended && frame.text === '') return pop(shell);
    frame.at = 1;
    if (!frame.ended) return request.read(0, 1);
  }
  if (!frame.ended) {
    if (shell.value === -Errno.EINTR) return request.read(0, 1);
    const bytes = resultBytes(shell.value, shell.data);
    if (bytes.length === 0) frame.ended = true;
    else {
      frame.line += byteString(bytes);
      if (bytes[0] !== 10) return request.read(0, 1);
    }
  }
  frame.at = 0;
  const { line, delimiter } = frame;
  frame.text += line;
  frame.line = '';
  if (delimiter !== null && !frame.ended && line.replace(/^\t+/, '') !== `${delimiter}\n`) return null;
  frame.delimiter = null;
  const outcome = parseCommand(frame.text, 0);
  if (outcome.kind === 'incomplete') {
    if (!frame.ended) {
      frame.delimiter = outcome.delimiter;
      return null;
    }
    frame.text = '';
    return fail(shell, `syntax error: ${outcome.message}`, 2, true);
  }
  if (outcome.kind === 'error') return fail(shell, `syntax error: ${outcome.message}`, 2, true);
  frame.text = frame.text.slice(outcome.end);
  return push(shell, { kind: 'list', list: outcome.list, index: 0, tested: false, last: false });
}

export function runSource(shell: ShellState, frame: FrameOf<'source'>): Next {
  if (frame.position >= frame.text.length) return pop(shell);
  const outcome = parseCommand(frame.text, frame.position, frame.line);
  if (outcome.kind !== 'complete') {
    const line = outcome.kind === 'error' ? outcome.line : frame.line;
    pop(shell);
    return fail(shell, `line ${line}: syntax error: ${outcome.message}`, 2, true);
  }
  for (let i = frame.position; i < outcome.end; i++) if (frame.text[i] === '\n') frame.line++;
  frame.position = outcome.end;
  if (shell.options.has('n')) return null;
  const atEnd =
    frame.last &&
    shell.stack.length === 2 &&
    /^[\s;]*$/.test(frame.text.slice(frame.position, frame.position + 64)) &&
    frame.text.length - frame.position <= 64;
  return push(shell, { kind: 'list', list: outcome.list, index: 0, tested: false, last: atEnd });
}

export function runTrap(shell: ShellState, frame: FrameOf<'runTrap'>): Next {
  if (frame.at === 0) {
    frame.at = 1;
    return push(shell, { kind: 'source', text: frame.text, position: 0, line: 1, last: false, stopsReturn: false });
  }
  return answer(shell, frame.status);
}

/** The bottom of every stack. */
export function runFinish(shell: ShellState, frame: FrameOf<'finish'>): Next {
  if (frame.at === 0) {
    frame.at = 1;
    const text = shell.traps.get('0');
    shell.traps.clear();
    if (text !== undefined && text !== '') return push(shell, { kind: 'runTrap', at: 0, status: shell.status, text });
  }
  return request.exit(shell.status & 255);
}
