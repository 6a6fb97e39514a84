// /proc: processes and machine as files. Nothing is stored; inode numbers tell what a file is:
//
//   1 root | 2 self | 3 sys | 4 sys/kernel | 5 net | 6 sysrq-trigger | 7 euroos | 8 thread-self | 9… more folders
//   16 + i root texts | 64 + i sys/kernel texts | 128 + i net texts | 192 + i euroos texts | 256… texts of the other folders
//   (pid + 1) * 2^20 + k:   k = 0 the folder | 1 exe | 2 cwd | 3 root | 4 fd | 5 task | 16 + i texts | 2^16 + n fd/n
//   (tid + 1) * 2^20 + 2^18 + k:   k = 0 task/tid | 16 + i its texts

import { registerClass } from '../../../devices/base/object-graph.ts';
import { Capability } from '../../abi/capability.ts';
import { Errno } from '../../abi/errno.ts';
import { FileType, Inode, toByteString } from '../../eurofs/index.ts';
import type { Kernel } from '../kernel.ts';
import type { Process } from '../process/process.ts';
import type { Task } from '../process/task.ts';
import { CrashTrigger } from './crash-trigger.ts';
import { FileSystem, type FolderEntry } from './file-system.ts';
import { FileTable } from './file-table.ts';
import type { OpenFile } from './open-file.ts';
import { pathOf } from './path-walk.ts';
import { euroosTexts, networkTexts, type ProcText, rootTexts } from './proc-content.ts';
import { processTexts, threadTexts } from './proc-process-content.ts';
import { fileSystemTexts, kernelTexts, memoryTexts, randomTexts, socketTexts, unixTexts } from './proc-settings.ts';
import { TextFile } from './text-file.ts';

const ROOT = 1;
const SELF = 2;
const SYS = 3;
const SYS_KERNEL = 4;
const NET = 5;
const CRASH_TRIGGER = 6;
const EUROOS = 7;
const THREAD_SELF = 8;
const SYS_VM = 9;
const SYS_FS = 10;
const SYS_RANDOM = 11;
const SYS_NET = 12;
const SYS_NET_CORE = 13;
const SYS_NET_UNIX = 14;
const ROOT_TEXTS = 16;
const KERNEL_TEXTS = 64;
/** Folders that hold texts, and each other. */
const staticFolders = [
  { inode: SYS, parent: ROOT, name: 'sys', texts: [], first: 248 },
  { inode: SYS_KERNEL, parent: SYS, name: 'kernel', texts: kernelTexts, first: KERNEL_TEXTS },
  { inode: NET, parent: ROOT, name: 'net', texts: networkTexts, first: 128 },
  { inode: EUROOS, parent: ROOT, name: 'euroos', texts: euroosTexts, first: 192 },
  { inode: SYS_VM, parent: SYS, name: 'vm', texts: memoryTexts, first: 256 },
  { inode: SYS_FS, parent: SYS, name: 'fs', texts: fileSystemTexts, first: 288 },
  { inode: SYS_RANDOM, parent: SYS_KERNEL, name: 'random', texts: randomTexts, first: 320 },
  { inode: SYS_NET, parent: SYS, name: 'net', texts: [], first: 344 },
  { inode: SYS_NET_CORE, parent: SYS_NET, name: 'core', texts: socketTexts, first: 352 },
  { inode: SYS_NET_UNIX, parent: SYS_NET, name: 'unix', texts: unixTexts, first: 384 },
] as const;
type StaticFolder = (typeof staticFolders)[number];
const folderOf = (inode: number): StaticFolder | null =>
  staticFolders.find((candidate) => candidate.inode === inode) ?? null;
const foldersIn = (parent: number): readonly StaticFolder[] =>
  staticFolders.filter((candidate) => candidate.parent === parent);
