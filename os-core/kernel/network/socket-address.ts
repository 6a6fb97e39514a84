// struct sockaddr in user memory, and struct sockaddr_in (ip(7)), 16 bytes:
//
//    0 u16 family (host order)   2 u16 port (network order)   4 u32 address (network order)   8 zero

import { Errno } from '../../abi/errno.ts';
import type { Kernel } from '../kernel.ts';
import type { Task } from '../process/task.ts';
import { LONGEST_ADDRESS } from './socket-message.ts';

export const AF_UNSPEC = 0;
export const AF_UNIX = 1;
export const AF_INET = 2;
const SOCKADDR_IN_BYTES = 16;

export interface InternetAddress {
  readonly family: number;
  readonly address: number;
  readonly port: number;
}

/** The bytes of an address; -EINVAL, -EFAULT or PENDING. */
export function readAddress(kernel: Kernel, task: Task, at: number, length: number): Uint8Array | number {
  if (length < 0 || length > LONGEST_ADDRESS) return -Errno.EINVAL;
  const bytes = new Uint8Array(length);
  const status = kernel.userMemory.copyIn(task, at, bytes);
  return status === 0 ? bytes : status;
}

/** sa_family, -1 if the address is too short for one. */
export function familyOf(address: Uint8Array): number {
  return address.length < 2 ? -1 : address[0] | (address[1] << 8);
}

/** The room that a program gives for an address, checked for writing. { error }: -EFAULT, -EINVAL, PENDING. */
export function addressRoom(
  kernel: Kernel,
  task: Task,
  at: number,
  lengthAt: number,
): number | { readonly error: number } {
  if (at === 0) return 0;
  const room = new Int32Array(1);
  const read = kernel.userMemory.readWord32(task, lengthAt, room, 0);
  if (read !== 0) return { error: read };
  if (room[0] < 0) return { error: -Errno.EINVAL };
  const length = Math.min(room[0], LONGEST_ADDRESS);
  let error = kernel.userMemory.prepare(task, at, length, true);
  if (error === 0) error = kernel.userMemory.prepare(task, lengthAt, 4, true);
  return error === 0 ? length : { error };
}

/** Writes an address and its true length as accept(2) and the like do: cut to the room that is given. 0, -errno or PENDING. */
export function writeAddress(kernel: Kernel, task: Task, at: number, lengthAt: number, address: Uint8Array): number {
  if (at === 0) return 0;
  const room = addressRoom(kernel, task, at, lengthAt);
  if (typeof room === 'object') return room.error;
  const written = kernel.userMemory.copyOut(task, at, address, 0, Math.min(room, address.length));
  return written !== 0 ? written : kernel.userMemory.writeWord32(task, lengthAt, address.length);
}

/** -EINVAL if it is too short. AF_UNSPEC needs the family only. */
export function parseInternetAddress(bytes: Uint8Array): InternetAddress | number {
  const family = familyOf(bytes);
  if (family < 0 || (family !== AF_UNSPEC && bytes.length < SOCKADDR_IN_BYTES)) return -Errno.EINVAL;
  if (family === AF_UNSPEC && bytes.length < SOCKADDR_IN_BYTES) return { family, port: 0, address: 0 };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return { family, port: view.getUint16(2), address: view.getUint32(4) };
}

export function internetAddress(address: number, port: number): Uint8Array {
  const bytes = new Uint8Array(SOCKADDR_IN_BYTES);
  const fields = new DataView(bytes.buffer);
  fields.setUint16(0, AF_INET, true);
  fields.setUint16(2, port);
  fields.setUint32(4, address);
  return bytes;
}
