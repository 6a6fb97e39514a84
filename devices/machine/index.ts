// The machine: createMachine is all that the host needs. wiring.ts is the parts list, machine.ts runs it.

import type { MachineBackends, MachineConfiguration } from '../backends/backends.ts';
import type { HostMachine } from '../contract/host-machine.ts';
import { createCpu } from '../cpu/index.ts';
import { buildMachine } from './wiring.ts';

/** Builds the machine and powers it on; bootRefusal says whether the firmware let the boot payload through. Throws RangeError for a configuration that no machine can have. */
export function createMachine(configuration: MachineConfiguration, backends: MachineBackends): HostMachine {
  return buildMachine(configuration, backends, createCpu);
}
