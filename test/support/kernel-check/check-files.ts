// Open files and what hangs on them.
//
//   references     a description's count = descriptors of living processes + messages in which it is on its way
//   pipes          readers and writers = open ends
//   epoll          items of open files, in both directions       inotify, locks: of open files and living processes
//   inodes         held once for each description, working folder, mapped file, watch, bound socket
//   AF_UNIX        peers name each other; bytes, connections and descriptions on their way add up

import type { Volume } from '../../../os-core/eurofs/volume.ts';
import type { Attachment, UnixMessage } from '../../../os-core/kernel/network/unix/unix-message.ts';
import { UnixSockets } from '../../../os-core/kernel/network/unix/unix-names.ts';
import { UnixSocket } from '../../../os-core/kernel/network/unix/unix-socket.ts';
import { Task, TaskState } from '../../../os-core/kernel/process/task.ts';
import { EpollFile, type EpollItem } from '../../../os-core/kernel/vfs/anonymous/epoll-file.ts';
import { InotifyFile } from '../../../os-core/kernel/vfs/anonymous/inotify.ts';
import { EuroFileSystem } from '../../../os-core/kernel/vfs/euro-file-system.ts';
import type { FileSystem } from '../../../os-core/kernel/vfs/file-system.ts';
import { FileTable } from '../../../os-core/kernel/vfs/file-table.ts';
import { MemoryFileSystem } from '../../../os-core/kernel/vfs/memory-file-system.ts';
import { OpenFile } from '../../../os-core/kernel/vfs/open-file.ts';
import type { FilePages } from '../../../os-core/kernel/vfs/page-cache.ts';
import { Pipe, PipeEnd } from '../../../os-core/kernel/vfs/pipe.ts';
import type { RecordLock } from '../../../os-core/kernel/vfs/record-locks.ts';
import { mayRead, mayWrite } from '../../../os-core/kernel/vfs/regular-file.ts';
import { type Place, placeKey, Vfs } from '../../../os-core/kernel/vfs/vfs.ts';
import type { WaitQueue, Wakeable } from '../../../os-core/kernel/wait-queue.ts';
import { hidden, type StateGraph } from './state-graph.ts';

const nameOf = (file: OpenFile): string => `${file.constructor.name} ${file.path}`;

/** Tables of living processes, and how often each description is referred to. */
function descriptors(graph: StateGraph): { tables: Set<FileTable>; counts: Map<OpenFile, number> } {
  const tables = new Set<FileTable>();
  const counts = new Map<OpenFile, number>();
  const count = (file: OpenFile): void => void counts.set(file, (counts.get(file) ?? 0) + 1);
  for (const { files } of graph.kernel.processes.processes.values()) {
    if (!(files instanceof FileTable)) continue;
    graph.expect(!tables.has(files), () => 'files: two processes have one table');
    tables.add(files);
    for (const { file } of hidden<Map<number, { file: OpenFile }>>(files, 'entries').values()) count(file);
  }
  for (const socket of graph.all(UnixSocket))
    for (const { attachment } of hidden<UnixMessage[]>(socket, 'queue')) attachment.rights.forEach(count);
  return { tables, counts };
}

export function checkFiles(graph: StateGraph): void {
  const vfs = Vfs.of(graph.kernel);
  const { tables, counts } = descriptors(graph);
  for (const file of graph.all(OpenFile)) {
    const known = counts.get(file) ?? 0;
    graph.expect(
      file.references === known || (file.references <= 0 && known === 0),
      () => `files: ${nameOf(file)} has ${file.references} references, ${known} are known`,
    );
  }
  const isOpen = (file: unknown): boolean => file instanceof OpenFile && counts.has(file);
  checkPipes(graph, vfs, isOpen);
  checkEpoll(graph, vfs, isOpen);
  checkInotify(graph, vfs, isOpen);
  checkLocks(graph, vfs, (owner) => isOpen(owner) || (owner instanceof FileTable && tables.has(owner)));
  checkSockets(graph, isOpen);
  checkInodes(graph, tables, counts);
}

