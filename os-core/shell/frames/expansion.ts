// Word expansion (POSIX.1-2017, XCU 2.6): parameters, command substitution, arithmetic, field splitting, pathnames, quotes.
//
//   parts ──► current (a field as a pattern: quoted characters carry a backslash) ──► fields ──► glob ──► results
//
// Unquoted results of expansions are split by IFS while they are appended; the quoting that a field still carries decides at
// the end what is a pattern, and is then taken away.

import { Errno } from '../../abi/errno.ts';
import { byteString } from '../../sdk/bytes.ts';
import { errorText } from '../../sdk/error-text.ts';
import { request, resultBytes, resultInteger } from '../../sdk/requests.ts';
import { parseWaitStatus } from '../../sdk/structures.ts';
import { ArithmeticProblem, evaluateArithmetic } from '../expansion/arithmetic.ts';
import { hasPattern, matches, quotePattern, removeAffix, unquotePattern } from '../expansion/pattern.ts';
import type { ExpandFrame, FrameOf } from '../frames.ts';
import { MAX_SUBSTITUTION_BYTES, type ShellState, setVariable, variableText } from '../state.ts';
import type { WordPart } from '../syntax/tree.ts';
import { expandWords, fail, type Next, pop, push, sendAll } from './helpers.ts';
import { enterChild, outcomeStatus } from './processes.ts';

type ParameterPart = Extract<WordPart, { kind: 'parameter' }>;

/** The value of a parameter other than @ and *; null when it is unset. */
export function parameterValue(shell: ShellState, name: string): string | null {
  switch (name) {
    case '?':
      return String(shell.status);
    case '#':
      return String(shell.parameters.length);
    case '$':
      return String(shell.processId);
    case '!':
      return shell.lastBackground === 0 ? null : String(shell.lastBackground);
    case '-':
      return [...shell.options].join('') + (shell.interactive ? 'i' : '');
    case '0':
      return shell.name;
    case '@':
    case '*':
      return shell.parameters.length === 0 ? null : shell.parameters.join(' ');
    case 'PPID':
      return String(shell.parentProcessId);
    default:
      if (/^[0-9]+$/.test(name)) return shell.parameters[Number(name) - 1] ?? null;
      return variableText(shell, name);
  }
}

const fieldSeparators = (shell: ShellState): string => variableText(shell, 'IFS') ?? ' \t\n';

function appendQuoted(frame: ExpandFrame, text: string): void {
  frame.current = (frame.current ?? '') + quotePattern(text);
}
/** Text in which pattern characters keep their meaning but a backslash is only a backslash. */
function appendPlain(frame: ExpandFrame, text: string): void {
  frame.current = (frame.current ?? '') + text.replace(/\\/g, '\\\\');
}
function endField(frame: ExpandFrame): void {
  if (frame.current === null) return;
  frame.fields.push(frame.current);
  frame.current = null;
}

function appendSplit(shell: ShellState, frame: ExpandFrame, text: string): void {
  if (frame.mode !== 'fields') {
    appendPlain(frame, text);
    return;
  }
  const separators = fieldSeparators(shell);
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (!separators.includes(c)) continue;
    if (i > start) {
      appendPlain(frame, text.slice(start, i));
      frame.endedBySpace = false;
    }
    start = i + 1;
    if (c === ' ' || c === '\t' || c === '\n') {
      if (frame.current !== null) {
        endField(frame);
        frame.endedBySpace = true;
      }
    } else {
      if (frame.current === null && !frame.endedBySpace) frame.current = '';
      endField(frame);
      frame.endedBySpace = false;
    }
  }
  if (start < text.length) {
    appendPlain(frame, text.slice(start));
    frame.endedBySpace = false;
  }
}

