// Input on its way into the machine's ring. The ring takes thousands of keystrokes; when a machine does not read for so long that
// it fills up, what is left waits here, in order and bounded, and pointer positions replace one another, except where a button was
// pressed or released.

import type { RingWriter } from '../protocol/input-ring.ts';
import { RingMessage } from '../protocol/machine-messages.ts';

/** A stuck machine is not typed at for longer than this; newer input is then refused. */
const MAX_WAITING = 1024;
const RETRY_MILLIS = 10;

export class InputQueue {
  private readonly ring: RingWriter;
  private readonly waiting: Uint8Array[] = [];
  /** Buttons of the newest pointer message, and whether that message is where they changed. */
  private buttons = 0;
  private buttonsChanged = false;
  private timer: NodeJS.Timeout | null = null;
  /** Called after a message went into the ring: for a machine that sleeps where the ring's doorbell does not reach it. */
  wake: (() => void) | null = null;

  constructor(ring: RingWriter) {
    this.ring = ring;
  }

  /** False if the machine has not read for so long that the message was dropped. */
  send(message: Uint8Array): boolean {
    if (this.waiting.length === 0 && this.ring.push(message)) {
      this.noteButtons(message);
      this.wake?.();
      return true;
    }
    const last = this.waiting.at(-1);
    if (last && !this.buttonsChanged && sameKindOfMove(last, message)) {
      this.waiting[this.waiting.length - 1] = message;
    } else if (this.waiting.length < MAX_WAITING) {
      this.waiting.push(message);
      this.noteButtons(message);
    } else {
      return false;
    }
    this.timer ??= setTimeout(() => this.retry(), RETRY_MILLIS);
    return true;
  }

  stop(): void {
    if (this.timer) clearTimeout(this.timer);
    this.timer = null;
    this.waiting.length = 0;
  }

  private noteButtons(message: Uint8Array): void {
    if (message[0] !== RingMessage.pointer) return;
    this.buttonsChanged = message[5] !== this.buttons;
    this.buttons = message[5];
  }

  private retry(): void {
    this.timer = null;
    while (this.waiting.length > 0 && this.ring.push(this.waiting[0])) this.waiting.shift();
    this.wake?.();
    if (this.waiting.length > 0) this.timer = setTimeout(() => this.retry(), RETRY_MILLIS);
  }
}

/** Two pointer positions with the same buttons and no wheel: the later one says it all. */
function sameKindOfMove(first: Uint8Array, second: Uint8Array): boolean {
  return (
    first[0] === RingMessage.pointer &&
    second[0] === RingMessage.pointer &&
    first[5] === second[5] &&
    first[6] === 0 &&
    second[6] === 0
  );
}
