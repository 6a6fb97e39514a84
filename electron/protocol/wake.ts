// How a thread is woken that sleeps in poll(2) on an eventfd (eventfd(2)): by a 64-bit one.

import fs from 'node:fs';

const EVENTFD_ONE = Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0);

export function ringEventfd(descriptor: number): void {
  fs.writeSync(descriptor, EVENTFD_ONE);
}
