// Messages on their way between a program and a socket: struct msghdr and its iovec (sendmsg(2)), 56 bytes:
//
//    0 name   8 name length (u32)   16 iovec   24 iovec count   32 control   40 control length   48 flags (u32)

import { Errno } from '../../abi/errno.ts';
import type { Kernel } from '../kernel.ts';
import type { Task } from '../process/task.ts';

const HEADER_BYTES = 56;
/** UIO_MAXIOV */
const MOST_PARTS = 1024;
/** MAX_RW_COUNT */
const MOST_BYTES = 0x7fff_f000;
/** net.core.optmem_max: more control data than any message has. */
const MOST_CONTROL_BYTES = 20_480;
/** sizeof(struct sockaddr_storage): no address is longer. */
export const LONGEST_ADDRESS = 128;

interface Part {
  readonly address: number;
  readonly length: number;
}

/** Bytes that a socket sends from or receives into. */
export interface Parts {
  readonly total: number;
  /** Fills `bytes` from `offset` on: 0, -EFAULT, PENDING. */
  copyIn(kernel: Kernel, task: Task, offset: number, bytes: Uint8Array): number;
  copyOut(kernel: Kernel, task: Task, offset: number, bytes: Uint8Array): number;
}

/** Bytes of the kernel's own (sendfile, splice). */
export class KernelParts implements Parts {
  readonly total: number;
  private readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.total = bytes.length;
  }
  copyIn(_kernel: Kernel, _task: Task, offset: number, bytes: Uint8Array): number {
    bytes.set(this.bytes.subarray(offset, offset + bytes.length));
    return 0;
  }
  copyOut(_kernel: Kernel, _task: Task, offset: number, bytes: Uint8Array): number {
    this.bytes.set(bytes, offset);
    return 0;
  }
}

/** Buffers of a program, one after the other. */
export class PartList implements Parts {
  readonly total: number;
  private readonly parts: readonly Part[];

  constructor(parts: readonly Part[]) {
    this.parts = parts;
    this.total = parts.reduce((sum, part) => sum + part.length, 0);
  }
  copyIn(kernel: Kernel, task: Task, offset: number, bytes: Uint8Array): number {
    return this.each(offset, bytes.length, (address, at, length) =>
      kernel.userMemory.copyIn(task, address, bytes, at, length),
    );
  }
  copyOut(kernel: Kernel, task: Task, offset: number, bytes: Uint8Array): number {
    return this.each(offset, bytes.length, (address, at, length) =>
      kernel.userMemory.copyOut(task, address, bytes, at, length),
    );
  }
  private each(offset: number, length: number, copy: (address: number, at: number, length: number) => number): number {
    let skip = offset;
    let done = 0;
    for (const part of this.parts) {
      if (done === length) break;
      if (skip >= part.length) {
        skip -= part.length;
        continue;
      }
      const piece = Math.min(part.length - skip, length - done);
      const status = copy(part.address + skip, done, piece);
      if (status !== 0) return status;
      done += piece;
      skip = 0;
    }
    return 0;
  }
}

export interface OutgoingMessage {
  readonly parts: Parts;
  /** struct sockaddr of the destination, null = the connected peer. */
  readonly name: Uint8Array | null;
  /** Control messages (cmsg(3)). */
  readonly control: Uint8Array;
  readonly flags: number;
}
export interface IncomingMessage {
  readonly parts: Parts;
  readonly flags: number;
  /** Bytes of control messages that the program has room for. */
  readonly controlRoom: number;
  /** Results: the sender's address, control messages, MSG_TRUNC and the like. */
  name: Uint8Array | null;
  control: Uint8Array | null;
  resultFlags: number;
}

export interface MessageHeader {
  readonly at: number;
  readonly nameAt: number;
  readonly nameLength: number;
  readonly parts: PartList;
  readonly controlAt: number;
  readonly controlLength: number;
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
  const parts: Part[] = [];
  let total = 0;
  for (let i = 0; i < count; i++) {
    const length = Math.min(read64(fields, i * 16 + 8), MOST_BYTES - total);
    total += length;
    parts.push({ address: read64(fields, i * 16), length });
  }
  const nameLength = view.getInt32(8, true);
  if (nameLength < 0) return -Errno.EINVAL;
  return {
    at,
    nameAt: read64(view, 0),
    nameLength: Math.min(nameLength, LONGEST_ADDRESS),
    parts: new PartList(parts),
    controlAt: read64(view, 32),
    controlLength: read64(view, 40),
  };
}

/** What a program sends along: -ENOBUFS if there is too much of it. */
export function readControl(kernel: Kernel, task: Task, header: MessageHeader): Uint8Array | number {
  if (header.controlLength > MOST_CONTROL_BYTES) return -Errno.ENOBUFS;
  const bytes = new Uint8Array(header.controlLength);
  const status = kernel.userMemory.copyIn(task, header.controlAt, bytes);
  return status === 0 ? bytes : status;
}

/** Makes sure that the result can be written: a message that was taken could not be put back. 0, -EFAULT, PENDING. */
export function prepareResult(kernel: Kernel, task: Task, header: MessageHeader): number {
  const memory = kernel.userMemory;
  let status = memory.prepare(task, header.at, HEADER_BYTES, true);
  if (status === 0 && header.nameAt !== 0) status = memory.prepare(task, header.nameAt, header.nameLength, true);
  const room = Math.min(header.controlLength, MOST_CONTROL_BYTES);
  return status === 0 ? memory.prepare(task, header.controlAt, room, true) : status;
}

/** Sender's address, control messages, flags. 0, -EFAULT or PENDING. */
export function writeResult(kernel: Kernel, task: Task, header: MessageHeader, message: IncomingMessage): number {
  const memory = kernel.userMemory;
  const name = message.name ?? new Uint8Array(0);
  const control = message.control ?? new Uint8Array(0);
  let status = 0;
  if (header.nameAt !== 0)
    status = memory.copyOut(task, header.nameAt, name, 0, Math.min(header.nameLength, name.length));
  if (status === 0) status = memory.writeWord32(task, header.at + 8, header.nameAt === 0 ? 0 : name.length);
  if (status === 0) status = memory.copyOut(task, header.controlAt, control);
  if (status === 0) status = memory.writeWord64(task, header.at + 40, control.length);
  return status === 0 ? memory.writeWord32(task, header.at + 48, message.resultFlags) : status;
}
