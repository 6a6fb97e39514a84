// System calls of sockets (socket(7)), for all families: descriptors, addresses and messages in, the socket's own work, results out.
// Left out: IPv6 and others (EAFNOSUPPORT).

import { Capability } from '../../abi/capability.ts';
import { Errno } from '../../abi/errno.ts';
import type { Kernel } from '../kernel.ts';
import type { Task } from '../process/task.ts';
import { requireCapability } from '../syscalls/dispatch.ts';
import { PENDING, type SystemCallArguments, type SystemCallEntry } from '../syscalls/handler.ts';
import { OpenFlag } from '../vfs/regular-file.ts';
import { fileOf, filesOf, installFile, RecordWriter, row } from '../vfs/system-calls/support.ts';
import { MessageFlag, Socket } from './socket.ts';
import { AF_INET, AF_UNIX, addressRoom, readAddress, writeAddress } from './socket-address.ts';
import { makeInternetSocket } from './socket-file.ts';
import {
  type IncomingMessage,
  PartList,
  prepareResult,
  readControl,
  readMessageHeader,
  writeResult,
} from './socket-message.ts';
import { getOption, setOption } from './socket-options.ts';
import { UnixSocket } from './unix/unix-socket.ts';

const SOCK_TYPE_MASK = 15;
/** The values of O_NONBLOCK and O_CLOEXEC. */
const CREATION_FLAGS = OpenFlag.nonBlocking | OpenFlag.closeOnExec;
const MOST_TRANSFER_BYTES = 0x7fff_f000;

/** The socket behind a descriptor; -EBADF, -ENOTSOCK, -EPERM. */
function socketOf(kernel: Kernel, task: Task, descriptor: number): Socket | number {
  const file = fileOf(kernel, task, descriptor);
  return typeof file === 'number' || file instanceof Socket ? file : -Errno.ENOTSOCK;
}

/** A type argument: SOCK_STREAM … with flags beside it. */
const typeOf = (argument: number): number => argument & SOCK_TYPE_MASK;
const flagsOf = (argument: number): number => argument & ~SOCK_TYPE_MASK;

function makeSocket(kernel: Kernel, task: Task, family: number, argument: number, protocol: number): Socket | number {
  if ((flagsOf(argument) & ~CREATION_FLAGS) !== 0) return -Errno.EINVAL;
  const flags = argument & OpenFlag.nonBlocking;
  if (family === AF_UNIX) {
    if (protocol !== 0 && protocol !== AF_UNIX) return -Errno.EPROTONOSUPPORT;
    return UnixSocket.make(kernel, typeOf(argument), flags);
  }
  if (family !== AF_INET) return -Errno.EAFNOSUPPORT;
  // What stays within the machine needs no right; the network does.
  const denied = requireCapability(kernel, task, Capability.network, 'socket');
  return denied !== 0 ? denied : makeInternetSocket(kernel, typeOf(argument), protocol, flags);
}

function socket(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const made = makeSocket(kernel, task, a.int(0), a.int(1), a.int(2));
  if (typeof made === 'number') return made;
  return installFile(kernel, task, made, (a.int(1) & OpenFlag.closeOnExec) !== 0);
}

function socketpair(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  if (a.int(0) !== AF_UNIX) return a.int(0) === AF_INET ? -Errno.EOPNOTSUPP : -Errno.EAFNOSUPPORT;
  const ready = kernel.userMemory.prepare(task, a.unsigned(3), 8, true);
  if (ready !== 0) return ready;
  const first = makeSocket(kernel, task, AF_UNIX, a.int(1), a.int(2));
  if (typeof first === 'number') return first;
  const second = makeSocket(kernel, task, AF_UNIX, a.int(1), a.int(2));
  if (typeof second === 'number') return second;
  UnixSocket.pair(task, first as UnixSocket, second as UnixSocket);
  const closeOnExec = (a.int(1) & OpenFlag.closeOnExec) !== 0;
  const one = installFile(kernel, task, first, closeOnExec);
  const other = installFile(kernel, task, second, closeOnExec);
  if (other < 0) {
    if (one >= 0) filesOf(task).close(kernel, one);
    return other;
  }
  const record = new RecordWriter(8);
  record.u32(0, one);
  record.u32(4, other);
  return kernel.userMemory.copyOut(task, a.unsigned(3), record.bytes);
}

