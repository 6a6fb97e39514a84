// /proc/sysrq-trigger: faults of the kernel on demand, so that the panic screen and its trace can be tried on a running system.
// Root only, as in Linux. 'c' panics at once; 'd' makes the next interrupt a double fault.

import { registerClass } from '../../../devices/base/object-graph.ts';
import { Capability } from '../../abi/capability.ts';
import { Errno } from '../../abi/errno.ts';
import type { Kernel } from '../kernel.ts';
import type { Task } from '../process/task.ts';
import { OpenFile } from './open-file.ts';

export class CrashTrigger extends OpenFile {
  override readonly capability = Capability.file | Capability.processInfo;

  /** The first byte counts, as in Linux (Documentation/admin-guide/sysrq.rst); the rest is ignored. */
  override write(kernel: Kernel, task: Task, address: number, count: number): number {
    if (count === 0) return 0;
    const command = new Uint8Array(1);
    const status = kernel.userMemory.copyIn(task, address, command, 0, 1);
    if (status !== 0) return status;
    switch (String.fromCharCode(command[0])) {
      case 'c':
        kernel.panic('asked for through /proc/sysrq-trigger');
        return count;
      case 'd':
        kernel.log('[kernel] the interrupt table is cut short, as asked for through /proc/sysrq-trigger');
        kernel.state.descriptorTables.cutShort(kernel);
        return count;
      default:
        return -Errno.EINVAL;
    }
  }
  override read(): number {
    return -Errno.EIO;
  }
}
registerClass('vfs.CrashTrigger', 1, CrashTrigger);
