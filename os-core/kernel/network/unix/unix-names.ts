// Names of AF_UNIX sockets (unix(7)): struct sockaddr_un, at most 110 bytes.
//
//    0 u16 family   2 path, ended by NUL       a node of a file system, made by bind
//                   2 NUL, then any bytes      abstract: a name of the machine, gone with the socket
//                   (nothing)                  unnamed; bind gives such a socket an abstract name of its own
//
// The table of bound sockets, and what is on its way between sockets, live in kernel.state.services as 'unix'.

import { registerClass } from '../../../../devices/base/object-graph.ts';
import { Capability } from '../../../abi/capability.ts';
import { Errno } from '../../../abi/errno.ts';
import { bytesToName, FileType } from '../../../eurofs/index.ts';
import type { Kernel } from '../../kernel.ts';
import type { Task } from '../../process/task.ts';
import { requireCapability } from '../../syscalls/dispatch.ts';
import { AT_FDCWD, makeNode, startOf } from '../../vfs/open.ts';
import type { OpenFile } from '../../vfs/open-file.ts';
import { Access, mayAccess, walk } from '../../vfs/path-walk.ts';
import { type Place, placeKey } from '../../vfs/vfs.ts';
import { AF_UNIX, familyOf } from '../socket-address.ts';
import type { UnixSocket } from './unix-socket.ts';

const FAMILY_BYTES = 2;
const LONGEST_NAME = 110;
/** Names that bind finds for a socket: five hexadecimal digits. */
const OWN_NAMES = 0x10_0000;

export const UNNAMED: readonly number[] = [AF_UNIX, 0];

export class UnixSockets {
  /** Bound sockets by `abstract type name` or `device:inode`. */
  readonly bound = new Map<string, UnixSocket>();
  /** Descriptions that lie in messages, and how often each (see rights.ts). */
  readonly inFlight = new Map<OpenFile, number>();
  readonly inFlightOfUser = new Map<number, number>();
  /** Bytes in all queues, and connections that wait to be accepted: both bounded for the whole machine (unix-socket.ts). */
  queuedBytes = 0;
  waitingConnections = 0;
  /** Descriptions taken out of messages that nobody will receive: given up one after the other, never in each other. */
  readonly discarded: OpenFile[] = [];
  isDiscarding = false;
  private lastNumber = 0;
  private lastOwnName = 0;

  static of(kernel: Kernel): UnixSockets {
    return kernel.service('unix', UnixSockets);
  }
  nextNumber(): number {
    return ++this.lastNumber;
  }
  /** An abstract name that no socket of this type has; null if all are taken. */
  ownName(type: number): Uint8Array | null {
    for (let tries = 0; tries < OWN_NAMES; tries++) {
      this.lastOwnName = (this.lastOwnName + 1) % OWN_NAMES;
      const digits = this.lastOwnName.toString(16).padStart(5, '0');
      const name = Uint8Array.from([...UNNAMED, 0, ...[...digits].map((digit) => digit.charCodeAt(0))]);
      if (!this.bound.has(abstractKey(type, name))) return name;
    }
    return null;
  }
}
registerClass('unix.UnixSockets', 1, UnixSockets);

const abstractKey = (type: number, name: Uint8Array): string => `abstract ${type} ${bytesToName(name)}`;
const isAbstract = (address: Uint8Array): boolean => address[FAMILY_BYTES] === 0;

function pathIn(address: Uint8Array): string {
  const end = address.indexOf(0, FAMILY_BYTES);
  return bytesToName(address.subarray(FAMILY_BYTES, end < 0 ? address.length : end));
}

/** 0, or -EINVAL if it is no address of this family. `mayBeUnnamed`: bind may give one without a name. */
export function checkAddress(address: Uint8Array, mayBeUnnamed: boolean): number {
  if (familyOf(address) !== AF_UNIX || address.length > LONGEST_NAME) return -Errno.EINVAL;
  return address.length > FAMILY_BYTES || mayBeUnnamed ? 0 : -Errno.EINVAL;
}

export interface BoundName {
  /** As getsockname shows it. */
  readonly name: Uint8Array;
  readonly key: string;
  readonly place: Place | null;
}

/** Finds or makes what a socket of `type` is to be bound to: -EADDRINUSE, errors of paths, PENDING. */
export function makeName(kernel: Kernel, task: Task, type: number, address: Uint8Array): BoundName | number {
  const sockets = UnixSockets.of(kernel);
  if (address.length === FAMILY_BYTES || isAbstract(address)) {
    const name = address.length === FAMILY_BYTES ? sockets.ownName(type) : address;
    if (name === null) return -Errno.ENOSPC;
    const key = abstractKey(type, name);
    return sockets.bound.has(key) ? -Errno.EADDRINUSE : { name, key, place: null };
  }
  const denied = requireCapability(kernel, task, Capability.file, 'bind');
  if (denied !== 0) return denied;
  const path = pathIn(address);
  const start = startOf(kernel, task, AT_FDCWD, path);
  if (typeof start === 'number') return start;
  const found = walk(kernel, task, start, path, false);
  if (typeof found === 'number') return found;
  if (found.target !== null) return -Errno.EADDRINUSE;
  if (found.trailingSlash) return -Errno.ENOENT;
  const place = makeNode(kernel, task, found, FileType.socket | 0o777);
  if (typeof place === 'number') return place === -Errno.EEXIST ? -Errno.EADDRINUSE : place;
  const name = new Uint8Array(FAMILY_BYTES + path.length + 1);
  name.set(address.subarray(0, FAMILY_BYTES + path.length));
  // The number must not come back while the socket is bound to it.
  place.fileSystem.retain(place.inode);
  return { name, key: placeKey(place), place };
}

/** The socket bound to an address: -ECONNREFUSED, -EPROTOTYPE, errors of paths, PENDING. */
export function findBound(kernel: Kernel, task: Task, type: number, address: Uint8Array): UnixSocket | number {
  const invalid = checkAddress(address, false);
  if (invalid !== 0) return invalid;
  const { bound } = UnixSockets.of(kernel);
  if (isAbstract(address)) return bound.get(abstractKey(type, address)) ?? -Errno.ECONNREFUSED;
  const denied = requireCapability(kernel, task, Capability.file, 'connect');
  if (denied !== 0) return denied;
  const path = pathIn(address);
  const start = startOf(kernel, task, AT_FDCWD, path);
  if (typeof start === 'number') return start;
  const found = walk(kernel, task, start, path, true);
  if (typeof found === 'number') return found;
  if (found.target === null || found.inode === null) return -Errno.ENOENT;
  if (!mayAccess(found.inode, task.process.credentials, Access.write)) return -Errno.EACCES;
  const socket = found.inode.type === FileType.socket ? bound.get(placeKey(found.target)) : undefined;
  if (socket === undefined) return -Errno.ECONNREFUSED;
  return socket.type === type ? socket : -Errno.EPROTOTYPE;
}
