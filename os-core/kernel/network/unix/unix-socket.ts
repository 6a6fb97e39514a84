// AF_UNIX sockets (unix(7)): streams, datagrams and sequenced packets between processes of this machine.
//
//   send ──► peer's queue of messages ──► receive         stream: neighbouring messages of one sender run together
//                │ room < what is sent: wait on roomQueue
//   connect ──► listener's accept queue (a socket made at once, connected already) ──► accept
//
// States:  fresh ─ listen ─► listening       fresh ─ connect, socketpair ─► connected ─ close of the peer ─► shut both ways
// Invariants: `peer` of a connected stream or packet socket names this one as its peer; a closed socket is nobody's peer.

import { registerClass } from '../../../../devices/base/object-graph.ts';
import { Errno } from '../../../abi/errno.ts';
import { Signal } from '../../../abi/signal.ts';
import type { Kernel } from '../../kernel.ts';
import { informationFrom, sendSignal } from '../../process/signals.ts';
import type { Task } from '../../process/task.ts';
import { PENDING } from '../../syscalls/handler.ts';
import { Poll } from '../../vfs/open-file.ts';
import type { Place } from '../../vfs/vfs.ts';
import { WaitQueue } from '../../wait-queue.ts';
import { MessageFlag, Socket, SocketType, socketWaitOf } from '../socket.ts';
import { AF_UNIX, AF_UNSPEC, familyOf } from '../socket-address.ts';
import type { IncomingMessage, OutgoingMessage } from '../socket-message.ts';
import { collectGarbage, deliverAttachment, discardRights, holdRights, readAttachment } from './rights.ts';
import {
  Attachment,
  credentialBytes,
  credentialsOf,
  type PeerCredentials,
  STREAM_PIECE,
  sameSender,
  UnixMessage,
} from './unix-message.ts';
import { checkAddress, findBound, makeName, UNNAMED, UnixSockets } from './unix-names.ts';

/** net.core.wmem_default: bytes on their way to one socket. */
const BUFFER_BYTES = 212_992;
/** What a message costs besides its bytes (Linux counts the size of its own record too). */
const MESSAGE_COST = 512;
/** net.unix.max_dgram_qlen: datagrams of others that wait in one queue. */
const MOST_DATAGRAMS = 11;
/** In all queues together (ENOBUFS beyond), and connections of all listeners: programs come and go, what they sent stays. */
const MOST_QUEUED_BYTES = 64 * 1024 * 1024;
const MOST_CONNECTIONS_WAITING = 16_384;
/** net.core.somaxconn */
const MOST_WAITING = 4096;
const SOL_SOCKET = 1;
const SO_PASSCRED = 16;
const SO_PEERCRED = 17;
const SO_ACCEPTCONN = 30;
const FIONREAD = 0x541b;
const TIOCOUTQ = 0x5411;
const UNKNOWN_PEER: PeerCredentials = { process: 0, user: -1, group: -1 };

export class UnixSocket extends Socket {
  /** Whoever holds one may use it; names in file systems take the right to files. */
  override readonly capability = 0;
  override readonly readinessQueue = new WaitQueue();
  /** Who waits for room in this socket's queue, or in its accept queue. */
  private readonly roomQueue = new WaitQueue();
  override readonly family = AF_UNIX;
  override readonly protocol = 0;
  override readonly type: number;
  private state: 'fresh' | 'listening' | 'connected' = 'fresh';
  private peer: UnixSocket | null = null;
  /** A datagram socket's peer was closed: told once. */
  private lostPeer = false;
  /** Datagram sockets whose peer this one is: they are told about room, and when it is closed. */
  private readonly senders = new Set<UnixSocket>();
  private name = Uint8Array.from(UNNAMED);
  private key = '';
  private boundPlace: Place | null = null;
  private readonly queue: UnixMessage[] = [];
  private queuedBytes = 0;
  private readonly waiting: UnixSocket[] = [];
  private backlog = 0;
  private readShut = false;
  private writeShut = false;
  private error = 0;
  private passCredentials = false;
  /** Who made the socket's connection possible: at connect, listen, socketpair. */
  private ownCredentials: PeerCredentials = UNKNOWN_PEER;
  private peerCredentials: PeerCredentials = UNKNOWN_PEER;

  private readonly sockets: UnixSockets;

