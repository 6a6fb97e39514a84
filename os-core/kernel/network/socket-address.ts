// struct sockaddr_in (ip(7)) in user memory, 16 bytes.
//
//    0 u16 family (host order)   2 u16 port (network order)   4 u32 address (network order)   8 zero

import { Errno } from '../../abi/errno.ts';
import type { Kernel } from '../kernel.ts';
import type { Task } from '../process/task.ts';

export const AF_UNSPEC = 0;
export const AF_INET = 2;
export const SOCKADDR_IN_BYTES = 16;
/** sizeof(struct sockaddr_storage): no address is longer. */
const LONGEST_ADDRESS = 128;

export interface InternetAddress {
  readonly family: number;
  readonly address: number;
  readonly port: number;
}

const buffer = new Uint8Array(SOCKADDR_IN_BYTES);
const view = new DataView(buffer.buffer);

/** Reads an address of `length` bytes: the address, -EINVAL, -EFAULT or PENDING. AF_UNSPEC needs the family only. */
export function readAddress(kernel: Kernel, task: Task, at: number, length: number): InternetAddress | number {
  if (length < 2 || length > LONGEST_ADDRESS) return -Errno.EINVAL;
  buffer.fill(0);
  const status = kernel.userMemory.copyIn(task, at, buffer, 0, Math.min(length, SOCKADDR_IN_BYTES));
  if (status !== 0) return status;
  const family = view.getUint16(0, true);
  if (family !== AF_UNSPEC && length < SOCKADDR_IN_BYTES) return -Errno.EINVAL;
  return { family, port: view.getUint16(2), address: view.getUint32(4) };
}

/** Writes an address and its true length as accept(2) and the like do: cut to the room that is given. 0, -errno or PENDING. */
export function writeAddress(
  kernel: Kernel,
  task: Task,
  at: number,
  lengthAt: number,
  address: number,
  port: number,
): number {
  if (at === 0) return 0;
  const room = new Int32Array(1);
  const read = kernel.userMemory.readWord32(task, lengthAt, room, 0);
  if (read !== 0) return read;
  if (room[0] < 0) return -Errno.EINVAL;
  const bytes = addressBytes(address, port);
  const written = kernel.userMemory.copyOut(task, at, bytes, 0, Math.min(room[0], SOCKADDR_IN_BYTES));
  return written !== 0 ? written : kernel.userMemory.writeWord32(task, lengthAt, SOCKADDR_IN_BYTES);
}

export function addressBytes(address: number, port: number): Uint8Array {
  const bytes = new Uint8Array(SOCKADDR_IN_BYTES);
  const fields = new DataView(bytes.buffer);
  fields.setUint16(0, AF_INET, true);
  fields.setUint16(2, port);
  fields.setUint32(4, address);
  return bytes;
}
