// A bounded FIFO of bytes whose state is plain data, for what a PS/2 device has to say.

export interface ByteQueueState {
  bytes: Uint8Array;
  head: number;
  count: number;
}

export function newByteQueue(capacity: number): ByteQueueState {
  return { bytes: new Uint8Array(capacity), head: 0, count: 0 };
}
export function queueRoom(queue: ByteQueueState): number {
  return queue.bytes.length - queue.count;
}
/** Appends a byte; false (nothing changed) if the queue is full. */
export function enqueue(queue: ByteQueueState, value: number): boolean {
  if (queue.count === queue.bytes.length) return false;
  queue.bytes[(queue.head + queue.count) % queue.bytes.length] = value;
  queue.count++;
  return true;
}
/** The oldest byte, -1 if there is none. */
export function dequeue(queue: ByteQueueState): number {
  if (queue.count === 0) return -1;
  const value = queue.bytes[queue.head];
  queue.head = (queue.head + 1) % queue.bytes.length;
  queue.count--;
  return value;
}
export function clearQueue(queue: ByteQueueState): void {
  queue.head = 0;
  queue.count = 0;
}
/** After a restore: a foreign snapshot may hold positions outside the queue. */
export function repairQueue(queue: ByteQueueState): void {
  const size = queue.bytes.length;
  const valid = (value: number, end: number): boolean => Number.isInteger(value) && value >= 0 && value < end;
  if (!valid(queue.head, size) || !valid(queue.count, size + 1)) clearQueue(queue);
}
