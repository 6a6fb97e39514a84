// Socket options (socket(7)): those that every socket has; the rest is the socket's own, others give ENOPROTOOPT.

import { Errno } from '../../abi/errno.ts';
import type { Kernel } from '../kernel.ts';
import type { Task } from '../process/task.ts';
import type { Socket } from './socket.ts';

const SOL_SOCKET = 1;
const Option = {
  reuseAddress: 2,
  type: 3,
  error: 4,
  dontRoute: 5,
  sendBuffer: 7,
  receiveBuffer: 8,
  keepAlive: 9,
  priority: 12,
  linger: 13,
  reusePort: 15,
  receiveTimeout: 20,
  sendTimeout: 21,
  protocol: 38,
  domain: 39,
} as const;
/** What SO_RCVBUF and SO_SNDBUF report: net.core.rmem_default of Linux, which the queues hold to. */
const BUFFER_BYTES = 212_992;
/** Options that may be set and have nothing to do here: buffers have one size, nothing is routed or kept alive. */
const WITHOUT_EFFECT: ReadonlySet<number> = new Set([
  Option.reuseAddress,
  Option.reusePort,
  Option.dontRoute,
  Option.sendBuffer,
  Option.receiveBuffer,
  Option.keepAlive,
  Option.priority,
  Option.linger,
]);

export function setOption(
  kernel: Kernel,
  task: Task,
  socket: Socket,
  level: number,
  option: number,
  at: number,
  length: number,
): number {
  const timeout = level === SOL_SOCKET && (option === Option.receiveTimeout || option === Option.sendTimeout);
  const bytes = new Uint8Array(timeout ? 16 : 4);
  if (length < bytes.length) return -Errno.EINVAL;
  const status = kernel.userMemory.copyIn(task, at, bytes);
  if (status !== 0) return status;
  const view = new DataView(bytes.buffer);
  if (timeout) {
    const seconds = view.getUint32(0, true) + view.getInt32(4, true) * 0x1_0000_0000;
    const micros = view.getInt32(8, true);
    if (micros < 0 || micros >= 1_000_000) return -Errno.EDOM;
    const nanos = seconds < 0 ? 0 : Math.min(seconds * 1e9 + micros * 1000, Number.MAX_SAFE_INTEGER);
    if (option === Option.receiveTimeout) socket.receiveTimeoutNanos = nanos;
    else socket.sendTimeoutNanos = nanos;
    return 0;
  }
  if (level === SOL_SOCKET && WITHOUT_EFFECT.has(option)) return 0;
  return socket.setOwnOption(level, option, view.getInt32(0, true));
}

function timeoutBytes(nanos: number): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, Math.floor(nanos / 1e9), true);
  view.setUint32(8, Math.floor((nanos % 1e9) / 1000), true);
  return bytes;
}

function optionValue(socket: Socket, level: number, option: number): Uint8Array | number | null {
  if (level !== SOL_SOCKET) return socket.ownOption(level, option);
  switch (option) {
    case Option.type:
      return socket.type;
    case Option.domain:
      return socket.family;
    case Option.protocol:
      return socket.protocol;
    case Option.error:
      return socket.pendingError;
    case Option.receiveTimeout:
      return timeoutBytes(socket.receiveTimeoutNanos);
    case Option.sendTimeout:
      return timeoutBytes(socket.sendTimeoutNanos);
    case Option.sendBuffer:
    case Option.receiveBuffer:
      return BUFFER_BYTES;
    case Option.linger:
      return new Uint8Array(8);
    default:
      return WITHOUT_EFFECT.has(option) ? 0 : socket.ownOption(level, option);
  }
}

export function getOption(
  kernel: Kernel,
  task: Task,
  socket: Socket,
  level: number,
  option: number,
  at: number,
  lengthAt: number,
): number {
  const room = new Int32Array(1);
  const read = kernel.userMemory.readWord32(task, lengthAt, room, 0);
  if (read !== 0) return read;
  if (room[0] < 0) return -Errno.EINVAL;
  const value = optionValue(socket, level, option);
  if (value === null) return -Errno.ENOPROTOOPT;
  let bytes: Uint8Array;
  if (typeof value === 'number') {
    bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setInt32(0, value, true);
  } else {
    bytes = value;
  }
  const length = Math.min(bytes.length, room[0]);
  const written = kernel.userMemory.copyOut(task, at, bytes, 0, length);
  if (written !== 0) return written;
  const counted = kernel.userMemory.writeWord32(task, lengthAt, length);
  // Reading the error clears it, once it surely was handed over.
  if (counted === 0 && level === SOL_SOCKET && option === Option.error) socket.takeError();
  return counted;
}
