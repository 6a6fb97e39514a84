// The host's pointer has a position, a PS/2 mouse only movements: keeps the guest's cursor under the host's pointer.
//
// The guest adds up movements and clamps at the edges. `expected` is where its cursor will be once it has seen all that was sent. When
// nothing was sent for a while, where the guest shows its cursor counts instead, which heals any difference.

const SETTLED_MILLIS = 250;

export interface MouseWire {
  moveMouse(deltaX: number, deltaY: number, buttons: number, wheel: number): void;
}

export class PointerFollower {
  private expected: { x: number; y: number } | null = null;
  private lastMillis = 0;
  private readonly mouse: MouseWire;

  constructor(mouse: MouseWire) {
    this.mouse = mouse;
  }

  /** `shown`: the guest's cursor as last displayed, null before the first. `nowMillis`: any steady clock. */
  moveTo(
    x: number,
    y: number,
    buttons: number,
    wheel: number,
    shown: { readonly x: number; readonly y: number } | null,
    nowMillis: number,
  ): void {
    if (shown === null) return;
    const from = this.expected === null || nowMillis - this.lastMillis > SETTLED_MILLIS ? shown : this.expected;
    this.mouse.moveMouse(x - from.x, y - from.y, buttons, wheel);
    this.expected = { x, y };
    this.lastMillis = nowMillis;
  }
}
