// os-core as the machine host loads it (dist/os-core.cjs): everything from the loader to init.

import type { Machine } from '../devices/contract/machine.ts';
import { ALL_CAPABILITIES } from './abi/capability.ts';
import { boot } from './boot/loader.ts';
import { driverSubsystem } from './drivers/startup.ts';
import { createKernel, type Kernel, type KernelEnvironment } from './kernel/kernel.ts';
import { networkSubsystem } from './kernel/network/subsystem.ts';
import { startProgram } from './kernel/process/lifecycle.ts';
import { restoreKernel } from './kernel/snapshot.ts';
import { newFileTable, vfsSubsystem } from './kernel/vfs/subsystem.ts';
import type { SystemTask } from './sdk/system-task.ts';
import { sha256Of, type TrustedKey, verifyProgram } from './security/program-signature.ts';
import { desktopTask } from './services/index.ts';
import { initTask } from './services/init/init.ts';
import { builtinNames } from './shell/builtins/names.ts';
import { shellTask } from './shell/index.ts';

export { snapshotKernel, stateHash } from './kernel/snapshot.ts';
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
    capabilities: ALL_CAPABILITIES,
    credentials: { userId: 0, groupId: 0, supplementaryGroups: [] },
    files: newFileTable(),
  });
  if (typeof started === 'number') kernel.panic(`the first process cannot be started: error ${-started}`);
  return kernel;
}

/**
 * The kernel from the bytes of snapshotKernel, on a machine whose RAM and devices are restored already (a fresh one, or the one that
 * was saved). Throws Error with one line if the bytes are no snapshot of this version.
 */
export function restoreSystem(
  machine: Machine,
  bytes: Uint8Array,
  options: { readonly systemKeys: readonly TrustedKey[] },
): Kernel {
  // The owner's keys are part of what was saved, and come to light only with the kernel.
  const trustedKeys = [...options.systemKeys];
  const kernel = restoreKernel(environmentOf(machine, trustedKeys), bytes);
  for (const publicKey of kernel.state.boot.ownerKeys) trustedKeys.push({ name: 'owner', publicKey });
  return kernel;
}
