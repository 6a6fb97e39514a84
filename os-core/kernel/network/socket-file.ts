// A datagram socket as an open file.

import { registerClass } from '../../../devices/base/object-graph.ts';
import { Capability } from '../../abi/capability.ts';
import { Errno } from '../../abi/errno.ts';
import { FileType, Inode } from '../../eurofs/items.ts';
import type { DatagramSocket, ReceivedDatagram } from '../../euronet/index.ts';
import type { Kernel } from '../kernel.ts';
import type { Task } from '../process/task.ts';
import { PENDING } from '../syscalls/handler.ts';
import { OpenFile, Poll } from '../vfs/open-file.ts';
import type { WaitQueue } from '../wait-queue.ts';
import { NetworkService } from './service.ts';

const O_NONBLOCK = 0o4000;
const O_RDWR = 2;
const FIONREAD = 0x541b;
/** recv(2) flags. */
export const MessageFlag = { peek: 2, truncated: 0x20, dontWait: 0x40 } as const;

/** Restart record of a receive with a time limit. */
class ReceiveWait {
  readonly deadlineNanos: number;
  constructor(deadlineNanos: number) {
    this.deadlineNanos = deadlineNanos;
  }
}
registerClass('network.ReceiveWait', 1, ReceiveWait);

export class SocketFile extends OpenFile {
  readonly capability = Capability.network;
  readonly socket: DatagramSocket;
  override readonly readinessQueue: WaitQueue;
  /** SO_RCVTIMEO in nanoseconds, 0 = none. */
  receiveTimeoutNanos = 0;
  /** shutdown(SHUT_RD), shutdown(SHUT_WR). */
  readShut = false;
  writeShut = false;

  constructor(socket: DatagramSocket, queue: WaitQueue, flags: number) {
    super();
    this.socket = socket;
    this.readinessQueue = queue;
    this.flags = O_RDWR | flags;
    this.path = 'socket:[datagram]';
  }

  override read(kernel: Kernel, task: Task, address: number, count: number, offset: number | null): number {
    if (offset !== null) return -Errno.ESPIPE;
    const datagram = this.waitForDatagram(kernel, task, false);
    return typeof datagram === 'number' ? datagram : this.deliver(kernel, task, datagram, address, count, false);
  }

  override write(kernel: Kernel, task: Task, address: number, count: number, offset: number | null): number {
    if (offset !== null) return -Errno.ESPIPE;
    const { socket } = this;
    if (!socket.connected) return -Errno.EDESTADDRREQ;
    return this.send(kernel, task, address, count, socket.remoteAddress, socket.remotePort);
  }

  /** The next datagram (left in the queue), 0 after shutdown, -errno, or PENDING. */
  waitForDatagram(kernel: Kernel, task: Task, dontWait: boolean): ReceivedDatagram | number {
    const error = this.socket.takeError();
    if (error !== 0) return -error;
    const datagram = this.socket.peek();
    if (datagram !== null) return datagram;
    if (this.readShut) return 0;
    if (dontWait || (this.flags & O_NONBLOCK) !== 0) return -Errno.EAGAIN;
    const now = kernel.nowNanos();
    let wait = task.progress instanceof ReceiveWait ? task.progress : null;
    if (wait === null) {
      wait = new ReceiveWait(this.receiveTimeoutNanos === 0 ? Infinity : now + this.receiveTimeoutNanos);
      task.progress = wait;
    }
    if (now >= wait.deadlineNanos) return -Errno.EAGAIN;
    if (task.signalPending) return -Errno.EINTR;
    task.waitOn(this.readinessQueue);
    task.waitUntil(kernel, wait.deadlineNanos);
    return PENDING;
  }

  /** Copies what fits; the rest of the datagram is lost, as UDP says. Count of bytes copied, -EFAULT or PENDING. */
  deliver(
    kernel: Kernel,
    task: Task,
    datagram: ReceivedDatagram,
    address: number,
    count: number,
    peek: boolean,
  ): number {
    const length = Math.min(count, datagram.data.length);
    const status = kernel.userMemory.copyOut(task, address, datagram.data, 0, length);
    if (status !== 0) return status;
    if (!peek) this.socket.take();
    return length;
  }

  /** One datagram of `count` bytes of user memory. Count, -errno or PENDING. */
  send(kernel: Kernel, task: Task, address: number, count: number, destination: number, port: number): number {
    const network = NetworkService.of(kernel);
    if (network === null) return -Errno.ENETDOWN;
    if (this.writeShut) return -Errno.EPIPE;
    if (count > 65535) return -Errno.EMSGSIZE;
    const error = this.socket.takeError();
    if (error !== 0) return -error;
    const data = new Uint8Array(count);
    const status = kernel.userMemory.copyIn(task, address, data);
    if (status !== 0) return status;
    return this.sendBytes(kernel, network, data, destination, port);
  }

  sendBytes(kernel: Kernel, network: NetworkService, data: Uint8Array, destination: number, port: number): number {
    const { socket } = this;
    const now = kernel.nowNanos();
    const result =
      socket.kind === 'udp'
        ? network.stack.sendUdp(socket, destination, port, data, now)
        : network.stack.sendEcho(socket, destination, data, now);
    network.afterwards(kernel);
    return result < 0 ? result : data.length;
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

  override attributes(): Inode {
    const inode = new Inode();
    inode.mode = FileType.socket | 0o777;
    inode.links = 1;
    return inode;
  }
}
registerClass('network.SocketFile', 1, SocketFile);
