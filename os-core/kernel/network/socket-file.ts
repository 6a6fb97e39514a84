// A datagram socket of AF_INET (ip(7), udp(7), icmp(7)): UDP, and ping sockets as Linux has them.
// Left out: TCP, raw sockets, ancillary data.

import { registerClass } from '../../../devices/base/object-graph.ts';
import { Capability } from '../../abi/capability.ts';
import { Errno } from '../../abi/errno.ts';
import { DatagramSocket, type ReceivedDatagram } from '../../euronet/index.ts';
import type { Kernel } from '../kernel.ts';
import type { Task } from '../process/task.ts';
import { Poll } from '../vfs/open-file.ts';
import type { WaitQueue } from '../wait-queue.ts';
import { NetworkService } from './service.ts';
import { MessageFlag, Socket, SocketType, socketWaitOf } from './socket.ts';
import { AF_INET, AF_UNSPEC, internetAddress, parseInternetAddress } from './socket-address.ts';
import type { IncomingMessage, OutgoingMessage } from './socket-message.ts';

const FIONREAD = 0x541b;
const IPPROTO_ICMP = 1;
const IPPROTO_UDP = 17;
const LARGEST_DATAGRAM = 65535;
const SOL_IP = 0;
const SOL_SOCKET = 1;
const IP_TTL = 2;
const SO_BROADCAST = 6;

export class SocketFile extends Socket {
  override readonly capability = Capability.network;
  readonly socket: DatagramSocket;
  override readonly readinessQueue: WaitQueue;
  override readonly family = AF_INET;
  override readonly type = SocketType.datagram;
  /** shutdown(SHUT_RD), shutdown(SHUT_WR). */
  private readShut = false;
  private writeShut = false;

  constructor(socket: DatagramSocket, queue: WaitQueue, flags: number) {
    super(flags);
    this.socket = socket;
    this.readinessQueue = queue;
    this.path = 'socket:[datagram]';
  }
  override get protocol(): number {
    return this.socket.kind === 'udp' ? IPPROTO_UDP : IPPROTO_ICMP;
  }

  override bind(kernel: Kernel, task: Task, bytes: Uint8Array): number {
    const network = NetworkService.of(kernel);
    if (network === null) return -Errno.ENETDOWN;
    const address = parseInternetAddress(bytes);
    if (typeof address === 'number') return address;
    if (address.family !== AF_INET) return -Errno.EAFNOSUPPORT;
    if (this.socket.localPort !== 0) return -Errno.EINVAL;
    // Ports below 1024 are root's, as everywhere (ip(7)).
    const isLow = address.port > 0 && address.port < 1024;
    if (this.socket.kind === 'udp' && isLow && task.process.credentials.userId !== 0) return -Errno.EACCES;
    return network.stack.bind(this.socket, address.address, address.port);
  }

  override connect(kernel: Kernel, _task: Task, bytes: Uint8Array): number {
    const network = NetworkService.of(kernel);
    if (network === null) return -Errno.ENETDOWN;
    const address = parseInternetAddress(bytes);
    if (typeof address === 'number') return address;
    const { socket } = this;
    if (address.family === AF_UNSPEC) {
      socket.connected = false;
      return 0;
    }
    if (address.family !== AF_INET) return -Errno.EAFNOSUPPORT;
    const { stack } = network;
    if (stack.port.isBroadcast(address.address) && !socket.allowBroadcast) return -Errno.EACCES;
    if (stack.port.address === 0 && !stack.port.isLocal(address.address)) return -Errno.ENETUNREACH;
    const bound = stack.bind(socket, socket.localAddress, socket.localPort);
    if (bound < 0) return bound;
    socket.remoteAddress = address.address;
    socket.remotePort = address.port;
    socket.connected = true;
    return 0;
  }

  /** The destination of a send: the given address, or the connected peer. */
  private destinationOf(name: Uint8Array | null): { readonly address: number; readonly port: number } | number {
    const { socket } = this;
    if (name === null) {
      if (!socket.connected) return -Errno.EDESTADDRREQ;
      return { address: socket.remoteAddress, port: socket.remotePort };
    }
    const address = parseInternetAddress(name);
    if (typeof address === 'number') return address;
    // udp(7): AF_UNSPEC in a send stands for AF_INET.
    return address.family === AF_INET || address.family === AF_UNSPEC ? address : -Errno.EAFNOSUPPORT;
  }

  override send(kernel: Kernel, task: Task, { parts, name }: OutgoingMessage): number {
    const network = NetworkService.of(kernel);
    if (network === null) return -Errno.ENETDOWN;
    if (this.writeShut) return -Errno.EPIPE;
    const destination = this.destinationOf(name);
    if (typeof destination === 'number') return destination;
    if (parts.total > LARGEST_DATAGRAM) return -Errno.EMSGSIZE;
    const error = this.socket.takeError();
    if (error !== 0) return -error;
    const data = new Uint8Array(parts.total);
    const status = parts.copyIn(kernel, task, 0, data);
    if (status !== 0) return status;
    const { socket } = this;
    const now = kernel.nowNanos();
    const result =
      socket.kind === 'udp'
        ? network.stack.sendUdp(socket, destination.address, destination.port, data, now)
        : network.stack.sendEcho(socket, destination.address, data, now);
    network.afterwards(kernel);
    return result < 0 ? result : data.length;
  }

