// npm run bench:kernel: the hot paths of the kernel beside Linux and Linux by way of qemu-user.

import { comparisonCommand } from '../comparison-command.ts';
import { kernelWorkloads } from './paths.ts';

await comparisonCommand('bench:kernel', kernelWorkloads);
