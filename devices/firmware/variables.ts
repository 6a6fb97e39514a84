// Variables of the firmware (UEFI 2.10, 8.2) and their non-volatile form.
//
//   store:  'EUROVARS' · u32 version = 1 · u32 count · entries
//   entry:  16 GUID · u32 attributes · u32 name bytes · u32 data bytes · name (UCS-2, no terminator) · data
//
// A damaged store is read up to the damage; the rest is lost and the next write makes it whole again.
// Left out: authenticated variables (they are refused as unsupported) and hardware error records.

import type { VariableStoreBackend } from '../backends/backends.ts';
import { EfiStatus } from './layout.ts';

export const VariableAttribute = { nonVolatile: 1, bootService: 2, runtime: 4, append: 0x40 } as const;
const KNOWN_ATTRIBUTES = 1 | 2 | 4 | 0x40;

/** Bounds of the store: a guest cannot grow the host's file without end. */
export const MAX_STORE_BYTES = 256 * 1024;
export const MAX_VARIABLE_BYTES = 32 * 1024;
export const MAX_NAME_BYTES = 1024;
const MAX_VARIABLES = 1024;
const ENTRY_HEADER_BYTES = 28;
const STORE_HEADER_BYTES = 16;
const MAGIC = new TextEncoder().encode('EUROVARS');

export interface FirmwareVariable {
  /** UCS-2 little endian without terminator. */
  name: Uint8Array;
  guid: Uint8Array;
  attributes: number;
  data: Uint8Array;
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, n) => byte === b[n]);
}

export class VariableStore {
  readonly state: { variables: FirmwareVariable[] } = { variables: [] };
  private readonly backend: VariableStoreBackend;

  constructor(backend: VariableStoreBackend) {
    this.backend = backend;
    this.state.variables = readStore(backend.load());
  }

  /** The variable if it can be seen now: after ExitBootServices only those with the runtime attribute can. */
  find(name: Uint8Array, guid: Uint8Array, atRuntime: boolean): FirmwareVariable | undefined {
    return this.state.variables.find(
      (variable) => isVisible(variable, atRuntime) && equal(variable.guid, guid) && equal(variable.name, name),
    );
  }

  /** The variable after (name, guid) in the fixed order of the store; an empty name asks for the first. null = (name, guid) is unknown. */
  next(name: Uint8Array, guid: Uint8Array, atRuntime: boolean): FirmwareVariable | undefined | null {
    const visible = this.state.variables.filter((variable) => isVisible(variable, atRuntime));
    if (name.length === 0) return visible[0];
    const index = visible.findIndex((variable) => equal(variable.guid, guid) && equal(variable.name, name));
    return index < 0 ? null : visible[index + 1];
  }

  usedBytes(): number {
    return this.state.variables.reduce(
      (sum, variable) => sum + ENTRY_HEADER_BYTES + variable.name.length + variable.data.length,
      STORE_HEADER_BYTES,
    );
  }