/** The text that an inode number below the processes' stands for. */
function staticText(inode: number): ProcText | null {
  if (inode >= ROOT_TEXTS && inode < KERNEL_TEXTS) return rootTexts[inode - ROOT_TEXTS] ?? null;
  for (const { first, texts } of staticFolders)
    if (inode >= first && inode < first + texts.length) return texts[inode - first];
  return null;
}
const PER_PROCESS = 2 ** 20;
const Item = {
  folder: 0,
  exe: 1,
  cwd: 2,
  root: 3,
  fd: 4,
  tasks: 5,
  texts: 16,
  descriptors: 2 ** 16,
  thread: 2 ** 18,
} as const;
const PROCESS_LINKS = ['exe', 'cwd', 'root'];

/** The machine's owner may let everyone try the panic screen: boot option `sysrq=all`. */
function isTriggerForAll(kernel: Kernel): boolean {
  return /(?:^| )sysrq=all(?: |$)/.test(kernel.state.boot.commandLine);
}

export class ProcFileSystem extends FileSystem {
  override readonly typeName = 'proc';
  override readonly magic = 0x9fa0;
  override readonly rootInode = ROOT;

  /** The process that an inode tells of, also by one of its threads. */
  private processOf(kernel: Kernel, number: number): Process | null {
    if (number < PER_PROCESS) return null;
    const id = Math.floor(number / PER_PROCESS) - 1;
    return this.item(number) < Item.thread
      ? kernel.processes.find(id)
      : (kernel.processes.findTask(id)?.process ?? null);
  }
  private threadOf(kernel: Kernel, number: number): Task | null {
    return this.item(number) < Item.thread ? null : kernel.processes.findTask(Math.floor(number / PER_PROCESS) - 1);
  }
  private item(number: number): number {
    return number % PER_PROCESS;
  }
  private of(process: Process, item: number): number {
    return (process.id + 1) * PER_PROCESS + item;
  }
  /** Whether the task may look into a process: itself, or with the right for it those of its own user. */
  private mayLook(task: Task, process: Process): boolean {
    if (process === task.process) return true;
    if ((task.capabilities & Capability.processInfo) === 0) return false;
    const { userId } = task.process.credentials;
    return userId === 0 || process.credentials.userId === userId;
  }

  attributes(kernel: Kernel, _task: Task, number: number): Inode | number {
    const inode = new Inode();
    inode.number = number;
    inode.links = 1;
    const now = kernel.clock.wallClock(kernel.nowNanos());
    for (const time of [inode.accessed, inode.modified, inode.changed]) time.seconds = now.seconds;
    const folder = (): Inode => {
      inode.mode = FileType.directory | 0o555;
      inode.links = 2;
      return inode;
    };
    const link = (): Inode => {
      inode.mode = FileType.symbolicLink | 0o777;
      return inode;
    };
    if (number === SELF || number === THREAD_SELF) return link();
    if (number === ROOT || folderOf(number) !== null) return folder();
    const triggerMode = isTriggerForAll(kernel) ? 0o222 : 0o200;
    inode.mode = FileType.regular | (number === CRASH_TRIGGER ? triggerMode : 0o444);
    if (number < PER_PROCESS) return inode;
    const process = this.processOf(kernel, number);
    if (process === null) return -Errno.ENOENT;
    inode.user = process.credentials.userId;
    inode.group = process.credentials.groupId;
    const item = this.item(number);
    if (item === Item.folder || item === Item.tasks || item === Item.thread) return folder();
    if (item > Item.thread) return inode;
    if (item === Item.fd) {
      folder();
      inode.mode = FileType.directory | 0o500;
      return inode;
    }
    if (item < Item.fd || item >= Item.descriptors) return link();
    const text = processTexts[item - Item.texts];
    if (text?.isPrivate === true) inode.mode = FileType.regular | 0o400;
    return inode;
  }