  constructor(type: number, sockets: UnixSockets, flags: number) {
    super(flags);
    this.type = type;
    this.sockets = sockets;
    this.path = `socket:[${sockets.nextNumber()}]`;
  }
  static make(kernel: Kernel, type: number, flags: number): UnixSocket | number {
    const known = type === SocketType.stream || type === SocketType.datagram || type === SocketType.sequenced;
    return known ? new UnixSocket(type, UnixSockets.of(kernel), flags) : -Errno.ESOCKTNOSUPPORT;
  }
  static pair(task: Task, one: UnixSocket, other: UnixSocket): void {
    one.join(other, credentialsOf(task), credentialsOf(task));
  }
  /** Connects two sockets; each gets the other's credentials. */
  private join(other: UnixSocket, own: PeerCredentials, others: PeerCredentials): void {
    this.state = 'connected';
    other.state = 'connected';
    this.peer = other;
    other.peer = this;
    this.peerCredentials = others;
    other.peerCredentials = own;
    // One of them may part from the other and still be its peer.
    if (!this.isDatagram) return;
    this.senders.add(other);
    other.senders.add(this);
  }
  private get isDatagram(): boolean {
    return this.type === SocketType.datagram;
  }
  private get isStream(): boolean {
    return this.type === SocketType.stream;
  }

  override bind(kernel: Kernel, task: Task, address: Uint8Array): number {
    const invalid = checkAddress(address, true);
    if (invalid !== 0) return invalid;
    if (this.key !== '') return address.length === UNNAMED.length ? 0 : -Errno.EINVAL;
    const bound = makeName(kernel, task, this.type, address);
    if (typeof bound === 'number') return bound;
    this.name = Uint8Array.from(bound.name);
    this.key = bound.key;
    this.boundPlace = bound.place;
    this.sockets.bound.set(bound.key, this);
    return 0;
  }

  override listen(_kernel: Kernel, task: Task, backlog: number): number {
    if (this.isDatagram) return -Errno.EOPNOTSUPP;
    if (this.key === '' || this.state === 'connected') return -Errno.EINVAL;
    this.state = 'listening';
    this.backlog = Math.min(backlog >>> 0, MOST_WAITING);
    this.ownCredentials = credentialsOf(task);
    this.roomQueue.wakeAll();
    return 0;
  }

  override connect(kernel: Kernel, task: Task, address: Uint8Array): number {
    if (this.isDatagram && familyOf(address) === AF_UNSPEC) {
      this.leavePeer();
      return 0;
    }
    const target = findBound(kernel, task, this.type, address);
    if (typeof target === 'number') return target;
    if (this.isDatagram) {
      if (!target.takesFrom(this)) return -Errno.EPERM;
      this.leavePeer();
      this.peer = target;
      this.state = 'connected';
      target.senders.add(this);
      this.readinessQueue.wakeAll(Poll.out);
      return 0;
    }
    if (target.state !== 'listening') return -Errno.ECONNREFUSED;
    if (target.waiting.length > target.backlog)
      return this.sleep(kernel, task, target.roomQueue, socketWaitOf(kernel, task, this.sendTimeoutNanos), 0);
    if (this.state !== 'fresh') return this.state === 'connected' ? -Errno.EISCONN : -Errno.EINVAL;
    if (this.sockets.waitingConnections >= MOST_CONNECTIONS_WAITING) return -Errno.EAGAIN;
    this.sockets.waitingConnections++;
    const accepted = new UnixSocket(this.type, this.sockets, 0);
    accepted.name = target.name;
    accepted.passCredentials = target.passCredentials;
    this.join(accepted, credentialsOf(task), target.ownCredentials);
    target.waiting.push(accepted);
    target.readinessQueue.wakeAll(Poll.in);
    this.readinessQueue.wakeAll(Poll.out);
    return 0;
  }

  override accept(kernel: Kernel, task: Task, flags: number): Socket | number {
    if (this.isDatagram) return -Errno.EOPNOTSUPP;
    if (this.state !== 'listening') return -Errno.EINVAL;
    const accepted = this.waiting.shift();
    if (accepted === undefined)
      return this.sleep(kernel, task, this.readinessQueue, socketWaitOf(kernel, task, this.receiveTimeoutNanos), 0);
    this.sockets.waitingConnections--;
    this.roomQueue.wakeAll();
    accepted.flags |= flags;
    return accepted;
  }

  /** May `sender` put datagrams here? A socket that is connected itself takes those of its peer only. */
  private takesFrom(sender: UnixSocket): boolean {
    return this.peer === null || this.peer === sender;
  }
  private get room(): number {
    return BUFFER_BYTES - this.queuedBytes;
  }
  /** Room for a datagram of so many bytes. */
  private hasRoomFor(sender: UnixSocket, length: number): boolean {
    if (this.peer !== sender && this.queue.length >= MOST_DATAGRAMS) return false;
    return this.queue.length === 0 || length + MESSAGE_COST <= this.room;
  }

