// Descriptors and credentials in messages (unix(7), "Ancillary messages"; cmsg(3)).
//
//   struct cmsghdr:  0 length (u64, header counted)   8 level (u32)   12 type (u32)   16 data, padded to 8 bytes
//
// A description in a message is "in flight": the message holds one reference. Sockets that lie only in each other's queues can never be
// received; collectGarbage finds them as Linux does: those all of whose references are in flight, less what others can still reach.

import { Errno } from '../../../abi/errno.ts';
import type { Kernel } from '../../kernel.ts';
import type { Task } from '../../process/task.ts';
import { FileTable, releaseFile } from '../../vfs/file-table.ts';
import type { OpenFile } from '../../vfs/open-file.ts';
import { filesOf } from '../../vfs/system-calls/support.ts';
import { MessageFlag } from '../socket.ts';
import type { IncomingMessage } from '../socket-message.ts';
import { Attachment, credentialBytes, credentialsOf } from './unix-message.ts';
import { UnixSockets } from './unix-names.ts';
import { UnixSocket } from './unix-socket.ts';

const HEADER_BYTES = 16;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const SCM_CREDENTIALS = 2;
const CREDENTIAL_BYTES = 12;
/** SCM_MAX_FD */
const MOST_RIGHTS = 253;
/** From so many descriptions in flight on, sending looks for what can never be received. */
const GARBAGE_THRESHOLD = 64;

const align = (length: number): number => Math.ceil(length / 8) * 8;

/** Reads control messages; nothing is held yet. -EINVAL, -EBADF, -EPERM, -ETOOMANYREFS. */
export function readAttachment(kernel: Kernel, task: Task, control: Uint8Array): Attachment | number {
  const view = new DataView(control.buffer, control.byteOffset, control.length);
  const rights: OpenFile[] = [];
  let credentials = credentialsOf(task);
  for (let at = 0; at + HEADER_BYTES <= control.length; ) {
    const length = view.getUint32(at, true) + view.getUint32(at + 4, true) * 0x1_0000_0000;
    if (length < HEADER_BYTES || length > control.length - at) return -Errno.EINVAL;
    if (view.getInt32(at + 8, true) === SOL_SOCKET) {
      const type = view.getInt32(at + 12, true);
      const data = at + HEADER_BYTES;
      if (type === SCM_RIGHTS) {
        const count = Math.floor((length - HEADER_BYTES) / 4);
        if (rights.length + count > MOST_RIGHTS) return -Errno.EINVAL;
        for (let i = 0; i < count; i++) {
          const file = filesOf(task).get(view.getInt32(data + 4 * i, true));
          if (file === null) return -Errno.EBADF;
          rights.push(file);
        }
      } else if (type === SCM_CREDENTIALS) {
        if (length !== HEADER_BYTES + CREDENTIAL_BYTES) return -Errno.EINVAL;
        const [process, user, group] = [0, 4, 8].map((offset) => view.getInt32(data + offset, true));
        const isOwn = process === credentials.process && user === credentials.user && group === credentials.group;
        if (!isOwn && credentials.user !== 0) return -Errno.EPERM;
        if (kernel.processes.find(process) === null) return -Errno.ESRCH;
        credentials = { process, user, group };
      } else {
        return -Errno.EINVAL;
      }
    }
    at += align(length);
  }
  const user = task.process.credentials.userId;
  const waiting = UnixSockets.of(kernel).inFlightOfUser.get(user) ?? 0;
  if (rights.length > 0 && user !== 0 && waiting > FileTable.limitOf(task.process)) return -Errno.ETOOMANYREFS;
  return new Attachment(credentials, rights);
}

function count(kernel: Kernel, attachment: Attachment, by: 1 | -1): void {
  const sockets = UnixSockets.of(kernel);
  const { user } = attachment.credentials;
  const change = <Key>(map: Map<Key, number>, key: Key): void => {
    const value = (map.get(key) ?? 0) + by;
    if (value === 0) map.delete(key);
    else map.set(key, value);
  };
  for (const file of attachment.rights) {
    change(sockets.inFlight, file);
    change(sockets.inFlightOfUser, user);
  }
}

