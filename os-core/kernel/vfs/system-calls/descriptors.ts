// Descriptors themselves: close, dup, fcntl, pipe, ioctl.

import { Errno } from '../../../abi/errno.ts';
import type { Kernel } from '../../kernel.ts';
import type { Task } from '../../process/task.ts';
import type { SystemCallArguments, SystemCallEntry } from '../../syscalls/handler.ts';
import { addSeals, sealsOf } from '../anonymous/memory-file.ts';
import { FileTable, releaseFile } from '../file-table.ts';
import { newPipe, PipeEnd } from '../pipe.ts';
import { mayWrite, OpenFlag, PathFile, RegularFile } from '../regular-file.ts';
import { Vfs } from '../vfs.ts';
import { flock, LockCommand, recordLock } from './locks.ts';
import { fileOf, filesOf, RecordWriter, row } from './support.ts';

const Fcntl = { dupfd: 0, getfd: 1, setfd: 2, getfl: 3, setfl: 4, setown: 8, getown: 9 };
const F_DUPFD_CLOEXEC = 1030;
const F_SETPIPE_SZ = 1031;
const F_GETPIPE_SZ = 1032;
const F_ADD_SEALS = 1033;
const F_GET_SEALS = 1034;
const SETTABLE_FLAGS = OpenFlag.append | OpenFlag.nonBlocking | OpenFlag.direct | OpenFlag.noAccessTime;
const FIONBIO = 0x5421;
const FIOCLEX = 0x5451;
const FIONCLEX = 0x5450;
const FIONREAD = 0x541b;

function close(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  return filesOf(task).close(kernel, a.int(0));
}

function closeRange(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const files = filesOf(task);
  const flags = a.uint(2);
  if (a.uint(0) > a.uint(1) || (flags & ~6) !== 0) return -Errno.EINVAL;
  for (const descriptor of files.list()) {
    if (descriptor < a.uint(0) || descriptor > a.uint(1)) continue;
    if ((flags & 4) !== 0) files.setCloseOnExec(descriptor, true);
    else files.close(kernel, descriptor);
  }
  return 0;
}

function dup(_kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const files = filesOf(task);
  const file = files.get(a.int(0));
  return file === null ? -Errno.EBADF : files.install(file, task.process, false);
}

function duplicateTo(kernel: Kernel, task: Task, from: number, to: number, closeOnExec: boolean): number {
  const files = filesOf(task);
  const file = files.get(from);
  if (file === null || to < 0 || to >= FileTable.limitOf(task.process)) return -Errno.EBADF;
  files.installAt(kernel, file, to, closeOnExec);
  return to;
}
function dup2(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  if (a.int(0) === a.int(1)) return filesOf(task).get(a.int(0)) === null ? -Errno.EBADF : a.int(1);
  return duplicateTo(kernel, task, a.int(0), a.int(1), false);
}
function dup3(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const flags = a.uint(2);
  if (a.int(0) === a.int(1) || (flags & ~OpenFlag.closeOnExec) !== 0) return -Errno.EINVAL;
  return duplicateTo(kernel, task, a.int(0), a.int(1), flags !== 0);
}

function fcntl(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const files = filesOf(task);
  const descriptor = a.int(0);
  const file = files.get(descriptor);
  if (file === null) return -Errno.EBADF;
  const argument = a.int(2);
  switch (a.int(1)) {
    case Fcntl.dupfd:
    case F_DUPFD_CLOEXEC:
      if (argument < 0 || argument >= FileTable.limitOf(task.process)) return -Errno.EINVAL;
      return files.install(file, task.process, a.int(1) === F_DUPFD_CLOEXEC, argument);
    case Fcntl.getfd:
      return files.isCloseOnExec(descriptor) ? 1 : 0;
    case Fcntl.setfd:
      files.setCloseOnExec(descriptor, (argument & 1) !== 0);
      return 0;
    case Fcntl.getfl:
      return file.flags;
    case Fcntl.setfl:
      if (file instanceof PathFile) return -Errno.EBADF;
      file.flags = (file.flags & ~SETTABLE_FLAGS) | (argument & SETTABLE_FLAGS);
      return 0;
    case LockCommand.get:
    case LockCommand.set:
    case LockCommand.setWait:
    case LockCommand.ofdGet:
    case LockCommand.ofdSet:
    case LockCommand.ofdSetWait:
      return lockCommand(kernel, task, a);
    case Fcntl.setown:
      return 0;
    case Fcntl.getown:
      return 0;
    case F_ADD_SEALS:
      return mayWrite(file) ? addSeals(kernel, file, a.uint(2)) : -Errno.EPERM;
    case F_GET_SEALS:
      return sealsOf(file);
    case F_GETPIPE_SZ:
    case F_SETPIPE_SZ:
      return file instanceof PipeEnd ? 65536 : -Errno.EBADF;
    default:
      return -Errno.EINVAL;
  }
}

