// The groups of calls that the kernel core brings to the table; files, terminals and sockets bring theirs as subsystems.

import { cloneCalls } from './clone-calls.ts';
import { euroosCalls } from './euroos-calls.ts';
import type { SystemCallEntry } from './handler.ts';
import { identityCalls } from './identity-calls.ts';
import { memoryCalls } from './memory-calls.ts';
import { priorityCalls } from './priority-calls.ts';
import { processCalls } from './process-calls.ts';
import { schedulingCalls } from './scheduling-calls.ts';
import { signalCalls } from './signal-calls.ts';
import { systemInformationCalls } from './system-information-calls.ts';
import { timeCalls } from './time-calls.ts';
import { timerCalls } from './timer-calls.ts';

export const kernelCoreSystemCalls: readonly (readonly SystemCallEntry[])[] = [
  processCalls,
  cloneCalls,
  identityCalls,
  priorityCalls,
  schedulingCalls,
  systemInformationCalls,
  memoryCalls,
  signalCalls,
  timeCalls,
  timerCalls,
  euroosCalls,
];
