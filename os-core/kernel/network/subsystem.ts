// The network as a part of the kernel: started after the drivers, with the first network card that they found.

import { Drivers } from '../../drivers/startup.ts';
import type { Kernel, Subsystem } from '../kernel.ts';
import { NetworkService } from './service.ts';
import { socketSystemCalls } from './socket-calls.ts';
import { UnixSockets } from './unix/unix-names.ts';

export const networkSubsystem: Subsystem = {
  name: 'network',
  systemCalls: socketSystemCalls,
  start(kernel: Kernel): void {
    kernel.state.services.set('unix', new UnixSockets());
    const { network } = kernel.service('drivers', Drivers);
    if (network === null) kernel.log('[net] no network card');
    else NetworkService.start(kernel, network);
  },
};
