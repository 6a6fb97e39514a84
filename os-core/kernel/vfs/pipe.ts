// Pipes and FIFOs (pipe(7)).
//
//   write end(s) ──► [ ring of 64 KiB ] ──► read end(s)
//
// Writes of at most PIPE_BUF bytes are one piece or wait; longer ones go in parts, counted in task.progress, of PIPE_BUF at least except
// the last: so whoever reads byte by byte does not wake the writer for each. Without readers a write gives EPIPE and SIGPIPE; without
// writers a read gives 0 when the ring is empty.

import { registerClass } from '../../../devices/base/object-graph.ts';
import { Errno } from '../../abi/errno.ts';
import { Signal } from '../../abi/signal.ts';
import { FileType, Inode } from '../../eurofs/items.ts';
import type { Kernel } from '../kernel.ts';
import { informationFrom, sendSignal } from '../process/signals.ts';
import type { Task } from '../process/task.ts';
import { PENDING } from '../syscalls/handler.ts';
import { WaitQueue } from '../wait-queue.ts';
import { OpenFile, Poll } from './open-file.ts';
import { TransferProgress } from './path-walk.ts';
import { mayRead, mayWrite, OpenFlag } from './regular-file.ts';
import { Vfs } from './vfs.ts';

const PIPE_BYTES = 65536;
const PIPE_BUF = 4096;
/** 256 MiB in all rings; more gives ENFILE, as Linux' limit on pipe buffers does. */
const MOST_PIPES = 4096;
const FIONREAD = 0x541b;

export class Pipe {
  readonly number: number;
  /** Key in Vfs.fifos; '' for pipes without a name. */
  readonly key: string;
  readers = 0;
  writers = 0;
  /** Ends ever opened: an open that waits for the other side sees that it was there. */
  readersEver = 0;
  writersEver = 0;
  count = 0;
  readonly queue = new WaitQueue();
  private first = 0;
  private ring: Uint8Array | null = null;

  constructor(number: number, key: string) {
    this.number = number;
    this.key = key;
  }
  get room(): number {
    return PIPE_BYTES - this.count;
  }

  /** The next piece to read: a view of at most `most` bytes up to the ring's end; `skip`: so many bytes further on. */
  readable(most: number, skip = 0): Uint8Array {
    const start = (this.first + skip) % PIPE_BYTES;
    const length = Math.min(most, this.count - skip, PIPE_BYTES - start);
    return this.bytes().subarray(start, start + length);
  }
  consume(length: number): void {
    const hadRoom = this.room >= PIPE_BUF;
    this.first = (this.first + length) % PIPE_BYTES;
    this.count -= length;
    if (this.count === 0) this.first = 0;
    // Nobody waits for less.
    if (!hadRoom && this.room >= PIPE_BUF) this.queue.wakeAll(Poll.out);
  }
  /** The next free piece, at most `most` bytes up to the ring's end. */
  writable(most: number): Uint8Array {
    const start = (this.first + this.count) % PIPE_BYTES;
    const length = Math.min(most, this.room, PIPE_BYTES - start);
    return this.bytes().subarray(start, start + length);
  }
  produce(length: number): void {
    this.count += length;
    this.queue.wakeAll(Poll.in);
  }
  private bytes(): Uint8Array {
    this.ring ??= new Uint8Array(PIPE_BYTES);
    return this.ring;
  }
}
registerClass('vfs.Pipe', 1, Pipe);

export class PipeEnd extends OpenFile {
  /** Whoever holds a pipe may use it: it leads nowhere that its maker could not go. */
  override readonly capability = 0;
  readonly pipe: Pipe;
  override readonly readinessQueue: WaitQueue;

  constructor(pipe: Pipe, flags: number) {
    super();
    this.pipe = pipe;
    this.readinessQueue = pipe.queue;
    this.flags = flags;
    this.path = `pipe:[${pipe.number}]`;
    if (mayRead(this)) {
      pipe.readers++;
      pipe.readersEver++;
    }
    if (mayWrite(this)) {
      pipe.writers++;
      pipe.writersEver++;
    }
    pipe.queue.wakeAll();
  }
  override read(kernel: Kernel, task: Task, address: number, count: number, offset: number | null): number {
    if (offset !== null) return -Errno.ESPIPE;
    const { pipe } = this;
    if (count === 0) return 0;
    if (pipe.count === 0) {
      if (pipe.writers === 0) return 0;
      if ((this.flags & OpenFlag.nonBlocking) !== 0) return -Errno.EAGAIN;
      if (task.signalPending) return -Errno.EINTR;
      task.waitOn(pipe.queue);
      return PENDING;
    }
    const wanted = Math.min(count, pipe.count);
    const status = kernel.userMemory.prepare(task, address, wanted, true);
    if (status !== 0) return status;
    for (let done = 0; done < wanted; ) {
      const piece = pipe.readable(wanted - done);
      const copied = kernel.userMemory.copyOut(task, address + done, piece, 0, piece.length);
      if (copied !== 0) return done > 0 ? done : copied;
      done += piece.length;
      pipe.consume(piece.length);
    }
    return wanted;
  }

