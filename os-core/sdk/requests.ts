// Builders for the requests of system tasks: one function per system call, laid out in the arena as the call wants it.
// Paths and strings are byte strings (bytes.ts). A NUL in a path ends it, as it would in C; callers refuse such names.

import { SystemCall } from '../abi/system-call-numbers.ts';
import { bytesOf } from './bytes.ts';
import { STAT_BYTES, TERMIOS_BYTES, type TerminalModes, terminalModesBytes, write64 } from './structures.ts';
import { ARENA_BYTES, type TaskRequest } from './system-task.ts';

const atStart = { at: 0 } as const;

function withPath(call: number, path: string, ...rest: number[]): TaskRequest {
  return { call, arguments: [atStart, ...rest], payload: bytesOf(`${path}\0`) };
}
function plain(call: number, ...values: number[]): TaskRequest {
  return { call, arguments: values };
}
/** A call that fills a structure of `length` bytes at the arena's start, pointed to by argument `position`. */
function filling(call: number, before: readonly number[], length: number, after: readonly number[] = []): TaskRequest {
  return { call, arguments: [...before, atStart, ...after], resultAt: 0, resultLength: length };
}

export const request = {
  open: (path: string, flags: number, mode = 0o666) => withPath(SystemCall.open, path, flags, mode),
  close: (descriptor: number) => plain(SystemCall.close, descriptor),
  /** At most `count` bytes; the event's data holds `count` bytes of which `value` are valid (resultBytes). */
  read: (descriptor: number, count: number) => filling(SystemCall.read, [descriptor], count, [count]),
  write: (descriptor: number, bytes: Uint8Array): TaskRequest => {
    const part = bytes.length > ARENA_BYTES ? bytes.subarray(0, ARENA_BYTES) : bytes;
    return { call: SystemCall.write, arguments: [descriptor, atStart, part.length], payload: part };
  },
  seek: (descriptor: number, offset: number, origin: number) => plain(SystemCall.lseek, descriptor, offset, origin),
  pipe: (flags = 0) => filling(SystemCall.pipe2, [], 8, [flags]),
  duplicateTo: (from: number, to: number) => plain(SystemCall.dup2, from, to),
  fileControl: (descriptor: number, command: number, value: number) =>
    plain(SystemCall.fcntl, descriptor, command, value),
  fork: () => plain(SystemCall.fork),
  /** result.data: the wait status (4 bytes). */
  wait: (processId: number, options: number) => ({
    call: SystemCall.wait4,
    arguments: [processId, atStart, options, 0],
    resultAt: 0,
    resultLength: 4,
  }),
  exit: (status: number) => plain(SystemCall.exit_group, status),
  status: (path: string): TaskRequest => pathAndResult(SystemCall.stat, path, STAT_BYTES),
  linkStatus: (path: string): TaskRequest => pathAndResult(SystemCall.lstat, path, STAT_BYTES),
  descriptorStatus: (descriptor: number) => filling(SystemCall.fstat, [descriptor], STAT_BYTES),
  access: (path: string, mode: number) => withPath(SystemCall.access, path, mode),
  changeDirectory: (path: string) => withPath(SystemCall.chdir, path),
  currentDirectory: () => filling(SystemCall.getcwd, [], 4096, [4096]),
  directoryEntries: (descriptor: number, count: number) => filling(SystemCall.getdents64, [descriptor], count, [count]),
  fileModeMask: (mask: number) => plain(SystemCall.umask, mask),
  kill: (processId: number, signal: number) => plain(SystemCall.kill, processId, signal),
  processId: () => plain(SystemCall.getpid),
  parentProcessId: () => plain(SystemCall.getppid),
  setProcessGroup: (processId: number, group: number) => plain(SystemCall.setpgid, processId, group),
  newSession: () => plain(SystemCall.setsid),
  userId: () => plain(SystemCall.geteuid),
  yield: () => plain(SystemCall.sched_yield),
  sleep: (seconds: number): TaskRequest => {
    const payload = new Uint8Array(16);
    const view = new DataView(payload.buffer);
    write64(view, 0, Math.floor(seconds));
    write64(view, 8, Math.floor((seconds - Math.floor(seconds)) * 1e9));
    return { call: SystemCall.nanosleep, arguments: [atStart, 0], payload };
  },
  clock: (clock: number) => filling(SystemCall.clock_gettime, [clock], 16),
  /** struct kernel_sigaction: handler, flags, restorer, mask (8 bytes each). */
  signalAction: (signal: number, action: number): TaskRequest => {
    const payload = new Uint8Array(32);
    new DataView(payload.buffer).setUint32(0, action, true);
    return { call: SystemCall.rt_sigaction, arguments: [signal, atStart, 0, 8], payload };
  },
  getTerminalModes: (descriptor: number) => ({
    call: SystemCall.ioctl,
    arguments: [descriptor, 0x5401, atStart],
    resultAt: 0,
    resultLength: TERMIOS_BYTES,
  }),
  /** TCSETSW: after what was written has gone out. */
  setTerminalModes: (descriptor: number, modes: TerminalModes): TaskRequest => ({
    call: SystemCall.ioctl,
    arguments: [descriptor, 0x5403, atStart],
    payload: terminalModesBytes(modes),
  }),
  /** An ioctl whose argument is a structure: sent, received or both. */
  ioctl: (descriptor: number, command: number, payload: Uint8Array, resultLength: number): TaskRequest => ({
    call: SystemCall.ioctl,
    arguments: [descriptor, command, atStart],
    payload,
    resultAt: 0,
    resultLength,
  }),
  ioctlValue: (descriptor: number, command: number, value: number) =>
    plain(SystemCall.ioctl, descriptor, command, value),
  /** result.data: the pollfd array, see readyEvents. */
  poll: (descriptors: readonly { readonly descriptor: number; readonly events: number }[], timeoutMillis: number) => {
    const payload = new Uint8Array(descriptors.length * 8);
    const view = new DataView(payload.buffer);
    descriptors.forEach((entry, i) => {
      view.setInt32(i * 8, entry.descriptor, true);
      view.setUint16(i * 8 + 4, entry.events, true);
    });
    return {
      call: SystemCall.poll,
      arguments: [atStart, descriptors.length, timeoutMillis],
      payload,
      resultAt: 0,
      resultLength: payload.length,
    };
  },
} as const;

