// A volume for tools: paths and UTF-8 names, synchronous, over a store whose calls never wait. Errors are EuroFsError with one
// clear line.
//
//   const tool = VolumeTool.format(new MemoryBlockStore(bytes), { uuid, nowSeconds, label: 'EuroOS' });
//   tool.makeFolders('/bin', owner);  tool.writeFile('/bin/hello', elf, 0o755, owner);  tool.commit();

import { Errno } from '../abi/errno.ts';
import { type BlockStore, COMMIT_FIRST, PENDING } from './block-store.ts';
import { getInode, prepareWrite, putInode, readBytes, setSize, wroteTo } from './files.ts';
import { type FormatOptions, formatVolume } from './format.ts';
import { bytesToName, FileType, type Inode, nameToBytes } from './items.ts';
import { BLOCK_BYTES, ROOT_INODE } from './layout.ts';
import * as namespace from './namespace.ts';
import { Mount, type Volume } from './volume.ts';

export class EuroFsError extends Error {
  override readonly name = 'EuroFsError';
  readonly errno: number;

  constructor(errno: number, what: string) {
    super(`${what}: ${errnoName(errno)}`);
    this.errno = errno;
  }
}
function errnoName(errno: number): string {
  return Object.entries(Errno).find(([, value]) => value === errno)?.[0] ?? `error ${errno}`;
}

export interface Owner {
  readonly user: number;
  readonly group: number;
}
const SYSTEM: Owner = { user: 0, group: 0 };

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8');
export const toByteString = (text: string): string => bytesToName(encoder.encode(text));
export const fromByteString = (name: string): string => decoder.decode(nameToBytes(name));

export class VolumeTool {
  readonly volume: Volume;

  constructor(volume: Volume) {
    this.volume = volume;
  }

  static format(store: BlockStore, options: FormatOptions): VolumeTool {
    const status = formatVolume(store, options);
    if (status < 0) throw new EuroFsError(-status, 'format');
    const tool = VolumeTool.mount(store);
    tool.setTime(options.nowSeconds);
    return tool;
  }
  static mount(store: BlockStore): VolumeTool {
    const mount = new Mount(store);
    const status = mount.step();
    if (status !== 0 || mount.volume === null)
      throw new EuroFsError(status === PENDING ? Errno.EIO : -status, `mount: ${mount.reason}`);
    return new VolumeTool(mount.volume);
  }

  /** Time stamps of what follows. */
  setTime(seconds: number, nanos = 0): void {
    this.volume.nowSeconds = seconds;
    this.volume.nowNanos = nanos;
  }

  /** Runs an operation to its end; commits when it asks for that (three commits bring back all that is freed). */
  private run<T>(what: string, operation: () => T | number): T | number {
    for (let attempt = 0; attempt < 5; attempt++) {
      const result = operation();
      if (result === COMMIT_FIRST) this.commit();
      else if (typeof result === 'number' && result < 0)
        throw new EuroFsError(result === PENDING ? Errno.EIO : -result, what);
      else return result;
    }
    throw new EuroFsError(Errno.ENOSPC, what);
  }
  private call<T>(what: string, operation: () => T | number): T {
    return this.run(what, operation) as T;
  }

  /** Makes everything durable. */
  commit(): void {
    const status = this.volume.commitStep(true);
    if (status !== 0) throw new EuroFsError(status === PENDING ? Errno.EIO : -status, 'commit');
  }

  private split(path: string): string[] {
    return path.split('/').filter((part) => part !== '' && part !== '.');
  }
  /** Inode number of a path, or -ENOENT, -ENOTDIR. Symbolic links are not followed. */
  private resolve(path: string): number {
    let at = ROOT_INODE;
    for (const part of this.split(path)) {
      const inode = getInode(this.volume, at);
      if (typeof inode === 'number') return inode;
      if (!inode.isDirectory) return -Errno.ENOTDIR;
      at = namespace.lookup(this.volume, at, toByteString(part));
      if (at < 0) return at;
    }
    return at;
  }
  /** Inode number of a path; symbolic links are not followed. Throws ENOENT. */
  find(path: string): number {
    return this.call(path, () => this.resolve(path));
  }
  exists(path: string): boolean {
    const found = this.resolve(path);
    if (found === -Errno.ENOENT || found === -Errno.ENOTDIR) return false;
    if (found < 0) throw new EuroFsError(-found, path);
    return true;
  }
  private parentOf(path: string): { directory: number; name: string } {
    const parts = this.split(path);
    const name = parts.pop();
    if (name === undefined) throw new EuroFsError(Errno.EEXIST, path);
    return { directory: this.find(parts.join('/')), name: toByteString(name) };
  }
  private make(path: string, mode: number, owner: Owner, target?: Uint8Array): number {
    const { directory, name } = this.parentOf(path);
    const what = { mode, user: owner.user, group: owner.group, ...(target === undefined ? {} : { target }) };
    return this.call(path, () => namespace.create(this.volume, directory, name, what));
  }

