// Which changes of page table entries the processor must be told of (SDM vol. 3, 4.10.2.3 and 4.10.4.2).
//
//   old entry        new entry                              INVLPG
//   not present      anything                               no: absent entries are never cached
//   accessed = 0     anything                               no: nor are those that were never used
//   in use           same frame, more rights                no: the fault for want of the right walks the tables again
//   in use           other frame, fewer rights, absent      yes

import type { PhysicalMemory } from '../../../devices/base/physical-memory.ts';
import type { Kernel } from '../kernel.ts';
import type { AddressSpace } from './address-space.ts';
import { Protection } from './area.ts';
import { entryFrame, highOf, lowOf, PageFlag, writeEntry } from './page-tables.ts';

/** From here on one CR3 write is cheaper than an INVLPG for each page. */
const MOST_PAGES_ONE_BY_ONE = 16;

/** The halves of an entry with the rights of an area. `use`: accessed and dirty flags. */
export function lowOfEntry(frame: number, protection: number, writable: boolean, use: number): number {
  // A page without any right stays in the tables, unreachable from ring 3.
  const user = protection === Protection.none ? 0 : PageFlag.user;
  return frame | PageFlag.present | user | (writable ? PageFlag.writable : 0) | use;
}
/** A page that may be written is not executable: one whose area allows both is turned over by page faults (page-fault.ts). */
export const highOfEntry = (protection: number): number =>
  (protection & (Protection.execute | Protection.write)) === Protection.execute ? 0 : PageFlag.noExecuteHigh;

/** Writes an entry. True if the processor may hold what was there and that allows what the new entry does not. */
export function replaceEntry(memory: PhysicalMemory, entry: number, low: number, high: number): boolean {
  const oldLow = lowOf(memory, entry);
  const oldHigh = highOf(memory, entry);
  writeEntry(memory, entry, low, high);
  const used = PageFlag.present | PageFlag.accessed;
  if ((oldLow & used) !== used) return false;
  if ((low & PageFlag.present) === 0 || entryFrame(oldLow) !== entryFrame(low)) return true;
  const rights = PageFlag.writable | PageFlag.user | PageFlag.dirty;
  return (oldLow & ~low & rights) !== 0 || (~oldHigh & high & PageFlag.noExecuteHigh) !== 0;
}

/** Collects the pages of one operation whose translations are stale, then drops them by INVLPG or all at once. */
export class StaleTranslations {
  private readonly addresses: number[] = [];
  private count = 0;

  note(address: number): void {
    if (this.count++ < MOST_PAGES_ONE_BY_ONE) this.addresses.push(address);
  }
  /** Only the loaded space has translations. */
  drop(kernel: Kernel, space: AddressSpace): void {
    if (this.count === 0 || kernel.loadedAddressSpace !== space) return;
    const { cpu } = kernel.machine;
    if (this.count > MOST_PAGES_ONE_BY_ONE) cpu.writeControl(3, BigInt(space.root));
    else for (const address of this.addresses) cpu.invalidatePage(BigInt(address));
  }
}
