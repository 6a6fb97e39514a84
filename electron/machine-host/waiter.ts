// How the machine's thread sleeps while the guest is idle.

/** Sleeps until something comes from outside or the time is over. `mark` is taken before the inputs are looked at. */
export interface Waiter {
  mark(): number;
  wait(mark: number, timeoutMillis: number): void;
}

/** Sleeps on the doorbell word that every ring to this thread rings. */
export class DoorbellWaiter implements Waiter {
  private readonly doorbell: Int32Array;

  constructor(doorbell: Int32Array) {
    this.doorbell = doorbell;
  }
  mark(): number {
    return Atomics.load(this.doorbell, 0);
  }
  wait(mark: number, timeoutMillis: number): void {
    Atomics.wait(this.doorbell, 0, mark, timeoutMillis);
  }
}