  /** SetVariable. Returns EFI_STATUS. */
  set(name: Uint8Array, guid: Uint8Array, attributes: number, data: Uint8Array, atRuntime: boolean): bigint {
    if (name.length === 0 || name.length > MAX_NAME_BYTES) return EfiStatus.invalidParameter;
    if ((attributes & ~KNOWN_ATTRIBUTES) !== 0) return EfiStatus.unsupported;
    const kept = attributes & ~VariableAttribute.append;
    // Runtime access implies boot access (8.2, SetVariable).
    if ((kept & VariableAttribute.runtime) !== 0 && (kept & VariableAttribute.bootService) === 0)
      return EfiStatus.invalidParameter;
    const existing = this.state.variables.findIndex(
      (variable) => equal(variable.guid, guid) && equal(variable.name, name),
    );
    const old = this.state.variables[existing];
    if (atRuntime) {
      const needed = VariableAttribute.nonVolatile | VariableAttribute.runtime;
      if (old !== undefined && (old.attributes & needed) !== needed) return EfiStatus.writeProtected;
      if (data.length > 0 && (kept & needed) !== needed) return EfiStatus.invalidParameter;
    }
    const append = (attributes & VariableAttribute.append) !== 0;
    if (append && data.length === 0) return old === undefined ? EfiStatus.notFound : EfiStatus.success;
    if (data.length === 0 || kept === 0) {
      if (old === undefined) return EfiStatus.notFound;
      this.state.variables.splice(existing, 1);
      this.save();
      return EfiStatus.success;
    }
    if (old !== undefined && old.attributes !== kept) return EfiStatus.invalidParameter;
    const previous = append && old !== undefined ? old.data : new Uint8Array(0);
    const contents = new Uint8Array(previous.length + data.length);
    contents.set(previous);
    contents.set(data, previous.length);
    const growth = contents.length - (old?.data.length ?? -(ENTRY_HEADER_BYTES + name.length));
    if (
      contents.length > MAX_VARIABLE_BYTES ||
      this.usedBytes() + growth > MAX_STORE_BYTES ||
      (old === undefined && this.state.variables.length >= MAX_VARIABLES)
    )
      return EfiStatus.outOfResources;
    if (old === undefined)
      this.state.variables.push({ name: name.slice(), guid: guid.slice(), attributes: kept, data: contents });
    else old.data = contents;
    if ((kept & VariableAttribute.nonVolatile) !== 0) this.save();
    return EfiStatus.success;
  }

  private save(): void {
    const kept = this.state.variables.filter((variable) => (variable.attributes & VariableAttribute.nonVolatile) !== 0);
    const bytes = new Uint8Array(this.usedBytes());
    const view = new DataView(bytes.buffer);
    bytes.set(MAGIC);
    view.setUint32(8, 1, true);
    view.setUint32(12, kept.length, true);
    let at = STORE_HEADER_BYTES;
    for (const variable of kept) {
      bytes.set(variable.guid, at);
      view.setUint32(at + 16, variable.attributes, true);
      view.setUint32(at + 20, variable.name.length, true);
      view.setUint32(at + 24, variable.data.length, true);
      bytes.set(variable.name, at + ENTRY_HEADER_BYTES);
      bytes.set(variable.data, at + ENTRY_HEADER_BYTES + variable.name.length);
      at += ENTRY_HEADER_BYTES + variable.name.length + variable.data.length;
    }
    this.backend.save(bytes.slice(0, at));
  }
}

function isVisible(variable: FirmwareVariable, atRuntime: boolean): boolean {
  return (variable.attributes & (atRuntime ? VariableAttribute.runtime : VariableAttribute.bootService)) !== 0;
}

function readStore(bytes: Uint8Array | null): FirmwareVariable[] {
  const variables: FirmwareVariable[] = [];
  if (bytes === null || bytes.length < STORE_HEADER_BYTES || bytes.length > MAX_STORE_BYTES) return variables;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (!equal(bytes.subarray(0, 8), MAGIC) || view.getUint32(8, true) !== 1) return variables;
  const count = Math.min(view.getUint32(12, true), MAX_VARIABLES);
  let at = STORE_HEADER_BYTES;
  for (let n = 0; n < count && at + ENTRY_HEADER_BYTES <= bytes.length; n++) {
    const nameBytes = view.getUint32(at + 20, true);
    const dataBytes = view.getUint32(at + 24, true);
    const nameAt = at + ENTRY_HEADER_BYTES;
    const end = nameAt + nameBytes + dataBytes;
    if (nameBytes === 0 || nameBytes > MAX_NAME_BYTES || dataBytes > MAX_VARIABLE_BYTES || end > bytes.length) break;
    variables.push({
      guid: bytes.slice(at, at + 16),
      attributes: view.getUint32(at + 16, true) & KNOWN_ATTRIBUTES,
      name: bytes.slice(nameAt, nameAt + nameBytes),
      data: bytes.slice(nameAt + nameBytes, end),
    });
    at = end;
  }
  return variables;
}
