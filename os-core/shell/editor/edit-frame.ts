// The frames around the line editor: reading keys, drawing, completing words with Tab.

import { Errno } from '../../abi/errno.ts';
import { fromByteString, toByteString } from '../../sdk/bytes.ts';
import { FileType } from '../../sdk/constants.ts';
import { request } from '../../sdk/requests.ts';
import { parseStatus } from '../../sdk/structures.ts';
import { builtinNames } from '../builtins/names.ts';
import { type Next, pop, push, writeText } from '../frames/helpers.ts';
import type { FrameOf } from '../frames.ts';
import { type ShellState, variableText } from '../state.ts';
import { type EditorAction, type EditorState, editByte, insertText, render } from './line-editor.ts';

/** shell.fields: ['line', text], ['interrupt'] or ['end']. States: 0 draw, 1 ask for a key, 2 key, 3 after completion, 4 done. */
export function runEditLine(shell: ShellState, frame: FrameOf<'editLine'>): Next {
  const { editor } = frame;
  switch (frame.at) {
    case 0:
      frame.at = 1;
      return writeText(shell, 2, draw(frame));
    case 1:
      frame.at = 2;
      return request.read(0, 1);
    case 2: {
      if (shell.value === -Errno.EINTR) return request.read(0, 1);
      if (shell.value <= 0) return finish(shell, frame, ['end']);
      const context = { history: shell.history.map(fromByteString), killed: shell.killed };
      const action = editByte(editor, shell.data[0], context);
      shell.killed = context.killed;
      return act(shell, frame, action);
    }
    case 3:
      return completed(shell, frame);
    default:
      return pop(shell);
  }
}

function draw(frame: FrameOf<'editLine'>): string {
  return toByteString(render(frame.editor, fromByteString(frame.prompt)));
}

function finish(shell: ShellState, frame: FrameOf<'editLine'>, outcome: string[]): Next {
  const { editor } = frame;
  editor.cursor = editor.text.length;
  const shown = draw(frame);
  pop(shell);
  shell.fields = outcome;
  return writeText(shell, 2, `${shown}${outcome[0] === 'interrupt' ? '^C' : ''}${outcome[0] === 'end' ? '' : '\r\n'}`);
}

function act(shell: ShellState, frame: FrameOf<'editLine'>, action: EditorAction): Next {
  const { editor } = frame;
  frame.at = 1;
  switch (action) {
    case 'accept':
      return finish(shell, frame, ['line', toByteString(editor.text)]);
    case 'interrupt':
      return finish(shell, frame, ['interrupt']);
    case 'end':
      return finish(shell, frame, ['end']);
    case 'clear':
      editor.cursorRow = 0;
      return writeText(shell, 2, `\x1b[H\x1b[2J${draw(frame)}`);
    case 'bell':
      return writeText(shell, 2, '\x07');
    case 'redraw':
      return writeText(shell, 2, draw(frame));
    case 'complete': {
      const start = wordStart(editor);
      frame.at = 3;
      const word = toByteString(editor.text.slice(start, editor.cursor).replace(/\\(.)/g, '$1'));
      const isCommand = /(^|[|;&(]\s*)$/.test(editor.text.slice(0, start).trimEnd()) && !word.includes('/');
      return push(shell, { kind: 'complete', at: 0, word, isCommand, index: 0, found: [] });
    }
    default:
      return null;
  }
}

function wordStart(editor: EditorState): number {
  let start = editor.cursor;
  while (start > 0) {
    const c = editor.text[start - 1];
    if (' \t|;&<>()\'"'.includes(c) && editor.text[start - 2] !== '\\') break;
    start--;
  }
  return start;
}

function commonPrefix(names: readonly string[]): string {
  let prefix = names[0] ?? '';
  for (const name of names) while (!name.startsWith(prefix)) prefix = prefix.slice(0, -1);
  return prefix;
}

/** shell.fields: the completions of the whole word; a single directory ends in a slash. */
function completed(shell: ShellState, frame: FrameOf<'editLine'>): Next {
  const { editor } = frame;
  const found = shell.fields;
  frame.at = 1;
  if (found.length === 0) return writeText(shell, 2, '\x07');
  const start = wordStart(editor);
  const typed = editor.text.slice(start, editor.cursor).replace(/\\(.)/g, '$1');
  const prefix = fromByteString(commonPrefix(found));
  if (found.length === 1 || prefix.length > typed.length) {
    const quoted = prefix.replace(/[ \t'"\\$&;|<>()*?[\]#`!]/g, '\\$&');
    editor.text = editor.text.slice(0, start) + editor.text.slice(editor.cursor);
    editor.cursor = start;
    insertText(editor, found.length === 1 && !prefix.endsWith('/') ? `${quoted} ` : quoted);
    editor.lastKeyWasTab = false;
    return writeText(shell, 2, draw(frame));
  }
  if (!editor.lastKeyWasTab) {
    editor.lastKeyWasTab = true;
    return writeText(shell, 2, '\x07');
  }
  const shown = found.slice(0, 200).map((name) => name.slice(name.lastIndexOf('/', name.length - 2) + 1));
  const width = Math.max(...shown.map((name) => name.length)) + 2;
  const perRow = Math.max(1, Math.floor(editor.columns / width));
  let listing = '\r\n';
  shown.forEach((name, i) => {
    listing += (i + 1) % perRow === 0 || i === shown.length - 1 ? `${name}\r\n` : name.padEnd(width);
  });
  editor.cursorRow = 0;
  return writeText(shell, 2, listing + draw(frame));
}

/** Finds what a word may become: commands from built-ins, functions and PATH, or file names. */
export function runComplete(shell: ShellState, frame: FrameOf<'complete'>): Next {
  const { word } = frame;
  const slash = word.lastIndexOf('/') + 1;
  const base = word.slice(slash);
  const folders = frame.isCommand
    ? (variableText(shell, 'PATH') ?? '/bin').split(':')
    : [expandHome(shell, word.slice(0, slash))];
  switch (frame.at) {
    case 0:
      if (frame.isCommand && frame.index === 0)
        frame.found = [...builtinNames, ...shell.functions.keys()].filter((name) => name.startsWith(word));
      if (frame.index >= folders.length) {
        frame.found = [...new Set(frame.found)].sort();
        frame.at = 2;
        return null;
      }
      frame.at = 1;
      return push(shell, {
        kind: 'readDirectory',
        at: 0,
        path: folders[frame.index] || '.',
        descriptor: -1,
        names: [],
      });
    case 1:
      for (const name of shell.fields) {
        const wanted = name.startsWith(base) && (base.startsWith('.') || !name.startsWith('.'));
        if (wanted && frame.found.length < 10000)
          frame.found.push(frame.isCommand ? name : word.slice(0, slash) + name);
      }
      frame.index++;
      frame.at = 0;
      return null;
    case 2:
      if (frame.found.length !== 1 || frame.isCommand) {
        shell.fields = frame.found;
        return pop(shell);
      }
      frame.at = 3;
      return request.status(expandHome(shell, frame.found[0]));
    default: {
      const status = shell.value >= 0 ? parseStatus(shell.data) : null;
      const isFolder = status !== null && (status.mode & FileType.mask) === FileType.directory;
      shell.fields = isFolder ? [`${frame.found[0]}/`] : frame.found;
      return pop(shell);
    }
  }
}

function expandHome(shell: ShellState, path: string): string {
  return path.startsWith('~/') ? (variableText(shell, 'HOME') ?? '') + path.slice(1) : path;
}