  override send(kernel: Kernel, task: Task, message: OutgoingMessage): number {
    if ((message.flags & MessageFlag.outOfBand) !== 0) return -Errno.EOPNOTSUPP;
    if (this.sockets.queuedBytes > MOST_QUEUED_BYTES) return -Errno.ENOBUFS;
    const attachment = readAttachment(kernel, task, message.control);
    if (typeof attachment === 'number') return attachment;
    return this.isStream
      ? this.sendStream(kernel, task, message, attachment)
      : this.sendPacket(kernel, task, message, attachment);
  }

  private broken(kernel: Kernel, task: Task, flags: number): number {
    if ((flags & MessageFlag.noSignal) === 0)
      sendSignal(kernel, task.process, informationFrom(task, Signal.SIGPIPE), task);
    return -Errno.EPIPE;
  }

  private sendStream(kernel: Kernel, task: Task, message: OutgoingMessage, attachment: Attachment): number {
    const { parts, flags } = message;
    if (message.name !== null) return this.state === 'connected' ? -Errno.EISCONN : -Errno.EOPNOTSUPP;
    if (this.state !== 'connected') return -Errno.ENOTCONN;
    const wait = socketWaitOf(kernel, task, this.sendTimeoutNanos);
    for (;;) {
      const { peer } = this;
      if (this.writeShut || peer === null || peer.readShut)
        return wait.done > 0 ? wait.done : this.broken(kernel, task, flags);
      if (wait.done === parts.total) return wait.done;
      // The first piece takes what is sent along.
      const sent = wait.done === 0 ? attachment : new Attachment(attachment.credentials, []);
      const room = peer.room - MESSAGE_COST;
      if (room <= 0) {
        const status = this.sleep(kernel, task, peer.roomQueue, wait, flags);
        return status === PENDING || wait.done === 0 ? status : wait.done;
      }
      const bytes = new Uint8Array(Math.min(parts.total - wait.done, room, STREAM_PIECE));
      const status = parts.copyIn(kernel, task, wait.done, bytes);
      if (status !== 0) return status === PENDING || wait.done === 0 ? status : wait.done;
      wait.done += bytes.length;
      peer.enqueue(kernel, bytes, this.name, sent);
    }
  }

  private sendPacket(kernel: Kernel, task: Task, message: OutgoingMessage, attachment: Attachment): number {
    const { parts, flags } = message;
    let target = this.peer;
    if (message.name !== null && this.isDatagram) {
      const found = findBound(kernel, task, this.type, message.name);
      if (typeof found === 'number') return found;
      target = found;
    } else if (message.name !== null) {
      return this.state === 'connected' ? -Errno.EISCONN : -Errno.EOPNOTSUPP;
    }
    if (parts.total > BUFFER_BYTES - 32) return -Errno.EMSGSIZE;
    if (target === null) {
      if (this.lostPeer) {
        this.lostPeer = false;
        return -Errno.ECONNREFUSED;
      }
      if (this.state !== 'connected' || this.isDatagram) return -Errno.ENOTCONN;
      return this.broken(kernel, task, flags);
    }
    if (this.writeShut) return this.broken(kernel, task, flags);
    if (!target.takesFrom(this)) return -Errno.EPERM;
    if (target.readShut) return this.broken(kernel, task, flags);
    if (!target.hasRoomFor(this, parts.total))
      return this.sleep(kernel, task, target.roomQueue, socketWaitOf(kernel, task, this.sendTimeoutNanos), flags);
    const bytes = new Uint8Array(parts.total);
    const status = parts.copyIn(kernel, task, 0, bytes);
    if (status !== 0) return status;
    target.enqueue(kernel, bytes, this.name, attachment);
    return bytes.length;
  }

  private enqueue(kernel: Kernel, bytes: Uint8Array, name: Uint8Array, attachment: Attachment): void {
    holdRights(kernel, attachment);
    const last = this.queue[this.queue.length - 1];
    if (this.isStream && last?.append(bytes, attachment) === true) {
      this.addQueued(bytes.length);
    } else {
      this.queue.push(new UnixMessage(bytes, name, attachment));
      this.addQueued(bytes.length + MESSAGE_COST);
    }
    this.readinessQueue.wakeAll(Poll.in);
  }
  /** Bytes of the first message were received, and with them what was sent along. */
  private consume(message: UnixMessage, bytes: number): void {
    message.taken += bytes;
    message.attachment = new Attachment(message.attachment.credentials, []);
    const isOver = message.taken === message.length;
    if (isOver) this.queue.shift();
    this.gained(bytes + (isOver ? MESSAGE_COST : 0));
  }
  private addQueued(bytes: number): void {
    this.queuedBytes += bytes;
    this.sockets.queuedBytes += bytes;
  }
  private gained(bytes: number): void {
    this.addQueued(-bytes);
    this.roomQueue.wakeAll();
    this.peer?.readinessQueue.wakeAll(Poll.out);
    for (const sender of this.senders) sender.readinessQueue.wakeAll(Poll.out);
  }

