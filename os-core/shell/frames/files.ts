// Frames that read and write files, and the redirections of commands (POSIX.1-2017, XCU 2.7).

import { Errno } from '../../abi/errno.ts';
import { byteString, bytesOf } from '../../sdk/bytes.ts';
import { FileControl, OpenFlag } from '../../sdk/constants.ts';
import { errorText } from '../../sdk/error-text.ts';
import { request, resultBytes, resultInteger } from '../../sdk/requests.ts';
import { parseDirectoryEntries } from '../../sdk/structures.ts';
import type { TaskRequest } from '../../sdk/system-task.ts';
import type { FrameOf } from '../frames.ts';
import type { ShellState } from '../state.ts';
import { expandWords, fail, type Next, pop, push, sendAll, writeText } from './helpers.ts';

const CHUNK_BYTES = 64 * 1024;
/** Largest script or table that is read whole. */
const MAX_FILE_BYTES = 64 * 1024 * 1024;
/** The shell's own descriptors stand from here on, out of the way of scripts. */
const FIRST_PRIVATE_DESCRIPTOR = 10;
/** A pipe takes this much without a reader, so a here-document below it needs no process of its own. */
const PIPE_SAFE_BYTES = 4096;

/** shell.text: the file's bytes; shell.value: 0 or -errno. */
export function runReadFile(shell: ShellState, frame: FrameOf<'readFile'>): Next {
  switch (frame.at) {
    case 0:
      frame.at = 1;
      return request.open(frame.path, OpenFlag.readOnly | OpenFlag.closeOnExec);
    case 1:
      if (shell.value < 0) {
        shell.text = '';
        return pop(shell);
      }
      frame.descriptor = shell.value;
      frame.at = 2;
      return request.read(frame.descriptor, CHUNK_BYTES);
    case 2: {
      if (shell.value === -Errno.EINTR) return request.read(frame.descriptor, CHUNK_BYTES);
      const bytes = resultBytes(shell.value, shell.data);
      if (bytes.length > 0 && frame.bytes + bytes.length <= MAX_FILE_BYTES) {
        frame.chunks.push(byteString(bytes));
        frame.bytes += bytes.length;
        return request.read(frame.descriptor, CHUNK_BYTES);
      }
      frame.bytes = bytes.length > 0 ? -Errno.EFBIG : Math.min(shell.value, 0);
      frame.at = 3;
      return request.close(frame.descriptor);
    }
    default:
      shell.value = frame.bytes;
      shell.text = frame.chunks.join('');
      return pop(shell);
  }
}

/** shell.fields: the names in a directory without . and .., none when it cannot be read. */
export function runReadDirectory(shell: ShellState, frame: FrameOf<'readDirectory'>): Next {
  switch (frame.at) {
    case 0:
      frame.at = 1;
      return request.open(frame.path, OpenFlag.readOnly | OpenFlag.directory | OpenFlag.closeOnExec);
    case 1:
      if (shell.value < 0) {
        shell.fields = [];
        return pop(shell);
      }
      frame.descriptor = shell.value;
      frame.at = 2;
      return request.directoryEntries(frame.descriptor, CHUNK_BYTES);
    case 2: {
      const entries = parseDirectoryEntries(resultBytes(shell.value, shell.data));
      if (entries.length === 0) {
        frame.at = 3;
        return request.close(frame.descriptor);
      }
      for (const { name } of entries) if (name !== '.' && name !== '..') frame.names.push(name);
      return request.directoryEntries(frame.descriptor, CHUNK_BYTES);
    }
    default:
      shell.fields = frame.names;
      return pop(shell);
  }
}

/** Writes all of a text; shell.value: 0 or -errno. */
export function runWrite(shell: ShellState, frame: FrameOf<'write'>): Next {
  if (frame.at === 1) {
    if (shell.value > 0) frame.position += shell.value;
    else if (shell.value !== -Errno.EINTR) {
      if (shell.value === 0) shell.value = -Errno.EIO;
      return pop(shell);
    }
  }
  if (frame.position >= frame.text.length) {
    shell.value = 0;
    return pop(shell);
  }
  frame.at = 1;
  return request.write(frame.descriptor, bytesOf(frame.text.slice(frame.position, frame.position + CHUNK_BYTES)));
}

export function runFailure(shell: ShellState, frame: FrameOf<'failure'>): Next {
  if (frame.at === 0) {
    frame.at = 1;
    // This frame may stand one above the limit, its message too: nothing is pushed on top of them.
    shell.stack.push({ kind: 'write', at: 0, descriptor: 2, text: `eurosh: ${frame.message}\n`, position: 0 });
    return null;
  }
  shell.status = frame.status;
  pop(shell);
  if (frame.ends) shell.unwind = { kind: shell.interactive ? 'interrupt' : 'exit', levels: 0 };
  return null;
}

/** What puts the descriptors back as they were before a redirected command. */
export function restoreRequests(frame: FrameOf<'redirected'>): TaskRequest[] {
  const list: TaskRequest[] = [];
  if (frame.permanent) return list;
  for (let i = frame.saved.length - 1; i >= 0; i--) {
    const { descriptor, copy } = frame.saved[i];
    if (copy < 0) list.push(request.close(descriptor));
    else list.push(request.duplicateTo(copy, descriptor), request.close(copy));
  }
  return list;
}

const openFlags: Readonly<Record<string, number>> = {
  '<': OpenFlag.readOnly,
  '>': OpenFlag.writeOnly | OpenFlag.create | OpenFlag.truncate,
  '>|': OpenFlag.writeOnly | OpenFlag.create | OpenFlag.truncate,
  '>>': OpenFlag.writeOnly | OpenFlag.create | OpenFlag.append,
  '<>': OpenFlag.readWrite | OpenFlag.create,
};

