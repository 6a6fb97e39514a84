// Futexes (futex(2)): waiting on a word of user memory.
//
//   private word: queue of the address space, by address      shared word: queue of the machine, by physical address
//
// A waiter stays in its queue until it is woken, times out or is interrupted; `woken` tells the restarted call which.

import { registerClass } from '../../../devices/base/object-graph.ts';
import { Errno } from '../../abi/errno.ts';
import type { Kernel } from '../kernel.ts';
import { entryFrame, findEntry } from '../memory/page-tables.ts';
import type { Task } from '../process/task.ts';
import { readDeadline } from '../time/timespec.ts';
import { PENDING, type SystemCallArguments } from './handler.ts';

const Operation = {
  wait: 0,
  wake: 1,
  requeue: 3,
  compareRequeue: 4,
  wakeOperation: 5,
  waitBitset: 9,
  wakeBitset: 10,
} as const;
const CLOCK_REALTIME_FLAG = 256;
const ALL_BITS = 0xffff_ffff;
/** Bound on the robust list walk, as in Linux (ROBUST_LIST_LIMIT). */
const ROBUST_LIST_LIMIT = 2048;
const FUTEX_WAITERS = 0x8000_0000;
const FUTEX_OWNER_DIED = 0x4000_0000;
const FUTEX_TID_MASK = 0x3fff_ffff;

export class FutexWaiter {
  readonly task: Task;
  readonly bits: number;
  readonly deadlineNanos: number;
  key: string;
  woken = false;
  constructor(task: Task, bits: number, deadlineNanos: number, key: string) {
    this.task = task;
    this.bits = bits;
    this.deadlineNanos = deadlineNanos;
    this.key = key;
  }
  abandoned(kernel: Kernel): void {
    kernel.state.futexes.remove(this);
  }
}
registerClass('FutexWaiter', 1, FutexWaiter);

/** All queues of the machine by key. */
export class Futexes {
  readonly queues: Map<string, FutexWaiter[]> = new Map();

  add(waiter: FutexWaiter): void {
    const queue = this.queues.get(waiter.key);
    if (queue === undefined) this.queues.set(waiter.key, [waiter]);
    else queue.push(waiter);
  }
  remove(waiter: FutexWaiter): void {
    const queue = this.queues.get(waiter.key);
    if (queue === undefined) return;
    const index = queue.indexOf(waiter);
    if (index >= 0) queue.splice(index, 1);
    if (queue.length === 0) this.queues.delete(waiter.key);
  }
  wake(key: string, count: number, bits: number): number {
    let woken = 0;
    for (const waiter of [...(this.queues.get(key) ?? [])]) {
      if (woken >= count) break;
      if ((waiter.bits & bits) === 0) continue;
      this.remove(waiter);
      waiter.woken = true;
      waiter.task.wake();
      woken++;
    }
    return woken;
  }
}
registerClass('Futexes', 1, Futexes);

/** Names the queue of a word. The page must be present (it was just read). */
function keyOf(kernel: Kernel, task: Task, address: number): string {
  const space = task.process.addressSpace;
  if (space === null) return '';
  if (space.find(address)?.isShared !== true) return `${space.root}:${address}`;
  const { memory } = kernel.machine;
  const entry = findEntry(memory, space.root, address);
  return entry === 0 ? `${space.root}:${address}` : `shared:${entryFrame(memory.read32(entry)) + (address % 4096)}`;
}

/** Wakes waiters of a word of `task`'s memory. */
export function wakeAddress(kernel: Kernel, task: Task, address: number, count: number): number {
  return kernel.state.futexes.wake(keyOf(kernel, task, address), count, ALL_BITS);
}

export function futex(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const address = a.unsigned(0);
  const operation = a.int(1) & 0x7f;
  const realtime = (a.int(1) & CLOCK_REALTIME_FLAG) !== 0;
  if (address % 4 !== 0) return -Errno.EINVAL;
  switch (operation) {
    case Operation.wait:
      return wait(kernel, task, address, a.uint(2), a.unsigned(3), ALL_BITS, false, realtime);
    case Operation.waitBitset:
      return wait(kernel, task, address, a.uint(2), a.unsigned(3), a.uint(5), true, realtime);
    case Operation.wake:
    case Operation.wakeBitset: {
      const bits = operation === Operation.wake ? ALL_BITS : a.uint(5);
      if (bits === 0) return -Errno.EINVAL;
      if (!kernel.userMemory.inUserHalf(address, 4)) return -Errno.EFAULT;
      return kernel.state.futexes.wake(keyOf(kernel, task, address), atLeastOne(a.int(2)), bits);
    }
    case Operation.requeue:
    case Operation.compareRequeue:
      return requeue(kernel, task, a, operation === Operation.compareRequeue);
    case Operation.wakeOperation:
      return wakeOperation(kernel, task, a);
    default:
      return -Errno.ENOSYS;
  }
}

/** Linux counts after it has woken one: 0 and less wake one, too. Programs never ask for it, but the number must be the same. */
const atLeastOne = (count: number): number => Math.max(1, count);

const words = new Uint32Array(2);

