// 32 processes and 60 threads under memory pressure for as long as is wanted. Usage: npm run campaign:soak -- [--minutes N] [--ticks N] [--engine E]
//
//   --minutes N   of the host's time (default 10); the round in work is finished first
//   --ticks N     length of a round in ticks of the guest, 10 ms of virtual time each (default 1840: some 20 for each thread)
//   --engine E    jit, the default of the product, or interpreter
//
// Exit status 1 if something leaked, starved, or was not found again.

import { engines } from '../support/engines.ts';
import { soak } from './soak.ts';

const option = (name: string, fallback: string): string => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : (process.argv[at + 1] ?? fallback);
};
const engine = engines.find((known) => known === option('engine', 'jit'));
if (engine === undefined) throw new Error(`--engine takes ${engines.join(' or ')}`);
const end = Date.now() + Number(option('minutes', '10')) * 60_000;
const result = soak({
  rounds: 1_000_000,
  ticks: Number(option('ticks', '1840')),
  engine,
  until: () => Date.now() > end,
});
const { rounds, virtualSeconds, instructions, reclaims, worstShare, problems } = result;
for (const problem of problems) console.error(problem);
console.log(
  `${rounds} rounds, ${virtualSeconds.toFixed(0)} s of virtual time, ${(instructions / 1e6).toFixed(0)} million instructions; ` +
    `memory was full ${reclaims} times; no share further than ${(worstShare * 100).toFixed(1)} % from the mean`,
);
process.exitCode = problems.length === 0 && rounds > 0 ? 0 : 1;
