// The host's end of the clipboard's port (os-core/abi/clipboard.ts): texts that the user pastes go in, texts that the user has copied
// come out. The guest is hostile: a length above the bound ends the conversation.

import type { ConsoleBackend } from '../../devices/backends/backends.ts';
import { CLIPBOARD_HEADER_BYTES, MAX_CLIPBOARD_BYTES } from '../../os-core/abi/clipboard.ts';

/** Pastes that the guest has not read yet; a machine that does not read is not pasted at any more. */
const MAX_WAITING_BYTES = 2 * (CLIPBOARD_HEADER_BYTES + MAX_CLIPBOARD_BYTES);

export class ClipboardPort implements ConsoleBackend {
  private readonly copied: (text: string) => void;
  private waiting = new Uint8Array(0);
  private readonly received = new Uint8Array(CLIPBOARD_HEADER_BYTES + MAX_CLIPBOARD_BYTES);
  private receivedLength = 0;
  private isBroken = false;

  constructor(copied: (text: string) => void) {
    this.copied = copied;
  }

  /** False if the text is too long or the guest has not read the ones before. */
  paste(utf8: Uint8Array): boolean {
    const length = CLIPBOARD_HEADER_BYTES + utf8.length;
    if (utf8.length > MAX_CLIPBOARD_BYTES || this.waiting.length + length > MAX_WAITING_BYTES) return false;
    const joined = new Uint8Array(this.waiting.length + length);
    joined.set(this.waiting);
    new DataView(joined.buffer).setUint32(this.waiting.length, utf8.length, true);
    joined.set(utf8, this.waiting.length + CLIPBOARD_HEADER_BYTES);
    this.waiting = joined;
    return true;
  }

  read(target: Uint8Array): number {
    const count = Math.min(target.length, this.waiting.length);
    target.set(this.waiting.subarray(0, count));
    this.waiting = this.waiting.slice(count);
    return count;
  }

  write(source: Uint8Array): number {
    for (let at = 0; at < source.length && !this.isBroken; ) {
      const wanted = this.wantedBytes();
      const count = Math.min(wanted - this.receivedLength, source.length - at);
      this.received.set(source.subarray(at, at + count), this.receivedLength);
      this.receivedLength += count;
      at += count;
      this.takeComplete();
    }
    return source.length;
  }

  size(): null {
    return null;
  }

  private textLength(): number {
    return new DataView(this.received.buffer).getUint32(0, true);
  }
  private wantedBytes(): number {
    if (this.receivedLength < CLIPBOARD_HEADER_BYTES) return CLIPBOARD_HEADER_BYTES;
    return CLIPBOARD_HEADER_BYTES + this.textLength();
  }
  private takeComplete(): void {
    if (this.receivedLength < CLIPBOARD_HEADER_BYTES) return;
    if (this.textLength() > MAX_CLIPBOARD_BYTES) {
      this.isBroken = true;
      return;
    }
    if (this.receivedLength < this.wantedBytes()) return;
    const text = new TextDecoder().decode(this.received.subarray(CLIPBOARD_HEADER_BYTES, this.receivedLength));
    this.receivedLength = 0;
    this.copied(text);
  }
}