/**
 * Applies redirections one after the other, runs the body, restores.
 *   0 next   1 target expanded   2 opened   3 saved copy made   4 moved into place   5 pipe made   6 here-document written
 *   7 body done
 */
export function runRedirected(shell: ShellState, frame: FrameOf<'redirected'>): Next {
  const redirection = frame.redirections[frame.index];
  switch (frame.at) {
    case 0:
      if (redirection === undefined) {
        frame.at = 7;
        if (frame.body === null) return null;
        const body = frame.body;
        if (frame.permanent) pop(shell);
        return push(shell, body);
      }
      frame.at = 1;
      return expandWords(shell, [redirection.target], 'single');
    case 1: {
      const text = shell.text;
      if (redirection.operator === '<<') {
        frame.at = 5;
        return request.pipe();
      }
      if (redirection.operator === '<&' || redirection.operator === '>&') {
        if (text === '-') frame.opened = -1;
        else if (/^[0-9]{1,4}$/.test(text)) frame.opened = Number(text);
        else return redirectionFailed(shell, frame, `${text}: bad descriptor`);
        frame.at = 8;
        return saveDescriptor(shell, frame, redirection.descriptor);
      }
      if (text.includes('\0')) return redirectionFailed(shell, frame, 'bad file name');
      frame.at = 2;
      const flags =
        redirection.operator === '>' && shell.options.has('C')
          ? OpenFlag.writeOnly | OpenFlag.create | OpenFlag.exclusive
          : openFlags[redirection.operator];
      return request.open(text, flags);
    }
    case 2:
      if (shell.value < 0) {
        if (shell.value === -Errno.EINTR) {
          frame.at = 0;
          return null;
        }
        return redirectionFailed(shell, frame, `${shell.text}: ${errorText(shell.value)}`);
      }
      frame.opened = shell.value;
      frame.at = 3;
      if (frame.opened === redirection.descriptor) {
        // It came to stand in its place by itself: the descriptor had been closed.
        if (!frame.permanent) frame.saved.push({ descriptor: redirection.descriptor, copy: -1 });
        frame.index++;
        frame.at = 0;
        return null;
      }
      return saveDescriptor(shell, frame, redirection.descriptor);
    case 3:
      noteSaved(shell, frame, redirection.descriptor);
      frame.index++;
      frame.at = 0;
      return sendAll(shell, [request.duplicateTo(frame.opened, redirection.descriptor), request.close(frame.opened)]);
    case 5:
      if (shell.value < 0) return redirectionFailed(shell, frame, errorText(shell.value));
      frame.opened = resultInteger(shell.data, 0);
      frame.writeEnd = resultInteger(shell.data, 4);
      if (shell.text.length > PIPE_SAFE_BYTES) {
        frame.at = 9;
        return request.fork();
      }
      frame.at = 6;
      return writeText(shell, frame.writeEnd, shell.text);
    case 6:
      frame.at = 3;
      sendSave(shell, frame, redirection.descriptor);
      return sendAll(shell, [request.close(frame.writeEnd)]);
    case 8: {
      noteSaved(shell, frame, redirection.descriptor);
      if (frame.opened < 0) {
        frame.index++;
        frame.at = 0;
        return sendAll(shell, [request.close(redirection.descriptor)]);
      }
      frame.at = 10;
      return request.duplicateTo(frame.opened, redirection.descriptor);
    }
    case 9:
      if (shell.value === 0) {
        shell.stack = [
          { kind: 'finish', at: 0 },
          { kind: 'write', at: 0, descriptor: frame.writeEnd, text: shell.text, position: 0 },
        ];
        shell.isChild = true;
        shell.interactive = false;
        shell.traps.clear();
        return sendAll(shell, [request.close(frame.opened)]);
      }
      frame.at = 6;
      return null;
    case 10:
      if (shell.value < 0) return redirectionFailed(shell, frame, `${frame.opened}: ${errorText(shell.value)}`);
      frame.index++;
      frame.at = 0;
      return null;
    default:
      pop(shell);
      return sendAll(shell, restoreRequests(frame));
  }
}

/** fcntl(F_DUPFD_CLOEXEC): a copy above the scripts' descriptors. A permanent redirection keeps none (a harmless call stands in). */
function saveDescriptor(shell: ShellState, frame: FrameOf<'redirected'>, descriptor: number): Next {
  if (frame.permanent) {
    shell.value = -Errno.EBADF;
    return null;
  }
  return request.fileControl(descriptor, FileControl.duplicateCloseOnExec, FIRST_PRIVATE_DESCRIPTOR);
}
function sendSave(shell: ShellState, frame: FrameOf<'redirected'>, descriptor: number): void {
  if (frame.permanent) return;
  push(shell, {
    kind: 'requests',
    list: [request.fileControl(descriptor, FileControl.duplicateCloseOnExec, FIRST_PRIVATE_DESCRIPTOR)],
    index: 0,
  });
}
function noteSaved(shell: ShellState, frame: FrameOf<'redirected'>, descriptor: number): void {
  if (frame.permanent || frame.saved.some((saved) => saved.descriptor === descriptor && saved.copy === shell.value))
    return;
  frame.saved.push({ descriptor, copy: shell.value >= 0 ? shell.value : -1 });
}

function redirectionFailed(shell: ShellState, frame: FrameOf<'redirected'>, message: string): Next {
  pop(shell);
  fail(shell, message, 2, frame.permanent && !shell.isChild);
  return sendAll(shell, restoreRequests(frame));
}