/** The message is sent: it holds its descriptions. */
export function holdRights(kernel: Kernel, attachment: Attachment): void {
  for (const file of attachment.rights) file.references++;
  count(kernel, attachment, 1);
  if (UnixSockets.of(kernel).inFlight.size > GARBAGE_THRESHOLD) collectGarbage(kernel);
}

/** The message will not be received. Closing may discard more messages: all in one loop, however deep they lie in each other. */
export function discardRights(kernel: Kernel, attachment: Attachment): void {
  const sockets = UnixSockets.of(kernel);
  count(kernel, attachment, -1);
  sockets.discarded.push(...attachment.rights);
  if (sockets.isDiscarding) return;
  sockets.isDiscarding = true;
  for (let file = sockets.discarded.pop(); file !== undefined; file = sockets.discarded.pop())
    releaseFile(kernel, file);
  sockets.isDiscarding = false;
}

/** Gives credentials (if the receiver wants them) and descriptors to the receiver; `keep`: they stay in the message (MSG_PEEK). */
export function deliverAttachment(
  kernel: Kernel,
  task: Task,
  attachment: Attachment,
  wantsCredentials: boolean,
  message: IncomingMessage,
  keep: boolean,
): void {
  const parts: Uint8Array[] = [];
  let room = message.controlRoom;
  const put = (type: number, data: Uint8Array): void => {
    const whole = HEADER_BYTES + data.length;
    const bytes = new Uint8Array(Math.min(align(whole), room));
    const header = new DataView(new ArrayBuffer(HEADER_BYTES));
    const shown = Math.min(whole, room);
    header.setUint32(0, shown, true);
    header.setInt32(8, SOL_SOCKET, true);
    header.setInt32(12, type, true);
    bytes.set(new Uint8Array(header.buffer));
    bytes.set(data.subarray(0, shown - HEADER_BYTES), HEADER_BYTES);
    parts.push(bytes);
    room -= bytes.length;
    if (shown < whole) message.resultFlags |= MessageFlag.controlTruncated;
  };
  if (wantsCredentials) {
    if (room >= HEADER_BYTES) put(SCM_CREDENTIALS, credentialBytes(attachment.credentials));
    else message.resultFlags |= MessageFlag.controlTruncated;
  }
  if (attachment.rights.length > 0) {
    const files = filesOf(task);
    const closeOnExec = (message.flags & MessageFlag.closeOnExec) !== 0;
    const fitting = Math.max(0, Math.floor((room - HEADER_BYTES) / 4));
    const descriptors: number[] = [];
    for (const file of attachment.rights.slice(0, fitting)) {
      const descriptor = files.install(file, task.process, closeOnExec);
      if (descriptor < 0) break;
      descriptors.push(descriptor);
    }
    if (descriptors.length > 0) put(SCM_RIGHTS, new Uint8Array(Int32Array.from(descriptors).buffer));
    if (descriptors.length < attachment.rights.length) message.resultFlags |= MessageFlag.controlTruncated;
    // The table holds its own references now.
    if (!keep) discardRights(kernel, attachment);
  }
  const control = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    control.set(part, at);
    at += part.length;
  }
  message.control = control;
}

/** Empties the queues of sockets that only messages of such sockets refer to. */
export function collectGarbage(kernel: Kernel): void {
  const { inFlight } = UnixSockets.of(kernel);
  const candidates = new Set<UnixSocket>();
  for (const [file, times] of inFlight)
    if (file instanceof UnixSocket && file.references === times) candidates.add(file);
  if (candidates.size === 0) return;
  const inner = new Map<UnixSocket, number>();
  const reachableFrom = (socket: UnixSocket): UnixSocket[] =>
    socket
      .attachments()
      .flatMap(({ rights }) => rights.filter((file) => candidates.has(file as UnixSocket)) as UnixSocket[]);
  for (const socket of candidates)
    for (const other of reachableFrom(socket)) inner.set(other, (inner.get(other) ?? 0) + 1);
  // What lies in a queue that is not among the candidates can be received, and all that lies in its own queue.
  const alive = new Set([...candidates].filter((socket) => (inFlight.get(socket) ?? 0) > (inner.get(socket) ?? 0)));
  for (const socket of alive) for (const other of reachableFrom(socket)) alive.add(other);
  for (const socket of candidates) if (!alive.has(socket)) socket.purge(kernel);
}