export function runExpand(shell: ShellState, frame: ExpandFrame): Next {
  switch (frame.at) {
    case 0: {
      // The next word, or the end.
      const word = frame.words[frame.wordIndex];
      if (word === undefined) {
        frame.at = frame.mode === 'fields' ? 8 : 9;
        return null;
      }
      frame.parts.push({ parts: word, index: 0, split: false });
      frame.endedBySpace = false;
      frame.at = 1;
      expandTilde(shell, frame);
      return null;
    }
    case 1: {
      const level = frame.parts[frame.parts.length - 1];
      if (level === undefined) {
        if (frame.mode === 'fields') endField(frame);
        frame.wordIndex++;
        frame.at = 0;
        return null;
      }
      const part = level.parts[level.index];
      if (part === undefined) {
        frame.parts.pop();
        return null;
      }
      return expandPart(shell, frame, part, level.split);
    }
    case 2: {
      // After a command substitution.
      const part = currentPart(frame);
      nextPart(frame);
      const text = shell.text.replace(/\0/g, '').replace(/\n+$/, '');
      if (part.kind === 'command' && part.quoted) appendQuoted(frame, text);
      else appendSplit(shell, frame, text);
      return null;
    }
    case 3: {
      // After the text of an arithmetic expression.
      const part = currentPart(frame);
      let value: string;
      try {
        value = evaluateArithmetic(shell.text, {
          get: (name) => parameterValue(shell, name) ?? '',
          set: (name, text) => void setVariable(shell, name, text),
        });
      } catch (problem) {
        if (!(problem instanceof ArithmeticProblem)) throw problem;
        return fail(shell, `arithmetic expression: ${problem.message}: "${shell.text}"`, 2, true);
      }
      nextPart(frame);
      if (part.kind === 'arithmetic' && part.quoted) appendQuoted(frame, value);
      else appendSplit(shell, frame, value);
      return null;
    }
    case 4:
      return afterParameterWord(shell, frame, currentPart(frame) as ParameterPart);
    case 8: {
      // Pathname expansion of one field after the other.
      const field = frame.fields[frame.fieldIndex];
      if (field === undefined) {
        shell.fields = frame.results;
        return pop(shell);
      }
      if (shell.options.has('f') || !hasPattern(field)) {
        frame.results.push(unquotePattern(field));
        frame.fieldIndex++;
        return null;
      }
      frame.at = 10;
      return push(shell, {
        kind: 'glob',
        at: 0,
        components: field.split('/'),
        index: 0,
        candidates: [''],
        next: [],
        candidateIndex: 0,
        seenPattern: false,
      });
    }
    case 10: {
      const field = frame.fields[frame.fieldIndex++];
      if (shell.fields.length === 0) frame.results.push(unquotePattern(field));
      else for (const name of shell.fields) frame.results.push(name);
      frame.at = 8;
      return null;
    }
    default:
      shell.text = frame.mode === 'pattern' ? (frame.current ?? '') : unquotePattern(frame.current ?? '');
      return pop(shell);
  }
}

function currentPart(frame: ExpandFrame): WordPart {
  const level = frame.parts[frame.parts.length - 1];
  return level.parts[level.index];
}
function nextPart(frame: ExpandFrame): void {
  frame.parts[frame.parts.length - 1].index++;
  frame.at = 1;
}

function expandTilde(shell: ShellState, frame: ExpandFrame): void {
  const level = frame.parts[frame.parts.length - 1];
  const first = level.parts[0];
  if (first?.kind !== 'text' || first.quoted || first.text[0] !== '~') return;
  const rest = first.text.slice(1);
  if (rest !== '' && rest[0] !== '/') return;
  if (rest === '' && level.parts.length > 1) return;
  const home = variableText(shell, 'HOME');
  if (home === null) return;
  appendQuoted(frame, home);
  if (rest !== '') appendPlain(frame, rest);
  level.index++;
}

function expandPart(shell: ShellState, frame: ExpandFrame, part: WordPart, split: boolean): Next {
  switch (part.kind) {
    case 'text':
      if (part.quoted) appendQuoted(frame, part.text);
      else if (split) appendSplit(shell, frame, part.text);
      else appendPlain(frame, part.text);
      nextPart(frame);
      return null;
    case 'command':
      frame.at = 2;
      if (part.quoted) frame.current ??= '';
      return push(shell, {
        kind: 'substitute',
        at: 0,
        body: part.body,
        input: -1,
        output: -1,
        child: 0,
        chunks: [],
        bytes: 0,
      });
    case 'arithmetic':
      frame.at = 3;
      return expandWords(shell, [part.word], 'single');
    default:
      return expandParameter(shell, frame, part);
  }
}

