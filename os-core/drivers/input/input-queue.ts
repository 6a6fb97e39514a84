// Queues of input records (os-core/abi/input.ts), one for each open file; and the device files that read them.
//
// Before the first reader comes, records gather in a queue of the device, which that reader inherits.

import { registerClass } from '../../../devices/base/object-graph.ts';
import { Capability } from '../../abi/capability.ts';
import { Errno } from '../../abi/errno.ts';
import { INPUT_QUEUE_RECORDS, INPUT_RECORD_BYTES, InputKind } from '../../abi/input.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import type { Task } from '../../kernel/process/task.ts';
import { PENDING } from '../../kernel/syscalls/handler.ts';
import { OpenFile, Poll } from '../../kernel/vfs/open-file.ts';
import { WaitQueue } from '../../kernel/wait-queue.ts';
import { CHARACTER_DEVICE, DeviceNode } from '../device-registry.ts';

const O_NONBLOCK = 0o4000;
const WORDS = INPUT_RECORD_BYTES / 4;
/** Linux: major 13 is input. */
const INPUT_MAJOR = 13;
const MAX_READ_RECORDS = 256;
const scratch = new Uint8Array(MAX_READ_RECORDS * INPUT_RECORD_BYTES);
const scratchView = new DataView(scratch.buffer);

/** Ring of records. Invariant: 0 <= count <= INPUT_QUEUE_RECORDS. */
export class InputQueue {
  private readonly words: Uint32Array = new Uint32Array(INPUT_QUEUE_RECORDS * WORDS);
  private first = 0;
  private count = 0;
  /** Buttons of the newest pointer record, and whether that record is where they changed. */
  private buttons = 0;
  private buttonsChanged = false;

  get length(): number {
    return this.count;
  }

  push(kind: number, a: number, b: number, c: number): void {
    if (kind === InputKind.pointer && this.mergePointer(a, b, c)) return;
    if (this.count === INPUT_QUEUE_RECORDS) {
      this.count = 0;
      this.buttons = 0;
      this.append(InputKind.lost, 0, 0, 0);
    }
    this.append(kind, a, b, c);
    if (kind !== InputKind.pointer) return;
    this.buttonsChanged = c !== this.buttons;
    this.buttons = c;
  }

  /** A movement with the same buttons replaces the one before it, unless that tells where a button was pressed or released. */
  private mergePointer(x: number, y: number, buttons: number): boolean {
    if (this.count === 0 || this.buttonsChanged) return false;
    const last = this.place(this.count - 1);
    if (this.words[last] !== InputKind.pointer || this.words[last + 3] !== buttons) return false;
    this.words[last + 1] = x;
    this.words[last + 2] = y;
    return true;
  }

  private place(index: number): number {
    return ((this.first + index) % INPUT_QUEUE_RECORDS) * WORDS;
  }

  private append(kind: number, a: number, b: number, c: number): void {
    const at = this.place(this.count++);
    this.words[at] = kind;
    this.words[at + 1] = a;
    this.words[at + 2] = b;
    this.words[at + 3] = c;
  }

  /** Writes the record `index` from the front into `view` at `offset`. */
  emit(index: number, view: DataView, offset: number): void {
    const at = this.place(index);
    for (let word = 0; word < WORDS; word++) view.setUint32(offset + 4 * word, this.words[at + word], true);
  }

  discard(records: number): void {
    const total = Math.min(records, this.count);
    this.first = (this.first + total) % INPUT_QUEUE_RECORDS;
    this.count -= total;
  }
}
registerClass('drivers.InputQueue', 2, InputQueue);

export class InputNode extends DeviceNode {
  private waiting: InputQueue | null = new InputQueue();
  private readonly files: Set<InputFile> = new Set();

  constructor(name: string, minor: number) {
    super(`input/${name}`, CHARACTER_DEVICE | 0o600, INPUT_MAJOR, minor);
  }

  open(): OpenFile {
    const file = new InputFile(this, this.waiting ?? new InputQueue());
    this.waiting = null;
    this.files.add(file);
    return file;
  }

  fileClosed(file: InputFile): void {
    this.files.delete(file);
    // The next reader of this device goes on where the last one stopped.
    if (this.files.size === 0) this.waiting = file.queue;
  }

  emit(kind: number, a: number, b: number, c: number): void {
    this.waiting?.push(kind, a, b, c);
    for (const file of this.files) {
      file.queue.push(kind, a, b, c);
      file.readinessQueue.wakeAll();
    }
  }
}
registerClass('drivers.InputNode', 1, InputNode);

export class InputFile extends OpenFile {
  override readonly capability: number = Capability.console;
  override readonly readinessQueue: WaitQueue = new WaitQueue();
  readonly queue: InputQueue;
  private readonly node: InputNode;

  constructor(node: InputNode, queue: InputQueue) {
    super();
    this.node = node;
    this.queue = queue;
  }

  override read(kernel: Kernel, task: Task, address: number, count: number): number {
    const records = Math.min(Math.floor(count / INPUT_RECORD_BYTES), MAX_READ_RECORDS, this.queue.length);
    if (count < INPUT_RECORD_BYTES) return -Errno.EINVAL;
    if (records === 0) {
      if ((this.flags & O_NONBLOCK) !== 0) return -Errno.EAGAIN;
      if (task.signalPending) return -Errno.EINTR;
      task.waitOn(this.readinessQueue);
      return PENDING;
    }
    for (let i = 0; i < records; i++) this.queue.emit(i, scratchView, i * INPUT_RECORD_BYTES);
    const copied = kernel.userMemory.copyOut(task, address, scratch, 0, records * INPUT_RECORD_BYTES);
    if (copied !== 0) return copied;
    this.queue.discard(records);
    return records * INPUT_RECORD_BYTES;
  }

  override readiness(): number {
    return this.queue.length > 0 ? Poll.in : 0;
  }

  override closed(): void {
    this.node.fileClosed(this);
  }
}
registerClass('drivers.InputFile', 1, InputFile);