/** A lock tells others something: it takes the right to the file. */
function lockCommand(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const file = fileOf(kernel, task, a.int(0));
  if (typeof file === 'number') return file;
  return file instanceof PathFile ? -Errno.EBADF : recordLock(kernel, task, file, a.int(1), a.unsigned(2));
}

function makePipe(kernel: Kernel, task: Task, address: number, flags: number): number {
  if ((flags & ~(OpenFlag.closeOnExec | OpenFlag.nonBlocking | OpenFlag.direct)) !== 0) return -Errno.EINVAL;
  const ready = kernel.userMemory.prepare(task, address, 8, true);
  if (ready !== 0) return ready;
  const files = filesOf(task);
  const pipe = newPipe(kernel, Vfs.of(kernel).nextPipeNumber(), '');
  if (typeof pipe === 'number') return pipe;
  const kept = flags & (OpenFlag.nonBlocking | OpenFlag.direct);
  const closeOnExec = (flags & OpenFlag.closeOnExec) !== 0;
  const ends = [new PipeEnd(pipe, OpenFlag.readOnly | kept), new PipeEnd(pipe, OpenFlag.writeOnly | kept)];
  for (const end of ends) end.references++;
  const [readEnd, writeEnd] = ends.map((end) => files.install(end, task.process, closeOnExec));
  // The table holds its own references; an end that found no descriptor is closed here.
  for (const end of ends) releaseFile(kernel, end);
  if (writeEnd < 0) {
    if (readEnd >= 0) files.close(kernel, readEnd);
    return writeEnd;
  }
  const record = new RecordWriter(8);
  record.u32(0, readEnd);
  record.u32(4, writeEnd);
  return kernel.userMemory.copyOut(task, address, record.bytes);
}

function ioctl(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const file = fileOf(kernel, task, a.int(0));
  if (typeof file === 'number') return file;
  if (file instanceof PathFile) return -Errno.EBADF;
  const request = a.uint(1);
  if (request === FIOCLEX || request === FIONCLEX) {
    filesOf(task).setCloseOnExec(a.int(0), request === FIOCLEX);
    return 0;
  }
  if (request === FIONBIO) {
    const word = new Uint32Array(1);
    const status = kernel.userMemory.readWord32(task, a.unsigned(2), word, 0);
    if (status !== 0) return status;
    if (word[0] === 0) file.flags &= ~OpenFlag.nonBlocking;
    else file.flags |= OpenFlag.nonBlocking;
    return 0;
  }
  if (request === FIONREAD && file instanceof RegularFile) {
    const inode = file.attributes(kernel, task);
    if (typeof inode === 'number') return inode;
    const left = Math.max(0, inode.size - file.position);
    return kernel.userMemory.writeWord32(task, a.unsigned(2), Math.min(left, 0x7fff_ffff));
  }
  return file.ioctl(kernel, task, request, a.unsigned(2));
}

export const descriptorCalls: readonly SystemCallEntry[] = [
  row('close', 'none', 'fd:fd', close),
  row('close_range', 'none', 'first:uint last:uint flags:flags', closeRange),
  row('dup', 'none', 'fd:fd', dup),
  row('dup2', 'none', 'fd:fd new:fd', dup2),
  row('dup3', 'none', 'fd:fd new:fd flags:flags', dup3),
  row('fcntl', 'none', 'fd:fd command:int argument:pointer', fcntl),
  row('pipe', 'none', 'ends:pointer', (kernel, task, a) => makePipe(kernel, task, a.unsigned(0), 0)),
  row('pipe2', 'none', 'ends:pointer flags:flags', (kernel, task, a) =>
    makePipe(kernel, task, a.unsigned(0), a.uint(1)),
  ),
  row('ioctl', 'descriptor', 'fd:fd request:uint argument:pointer', ioctl),
  row('flock', 'descriptor', 'fd:fd operation:int', flock),
];
