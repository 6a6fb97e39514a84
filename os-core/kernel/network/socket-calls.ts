// System calls of datagram sockets (socket(7), ip(7), udp(7), icmp(7)): UDP, and ping sockets as Linux has them.
// Left out: TCP (EPROTONOSUPPORT), IPv6 and Unix sockets (EAFNOSUPPORT), raw sockets, ancillary data.

import { Capability } from '../../abi/capability.ts';
import { Errno } from '../../abi/errno.ts';
import { SystemCall } from '../../abi/system-call-numbers.ts';
import { DatagramSocket } from '../../euronet/index.ts';
import type { Kernel } from '../kernel.ts';
import type { Task } from '../process/task.ts';
import type { SystemCallArguments, SystemCallEntry } from '../syscalls/handler.ts';
import { FileTable } from '../vfs/file-table.ts';
import { NetworkService } from './service.ts';
import { AF_INET, AF_UNSPEC, readAddress, writeAddress } from './socket-address.ts';
import { MessageFlag, SocketFile } from './socket-file.ts';
import { gather, type MessageHeader, readMessageHeader, scatter, writeMessageResult } from './socket-message.ts';
import { getOption, setOption } from './socket-options.ts';

const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_TYPE_MASK = 15;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const IPPROTO_ICMP = 1;
const IPPROTO_UDP = 17;

/** The socket behind a descriptor, -EBADF or -ENOTSOCK. */
function socketOf(task: Task, descriptor: number): SocketFile | number {
  const file = task.process.files?.get(descriptor) ?? null;
  if (file === null) return -Errno.EBADF;
  return file instanceof SocketFile ? file : -Errno.ENOTSOCK;
}

function socket(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const family = a.int(0);
  const type = a.int(1) & SOCK_TYPE_MASK;
  const protocol = a.int(2);
  if (family !== AF_INET) return -Errno.EAFNOSUPPORT;
  if ((a.int(1) & ~(SOCK_TYPE_MASK | SOCK_NONBLOCK | SOCK_CLOEXEC)) !== 0) return -Errno.EINVAL;
  if (type === SOCK_STREAM) return -Errno.EPROTONOSUPPORT;
  if (type !== SOCK_DGRAM) return -Errno.ESOCKTNOSUPPORT;
  if (protocol !== 0 && protocol !== IPPROTO_UDP && protocol !== IPPROTO_ICMP) return -Errno.EPROTONOSUPPORT;
  const network = NetworkService.of(kernel);
  if (network === null) return -Errno.EAFNOSUPPORT;
  const files = task.process.files;
  if (!(files instanceof FileTable)) return -Errno.EMFILE;
  const datagramSocket = new DatagramSocket(protocol === IPPROTO_ICMP ? 'icmp' : 'udp');
  const file = new SocketFile(datagramSocket, network.queueOf(datagramSocket), a.int(1) & SOCK_NONBLOCK);
  const descriptor = files.install(file, task.process, (a.int(1) & SOCK_CLOEXEC) !== 0);
  if (descriptor < 0) network.close(kernel, datagramSocket);
  return descriptor;
}

function bind(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const file = socketOf(task, a.int(0));
  if (typeof file === 'number') return file;
  const network = NetworkService.of(kernel);
  if (network === null) return -Errno.ENETDOWN;
  const address = readAddress(kernel, task, a.unsigned(1), a.int(2));
  if (typeof address === 'number') return address;
  if (address.family !== AF_INET) return -Errno.EAFNOSUPPORT;
  if (file.socket.localPort !== 0) return -Errno.EINVAL;
  // Ports below 1024 are root's, as everywhere (ip(7)).
  if (file.socket.kind === 'udp' && address.port > 0 && address.port < 1024 && task.process.credentials.userId !== 0)
    return -Errno.EACCES;
  return network.stack.bind(file.socket, address.address, address.port);
}

