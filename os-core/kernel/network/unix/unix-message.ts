// A message in the queue of an AF_UNIX socket: bytes, and what was sent along.

import { registerClass } from '../../../../devices/base/object-graph.ts';
import type { Task } from '../../process/task.ts';
import type { OpenFile } from '../../vfs/open-file.ts';

/** Bytes of a stream that one message holds at most. */
export const STREAM_PIECE = 65536;
const SMALLEST_BUFFER = 4096;

export interface PeerCredentials {
  readonly process: number;
  readonly user: number;
  readonly group: number;
}
export function credentialsOf(task: Task): PeerCredentials {
  const { credentials, id } = task.process;
  return { process: id, user: credentials.userId, group: credentials.groupId };
}
/** struct ucred */
export function credentialBytes({ process, user, group }: PeerCredentials): Uint8Array {
  return new Uint8Array(Int32Array.of(process, user, group).buffer);
}
export const sameSender = (one: PeerCredentials, other: PeerCredentials): boolean =>
  one.process === other.process && one.user === other.user && one.group === other.group;

/** Sender and descriptions; the message holds one reference of each description (rights.ts). */
export class Attachment {
  readonly credentials: PeerCredentials;
  readonly rights: readonly OpenFile[];

  constructor(credentials: PeerCredentials, rights: readonly OpenFile[]) {
    this.credentials = credentials;
    this.rights = rights;
  }
}
registerClass('unix.Attachment', 1, Attachment);

export class UnixMessage {
  length: number;
  /** Bytes of a stream that were received already. */
  taken = 0;
  /** The sender's address. */
  readonly name: Uint8Array;
  attachment: Attachment;
  private bytes: Uint8Array;

  constructor(bytes: Uint8Array, name: Uint8Array, attachment: Attachment) {
    this.bytes = bytes;
    this.length = bytes.length;
    this.name = name;
    this.attachment = attachment;
  }
  get rest(): Uint8Array {
    return this.bytes.subarray(this.taken, this.length);
  }
  /** A stream's next bytes join this message if they are of the same sender and nothing is sent along. */
  append(bytes: Uint8Array, attachment: Attachment): boolean {
    if (this.attachment.rights.length + attachment.rights.length > 0) return false;
    if (!sameSender(this.attachment.credentials, attachment.credentials)) return false;
    const length = this.length + bytes.length;
    if (length > STREAM_PIECE) return false;
    if (length > this.bytes.length) {
      const larger = new Uint8Array(Math.min(STREAM_PIECE, Math.max(SMALLEST_BUFFER, 2 * length)));
      larger.set(this.bytes);
      this.bytes = larger;
    }
    this.bytes.set(bytes, this.length);
    this.length = length;
    return true;
  }
}
registerClass('unix.UnixMessage', 1, UnixMessage);