function wait(
  kernel: Kernel,
  task: Task,
  address: number,
  expected: number,
  timeoutAddress: number,
  bits: number,
  absolute: boolean,
  realtime: boolean,
): number {
  if (task.progress instanceof FutexWaiter) {
    const waiter = task.progress;
    if (waiter.woken) return 0;
    const expired = kernel.nowNanos() >= waiter.deadlineNanos;
    if (expired || task.signalPending) {
      kernel.state.futexes.remove(waiter);
      task.progress = null;
      return expired ? -Errno.ETIMEDOUT : -Errno.EINTR;
    }
    task.waitUntil(kernel, waiter.deadlineNanos);
    return PENDING;
  }
  if (bits === 0) return -Errno.EINVAL;
  let deadline = Infinity;
  if (timeoutAddress !== 0) {
    const given = readDeadline(kernel, task, timeoutAddress, { absolute, realtime });
    if (typeof given === 'object') return given.error;
    deadline = given;
  }
  const result = kernel.userMemory.readWord32(task, address, words, 0);
  if (result !== 0) return result;
  if (words[0] !== expected) return -Errno.EAGAIN;
  if (task.signalPending) return -Errno.EINTR;
  const waiter = new FutexWaiter(task, bits, deadline, keyOf(kernel, task, address));
  kernel.state.futexes.add(waiter);
  task.progress = waiter;
  task.waitUntil(kernel, deadline);
  return PENDING;
}

function requeue(kernel: Kernel, task: Task, a: SystemCallArguments, compare: boolean): number {
  const address = a.unsigned(0);
  const second = a.unsigned(4);
  if (second % 4 !== 0 || a.int(2) < 0 || a.int(3) < 0) return -Errno.EINVAL;
  for (const [index, where] of [address, second].entries()) {
    const result = kernel.userMemory.readWord32(task, where, words, index);
    if (result !== 0) return result;
  }
  if (compare && words[0] !== a.uint(5)) return -Errno.EAGAIN;
  const { futexes } = kernel.state;
  const from = keyOf(kernel, task, address);
  const to = keyOf(kernel, task, second);
  let done = futexes.wake(from, a.int(2), ALL_BITS);
  const moving = [...(futexes.queues.get(from) ?? [])].slice(0, a.int(3));
  for (const waiter of moving) {
    futexes.remove(waiter);
    waiter.key = to;
    futexes.add(waiter);
    done++;
  }
  return done;
}

/** FUTEX_WAKE_OP: changes the second word and wakes on both. */
function wakeOperation(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const address = a.unsigned(0);
  const second = a.unsigned(4);
  const code = a.uint(5);
  const result = kernel.userMemory.readWord32(task, second, words, 0);
  if (result !== 0) return result;
  const old = words[0];
  const operationCode = (code >>> 28) & 7;
  let operand = (((code >>> 12) & 0xfff) << 20) >> 20;
  if (code >>> 31 !== 0) operand = 1 << (operand & 31);
  const comparison = (code << 20) >> 20;
  const next = [operand, old + operand, old | operand, old & ~operand, old ^ operand][operationCode];
  if (next === undefined) return -Errno.ENOSYS;
  const written = kernel.userMemory.writeWord32(task, second, next);
  if (written !== 0) return written;
  const signed = old | 0;
  const holds = [
    signed === comparison,
    signed !== comparison,
    signed < comparison,
    signed <= comparison,
    signed > comparison,
    signed >= comparison,
  ][(code >>> 24) & 15];
  const { futexes } = kernel.state;
  let woken = futexes.wake(keyOf(kernel, task, address), atLeastOne(a.int(2)), ALL_BITS);
  if (holds) woken += futexes.wake(keyOf(kernel, task, second), atLeastOne(a.int(3)), ALL_BITS);
  return woken;
}

const timeBytes = new Uint8Array(16);
const timeView = new DataView(timeBytes.buffer);

/** A dying thread's robust mutexes get FUTEX_OWNER_DIED and one waiter each is woken (set_robust_list(2)). */
export function releaseRobustList(kernel: Kernel, task: Task): void {
  const head = task.robustListHead;
  if (head === 0) return;
  task.robustListHead = 0;
  const read64 = (address: number): number => {
    if (kernel.userMemory.copyIn(task, address, timeBytes, 0, 8) !== 0) return -1;
    return timeView.getUint32(0, true) + timeView.getInt32(4, true) * 0x1_0000_0000;
  };
  // Signed: the lock word lies before the list entry as a rule.
  const offset = read64(head + 8);
  let entry = read64(head);
  for (let count = 0; count < ROBUST_LIST_LIMIT && entry > 0 && entry !== head; count++) {
    const at = entry - (entry % 2) + offset;
    if (kernel.userMemory.readWord32(task, at, words, 0) !== 0) return;
    if ((words[0] & FUTEX_TID_MASK) === task.id) {
      const value = ((words[0] & FUTEX_WAITERS) | FUTEX_OWNER_DIED) >>> 0;
      if (kernel.userMemory.writeWord32(task, at, value) !== 0) return;
      wakeAddress(kernel, task, at, 1);
    }
    entry = read64(entry - (entry % 2));
  }
}
