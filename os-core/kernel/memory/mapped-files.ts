// What happens to the mappings of a file when its pages change or are wanted elsewhere.

import type { Kernel } from '../kernel.ts';
import type { AddressSpace } from './address-space.ts';
import { FRAME_BYTES } from './frames.ts';
import { entryFrame, forEachPresent, lowOf } from './page-tables.ts';
import { replaceEntry, StaleTranslations } from './translations.ts';

/** A file has become shorter: its pages from `firstPage` on go, private copies as well. `pages`: as MappableFile.cachedPages. */
export function dropFilePages(kernel: Kernel, space: AddressSpace, pages: object, firstPage: number): void {
  for (const area of space.list()) {
    if (area.backing.file?.cachedPages !== pages) continue;
    const from = area.start + firstPage * FRAME_BYTES - area.backing.fileOffset;
    if (from < area.end) space.dropPages(kernel, Math.max(area.start, from), area.end);
  }
}

/** Takes pages of a file out that can be read again: those of private areas that are no copies. */
export function dropCleanPages(kernel: Kernel, space: AddressSpace, pages: object): void {
  const { memory } = kernel.machine;
  const stale = new StaleTranslations();
  for (const area of space.list()) {
    const { file } = area.backing;
    if (file?.cachedPages !== pages || area.isShared) continue;
    forEachPresent(memory, space.root, area.start, area.end, (entry, address) => {
      const frame = entryFrame(lowOf(memory, entry));
      if (frame !== file.residentFrame?.(area.backingPage(address))) return;
      if (replaceEntry(memory, entry, 0, 0)) stale.note(address);
      kernel.frames.release(frame);
      space.residentPages--;
    });
  }
  stale.drop(kernel, space);
}
