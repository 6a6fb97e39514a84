// npm run bench:cpu: the CPU engines beside native code and qemu-user, one line for each class of work.

import { comparisonCommand } from '../comparison-command.ts';
import { cpuWorkloads } from './classes.ts';

await comparisonCommand('bench:cpu', cpuWorkloads);