/** bind and connect: an address in, one method of the socket. */
function withAddress(method: 'bind' | 'connect') {
  return (kernel: Kernel, task: Task, a: SystemCallArguments): number => {
    const file = socketOf(kernel, task, a.int(0));
    if (typeof file === 'number') return file;
    const address = readAddress(kernel, task, a.unsigned(1), a.int(2));
    return typeof address === 'number' ? address : file[method](kernel, task, address);
  };
}

function listen(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const file = socketOf(kernel, task, a.int(0));
  return typeof file === 'number' ? file : file.listen(kernel, task, a.int(1));
}

function accept(kernel: Kernel, task: Task, a: SystemCallArguments, flags: number): number {
  if ((flags & ~CREATION_FLAGS) !== 0) return -Errno.EINVAL;
  const file = socketOf(kernel, task, a.int(0));
  if (typeof file === 'number') return file;
  const room = addressRoom(kernel, task, a.unsigned(1), a.unsigned(2));
  if (typeof room === 'object') return room.error;
  if (filesOf(task).isFull(task.process)) return -Errno.EMFILE;
  const accepted = file.accept(kernel, task, flags & OpenFlag.nonBlocking);
  if (typeof accepted === 'number') return accepted;
  const descriptor = installFile(kernel, task, accepted, (flags & OpenFlag.closeOnExec) !== 0);
  const name = accepted.remoteAddress(kernel);
  if (typeof name !== 'number') writeAddress(kernel, task, a.unsigned(1), a.unsigned(2), name);
  return descriptor;
}

function sendto(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const file = socketOf(kernel, task, a.int(0));
  if (typeof file === 'number') return file;
  const name = a.unsigned(4) === 0 ? null : readAddress(kernel, task, a.unsigned(4), a.int(5));
  if (typeof name === 'number') return name;
  const parts = new PartList([{ address: a.unsigned(1), length: Math.min(a.unsigned(2), MOST_TRANSFER_BYTES) }]);
  return file.send(kernel, task, { parts, name, control: new Uint8Array(0), flags: a.int(3) });
}

function recvfrom(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const file = socketOf(kernel, task, a.int(0));
  if (typeof file === 'number') return file;
  const room = addressRoom(kernel, task, a.unsigned(4), a.unsigned(5));
  if (typeof room === 'object') return room.error;
  const parts = new PartList([{ address: a.unsigned(1), length: Math.min(a.unsigned(2), MOST_TRANSFER_BYTES) }]);
  const message: IncomingMessage = {
    parts,
    flags: a.int(3),
    controlRoom: 0,
    name: null,
    control: null,
    resultFlags: 0,
  };
  const count = file.receive(kernel, task, message);
  if (count < 0) return count;
  const named = writeAddress(kernel, task, a.unsigned(4), a.unsigned(5), message.name ?? new Uint8Array(0));
  return named !== 0 ? named : count;
}

function sendMessage(kernel: Kernel, task: Task, file: Socket, at: number, flags: number): number {
  const header = readMessageHeader(kernel, task, at);
  if (typeof header === 'number') return header;
  const { parts, nameAt, nameLength } = header;
  const name = nameAt === 0 || nameLength === 0 ? null : readAddress(kernel, task, nameAt, nameLength);
  if (typeof name === 'number') return name;
  const control = readControl(kernel, task, header);
  return typeof control === 'number' ? control : file.send(kernel, task, { parts, name, control, flags });
}

function receiveMessage(kernel: Kernel, task: Task, file: Socket, at: number, flags: number): number {
  const header = readMessageHeader(kernel, task, at);
  if (typeof header === 'number') return header;
  const ready = prepareResult(kernel, task, header);
  if (ready !== 0) return ready;
  const message: IncomingMessage = {
    parts: header.parts,
    flags,
    controlRoom: header.controlLength,
    name: null,
    control: null,
    resultFlags: 0,
  };
  const count = file.receive(kernel, task, message);
  if (count < 0) return count;
  const written = writeResult(kernel, task, header, message);
  return written !== 0 ? written : count;
}

function sendmsg(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const file = socketOf(kernel, task, a.int(0));
  return typeof file === 'number' ? file : sendMessage(kernel, task, file, a.unsigned(1), a.int(2));
}
function recvmsg(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const file = socketOf(kernel, task, a.int(0));
  return typeof file === 'number' ? file : receiveMessage(kernel, task, file, a.unsigned(1), a.int(2));
}

/** struct mmsghdr: msghdr and the count of bytes, 64 bytes. */
const MESSAGE_BYTES = 64;
const COUNT_AT = 56;
const MOST_MESSAGES = 1024;