function appendValue(shell: ShellState, frame: ExpandFrame, part: ParameterPart, value: string | null): void {
  const isList = part.name === '@' || part.name === '*';
  if (!isList) {
    if (part.quoted) appendQuoted(frame, value ?? '');
    else if (value !== null) appendSplit(shell, frame, value);
    return;
  }
  if (part.quoted && part.name === '*') {
    const separators = variableText(shell, 'IFS');
    appendQuoted(frame, shell.parameters.join(separators === null ? ' ' : separators.slice(0, 1)));
    return;
  }
  shell.parameters.forEach((parameter, i) => {
    if (i > 0) {
      if (frame.mode === 'fields') endField(frame);
      else appendPlain(frame, ' ');
    }
    if (part.quoted) appendQuoted(frame, parameter);
    else appendSplit(shell, frame, parameter);
  });
}

function expandParameter(shell: ShellState, frame: ExpandFrame, part: ParameterPart): Next {
  const value = parameterValue(shell, part.name);
  const missing = value === null || (part.colon && value === '');
  switch (part.operator) {
    case 'length':
      if (value === null && shell.options.has('u')) break;
      nextPart(frame);
      appendValueText(
        shell,
        frame,
        part,
        String(part.name === '@' || part.name === '*' ? shell.parameters.length : (value ?? '').length),
      );
      return null;
    case '-':
    case '+':
      if (missing === (part.operator === '-')) {
        nextPart(frame);
        if (part.quoted) frame.current ??= '';
        frame.parts.push({ parts: part.word, index: 0, split: !part.quoted });
        return null;
      }
      nextPart(frame);
      if (part.operator === '-') appendValue(shell, frame, part, value);
      else if (part.quoted) frame.current ??= '';
      return null;
    case '=':
    case '?':
      if (missing) {
        frame.at = 4;
        return expandWords(shell, [part.word], 'single');
      }
      nextPart(frame);
      appendValue(shell, frame, part, value);
      return null;
    case '#':
    case '##':
    case '%':
    case '%%':
      frame.at = 4;
      return expandWords(shell, [part.word], 'pattern');
    default:
      break;
  }
  if (value === null && shell.options.has('u') && part.name !== '@' && part.name !== '*')
    return fail(shell, `${part.name}: parameter not set`, 2, true);
  nextPart(frame);
  appendValue(shell, frame, part, value);
  return null;
}

function appendValueText(shell: ShellState, frame: ExpandFrame, part: ParameterPart, text: string): void {
  if (part.quoted) appendQuoted(frame, text);
  else appendSplit(shell, frame, text);
}

/** The word of ${x=word}, ${x?word}, ${x%word} is expanded: shell.text. */
function afterParameterWord(shell: ShellState, frame: ExpandFrame, part: ParameterPart): Next {
  if (part.operator === '?') {
    const message = shell.text === '' ? 'parameter not set' : shell.text;
    return fail(shell, `${part.name}: ${message}`, 2, true);
  }
  if (part.operator === '=') {
    const text = shell.text;
    if (!/^[A-Za-z_]/.test(part.name) || !setVariable(shell, part.name, text))
      return fail(shell, `${part.name}: cannot assign`, 2, true);
    nextPart(frame);
    appendValueText(shell, frame, part, text);
    return null;
  }
  const value = parameterValue(shell, part.name);
  if (value === null && shell.options.has('u')) return fail(shell, `${part.name}: parameter not set`, 2, true);
  nextPart(frame);
  appendValueText(shell, frame, part, removeAffix(value ?? '', shell.text, part.operator as '#' | '##' | '%' | '%%'));
  return null;
}