function connect(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const file = socketOf(task, a.int(0));
  if (typeof file === 'number') return file;
  const network = NetworkService.of(kernel);
  if (network === null) return -Errno.ENETDOWN;
  const address = readAddress(kernel, task, a.unsigned(1), a.int(2));
  if (typeof address === 'number') return address;
  const { socket: target } = file;
  if (address.family === AF_UNSPEC) {
    target.connected = false;
    return 0;
  }
  if (address.family !== AF_INET) return -Errno.EAFNOSUPPORT;
  const { stack } = network;
  if (stack.port.isBroadcast(address.address) && !target.allowBroadcast) return -Errno.EACCES;
  if (stack.port.address === 0 && !stack.port.isLocal(address.address)) return -Errno.ENETUNREACH;
  const bound = stack.bind(target, target.localAddress, target.localPort);
  if (bound < 0) return bound;
  target.remoteAddress = address.address;
  target.remotePort = address.port;
  target.connected = true;
  return 0;
}

/** The destination of a send: the given address, or the connected peer. */
function destinationOf(
  kernel: Kernel,
  task: Task,
  file: SocketFile,
  at: number,
  length: number,
): { readonly address: number; readonly port: number } | number {
  const { socket: sender } = file;
  if (at === 0) {
    if (!sender.connected) return -Errno.EDESTADDRREQ;
    return { address: sender.remoteAddress, port: sender.remotePort };
  }
  const address = readAddress(kernel, task, at, length);
  if (typeof address === 'number') return address;
  // udp(7): AF_UNSPEC in a send stands for AF_INET.
  return address.family === AF_INET || address.family === AF_UNSPEC ? address : -Errno.EAFNOSUPPORT;
}

function sendto(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const file = socketOf(task, a.int(0));
  if (typeof file === 'number') return file;
  const destination = destinationOf(kernel, task, file, a.unsigned(4), a.int(5));
  if (typeof destination === 'number') return destination;
  return file.send(kernel, task, a.unsigned(1), a.unsigned(2), destination.address, destination.port);
}

function recvfrom(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const file = socketOf(task, a.int(0));
  if (typeof file === 'number') return file;
  const flags = a.int(3);
  const datagram = file.waitForDatagram(kernel, task, (flags & MessageFlag.dontWait) !== 0);
  if (typeof datagram === 'number') return datagram;
  const named = writeAddress(kernel, task, a.unsigned(4), a.unsigned(5), datagram.source, datagram.sourcePort);
  if (named !== 0) return named;
  const copied = file.deliver(kernel, task, datagram, a.unsigned(1), a.unsigned(2), (flags & MessageFlag.peek) !== 0);
  return copied >= 0 && (flags & MessageFlag.truncated) !== 0 ? datagram.data.length : copied;
}

function sendmsg(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const file = socketOf(task, a.int(0));
  if (typeof file === 'number') return file;
  const network = NetworkService.of(kernel);
  if (network === null) return -Errno.ENETDOWN;
  const header = readMessageHeader(kernel, task, a.unsigned(1));
  if (typeof header === 'number') return header;
  if (file.writeShut) return -Errno.EPIPE;
  const destination = destinationOf(kernel, task, file, header.nameAt, header.nameLength);
  if (typeof destination === 'number') return destination;
  const data = gather(kernel, task, header);
  if (typeof data === 'number') return data;
  return file.sendBytes(kernel, network, data, destination.address, destination.port);
}

function recvmsg(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const file = socketOf(task, a.int(0));
  if (typeof file === 'number') return file;
  const header: MessageHeader | number = readMessageHeader(kernel, task, a.unsigned(1));
  if (typeof header === 'number') return header;
  const flags = a.int(2);
  const datagram = file.waitForDatagram(kernel, task, (flags & MessageFlag.dontWait) !== 0);
  if (typeof datagram === 'number') return datagram;
  const copied = scatter(kernel, task, header, datagram.data);
  if (copied < 0) return copied;
  const truncated = copied < datagram.data.length;
  const written = writeMessageResult(kernel, task, header, datagram, truncated ? MessageFlag.truncated : 0);
  if (written !== 0) return written;
  if ((flags & MessageFlag.peek) === 0) file.socket.take();
  return truncated && (flags & MessageFlag.truncated) !== 0 ? datagram.data.length : copied;
}

function getsockname(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const file = socketOf(task, a.int(0));
  if (typeof file === 'number') return file;
  const { socket: own } = file;
  const address =
    own.localAddress !== 0 || !own.connected
      ? own.localAddress
      : (NetworkService.of(kernel)?.stack.sourceFor(own.remoteAddress, own) ?? 0);
  return writeAddress(kernel, task, a.unsigned(1), a.unsigned(2), address, own.localPort);
}