function checkPipes(graph: StateGraph, vfs: Vfs, isOpen: (file: unknown) => boolean): void {
  const readers = new Map<Pipe, number>();
  const writers = new Map<Pipe, number>();
  const ends = new Set(graph.all(PipeEnd).filter(isOpen));
  // An end that waits for the other side of a FIFO has no descriptor yet.
  for (const { progress } of graph.kernel.processes.tasks.values()) if (progress instanceof PipeEnd) ends.add(progress);
  for (const end of ends) {
    if (mayRead(end)) readers.set(end.pipe, (readers.get(end.pipe) ?? 0) + 1);
    if (mayWrite(end)) writers.set(end.pipe, (writers.get(end.pipe) ?? 0) + 1);
  }
  let open = 0;
  for (const pipe of graph.all(Pipe)) {
    const [reading, writing] = [readers.get(pipe) ?? 0, writers.get(pipe) ?? 0];
    if (reading + writing > 0) open++;
    graph.expect(
      pipe.readers === reading && pipe.writers === writing,
      () =>
        `pipes: ${pipe.number} has ${pipe.readers} readers and ${pipe.writers} writers, ${reading} and ${writing} are known`,
    );
    graph.expect(pipe.count >= 0 && pipe.room >= 0, () => `pipes: ${pipe.number} holds ${pipe.count} bytes`);
  }
  graph.expect(open === vfs.openPipes, () => `pipes: ${open} are open, ${vfs.openPipes} counted`);
  for (const [key, pipe] of vfs.fifos)
    graph.expect(pipe.key === key && pipe.readers + pipe.writers > 0, () => `pipes: FIFO ${key} has no end`);
}

function checkEpoll(graph: StateGraph, vfs: Vfs, isOpen: (file: unknown) => boolean): void {
  let watches = 0;
  for (const epoll of graph.all(EpollFile)) {
    const items = hidden<Map<OpenFile, Map<number, EpollItem>>>(epoll, 'items');
    graph.expect(items.size === 0 || isOpen(epoll), () => 'epoll: a closed file has items');
    for (const [file, byDescriptor] of items)
      for (const item of byDescriptor.values()) {
        watches++;
        graph.expect(isOpen(file), () => `epoll: ${nameOf(file)} is watched and closed`);
        graph.expect(
          vfs.watchers.get(file)?.has(item) === true,
          () => `epoll: ${nameOf(file)} does not know that it is watched`,
        );
        const queue = file.readinessQueue;
        graph.expect(
          queue === null || hidden<Set<Wakeable>>(queue, 'waiting').has(item),
          () => `epoll: an item has left the queue of ${nameOf(file)}`,
        );
      }
    for (const item of hidden<Set<EpollItem>>(epoll, 'list'))
      graph.expect(
        epoll.find(item.file, item.descriptor) === item,
        () => `epoll: an item of ${nameOf(item.file)} is ready and gone`,
      );
    const sleepers = hidden<Set<Wakeable>>(epoll.readinessQueue as WaitQueue, 'waiting');
    graph.expect(
      hidden<Set<EpollItem>>(epoll, 'list').size === 0 ||
        ![...sleepers].some(
          (one) =>
            one instanceof Task && one.state === TaskState.sleeping && one.call.number !== 7 && one.call.number !== 23,
        ),
      () => 'epoll: a task sleeps although items are on the ready list',
    );
  }
  graph.expect(watches === vfs.watcherCount, () => `epoll: ${watches} items, ${vfs.watcherCount} counted`);
}

function checkInotify(graph: StateGraph, vfs: Vfs, isOpen: (file: unknown) => boolean): void {
  const { notifier } = vfs;
  const files = graph.all(InotifyFile);
  const open = files.filter(isOpen);
  graph.expect(open.length === notifier.instances, () => `inotify: ${open.length} open, ${notifier.instances} counted`);
  let count = 0;
  const byKey = hidden<Map<string, Set<object>>>(notifier, 'watches');
  for (const file of files)
    for (const watch of hidden<Map<number, { place: Place }>>(file, 'watches').values()) {
      count++;
      graph.expect(isOpen(file), () => 'inotify: a closed file has watches');
      graph.expect(byKey.get(placeKey(watch.place))?.has(watch) === true, () => 'inotify: a watch is not known');
    }
  graph.expect(count === notifier.count, () => `inotify: ${count} watches, ${notifier.count} counted`);
  for (const file of hidden<Map<OpenFile, unknown>>(notifier, 'opened').keys())
    graph.expect(isOpen(file), () => `inotify: the name of ${nameOf(file)} is kept, which is closed`);
}

function checkLocks(graph: StateGraph, vfs: Vfs, isOwner: (owner: unknown) => boolean): void {
  for (const [key, { holders }] of vfs.locks) {
    graph.expect(holders.size > 0, () => `flock: ${key} has no holder`);
    for (const holder of holders) graph.expect(isOwner(holder), () => `flock: ${key} is held by a closed file`);
  }
  let count = 0;
  for (const [key, file] of hidden<Map<string, { locks: RecordLock[] }>>(vfs.recordLocks, 'files')) {
    count += file.locks.length;
    graph.expect(file.locks.length > 0, () => `record locks: ${key} has none`);
    for (const { owner } of file.locks)
      graph.expect(isOwner(owner), () => `record locks: one of ${key} has an owner that is gone`);
  }
  const counted = hidden<number>(vfs.recordLocks, 'count');
  graph.expect(count === counted, () => `record locks: ${count}, ${counted} counted`);
  for (const waiter of hidden<Map<object, unknown>>(vfs.recordLocks, 'waits').keys())
    graph.expect(
      !(waiter instanceof Task) || waiter.state !== TaskState.dead,
      () => 'record locks: a dead task waits for one',
    );
}

