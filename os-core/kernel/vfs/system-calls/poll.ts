// poll, ppoll, select, pselect6: wait until one of several descriptors is ready.
//
// A waiting call keeps its deadline in task.progress and sleeps on the readiness queue of every file it watches.

import { Errno } from '../../../abi/errno.ts';
import type { Kernel } from '../../kernel.ts';
import type { Task } from '../../process/task.ts';
import type { SystemCallArguments, SystemCallEntry } from '../../syscalls/handler.ts';
import { FileTable } from '../file-table.ts';
import { type OpenFile, Poll } from '../open-file.ts';
import { filesOf, row } from './support.ts';
import { applyMask, deadlineOf, endWait, readTimeout, sleepUntil } from './waiting.ts';

/** Descriptors with the events asked for, and what holds now. */
interface Watch {
  readonly file: OpenFile | null;
  readonly events: number;
}

/** How many watches are ready; `ready` gets their events. Bits that cannot be masked: error, hang-up, invalid. */
function look(kernel: Kernel, watches: readonly Watch[], ready: number[]): number {
  let count = 0;
  watches.forEach((watch, i) => {
    const now = watch.file === null ? Poll.invalid : watch.file.pollEvents(kernel);
    ready[i] = now & (watch.events | Poll.error | Poll.hangUp | Poll.invalid);
    if (ready[i] !== 0) count++;
  });
  return count;
}

/** Sleeps until something is ready or the time is over. The number that is ready, 0 = time is over, -EINTR, PENDING. */
function waitFor(kernel: Kernel, task: Task, watches: readonly Watch[], ready: number[], timeoutNanos: number): number {
  const deadline = deadlineOf(kernel, task, timeoutNanos);
  const count = look(kernel, watches, ready);
  if (count > 0 || kernel.nowNanos() >= deadline) {
    endWait(task);
    return count;
  }
  const queues = watches.map((watch) => watch.file?.readinessQueue ?? null);
  return sleepUntil(kernel, task, deadline, queues);
}

function pollWith(kernel: Kernel, task: Task, address: number, count: number, timeoutNanos: number): number {
  const files = filesOf(task);
  if (count > FileTable.limitOf(task.process)) return -Errno.EINVAL;
  const bytes = new Uint8Array(8 * count);
  let status = kernel.userMemory.copyIn(task, address, bytes);
  if (status !== 0) return status;
  const view = new DataView(bytes.buffer);
  const watches: Watch[] = [];
  const places: number[] = [];
  for (let i = 0; i < count; i++) {
    const descriptor = view.getInt32(8 * i, true);
    view.setInt16(8 * i + 6, 0, true);
    if (descriptor < 0) continue;
    watches.push({ file: files.get(descriptor), events: view.getUint16(8 * i + 4, true) });
    places.push(i);
  }
  const ready: number[] = [];
  const result = waitFor(kernel, task, watches, ready, timeoutNanos);
  if (result < 0) return result;
  places.forEach((place, i) => view.setUint16(8 * place + 6, ready[i], true));
  status = kernel.userMemory.copyOut(task, address, bytes);
  return status === 0 ? result : status;
}

function poll(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const timeout = a.int(2);
  return pollWith(
    kernel,
    task,
    a.unsigned(0),
    a.unsigned(1),
    timeout < 0 ? Number.POSITIVE_INFINITY : timeout * 1_000_000,
  );
}
function ppoll(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const timeout = readTimeout(kernel, task, a.unsigned(2), 1);
  if (typeof timeout === 'object') return timeout.error;
  const status = applyMask(kernel, task, a.unsigned(3), a.unsigned(4));
  return status === 0 ? pollWith(kernel, task, a.unsigned(0), a.unsigned(1), timeout) : status;
}

/** What a set of select stands for: readable counts hang-up and error too, as on Linux. */
const SELECT_EVENTS = [Poll.in | Poll.hangUp | Poll.error, Poll.out | Poll.error, Poll.priority] as const;

function selectWith(kernel: Kernel, task: Task, a: SystemCallArguments, timeoutNanos: number): number {
  const files = filesOf(task);
  const limit = a.int(0);
  if (limit < 0) return -Errno.EINVAL;
  const count = Math.min(limit, FileTable.limitOf(task.process));
  const setBytes = Math.ceil(count / 64) * 8;
  const sets: (Uint8Array | null)[] = [];
  for (let set = 0; set < 3; set++) {
    const address = a.unsigned(1 + set);
    const bytes = address === 0 ? null : new Uint8Array(setBytes);
    const status = bytes === null ? 0 : kernel.userMemory.copyIn(task, address, bytes);
    if (status !== 0) return status;
    sets.push(bytes);
  }
  const watches: Watch[] = [];
  const descriptors: number[] = [];
  for (let descriptor = 0; descriptor < count; descriptor++) {
    let events = 0;
    sets.forEach((set, i) => {
      if (set !== null && ((set[descriptor >> 3] >> (descriptor & 7)) & 1) === 1) events |= SELECT_EVENTS[i];
    });
    if (events === 0) continue;
    const file = files.get(descriptor);
    if (file === null) return -Errno.EBADF;
    watches.push({ file, events });
    descriptors.push(descriptor);
  }
  const ready: number[] = [];
  const result = waitFor(kernel, task, watches, ready, timeoutNanos);
  if (result < 0) return result;
  let bits = 0;
  for (let set = 0; set < 3; set++) {
    const bytes = sets[set];
    if (bytes === null) continue;
    descriptors.forEach((descriptor, i) => {
      const mask = 1 << (descriptor & 7);
      if ((bytes[descriptor >> 3] & mask) === 0) return;
      if ((ready[i] & SELECT_EVENTS[set]) !== 0) bits++;
      else bytes[descriptor >> 3] &= ~mask;
    });
    const status = kernel.userMemory.copyOut(task, a.unsigned(1 + set), bytes);
    if (status !== 0) return status;
  }
  return bits;
}
function select(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const timeout = readTimeout(kernel, task, a.unsigned(4), 1000);
  return typeof timeout === 'object' ? timeout.error : selectWith(kernel, task, a, timeout);
}
function pselect6(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const timeout = readTimeout(kernel, task, a.unsigned(4), 1);
  if (typeof timeout === 'object') return timeout.error;
  if (a.unsigned(5) !== 0) {
    // The sixth argument points to { mask address, mask size }.
    const pair = new Uint8Array(16);
    let status = kernel.userMemory.copyIn(task, a.unsigned(5), pair);
    if (status !== 0) return status;
    const view = new DataView(pair.buffer);
    const address = view.getUint32(0, true) + view.getUint32(4, true) * 0x1_0000_0000;
    status = applyMask(kernel, task, address, view.getUint32(8, true));
    if (status !== 0) return status;
  }
  return selectWith(kernel, task, a, timeout);
}

export const pollCalls: readonly SystemCallEntry[] = [
  row('poll', 'none', 'fds:pointer count:size timeout:int', poll),
  row('ppoll', 'none', 'fds:pointer count:size timeout:pointer mask:pointer size:size', ppoll),
  row('select', 'none', 'count:int read:pointer write:pointer except:pointer timeout:pointer', select),
  row('pselect6', 'none', 'count:int read:pointer write:pointer except:pointer timeout:pointer mask:pointer', pselect6),
];