  lookup(kernel: Kernel, task: Task, folder: number, name: string): number {
    if (folder < PER_PROCESS) {
      const inner = foldersIn(folder).find((candidate) => candidate.name === name);
      if (inner !== undefined) return inner.inode;
    }
    if (folder === ROOT) {
      if (name === 'self') return SELF;
      if (name === 'thread-self') return THREAD_SELF;
      if (name === 'sysrq-trigger') return CRASH_TRIGGER;
      const text = rootTexts.findIndex((entry) => entry.name === name);
      if (text >= 0) return ROOT_TEXTS + text;
      const process = /^[1-9][0-9]{0,5}$/.test(name) ? kernel.processes.find(Number(name)) : null;
      return process === null ? -Errno.ENOENT : this.of(process, Item.folder);
    }
    const texts = folderOf(folder);
    if (texts !== null) {
      const text = texts.texts.findIndex((entry) => entry.name === name);
      return text < 0 ? -Errno.ENOENT : texts.first + text;
    }
    const process = this.processOf(kernel, folder);
    if (process === null) return -Errno.ENOENT;
    if (this.item(folder) === Item.fd) {
      if (!this.mayLook(task, process)) return -Errno.EACCES;
      const descriptor = /^(0|[1-9][0-9]{0,5})$/.test(name) ? Number(name) : -1;
      const exists = process.files instanceof FileTable && process.files.get(descriptor) !== null;
      return exists ? this.of(process, Item.descriptors + descriptor) : -Errno.ENOENT;
    }
    if (this.item(folder) === Item.tasks) {
      const thread = /^[1-9][0-9]{0,5}$/.test(name) ? kernel.processes.findTask(Number(name)) : null;
      return thread?.process === process ? (thread.id + 1) * PER_PROCESS + Item.thread : -Errno.ENOENT;
    }
    if (this.item(folder) === Item.thread) {
      const text = threadTexts.findIndex((entry) => entry.name === name);
      return text < 0 ? -Errno.ENOENT : folder + Item.texts + text;
    }
    if (this.item(folder) !== Item.folder) return -Errno.ENOTDIR;
    if (name === 'fd') return this.of(process, Item.fd);
    if (name === 'task') return this.of(process, Item.tasks);
    const link = PROCESS_LINKS.indexOf(name);
    if (link >= 0) return this.of(process, Item.exe + link);
    const text = processTexts.findIndex((entry) => entry.name === name);
    return text < 0 ? -Errno.ENOENT : this.of(process, Item.texts + text);
  }

  parent(kernel: Kernel, _task: Task, folder: number): { readonly parent: number; readonly name: string } | number {
    const known = folderOf(folder);
    if (known !== null) return { parent: known.parent, name: known.name };
    if (folder < PER_PROCESS) return { parent: ROOT, name: '' };
    const id = String(Math.floor(folder / PER_PROCESS) - 1);
    if (this.item(folder) === Item.fd) return { parent: folder - Item.fd, name: 'fd' };
    if (this.item(folder) === Item.tasks) return { parent: folder - Item.tasks, name: 'task' };
    if (this.item(folder) !== Item.thread) return { parent: ROOT, name: id };
    const process = this.processOf(kernel, folder);
    return process === null ? -Errno.ENOENT : { parent: this.of(process, Item.tasks), name: id };
  }