/** $(…): a fork whose standard output is read to its end. */
export function runSubstitute(shell: ShellState, frame: FrameOf<'substitute'>): Next {
  switch (frame.at) {
    case 0:
      frame.at = 1;
      return request.pipe();
    case 1:
      if (shell.value < 0) return substituteFailed(shell, frame, shell.value);
      frame.input = resultInteger(shell.data, 0);
      frame.output = resultInteger(shell.data, 4);
      frame.at = 2;
      return request.fork();
    case 2:
      if (shell.value < 0) return substituteFailed(shell, frame, shell.value);
      if (shell.value === 0) {
        const setup = [request.close(frame.input)];
        if (frame.output !== 1) setup.push(request.duplicateTo(frame.output, 1), request.close(frame.output));
        const list = { kind: 'list', list: frame.body, index: 0, tested: false, last: true } as const;
        // Part of the command that is being expanded: it stays in the shell's process group.
        const interactive = shell.interactive;
        enterChild(shell, shell.processId, false, setup, list);
        if (interactive) shell.stack.pop();
        return null;
      }
      frame.child = shell.value;
      frame.at = 3;
      return sendAll(shell, [request.close(frame.output)]);
    case 3:
      frame.output = -1;
      frame.at = 4;
      return request.read(frame.input, 65536);
    case 4: {
      if (shell.value === -Errno.EINTR) return request.read(frame.input, 65536);
      const bytes = resultBytes(shell.value, shell.data);
      if (bytes.length > 0 && frame.bytes + bytes.length <= MAX_SUBSTITUTION_BYTES) {
        frame.chunks.push(byteString(bytes));
        frame.bytes += bytes.length;
        return request.read(frame.input, 65536);
      }
      frame.at = bytes.length > 0 ? 7 : 5;
      return sendAll(shell, [request.close(frame.input)]);
    }
    case 5:
      frame.input = -1;
      frame.at = 6;
      return request.wait(frame.child, 0);
    case 6:
      if (shell.value === -Errno.EINTR) return request.wait(frame.child, 0);
      shell.status = shell.value < 0 ? 127 : outcomeStatus(parseWaitStatus(resultInteger(shell.data)));
      shell.substitutionStatus = shell.status;
      shell.text = frame.chunks.join('');
      return pop(shell);
    default:
      pop(shell);
      return fail(
        shell,
        `the output of a command substitution is larger than ${MAX_SUBSTITUTION_BYTES} bytes`,
        2,
        true,
      );
  }
}

function substituteFailed(shell: ShellState, frame: FrameOf<'substitute'>, error: number): Next {
  const open = [frame.input, frame.output].filter((descriptor) => descriptor >= 0);
  pop(shell);
  fail(shell, `cannot start a process: ${errorText(error)}`, 2, true);
  return sendAll(
    shell,
    open.map((descriptor) => request.close(descriptor)),
  );
}

/** Pathnames that match, sorted by bytes: shell.fields (XCU 2.13.3). Widens a list of prefixes by one component at a time. */
export function runGlob(shell: ShellState, frame: FrameOf<'glob'>): Next {
  const component = frame.components[frame.index];
  if (component === undefined || frame.candidates.length === 0) {
    shell.fields = frame.candidates.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
    return pop(shell);
  }
  const isLast = frame.index === frame.components.length - 1;
  const slash = isLast ? '' : '/';
  const advance = (): null => {
    frame.candidates = frame.next;
    frame.next = [];
    frame.candidateIndex = 0;
    frame.index++;
    frame.at = 0;
    return null;
  };
  const candidate = frame.candidates[frame.candidateIndex];
  if (!hasPattern(component)) {
    if (!isLast || !frame.seenPattern) {
      frame.next = frame.candidates.map((prefix) => prefix + unquotePattern(component) + slash);
      return advance();
    }
    if (frame.at === 0) {
      if (candidate === undefined) return advance();
      frame.at = 1;
      return request.linkStatus(candidate + unquotePattern(component));
    }
    if (shell.value >= 0) frame.next.push(candidate + unquotePattern(component));
    frame.candidateIndex++;
    frame.at = 0;
    return null;
  }
  if (frame.at === 0) {
    if (candidate === undefined) {
      frame.seenPattern = true;
      return advance();
    }
    frame.at = 1;
    return push(shell, {
      kind: 'readDirectory',
      at: 0,
      path: candidate === '' ? '.' : candidate,
      descriptor: -1,
      names: [],
    });
  }
  const hidden = component.startsWith('.') || component.startsWith('\\.');
  for (const name of shell.fields)
    if ((hidden || !name.startsWith('.')) && matches(component, name)) frame.next.push(candidate + name + slash);
  frame.candidateIndex++;
  frame.at = 0;
  return null;
}
