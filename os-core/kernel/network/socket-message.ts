// struct msghdr and its iovec (sendmsg(2)), 56 bytes:
//
//    0 name   8 name length (u32)   16 iovec   24 iovec count   32 control   40 control length   48 flags (u32)

import { Errno } from '../../abi/errno.ts';
import type { ReceivedDatagram } from '../../euronet/index.ts';
import type { Kernel } from '../kernel.ts';
import type { Task } from '../process/task.ts';
import { addressBytes, SOCKADDR_IN_BYTES } from './socket-address.ts';

const HEADER_BYTES = 56;
/** UIO_MAXIOV */
const MOST_PARTS = 1024;
const MOST_BYTES = 65535;

export interface MessageHeader {
  readonly at: number;
  readonly nameAt: number;
  readonly nameLength: number;
  readonly parts: readonly { readonly address: number; readonly length: number }[];
}

function read64(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 0x1_0000_0000;
}

export function readMessageHeader(kernel: Kernel, task: Task, at: number): MessageHeader | number {
  const bytes = new Uint8Array(HEADER_BYTES);
  const status = kernel.userMemory.copyIn(task, at, bytes);
  if (status !== 0) return status;
  const view = new DataView(bytes.buffer);
  const count = read64(view, 24);
  if (count > MOST_PARTS) return -Errno.EMSGSIZE;
  const vector = new Uint8Array(count * 16);
  const vectorStatus = kernel.userMemory.copyIn(task, read64(view, 16), vector);
  if (vectorStatus !== 0) return vectorStatus;
  const fields = new DataView(vector.buffer);
  const parts = Array.from({ length: count }, (_, i) => ({
    address: read64(fields, i * 16),
    length: read64(fields, i * 16 + 8),
  }));
  return { at, nameAt: read64(view, 0), nameLength: view.getUint32(8, true), parts };
}

/** All parts as one datagram; -EMSGSIZE, -EFAULT or PENDING. */
export function gather(kernel: Kernel, task: Task, header: MessageHeader): Uint8Array | number {
  const total = header.parts.reduce((sum, part) => sum + part.length, 0);
  if (total > MOST_BYTES) return -Errno.EMSGSIZE;
  const data = new Uint8Array(total);
  let done = 0;
  for (const { address, length } of header.parts) {
    const status = kernel.userMemory.copyIn(task, address, data, done, length);
    if (status !== 0) return status;
    done += length;
  }
  return data;
}

/** Spreads a datagram over the parts: count of bytes that fitted, -EFAULT or PENDING. */
export function scatter(kernel: Kernel, task: Task, header: MessageHeader, data: Uint8Array): number {
  let done = 0;
  for (const part of header.parts) {
    const length = Math.min(part.length, data.length - done);
    const status = kernel.userMemory.copyOut(task, part.address, data, done, length);
    if (status !== 0) return status;
    done += length;
  }
  return done;
}

/** Sender's address, no control data, flags. 0, -EFAULT or PENDING. */
export function writeMessageResult(
  kernel: Kernel,
  task: Task,
  header: MessageHeader,
  datagram: ReceivedDatagram,
  flags: number,
): number {
  const memory = kernel.userMemory;
  if (header.nameAt !== 0) {
    const name = addressBytes(datagram.source, datagram.sourcePort);
    const status = memory.copyOut(task, header.nameAt, name, 0, Math.min(header.nameLength, SOCKADDR_IN_BYTES));
    if (status !== 0) return status;
  }
  const length = memory.writeWord32(task, header.at + 8, header.nameAt === 0 ? 0 : SOCKADDR_IN_BYTES);
  if (length !== 0) return length;
  const control = memory.writeWord64(task, header.at + 40, 0);
  return control !== 0 ? control : memory.writeWord32(task, header.at + 48, flags);
}