  readFolder(kernel: Kernel, task: Task, folder: number, position: number): FolderEntry | null | number {
    const names = this.namesIn(kernel, task, folder);
    if (typeof names === 'number') return names;
    // Processes come and go between two calls: positions count names, and a name that has gone is passed over.
    for (let i = position; i < names.length; i++) {
      const inode = this.lookup(kernel, task, folder, names[i]);
      if (inode < 0) continue;
      const attributes = this.attributes(kernel, task, inode);
      if (typeof attributes === 'number') continue;
      return { inode, type: attributes.mode >>> 12, name: names[i], position: i + 1 };
    }
    return null;
  }
  private namesIn(kernel: Kernel, task: Task, folder: number): readonly string[] | number {
    if (folder === ROOT) {
      const processes = [...kernel.processes.processes.keys()].filter((id) => id > 0).sort((a, b) => a - b);
      return [
        'self',
        'thread-self',
        'sysrq-trigger',
        ...foldersIn(ROOT).map(({ name }) => name),
        ...rootTexts.map((entry) => entry.name),
        ...processes.map(String),
      ];
    }
    const known = folderOf(folder);
    if (known !== null) return [...foldersIn(folder), ...known.texts].map((entry) => entry.name);
    const process = this.processOf(kernel, folder);
    if (process === null) return -Errno.ENOENT;
    if (this.item(folder) === Item.folder)
      return [...PROCESS_LINKS, 'fd', 'task', ...processTexts.map((entry) => entry.name)];
    if (this.item(folder) === Item.tasks) return [...process.tasks].map((thread) => String(thread.id));
    if (this.item(folder) === Item.thread) return threadTexts.map((entry) => entry.name);
    if (!this.mayLook(task, process)) return -Errno.EACCES;
    return process.files instanceof FileTable ? process.files.list().map(String) : [];
  }

  override readLink(kernel: Kernel, task: Task, number: number): string | number {
    if (number === SELF) return String(task.process.id);
    if (number === THREAD_SELF) return `${task.process.id}/task/${task.id}`;
    const process = this.processOf(kernel, number);
    if (process === null) return -Errno.ENOENT;
    if (!this.mayLook(task, process)) return -Errno.EACCES;
    const item = this.item(number);
    const files = process.files instanceof FileTable ? process.files : null;
    if (item === Item.exe) return process.executablePath === '' ? -Errno.ENOENT : toByteString(process.executablePath);
    if (item === Item.cwd) {
      const place = files?.workingFolder ?? null;
      return place === null ? '/' : pathOf(kernel, task, place);
    }
    if (item === Item.root) return '/';
    const file = files?.get(item - Item.descriptors) ?? null;
    return file === null ? -Errno.ENOENT : file.path === '' ? `anon_inode:[${item}]` : file.path;
  }
  override magicFile(kernel: Kernel, task: Task, number: number): OpenFile | null {
    const process = this.processOf(kernel, number);
    const item = this.item(number);
    if (process === null || item < Item.descriptors || item >= Item.thread || !this.mayLook(task, process)) return null;
    return process.files instanceof FileTable ? process.files.get(item - Item.descriptors) : null;
  }
  override openSpecial(kernel: Kernel, task: Task, inode: Inode, flags: number): OpenFile | number | null {
    if (inode.type !== FileType.regular) return null;
    const { number } = inode;
    if (number === CRASH_TRIGGER) {
      const may = task.process.credentials.userId === 0 || isTriggerForAll(kernel);
      return may ? new CrashTrigger() : -Errno.EACCES;
    }
    if ((flags & 3) !== 0) return -Errno.EACCES;
    let text: string | Uint8Array = '';
    let capability: number = Capability.file;
    if (number < PER_PROCESS) {
      const entry = staticText(number);
      // The log tells of all processes.
      if (entry?.tellsOfOthers === true) capability |= Capability.processInfo;
      text = entry?.text(kernel) ?? '';
    } else {
      const process = this.processOf(kernel, number);
      if (process === null) return -Errno.ENOENT;
      // Looking at others takes the right for it.
      if (process !== task.process) capability |= Capability.processInfo;
      const thread = this.threadOf(kernel, number);
      if (thread !== null) {
        text = threadTexts[this.item(number) - Item.thread - Item.texts]?.text(kernel, process, thread) ?? '';
      } else {
        const entry = processTexts[this.item(number) - Item.texts];
        if (entry === undefined) return -Errno.ENOENT;
        if (entry.isPrivate && !this.mayLook(task, process)) return -Errno.EACCES;
        text = entry.text(kernel, process);
      }
    }
    return new TextFile(typeof text === 'string' ? new TextEncoder().encode(text) : text, capability);
  }
}
registerClass('vfs.ProcFileSystem', 1, ProcFileSystem);