  /** Copies what fits; the rest of the datagram is lost, as UDP says. */
  override receive(kernel: Kernel, task: Task, message: IncomingMessage): number {
    const datagram = this.nextDatagram(kernel, task, message.flags);
    if (typeof datagram === 'number') return datagram;
    const length = Math.min(message.parts.total, datagram.data.length);
    const status = message.parts.copyOut(kernel, task, 0, datagram.data.subarray(0, length));
    if (status !== 0) return status;
    if ((message.flags & MessageFlag.peek) === 0) this.socket.take();
    message.name = internetAddress(datagram.source, datagram.sourcePort);
    if (length < datagram.data.length) message.resultFlags |= MessageFlag.truncated;
    return (message.flags & MessageFlag.truncated) !== 0 ? datagram.data.length : length;
  }

  /** The next datagram (left in the queue), 0 after shutdown, -errno, or PENDING. */
  private nextDatagram(kernel: Kernel, task: Task, flags: number): ReceivedDatagram | number {
    const error = this.socket.takeError();
    if (error !== 0) return -error;
    const datagram = this.socket.peek();
    if (datagram !== null) return datagram;
    if (this.readShut) return 0;
    const wait = socketWaitOf(kernel, task, this.receiveTimeoutNanos);
    return this.sleep(kernel, task, this.readinessQueue, wait, flags);
  }

  override shutdown(_kernel: Kernel, how: number): number {
    if (!this.socket.connected) return -Errno.ENOTCONN;
    if (how !== 1) this.readShut = true;
    if (how !== 0) this.writeShut = true;
    this.readinessQueue.wakeAll();
    return 0;
  }
  override localAddress(kernel: Kernel): Uint8Array {
    const { socket } = this;
    const address =
      socket.localAddress !== 0 || !socket.connected
        ? socket.localAddress
        : (NetworkService.of(kernel)?.stack.sourceFor(socket.remoteAddress, socket) ?? 0);
    return internetAddress(address, socket.localPort);
  }
  override remoteAddress(): Uint8Array | number {
    const { socket } = this;
    return socket.connected ? internetAddress(socket.remoteAddress, socket.remotePort) : -Errno.ENOTCONN;
  }

  override get pendingError(): number {
    return this.socket.pendingError;
  }
  override takeError(): number {
    return this.socket.takeError();
  }
  override setOwnOption(level: number, option: number, value: number): number {
    if (level === SOL_IP && option === IP_TTL) {
      if (value !== -1 && (value < 1 || value > 255)) return -Errno.EINVAL;
      this.socket.ttl = value === -1 ? 64 : value;
      return 0;
    }
    if (level !== SOL_SOCKET || option !== SO_BROADCAST) return -Errno.ENOPROTOOPT;
    this.socket.allowBroadcast = value !== 0;
    return 0;
  }
  override ownOption(level: number, option: number): number | null {
    if (level === SOL_IP && option === IP_TTL) return this.socket.ttl;
    if (level === SOL_SOCKET && option === SO_BROADCAST) return this.socket.allowBroadcast ? 1 : 0;
    return null;
  }

  override ioctl(kernel: Kernel, task: Task, request: number, argument: number): number {
    if (request !== FIONREAD) return -Errno.ENOTTY;
    return kernel.userMemory.writeWord32(task, argument, this.socket.peek()?.data.length ?? 0);
  }
  override readiness(): number {
    const waiting = this.socket.peek() !== null || this.readShut;
    return (waiting ? Poll.in : 0) | Poll.out | (this.socket.pendingError !== 0 ? Poll.error : 0);
  }
  override closed(kernel: Kernel): void {
    NetworkService.of(kernel)?.close(kernel, this.socket);
  }
}
registerClass('network.SocketFile', 2, SocketFile);

/** socket(AF_INET, …): the description (not yet in a table), or -errno. */
export function makeInternetSocket(kernel: Kernel, type: number, protocol: number, flags: number): SocketFile | number {
  if (type === SocketType.stream) return -Errno.EPROTONOSUPPORT;
  if (type !== SocketType.datagram) return -Errno.ESOCKTNOSUPPORT;
  if (protocol !== 0 && protocol !== IPPROTO_UDP && protocol !== IPPROTO_ICMP) return -Errno.EPROTONOSUPPORT;
  const network = NetworkService.of(kernel);
  if (network === null) return -Errno.EAFNOSUPPORT;
  const socket = new DatagramSocket(protocol === IPPROTO_ICMP ? 'icmp' : 'udp');
  return new SocketFile(socket, network.queueOf(socket), flags);
}