  makeFolder(path: string, permissions = 0o755, owner: Owner = SYSTEM): number {
    return this.make(path, FileType.directory | permissions, owner);
  }
  /** Makes a folder and the missing ones above it. */
  makeFolders(path: string, owner: Owner = SYSTEM): number {
    let at = '';
    for (const part of this.split(path)) {
      at += `/${part}`;
      if (!this.exists(at)) this.makeFolder(at, 0o755, owner);
    }
    return this.find(path);
  }
  makeSymbolicLink(path: string, target: string, owner: Owner = SYSTEM): number {
    const bytes = encoder.encode(target);
    if (bytes.length === 0 || bytes.length >= BLOCK_BYTES) throw new EuroFsError(Errno.ENAMETOOLONG, path);
    return this.make(path, FileType.symbolicLink | 0o777, owner, bytes);
  }
  readSymbolicLink(path: string): string {
    const number = this.find(path);
    return decoder.decode(this.call<Uint8Array>(path, () => namespace.readLink(this.volume, number)));
  }

  /** Makes or replaces a regular file. */
  writeFile(path: string, contents: Uint8Array, permissions = 0o644, owner: Owner = SYSTEM): number {
    const number = this.exists(path) ? this.find(path) : this.make(path, FileType.regular | permissions, owner);
    const inode = this.stat(path);
    if (inode.type !== FileType.regular) throw new EuroFsError(inode.isDirectory ? Errno.EISDIR : Errno.EINVAL, path);
    this.call(path, () => setSize(this.volume, number, 0));
    for (let at = 0; at < contents.length; at += BLOCK_BYTES) {
      const part = contents.subarray(at, at + BLOCK_BYTES);
      const block = this.call<Uint8Array>(path, () => prepareWrite(this.volume, number, at / BLOCK_BYTES, true));
      block.set(part);
      this.call(path, () => wroteTo(this.volume, number, at + part.length));
    }
    return number;
  }
  readFile(path: string): Uint8Array {
    const number = this.find(path);
    const inode = this.stat(path);
    if (inode.isDirectory) throw new EuroFsError(Errno.EISDIR, path);
    // A hostile size must not exhaust memory: a file cannot hold more than the volume, holes aside.
    const most = this.volume.blockCount * BLOCK_BYTES;
    if (inode.size > most) throw new EuroFsError(Errno.EFBIG, path);
    const contents = new Uint8Array(inode.size);
    // A damaged block ends a read early; reading on from there tells why.
    for (let done = 0; done < contents.length; ) {
      const count = this.run(path, () => readBytes(this.volume, number, done, contents.subarray(done)));
      if (count === 0) throw new EuroFsError(Errno.EIO, path);
      done += count as number;
    }
    return contents;
  }

  stat(path: string): Inode {
    const number = this.find(path);
    return this.call<Inode>(path, () => getInode(this.volume, number));
  }
  setMode(path: string, permissions: number, owner?: Owner): void {
    const inode = this.stat(path);
    inode.mode = inode.type | (permissions & 0o7777);
    if (owner !== undefined) {
      inode.user = owner.user;
      inode.group = owner.group;
    }
    this.run(path, () => this.volume.reserve(1, 0));
    this.run(path, () => putInode(this.volume, inode));
  }
  /** Names in a folder, sorted. */
  list(path: string): string[] {
    const number = this.find(path);
    if (!this.stat(path).isDirectory) throw new EuroFsError(Errno.ENOTDIR, path);
    const names: string[] = [];
    for (let position = 0; ; position = namespace.foundEntry.position) {
      const found = this.run(path, () => namespace.readDirectory(this.volume, number, position));
      if (found === 0) return names.sort();
      names.push(fromByteString(namespace.foundEntry.name));
    }
  }
  /** Removes a file or an empty folder. */
  remove(path: string): void {
    const { directory, name } = this.parentOf(path);
    const folder = this.stat(path).isDirectory;
    this.run(path, () => namespace.remove(this.volume, directory, name, folder));
  }
  rename(from: string, to: string): void {
    const old = this.parentOf(from);
    const target = this.parentOf(to);
    this.run(`${from} -> ${to}`, () =>
      namespace.rename(this.volume, old.directory, old.name, target.directory, target.name, 'replace'),
    );
  }
  link(existing: string, path: string): void {
    const number = this.find(existing);
    const { directory, name } = this.parentOf(path);
    this.run(path, () => namespace.link(this.volume, directory, name, number));
  }
  setAttribute(path: string, name: string, value: Uint8Array | null): void {
    const number = this.find(path);
    this.run(path, () => namespace.setAttribute(this.volume, number, name, value, 'any'));
  }
  /** null if the file has no such attribute. */
  getAttribute(path: string, name: string): Uint8Array | null {
    const number = this.find(path);
    const value = namespace.getAttribute(this.volume, number, name);
    if (value === -Errno.ENODATA) return null;
    return this.call<Uint8Array>(path, () => value);
  }
}
