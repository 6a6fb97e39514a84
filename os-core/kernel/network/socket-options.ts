// Socket options (socket(7), ip(7)): those of datagram sockets that programs set; others give ENOPROTOOPT.

import { Errno } from '../../abi/errno.ts';
import type { Kernel } from '../kernel.ts';
import type { Task } from '../process/task.ts';
import type { SocketFile } from './socket-file.ts';

const SOL_IP = 0;
const SOL_SOCKET = 1;
const IP_TTL = 2;
const Option = {
  reuseAddress: 2,
  type: 3,
  error: 4,
  broadcast: 6,
  sendBuffer: 7,
  receiveBuffer: 8,
  receiveTimeout: 20,
  sendTimeout: 21,
  domain: 39,
  protocol: 38,
} as const;
/** What SO_RCVBUF and SO_SNDBUF report: the bound of the queue (datagram-socket.ts). */
const BUFFER_BYTES = 212_992;
const AF_INET = 2;
const SOCK_DGRAM = 2;

export function setOption(
  kernel: Kernel,
  task: Task,
  file: SocketFile,
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
  const value = view.getInt32(0, true);
  if (level === SOL_IP) {
    if (option !== IP_TTL) return -Errno.ENOPROTOOPT;
    if (value !== -1 && (value < 1 || value > 255)) return -Errno.EINVAL;
    file.socket.ttl = value === -1 ? 64 : value;
    return 0;
  }
  if (level !== SOL_SOCKET) return -Errno.ENOPROTOOPT;
  switch (option) {
    case Option.broadcast:
      file.socket.allowBroadcast = value !== 0;
      return 0;
    case Option.receiveTimeout: {
      const seconds = view.getInt32(0, true) + view.getInt32(4, true) * 2 ** 32;
      const micros = view.getInt32(8, true);
      if (micros < 0 || micros >= 1_000_000) return -Errno.EDOM;
      file.receiveTimeoutNanos = seconds < 0 ? 0 : seconds * 1e9 + micros * 1000;
      return 0;
    }
    // Datagrams are taken at once: these have nothing to do.
    case Option.sendTimeout:
    case Option.reuseAddress:
    case Option.sendBuffer:
    case Option.receiveBuffer:
      return 0;
    default:
      return -Errno.ENOPROTOOPT;
  }
}

export function getOption(
  kernel: Kernel,
  task: Task,
  file: SocketFile,
  level: number,
  option: number,
  at: number,
  lengthAt: number,
): number {
  const room = new Int32Array(1);
  const read = kernel.userMemory.readWord32(task, lengthAt, room, 0);
  if (read !== 0) return read;
  if (room[0] < 0) return -Errno.EINVAL;
  const value = optionValue(file, level, option);
  if (value === null) return -Errno.ENOPROTOOPT;
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setInt32(0, value, true);
  const length = Math.min(4, room[0]);
  const written = kernel.userMemory.copyOut(task, at, bytes, 0, length);
  if (written !== 0) return written;
  const counted = kernel.userMemory.writeWord32(task, lengthAt, length);
  // Reading the error clears it, once it surely was handed over.
  if (counted === 0 && level === SOL_SOCKET && option === Option.error) file.socket.takeError();
  return counted;
}

function optionValue(file: SocketFile, level: number, option: number): number | null {
  if (level === SOL_IP) return option === IP_TTL ? file.socket.ttl : null;
  if (level !== SOL_SOCKET) return null;
  switch (option) {
    case Option.type:
      return SOCK_DGRAM;
    case Option.domain:
      return AF_INET;
    case Option.protocol:
      return file.socket.kind === 'udp' ? 17 : 1;
    case Option.error:
      return file.socket.pendingError;
    case Option.broadcast:
      return file.socket.allowBroadcast ? 1 : 0;
    case Option.sendBuffer:
    case Option.receiveBuffer:
      return BUFFER_BYTES;
    case Option.reuseAddress:
      return 0;
    default:
      return null;
  }
}
