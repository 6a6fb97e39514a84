// Random programs of system calls for as long as is wanted. Usage: npm run campaign:syscalls -- [OPTIONS]
//
//   --minutes N     how long (default 10); the batch in work is finished first
//   --calls-total N end after so many calls
//   --seed N        the first batch (default 1); others follow with the next numbers
//   --programs N    programs in a batch, which is one boot (default 40)      --calls N   records in a program (default 500)
//   --engine E      jit, the default of the product, or interpreter
//
//   --batch N       only this batch again, program by program       --only A,B   only these programs of it
//
// Exit status 1 at the first failure, which prints how to see it again.

import { engines } from '../support/engines.ts';
import { programs as testPrograms } from '../support/euroos.ts';
import { runBatch } from './call-fuzzer.ts';

function option(name: string, fallback: string): string {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : (process.argv[at + 1] ?? fallback);
}

const programs = Number(option('programs', '40'));
const calls = Number(option('calls', '500'));
const engine = engines.find((known) => known === option('engine', 'jit'));
if (engine === undefined) throw new Error(`--engine takes ${engines.join(' or ')}`);
const single = option('batch', '');
const runner = `${testPrograms}/call-runner`;

if (single !== '') {
  const only = option('only', '');
  const result = runBatch(
    {
      seed: Number(single),
      programs,
      calls,
      engine,
      verbose: true,
      ...(only === '' ? {} : { only: only.split(',').map(Number) }),
    },
    runner,
  );
  console.log(result.failure ?? `${result.calls} calls, nothing wrong`);
  process.exit(result.failure === null ? 0 : 1);
}

const until = Date.now() + Number(option('minutes', '10')) * 60_000;
const most = Number(option('calls-total', 'Infinity'));
const totals = new Map<string, { made: number; succeeded: number }>();
let made = 0;
let ran = 0;
for (let seed = Number(option('seed', '1')); Date.now() < until && made < most; seed++) {
  const result = runBatch({ seed, programs, calls, engine }, runner);
  made += result.calls;
  ran += result.programs;
  for (const [name, { made: count, succeeded }] of result.byName) {
    const known = totals.get(name) ?? { made: 0, succeeded: 0 };
    totals.set(name, { made: known.made + count, succeeded: known.succeeded + succeeded });
  }
  console.log(`batch ${seed}: ${made} calls in ${ran} programs`);
  if (result.failure !== null) {
    console.error(result.failure);
    process.exit(1);
  }
}
const never = [...totals].filter(([, { succeeded }]) => succeeded === 0).map(([name]) => name);
console.log(
  `${made} calls in ${ran} programs, ${totals.size} different ones; never succeeded: ${never.join(', ') || 'none'}`,
);