  override receive(kernel: Kernel, task: Task, message: IncomingMessage): number {
    if ((message.flags & MessageFlag.outOfBand) !== 0) return this.isStream ? -Errno.EINVAL : -Errno.EOPNOTSUPP;
    return this.isStream ? this.receiveStream(kernel, task, message) : this.receivePacket(kernel, task, message);
  }

  private receivePacket(kernel: Kernel, task: Task, message: IncomingMessage): number {
    if (!this.isDatagram && this.state !== 'connected') return -Errno.ENOTCONN;
    const first = this.queue[0];
    if (first === undefined) {
      if (this.error !== 0) return -this.takeError();
      if (this.readShut) return 0;
      const wait = socketWaitOf(kernel, task, this.receiveTimeoutNanos);
      return this.sleep(kernel, task, this.readinessQueue, wait, message.flags);
    }
    const length = Math.min(first.length, message.parts.total);
    const status = message.parts.copyOut(kernel, task, 0, first.rest.subarray(0, length));
    if (status !== 0) return status;
    const peek = (message.flags & MessageFlag.peek) !== 0;
    if (length < first.length) message.resultFlags |= MessageFlag.truncated;
    if (!this.isDatagram) message.resultFlags |= MessageFlag.endOfRecord;
    this.tellSender(message, first);
    deliverAttachment(kernel, task, first.attachment, this.passCredentials, message, peek);
    if (!peek) this.consume(first, first.length);
    return (message.flags & MessageFlag.truncated) !== 0 ? first.length : length;
  }

  private receiveStream(kernel: Kernel, task: Task, message: IncomingMessage): number {
    if (this.state !== 'connected') return -Errno.EINVAL;
    const { parts, flags } = message;
    const peek = (flags & MessageFlag.peek) !== 0;
    const wait = socketWaitOf(kernel, task, this.receiveTimeoutNanos);
    let done = peek ? 0 : wait.done;
    let sender: PeerCredentials | null = null;
    // With MSG_PEEK the messages stay: `index` walks over them.
    for (let index = 0; ; ) {
      const next = this.queue[index];
      if (next === undefined) {
        if (done > 0 && (flags & MessageFlag.waitAll) === 0) return done;
        if (this.error !== 0 && done === 0) return -this.takeError();
        if (this.readShut) return done;
        const status = this.sleep(kernel, task, this.readinessQueue, wait, flags);
        return status === PENDING || done === 0 ? status : done;
      }
      // Credentials and descriptors belong to certain bytes: others are left for the next call.
      const { attachment } = next;
      sender ??= attachment.credentials;
      const differs = this.passCredentials && !sameSender(attachment.credentials, sender);
      if (done > 0 && (attachment.rights.length > 0 || differs)) return done;
      const piece = next.rest.subarray(0, parts.total - done);
      const status = parts.copyOut(kernel, task, done, piece);
      if (status !== 0) return status === PENDING || done === 0 ? status : done;
      if (done === 0) {
        this.tellSender(message, next);
        deliverAttachment(kernel, task, attachment, this.passCredentials, message, peek);
      }
      done += piece.length;
      if (peek) {
        index++;
      } else {
        wait.done = done;
        this.consume(next, piece.length);
      }
      if (done === parts.total || attachment.rights.length > 0) return done;
    }
  }

  private tellSender(message: IncomingMessage, from: UnixMessage): void {
    if (from.name.length > UNNAMED.length) message.name = from.name;
  }

  override shutdown(_kernel: Kernel, how: number): number {
    const reading = how !== 1;
    const writing = how !== 0;
    this.shut(reading, writing);
    if (!this.isDatagram) this.peer?.shut(writing, reading);
    return 0;
  }
  private shut(reading: boolean, writing: boolean): void {
    this.readShut ||= reading;
    this.writeShut ||= writing;
    this.readinessQueue.wakeAll();
    this.roomQueue.wakeAll();
  }

