// The firmware's variables of a machine: kept in a file, or in memory for a throw-away machine; and the owner's key in them.

import fs from 'node:fs';
import path from 'node:path';
import type { VariableStoreBackend } from '../../devices/backends/backends.ts';
import { VariableAttribute, VariableStore } from '../../devices/firmware/variables.ts';
import {
  COMMAND_LINE_VARIABLE,
  EUROOS_VARIABLE_GUID,
  guidBytes,
  OWNER_KEYS_VARIABLE,
} from '../../os-core/boot/uefi.ts';

export class MemoryVariables implements VariableStoreBackend {
  private bytes: Uint8Array | null = null;
  load(): Uint8Array | null {
    return this.bytes;
  }
  save(bytes: Uint8Array): void {
    this.bytes = bytes.slice();
  }
}

export class FileVariables implements VariableStoreBackend {
  private readonly file: string;
  constructor(file: string) {
    this.file = file;
  }
  load(): Uint8Array | null {
    return fs.existsSync(this.file) ? fs.readFileSync(this.file) : null;
  }
  save(bytes: Uint8Array): void {
    fs.mkdirSync(path.dirname(this.file), { recursive: true });
    // A crash in between leaves the old file or the new one.
    fs.writeFileSync(`${this.file}.new`, bytes);
    fs.renameSync(`${this.file}.new`, this.file);
  }
}

/** EFI variable names are UCS-2. */
function ucs2(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'utf16le'));
}

/** Writes what the loader reads: the owner's public keys and the kernel's command line. */
export function enrol(backend: VariableStoreBackend, ownerKeys: readonly Uint8Array[], commandLine: string): void {
  const store = new VariableStore(backend);
  const attributes = VariableAttribute.nonVolatile | VariableAttribute.bootService | VariableAttribute.runtime;
  const guid = guidBytes(EUROOS_VARIABLE_GUID);
  store.set(ucs2(OWNER_KEYS_VARIABLE), guid, attributes, Buffer.concat(ownerKeys), false);
  store.set(ucs2(COMMAND_LINE_VARIABLE), guid, attributes, new TextEncoder().encode(commandLine), false);
}
