// Time per round of workloads in several subjects, measured in turn within the same minutes, so that a machine that becomes slower or busier
// changes the ratios little. For each pair a count is searched once that takes long enough to be timed; then, round for round, the
// difference between that count and an eighth of it, divided by the difference of the counts. So start-up and warm-up cancel out.

import { median } from './measure.ts';
import type { Subject, Workload } from './subjects.ts';

/** CPU time that a measured run should take: natively noise is a few milliseconds; the others have theirs too. */
const TARGET_MILLIS = { native: 300, others: 500 } as const;
/** Below this a time says nothing about the right count. */
const LEAST_MILLIS = 60;
const SHARE_OF_LOW = 1 / 8;
const MAXIMUM_COUNT = 2 ** 40;

export interface Measured {
  readonly subject: string;
  /** Median over the rounds; NaN if it could not be measured. */
  readonly nanosPerRound: number;
  readonly count: number;
  /** Greatest over least round: how much the figure is worth. Infinite if a round came out at nothing or less. */
  readonly spread: number;
  readonly problem: string | null;
}

export interface Comparison {
  readonly workload: Workload;
  readonly measured: readonly Measured[];
}

interface Pair {
  readonly workload: Workload;
  readonly subject: Subject;
  count: number;
  readonly samples: number[];
  problem: string | null;
}

const lowOf = (count: number): number => Math.max(1, Math.floor(count * SHARE_OF_LOW));

async function searchCount(workload: Workload, subject: Subject): Promise<number> {
  const target = subject.slowness === 1 ? TARGET_MILLIS.native : TARGET_MILLIS.others;
  const startUp = (await subject.run(workload, 1)).cpuMillis;
  let count = Math.max(2, Math.round(workload.nativeCount / subject.slowness / 8));
  for (;;) {
    const millis = (await subject.run(workload, count)).cpuMillis - startUp;
    if (millis >= LEAST_MILLIS || count >= MAXIMUM_COUNT)
      return Math.max(2, Math.round((count * target) / Math.max(millis, LEAST_MILLIS)));
    count *= millis < LEAST_MILLIS / 8 ? 8 : 3;
  }
}

async function measureOnce(pair: Pair): Promise<void> {
  const { workload, subject, count } = pair;
  const low = await subject.run(workload, lowOf(count));
  const high = await subject.run(workload, count);
  pair.samples.push(((high.cpuMillis - low.cpuMillis) * 1e6) / (count - lowOf(count)));
}

/** The native program must print the same for the same count. */
async function check(pair: Pair, native: Subject): Promise<void> {
  const [expected, given] = [
    await native.run(pair.workload, lowOf(pair.count)),
    await pair.subject.run(pair.workload, lowOf(pair.count)),
  ];
  if (given.output !== expected.output)
    throw new Error(
      `prints ${JSON.stringify(given.output.slice(-40))}, natively ${JSON.stringify(expected.output.slice(-40))}`,
    );
}

/** `subjects` begins with the native one. `progress` gets a line now and then. */
export async function compare(
  workloads: readonly Workload[],
  subjects: readonly Subject[],
  rounds: number,
  progress: (line: string) => void,
): Promise<Comparison[]> {
  const [native] = subjects;
  const pairs: Pair[] = workloads.flatMap((workload) =>
    subjects.map((subject) => ({
      workload,
      subject,
      count: 0,
      samples: [],
      problem: subject.name === 'qemu-user' ? (workload.notInQemu ?? null) : null,
    })),
  );
  /** A subject that fails in one workload is still measured in the others. */
  const attempt = async (pair: Pair, work: () => Promise<void>): Promise<void> => {
    if (pair.problem !== null) return;
    try {
      await work();
    } catch (error) {
      pair.problem = error instanceof Error ? error.message : String(error);
      progress(`${pair.workload.name}, ${pair.subject.name}: ${pair.problem}`);
    }
  };
  progress('searching counts, comparing output');
  for (const pair of pairs)
    await attempt(pair, async () => {
      pair.count = await searchCount(pair.workload, pair.subject);
      if (pair.subject !== native) await check(pair, native);
    });
  for (let round = 1; round <= rounds; round++) {
    progress(`round ${round} of ${rounds}`);
    for (const pair of pairs) await attempt(pair, () => measureOnce(pair));
  }
  return workloads.map((workload) => ({
    workload,
    measured: pairs
      .filter((pair) => pair.workload === workload)
      .map(({ subject, samples, count, problem }) => ({
        subject: subject.name,
        nanosPerRound: problem === null ? median(samples) : Number.NaN,
        count,
        spread: Math.min(...samples) > 0 ? Math.max(...samples) / Math.min(...samples) : Number.POSITIVE_INFINITY,
        problem,
      })),
  }));
}
