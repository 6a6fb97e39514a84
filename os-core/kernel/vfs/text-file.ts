// A text made when it is opened and read like a file: what /proc consists of.

import { registerClass } from '../../../devices/base/object-graph.ts';
import { Errno } from '../../abi/errno.ts';
import type { Kernel } from '../kernel.ts';
import type { Task } from '../process/task.ts';
import { OpenFile } from './open-file.ts';
import { seekTo } from './regular-file.ts';

export class TextFile extends OpenFile {
  override readonly capability: number;
  private readonly text: Uint8Array;

  constructor(text: Uint8Array, capability: number) {
    super();
    this.text = text;
    this.capability = capability;
  }
  override read(kernel: Kernel, task: Task, address: number, count: number, offset: number | null): number {
    const start = Math.min(offset ?? this.position, this.text.length);
    const length = Math.min(count, this.text.length - start);
    const status = kernel.userMemory.copyOut(task, address, this.text, start, length);
    if (status !== 0) return status;
    if (offset === null) this.position = start + length;
    return length;
  }
  override write(): number {
    return -Errno.EACCES;
  }
  override seek(_kernel: Kernel, _task: Task, offset: number, whence: number): number {
    return seekTo(this, this.text.length, offset, whence);
  }
}
registerClass('vfs.TextFile', 1, TextFile);