function getpeername(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const file = socketOf(task, a.int(0));
  if (typeof file === 'number') return file;
  if (!file.socket.connected) return -Errno.ENOTCONN;
  return writeAddress(kernel, task, a.unsigned(1), a.unsigned(2), file.socket.remoteAddress, file.socket.remotePort);
}

function shutdown(_kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const file = socketOf(task, a.int(0));
  if (typeof file === 'number') return file;
  const how = a.int(1);
  if (how < 0 || how > 2) return -Errno.EINVAL;
  if (!file.socket.connected) return -Errno.ENOTCONN;
  if (how !== 1) file.readShut = true;
  if (how !== 0) file.writeShut = true;
  file.readinessQueue.wakeAll();
  return 0;
}

function setsockopt(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const file = socketOf(task, a.int(0));
  return typeof file === 'number' ? file : setOption(kernel, task, file, a.int(1), a.int(2), a.unsigned(3), a.int(4));
}

function getsockopt(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const file = socketOf(task, a.int(0));
  return typeof file === 'number'
    ? file
    : getOption(kernel, task, file, a.int(1), a.int(2), a.unsigned(3), a.unsigned(4));
}

const { network } = Capability;
const address = [
  ['address', 'pointer'],
  ['length', 'pointer'],
] as const;

export const socketSystemCalls: readonly SystemCallEntry[] = [
  {
    number: SystemCall.socket,
    name: 'socket',
    capability: network,
    arguments: [
      ['family', 'int'],
      ['type', 'flags'],
      ['protocol', 'int'],
    ],
    handler: socket,
  },
  {
    number: SystemCall.bind,
    name: 'bind',
    capability: network,
    arguments: [
      ['fd', 'fd'],
      ['address', 'pointer'],
      ['length', 'int'],
    ],
    handler: bind,
  },
  {
    number: SystemCall.connect,
    name: 'connect',
    capability: network,
    arguments: [
      ['fd', 'fd'],
      ['address', 'pointer'],
      ['length', 'int'],
    ],
    handler: connect,
  },
  {
    number: SystemCall.sendto,
    name: 'sendto',
    capability: network,
    arguments: [
      ['fd', 'fd'],
      ['buffer', 'pointer'],
      ['count', 'size'],
      ['flags', 'flags'],
      ['address', 'pointer'],
      ['length', 'int'],
    ],
    handler: sendto,
  },
  {
    number: SystemCall.recvfrom,
    name: 'recvfrom',
    capability: network,
    arguments: [['fd', 'fd'], ['buffer', 'pointer'], ['count', 'size'], ['flags', 'flags'], ...address],
    handler: recvfrom,
  },
  {
    number: SystemCall.sendmsg,
    name: 'sendmsg',
    capability: network,
    arguments: [
      ['fd', 'fd'],
      ['message', 'pointer'],
      ['flags', 'flags'],
    ],
    handler: sendmsg,
  },
  {
    number: SystemCall.recvmsg,
    name: 'recvmsg',
    capability: network,
    arguments: [
      ['fd', 'fd'],
      ['message', 'pointer'],
      ['flags', 'flags'],
    ],
    handler: recvmsg,
  },
  {
    number: SystemCall.getsockname,
    name: 'getsockname',
    capability: network,
    arguments: [['fd', 'fd'], ...address],
    handler: getsockname,
  },
  {
    number: SystemCall.getpeername,
    name: 'getpeername',
    capability: network,
    arguments: [['fd', 'fd'], ...address],
    handler: getpeername,
  },
  {
    number: SystemCall.shutdown,
    name: 'shutdown',
    capability: network,
    arguments: [
      ['fd', 'fd'],
      ['how', 'int'],
    ],
    handler: shutdown,
  },
  {
    number: SystemCall.setsockopt,
    name: 'setsockopt',
    capability: network,
    arguments: [
      ['fd', 'fd'],
      ['level', 'int'],
      ['option', 'int'],
      ['value', 'pointer'],
      ['length', 'int'],
    ],
    handler: setsockopt,
  },
  {
    number: SystemCall.getsockopt,
    name: 'getsockopt',
    capability: network,
    arguments: [
      ['fd', 'fd'],
      ['level', 'int'],
      ['option', 'int'],
      ['value', 'pointer'],
      ['length', 'pointer'],
    ],
    handler: getsockopt,
  },
];