  override write(kernel: Kernel, task: Task, address: number, count: number, offset: number | null): number {
    if (offset !== null) return -Errno.ESPIPE;
    const { pipe } = this;
    if (count === 0) return 0;
    let progress = task.progress instanceof TransferProgress ? task.progress : null;
    for (;;) {
      const done = progress?.done ?? 0;
      if (pipe.readers === 0) {
        task.progress = null;
        if (done > 0) return done;
        sendSignal(kernel, task.process, informationFrom(task, Signal.SIGPIPE), task);
        return -Errno.EPIPE;
      }
      if (done === count) {
        task.progress = null;
        return done;
      }
      const needed = Math.min(count - done, PIPE_BUF);
      if (pipe.room < needed) {
        if ((this.flags & OpenFlag.nonBlocking) !== 0 || task.signalPending) {
          task.progress = null;
          if (done > 0) return done;
          return task.signalPending && (this.flags & OpenFlag.nonBlocking) === 0 ? -Errno.EINTR : -Errno.EAGAIN;
        }
        task.waitOn(pipe.queue);
        return PENDING;
      }
      const length = Math.min(count - done, pipe.room);
      const status = kernel.userMemory.prepare(task, address + done, length, false);
      if (status === PENDING) return PENDING;
      if (status < 0) {
        task.progress = null;
        return done > 0 ? done : status;
      }
      if (progress === null) {
        progress = new TransferProgress();
        task.progress = progress;
      }
      for (let part = 0; part < length; ) {
        const piece = pipe.writable(length - part);
        kernel.userMemory.copyIn(task, address + done + part, piece, 0, piece.length);
        part += piece.length;
        pipe.produce(piece.length);
      }
      progress.done += length;
    }
  }

  override ioctl(kernel: Kernel, task: Task, request: number, argument: number): number {
    if (request !== FIONREAD) return -Errno.ENOTTY;
    return kernel.userMemory.writeWord32(task, argument, this.pipe.count);
  }
  override readiness(): number {
    const { pipe } = this;
    let ready = 0;
    if (mayRead(this)) {
      if (pipe.count > 0) ready |= Poll.in;
      if (pipe.writers === 0 && pipe.writersEver > 0) ready |= Poll.hangUp;
    }
    if (mayWrite(this)) {
      if (pipe.room >= PIPE_BUF) ready |= Poll.out;
      if (pipe.readers === 0) ready |= Poll.error;
    }
    return ready;
  }
  override attributes(kernel: Kernel, task: Task): Inode | number {
    if (this.place !== null) return super.attributes(kernel, task);
    const inode = new Inode();
    inode.number = this.pipe.number;
    inode.mode = FileType.fifo | 0o600;
    inode.links = 1;
    inode.user = task.process.credentials.userId;
    inode.group = task.process.credentials.groupId;
    return inode;
  }
  /** The task that opened this end has ended while it waited for the other side (openFifo). */
  abandoned(kernel: Kernel): void {
    this.closed(kernel);
  }
  override closed(kernel: Kernel): void {
    const { pipe } = this;
    if (mayRead(this)) pipe.readers--;
    if (mayWrite(this)) pipe.writers--;
    pipe.queue.wakeAll();
    if (pipe.readers + pipe.writers > 0) return;
    const vfs = Vfs.of(kernel);
    vfs.openPipes--;
    if (pipe.key !== '') vfs.fifos.delete(pipe.key);
  }
}
registerClass('vfs.PipeEnd', 1, PipeEnd);

/** A pipe that its first end must follow at once; -ENFILE if there are too many. `key`: of a FIFO, else ''. */
export function newPipe(kernel: Kernel, number: number, key: string): Pipe | number {
  const vfs = Vfs.of(kernel);
  if (vfs.openPipes >= MOST_PIPES) return -Errno.ENFILE;
  vfs.openPipes++;
  return new Pipe(number, key);
}

/** An end of a FIFO. Waits for the other side as open(2) says: -ENXIO, -EINTR or PENDING. `progress` holds the end meanwhile. */
export function openFifo(kernel: Kernel, task: Task, key: string, number: number, flags: number): OpenFile | number {
  const { fifos } = Vfs.of(kernel);
  let end = task.progress instanceof PipeEnd ? task.progress : null;
  if (end === null) {
    const known = fifos.get(key) ?? null;
    const access = flags & OpenFlag.accessMode;
    const nonBlocking = (flags & OpenFlag.nonBlocking) !== 0;
    if (access === OpenFlag.writeOnly && nonBlocking && (known === null || known.readers === 0)) return -Errno.ENXIO;
    const pipe = known ?? newPipe(kernel, number, key);
    if (typeof pipe === 'number') return pipe;
    fifos.set(key, pipe);
    end = new PipeEnd(pipe, flags);
    if (nonBlocking || access === OpenFlag.readWrite) return end;
    // The opener waits until the other side has been opened; the counts tell even if it has gone again.
    task.progress = end;
    end.position = access === OpenFlag.readOnly ? pipe.writersEver - pipe.writers : pipe.readersEver - pipe.readers;
  }
  const { pipe } = end;
  const others = mayRead(end) ? pipe.writersEver : pipe.readersEver;
  if (others > end.position) {
    end.position = 0;
    task.progress = null;
    return end;
  }
  if (task.signalPending) {
    task.progress = null;
    end.closed(kernel);
    return -Errno.EINTR;
  }
  task.waitOn(pipe.queue);
  return PENDING;
}