/** sendmmsg and recvmmsg: the first message may wait, later ones end the call when they would. */
function several(kernel: Kernel, task: Task, a: SystemCallArguments, sending: boolean): number {
  const file = socketOf(kernel, task, a.int(0));
  if (typeof file === 'number') return file;
  const most = Math.min(a.uint(2), MOST_MESSAGES);
  let flags = a.int(3) & ~MessageFlag.waitForOne;
  for (let i = 0; i < most; i++) {
    const at = a.unsigned(1) + i * MESSAGE_BYTES;
    const ready = kernel.userMemory.prepare(task, at, MESSAGE_BYTES, true);
    const result =
      ready !== 0
        ? ready
        : sending
          ? sendMessage(kernel, task, file, at, flags)
          : receiveMessage(kernel, task, file, at, flags);
    if (result === PENDING && i === 0) return PENDING;
    if (result < 0) return i === 0 ? result : i;
    kernel.userMemory.writeWord32(task, at + COUNT_AT, result);
    task.progress = null;
    flags |= MessageFlag.dontWait;
  }
  return most;
}

function shutdown(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const file = socketOf(kernel, task, a.int(0));
  if (typeof file === 'number') return file;
  const how = a.int(1);
  return how < 0 || how > 2 ? -Errno.EINVAL : file.shutdown(kernel, how);
}

function name(method: 'localAddress' | 'remoteAddress') {
  return (kernel: Kernel, task: Task, a: SystemCallArguments): number => {
    const file = socketOf(kernel, task, a.int(0));
    if (typeof file === 'number') return file;
    const address = file[method](kernel);
    if (typeof address === 'number') return address;
    if (a.unsigned(1) === 0) return -Errno.EFAULT;
    return writeAddress(kernel, task, a.unsigned(1), a.unsigned(2), address);
  };
}

function setsockopt(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const file = socketOf(kernel, task, a.int(0));
  return typeof file === 'number' ? file : setOption(kernel, task, file, a.int(1), a.int(2), a.unsigned(3), a.int(4));
}
function getsockopt(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const file = socketOf(kernel, task, a.int(0));
  return typeof file === 'number'
    ? file
    : getOption(kernel, task, file, a.int(1), a.int(2), a.unsigned(3), a.unsigned(4));
}

/** The network itself needs its right (makeSocket); a socket that a process holds says what I/O on it needs. */
export const socketSystemCalls: readonly SystemCallEntry[] = [
  row('socket', 'descriptor', 'family:int type:flags protocol:int', socket),
  row('socketpair', 'none', 'family:int type:flags protocol:int ends:pointer', socketpair),
  row('bind', 'descriptor', 'fd:fd address:pointer length:int', withAddress('bind')),
  row('connect', 'descriptor', 'fd:fd address:pointer length:int', withAddress('connect')),
  row('listen', 'descriptor', 'fd:fd backlog:int', listen),
  row('accept', 'descriptor', 'fd:fd address:pointer length:pointer', (kernel, task, a) => accept(kernel, task, a, 0)),
  row('accept4', 'descriptor', 'fd:fd address:pointer length:pointer flags:flags', (kernel, task, a) =>
    accept(kernel, task, a, a.int(3)),
  ),
  row('sendto', 'descriptor', 'fd:fd buffer:pointer count:size flags:flags address:pointer length:int', sendto),
  row('recvfrom', 'descriptor', 'fd:fd buffer:pointer count:size flags:flags address:pointer length:pointer', recvfrom),
  row('sendmsg', 'descriptor', 'fd:fd message:pointer flags:flags', sendmsg),
  row('recvmsg', 'descriptor', 'fd:fd message:pointer flags:flags', recvmsg),
  row('sendmmsg', 'descriptor', 'fd:fd messages:pointer count:uint flags:flags', (kernel, task, a) =>
    several(kernel, task, a, true),
  ),
  row('recvmmsg', 'descriptor', 'fd:fd messages:pointer count:uint flags:flags timeout:pointer', (kernel, task, a) =>
    several(kernel, task, a, false),
  ),
  row('getsockname', 'descriptor', 'fd:fd address:pointer length:pointer', name('localAddress')),
  row('getpeername', 'descriptor', 'fd:fd address:pointer length:pointer', name('remoteAddress')),
  row('shutdown', 'descriptor', 'fd:fd how:int', shutdown),
  row('setsockopt', 'descriptor', 'fd:fd level:int option:int value:pointer length:int', setsockopt),
  row('getsockopt', 'descriptor', 'fd:fd level:int option:int value:pointer length:pointer', getsockopt),
];
