/** What ends a thread's sleep in poll(2) when it is written to the thread's eventfd (eventfd(2)): a 64-bit one. */
export const EVENTFD_ONE: Uint8Array = Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0);
