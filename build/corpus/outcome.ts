// What a job left: output, status, files; and where two outcomes differ.

import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { FileType, type VolumeTool } from '../../os-core/eurofs/index.ts';

export interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** path → type, and for regular files the hash of the contents. */
  readonly files: ReadonlyMap<string, string>;
}

const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex').slice(0, 16);

export function nativeFiles(folder: string, at = '', into = new Map<string, string>()): Map<string, string> {
  for (const entry of fs.readdirSync(path.join(folder, at), { withFileTypes: true })) {
    const name = path.posix.join(at, entry.name);
    if (entry.isDirectory()) {
      into.set(name, 'folder');
      nativeFiles(folder, name, into);
    } else if (entry.isSymbolicLink()) into.set(name, `link to ${fs.readlinkSync(path.join(folder, name))}`);
    else if (entry.isFile()) into.set(name, digest(fs.readFileSync(path.join(folder, name))));
    else into.set(name, 'special');
  }
  return into;
}

export function guestFiles(
  volume: VolumeTool,
  folder: string,
  at = '',
  into = new Map<string, string>(),
): Map<string, string> {
  for (const entry of volume.list(path.posix.join(folder, at))) {
    const name = path.posix.join(at, entry);
    const full = path.posix.join(folder, name);
    const { type } = volume.stat(full);
    if (type === FileType.directory) {
      into.set(name, 'folder');
      guestFiles(volume, folder, name, into);
    } else if (type === FileType.symbolicLink) into.set(name, `link to ${volume.readSymbolicLink(full)}`);
    else if (type === FileType.regular) into.set(name, digest(volume.readFile(full)));
    else into.set(name, 'special');
  }
  return into;
}

/** The first difference, in a few words; '' if there is none. */
export function difference(native: Outcome, guest: Outcome): string {
  if (native.stdout !== guest.stdout) {
    const [a, b] = [native.stdout.split('\n'), guest.stdout.split('\n')];
    const differing = a.map((line, i) => [i, line, b[i]] as const).filter(([, line, other]) => line !== other);
    const [at, expected, got] = differing[0] ?? [a.length, '(end)', b[a.length]];
    return `line ${at + 1} is ${JSON.stringify(got)}, natively ${JSON.stringify(expected)}`;
  }
  if (native.status !== guest.status) return `status ${guest.status}, natively ${native.status}`;
  for (const [name, contents] of native.files)
    if (guest.files.get(name) !== contents) return `file ${name} is ${guest.files.get(name)}, natively ${contents}`;
  for (const name of guest.files.keys()) if (!native.files.has(name)) return `file ${name} is there, natively not`;
  return '';
}

/** The output of a job that does many things, each headed by `== NAME`: name → output. A name that comes again is numbered. */
export function partsOf(stdout: string): Map<string, string> {
  const parts = new Map<string, string>();
  for (const part of stdout.split(/^== /m).slice(1)) {
    const end = part.indexOf('\n');
    const name = part.slice(0, end);
    let key = name;
    for (let n = 2; parts.has(key); n++) key = `${name} (${n})`;
    parts.set(key, part.slice(end + 1));
  }
  return parts;
}
