// os-core as the machine host loads it (dist/os-core.cjs): everything from the loader to init.

import type { Machine } from '../devices/contract/machine.ts';
import { ALL_ORDINARY_CAPABILITIES } from './abi/capability.ts';
import { boot } from './boot/loader.ts';
import { driverSubsystem } from './drivers/startup.ts';
import { createKernel, type Kernel, type KernelEnvironment } from './kernel/kernel.ts';
import { networkSubsystem } from './kernel/network/subsystem.ts';
import { startProgram } from './kernel/process/lifecycle.ts';
import { newFileTable, vfsSubsystem } from './kernel/vfs/subsystem.ts';
import type { SystemTask } from './sdk/system-task.ts';
import { sha256Of, type TrustedKey, verifyProgram } from './security/program-signature.ts';
import { desktopTask } from './services/index.ts';
import { initTask } from './services/init/init.ts';
import { builtinNames } from './shell/builtins/names.ts';
import { shellTask } from './shell/index.ts';

export { restoreKernel, snapshotKernel, stateHash } from './kernel/snapshot.ts';
export { publicKeyOf } from './security/program-signature.ts';

/** Commands that /bin/sh runs itself. */
export const shellBuiltins: readonly string[] = builtinNames;

export interface SystemOptions {
  /** Keys whose programs run, besides those that the owner enrolled in the firmware. */
  readonly systemKeys: readonly TrustedKey[];
  /** argv of the first process; argv[0] is its path. */
  readonly init: readonly string[];
}

const systemTasks = [initTask, shellTask, desktopTask] as readonly SystemTask<unknown>[];

function environmentOf(machine: Machine, trustedKeys: readonly TrustedKey[]): KernelEnvironment {
  return {
    machine,
    systemTasks,
    subsystems: [driverSubsystem, vfsSubsystem, networkSubsystem],
    security: {
      sha256: sha256Of,
      verifyProgram: (request) => verifyProgram({ ...request, trustedKeys }),
    },
  };
}

/** Power-on to the first process. Throws BootError with one line if the firmware is unusable. */
export function bootSystem(machine: Machine, options: SystemOptions): Kernel {
  const bootInformation = boot(machine);
  const ownerKeys = bootInformation.ownerKeys.map((publicKey) => ({ name: 'owner', publicKey }));
  const kernel = createKernel({ ...environmentOf(machine, [...options.systemKeys, ...ownerKeys]), bootInformation });
  const started = startProgram(kernel, {
    path: options.init[0],
    arguments: options.init,
    environment: [],
    capabilities: ALL_ORDINARY_CAPABILITIES,
    credentials: { userId: 0, groupId: 0, supplementaryGroups: [] },
    files: newFileTable(),
  });
  if (typeof started === 'number') kernel.panic(`the first process cannot be started: error ${-started}`);
  return kernel;
}
