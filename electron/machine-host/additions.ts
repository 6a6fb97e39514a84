// `--add HOST:GUEST`: copies host files into a volume before power-on, and signs programs with the owner's key.

import fs from 'node:fs';
import path from 'node:path';
import type { BlockBackend } from '../../devices/backends/backends.ts';
import { EuroFsError, type Owner, VolumeTool } from '../../os-core/eurofs/index.ts';
import { SIGNATURE_ATTRIBUTE, sha256Of, signProgram } from '../../os-core/security/program-signature.ts';
import { BackendBlockStore } from './volume-store.ts';

const USER: Owner = { user: 1000, group: 1000 };

/** ELF files and scripts with an interpreter line are what execve takes. */
export function isProgram(contents: Uint8Array): boolean {
  const [a, b, c, d] = contents;
  return (a === 0x7f && b === 0x45 && c === 0x4c && d === 0x46) || (a === 0x23 && b === 0x21);
}

/** Signs the program at `file` in the volume with `seed`. */
export function signInVolume(volume: VolumeTool, file: string, contents: Uint8Array, seed: Uint8Array): void {
  volume.setAttribute(file, SIGNATURE_ATTRIBUTE, signProgram(seed, sha256Of(contents)));
}

class Copier {
  private readonly volume: VolumeTool;
  private readonly seed: Uint8Array;

  constructor(volume: VolumeTool, seed: Uint8Array) {
    this.volume = volume;
    this.seed = seed;
  }

  /** Copies a file, a symbolic link, or the contents of a folder. Mode bits and links are kept. */
  copy(host: string, guest: string): void {
    const status = fs.lstatSync(host, { throwIfNoEntry: false });
    if (status === undefined) throw new Error(`--add: ${host} does not exist`);
    if (status.isDirectory()) {
      this.volume.makeFolders(guest, USER);
      for (const name of fs.readdirSync(host).sort()) this.copy(path.join(host, name), path.posix.join(guest, name));
      return;
    }
    this.volume.makeFolders(path.posix.dirname(guest), USER);
    if (status.isSymbolicLink()) {
      if (this.volume.exists(guest)) this.volume.remove(guest);
      this.volume.makeSymbolicLink(guest, fs.readlinkSync(host), USER);
    } else if (status.isFile()) {
      const contents = new Uint8Array(fs.readFileSync(host));
      this.volume.writeFile(guest, contents, status.mode & 0o777, USER);
      this.volume.setMode(guest, status.mode & 0o777, USER);
      if (isProgram(contents)) signInVolume(this.volume, guest, contents, this.seed);
    } else throw new Error(`--add: ${host} is neither a file nor a folder`);
  }
}

/**
 * Puts `additions` into the EuroFS volume on `disk`; their time stamps say `atUnixMillis`, as of any copy. (Not 0: programs that build
 * things take the date 0 for "missing".) Throws Error with one line (missing file, full volume, no volume).
 */
export function addToVolume(
  disk: BlockBackend,
  additions: readonly { readonly host: string; readonly guest: string }[],
  seed: Uint8Array,
  atUnixMillis: number,
): void {
  try {
    const volume = VolumeTool.mount(new BackendBlockStore(disk));
    volume.setTime(Math.floor(atUnixMillis / 1000));
    const copier = new Copier(volume, seed);
    for (const { host, guest } of additions) {
      // `--add ./prog:/bin/` means a name below the folder, as with cp.
      const isFolder = guest.endsWith('/') && fs.statSync(host, { throwIfNoEntry: false })?.isFile() === true;
      copier.copy(host, isFolder ? path.posix.join(guest, path.basename(host)) : guest);
    }
    volume.commit();
  } catch (error) {
    if (error instanceof EuroFsError) throw new Error(`--add: ${error.message}`);
    throw error;
  }
}
