// Speed of machine code and of the kernel's paths, in one round: bench:cpu and bench:kernel measure the same in several.

import { engines } from '../support/engines.ts';
import { measureWorkloads } from './comparison-command.ts';
import { cpuWorkloads } from './cpu/classes.ts';
import { kernelWorkloads } from './kernel/paths.ts';
import { missing, type Row, row } from './measure.ts';
import { ratio } from './report.ts';
import type { Workload } from './subjects.ts';

async function rows(area: string, workloads: readonly Workload[], print: (row: Row) => void): Promise<void> {
  for (const comparison of await measureWorkloads(workloads, engines, 1)) {
    const { title, goal } = comparison.workload;
    for (const engine of engines) {
      const what = `${area}: ${title}, ${engine}`;
      const measured = ratio(comparison, engine);
      if (measured === null) {
        const problem = comparison.measured.find(({ subject }) => subject === engine)?.problem;
        print(missing(what, problem ?? 'the work is lost in the noise of this machine'));
        continue;
      }
      const aim = goal === null ? '' : `under ${goal} x`;
      print(row(what, `${measured.toPrecision(3)} x native`, aim, goal === null ? null : measured <= goal));
    }
  }
}

export const cpu = async (print: (row: Row) => void) => rows('CPU', await cpuWorkloads(), print);
export const kernel = async (print: (row: Row) => void) => rows('kernel', await kernelWorkloads(), print);