  override localAddress(): Uint8Array {
    return this.name;
  }
  override remoteAddress(): Uint8Array | number {
    if (this.state !== 'connected') return -Errno.ENOTCONN;
    return this.peer?.name ?? this.peerName;
  }
  /** Name of a peer that has gone. */
  private peerName = Uint8Array.from(UNNAMED);

  override get pendingError(): number {
    return this.error;
  }
  override takeError(): number {
    const { error } = this;
    this.error = 0;
    return error;
  }
  override setOwnOption(level: number, option: number, value: number): number {
    if (level !== SOL_SOCKET || option !== SO_PASSCRED) return -Errno.ENOPROTOOPT;
    this.passCredentials = value !== 0;
    return 0;
  }
  override ownOption(level: number, option: number): Uint8Array | number | null {
    if (level !== SOL_SOCKET) return null;
    if (option === SO_PASSCRED) return this.passCredentials ? 1 : 0;
    if (option === SO_ACCEPTCONN) return this.state === 'listening' ? 1 : 0;
    return option === SO_PEERCRED ? credentialBytes(this.peerCredentials) : null;
  }

  override ioctl(kernel: Kernel, task: Task, request: number, argument: number): number {
    if (request !== FIONREAD && request !== TIOCOUTQ) return -Errno.ENOTTY;
    if (request === FIONREAD && this.state === 'listening') return -Errno.EINVAL;
    const counted =
      request === TIOCOUTQ ? (this.peer?.queue ?? []) : this.isStream ? this.queue : this.queue.slice(0, 1);
    const bytes = counted.reduce((sum, message) => sum + message.length - message.taken, 0);
    return kernel.userMemory.writeWord32(task, argument, bytes);
  }

  override readiness(): number {
    let ready = 0;
    if (this.error !== 0) ready |= Poll.error;
    if (this.state === 'listening') return ready | (this.waiting.length > 0 ? Poll.in : 0);
    if (this.readShut && this.writeShut) ready |= Poll.hangUp;
    if (this.readShut) ready |= Poll.readHangUp | Poll.in;
    if (this.queue.length > 0) ready |= Poll.in;
    if (!this.isDatagram && this.state === 'fresh') ready |= Poll.hangUp;
    if (this.isWritable()) ready |= Poll.out;
    return ready;
  }
  private isWritable(): boolean {
    const { peer } = this;
    if (peer === null) return true;
    if (this.isDatagram) return peer.hasRoomFor(this, 0);
    return peer.queuedBytes * 4 <= BUFFER_BYTES;
  }

  /** What lies in the queue, and in those of connections that wait to be accepted. */
  attachments(): Attachment[] {
    return [this, ...this.waiting].flatMap((socket) => socket.queue.map((message) => message.attachment));
  }
  /** Gives up all messages. */
  purge(kernel: Kernel): void {
    for (const socket of [this, ...this.waiting])
      for (const message of socket.queue.splice(0)) {
        socket.addQueued(-socket.queuedBytes);
        discardRights(kernel, message.attachment);
      }
  }

  private leavePeer(): void {
    this.peer?.senders.delete(this);
    this.peer = null;
    this.lostPeer = false;
    this.state = 'fresh';
  }
  override closed(kernel: Kernel): void {
    const { sockets } = this;
    if (this.key !== '') sockets.bound.delete(this.key);
    this.boundPlace?.fileSystem.release(this.boundPlace.inode);
    this.boundPlace = null;
    // Connections that nobody has accepted end as if they had been accepted and closed unread.
    for (const waiting of this.waiting.splice(0)) {
      this.sockets.waitingConnections--;
      waiting.end(kernel, true);
    }
    this.end(kernel, this.queue.length > 0);
    this.roomQueue.wakeAll();
    if ([...sockets.inFlight.keys()].some((file) => file instanceof UnixSocket)) collectGarbage(kernel);
  }
  /** Parts from the peer. `unread`: bytes of the peer's are lost, which it is told. */
  private end(kernel: Kernel, unread: boolean): void {
    const { peer } = this;
    this.peer = null;
    if (this.isDatagram) {
      peer?.senders.delete(this);
      for (const sender of [...this.senders]) sender.lose(this);
      this.senders.clear();
    } else if (peer !== null) {
      peer.peer = null;
      peer.peerName = this.name;
      if (unread) peer.error = Errno.ECONNRESET;
      peer.shut(true, true);
    }
    this.purge(kernel);
  }
  private lose(peer: UnixSocket): void {
    if (this.peer !== peer) return;
    this.leavePeer();
    this.lostPeer = true;
    this.readinessQueue.wakeAll(Poll.out);
  }
}
registerClass('unix.UnixSocket', 1, UnixSocket);