function pathAndResult(call: number, path: string, resultLength: number): TaskRequest {
  const payload = bytesOf(`${path}\0`);
  const resultAt = (payload.length + 7) & ~7;
  return { call, arguments: [atStart, { at: resultAt }], payload, resultAt, resultLength };
}

/** The valid bytes of a read-like result. */
export function resultBytes(value: number, data: Uint8Array): Uint8Array {
  return value <= 0 ? data.subarray(0, 0) : data.subarray(0, Math.min(value, data.length));
}
/** A 32-bit integer of a result, 0 when it is not there. */
export function resultInteger(data: Uint8Array, at = 0): number {
  return data.length < at + 4 ? 0 : new DataView(data.buffer, data.byteOffset, data.byteLength).getInt32(at, true);
}
/** revents of entry `index` of a poll result. */
export function readyEvents(data: Uint8Array, index: number): number {
  const at = index * 8 + 6;
  return data.length < at + 2 ? 0 : data[at] | (data[at + 1] << 8);
}

/**
 * execve with its argument and environment vectors in the arena:
 *   path NUL, strings…, padding to 8, argv pointers, 0, envp pointers, 0
 * Null when they do not fit (the caller reports E2BIG).
 */
export function executeRequest(
  path: string,
  argumentList: readonly string[],
  environment: readonly string[],
): TaskRequest | null {
  let textBytes = path.length + 1;
  for (const text of argumentList) textBytes += text.length + 1;
  for (const text of environment) textBytes += text.length + 1;
  const argvAt = (textBytes + 7) & ~7;
  const envpAt = argvAt + (argumentList.length + 1) * 8;
  const total = envpAt + (environment.length + 1) * 8;
  if (total > ARENA_BYTES) return null;
  const payload = new Uint8Array(total);
  const view = new DataView(payload.buffer);
  const pointers: number[] = [];
  let position = 0;
  const put = (text: string): number => {
    const start = position;
    for (let i = 0; i < text.length; i++) payload[position++] = text.charCodeAt(i);
    position++;
    return start;
  };
  put(path);
  const putVector = (texts: readonly string[], at: number): void => {
    texts.forEach((text, i) => {
      view.setUint32(at + i * 8, put(text), true);
      pointers.push(at + i * 8);
    });
  };
  putVector(argumentList, argvAt);
  putVector(environment, envpAt);
  return {
    call: SystemCall.execve,
    arguments: [atStart, { at: argvAt }, { at: envpAt }],
    payload,
    pointers,
  };
}