function checkSockets(graph: StateGraph, isOpen: (file: unknown) => boolean): void {
  const sockets = UnixSockets.of(graph.kernel);
  const inFlight = new Map<OpenFile, number>();
  let bytes = 0;
  let waitingConnections = 0;
  const all = graph.all(UnixSocket);
  const unaccepted = new Set(all.flatMap((socket) => hidden<UnixSocket[]>(socket, 'waiting')));
  for (const socket of all) {
    const peer = hidden<UnixSocket | null>(socket, 'peer');
    const isDatagram = hidden(socket, 'isDatagram') === true;
    const lives = isOpen(socket) || unaccepted.has(socket);
    bytes += hidden<number>(socket, 'queuedBytes');
    waitingConnections += hidden<UnixSocket[]>(socket, 'waiting').length;
    for (const { attachment } of hidden<{ attachment: Attachment }[]>(socket, 'queue'))
      for (const file of attachment.rights) inFlight.set(file, (inFlight.get(file) ?? 0) + 1);
    if (peer !== null) {
      graph.expect(
        lives && (isOpen(peer) || unaccepted.has(peer)),
        () => `sockets: ${nameOf(socket)} or its peer is closed`,
      );
      graph.expect(
        isDatagram || hidden(peer, 'peer') === socket,
        () => `sockets: the peer of ${nameOf(socket)} has another one`,
      );
    }
    graph.expect(
      lives || (hidden<unknown[]>(socket, 'queue').length === 0 && hidden<unknown[]>(socket, 'waiting').length === 0),
      () => `sockets: ${nameOf(socket)} is closed and holds messages`,
    );
  }
  graph.expect(bytes === sockets.queuedBytes, () => `sockets: ${bytes} bytes queued, ${sockets.queuedBytes} counted`);
  graph.expect(
    waitingConnections === sockets.waitingConnections,
    () => `sockets: ${waitingConnections} connections wait, ${sockets.waitingConnections} counted`,
  );
  for (const [key, socket] of sockets.bound)
    graph.expect(isOpen(socket), () => `sockets: ${key} is bound to a closed socket`);
  for (const file of new Set([...inFlight.keys(), ...sockets.inFlight.keys()]))
    graph.expect(
      inFlight.get(file) === sockets.inFlight.get(file),
      () => `sockets: ${nameOf(file)} is on its way ${inFlight.get(file)} times, ${sockets.inFlight.get(file)} counted`,
    );
  graph.expect(sockets.discarded.length === 0 && !sockets.isDiscarding, () => 'sockets: messages are half discarded');
}

function checkInodes(graph: StateGraph, tables: Set<FileTable>, counts: Map<OpenFile, number>): void {
  const holds = new Map<string, number>();
  const hold = (place: Place | null): void => {
    if (place !== null) holds.set(placeKey(place), (holds.get(placeKey(place)) ?? 0) + 1);
  };
  for (const file of counts.keys()) hold(file.place);
  for (const { workingFolder } of tables) hold(workingFolder);
  const { pageCache } = graph.kernel.state;
  for (const { place } of hidden<Map<string, FilePages>>(pageCache, 'files').values()) hold(place);
  for (const file of graph.all(InotifyFile))
    for (const { place } of hidden<Map<number, { place: Place }>>(file, 'watches').values()) hold(place);
  for (const socket of graph.all(UnixSocket)) hold(hidden<Place | null>(socket, 'boundPlace'));
  const check = (fileSystem: FileSystem, inode: number, held: number): void => {
    const key = `${fileSystem.deviceNumber}:${inode}`;
    const known = holds.get(key) ?? 0;
    graph.expect(
      held === known,
      () => `inodes: ${fileSystem.typeName} ${key} is held ${held} times, ${known} are known`,
    );
    holds.delete(key);
  };
  for (const fileSystem of graph.all(MemoryFileSystem))
    for (const [inode, { openCount }] of hidden<Map<number, { openCount: number }>>(fileSystem, 'nodes'))
      check(fileSystem, inode, openCount);
  for (const fileSystem of graph.all(EuroFileSystem)) {
    const volume = hidden<Volume>(fileSystem, 'volume');
    for (const [inode, held] of hidden<Map<number, number>>(volume, 'openCounts')) check(fileSystem, inode, held);
  }
}
