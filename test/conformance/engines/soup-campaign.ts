// Bytes that are no program, as code, on the compiler beside the interpreter. Usage: npm run campaign:soup -- [OPTIONS]
//
//   --engine NAME        jit (default: compiled before it first runs) or threaded
//   --instructions N     until so many were executed (default 10,000,000)
//   --seed N             of the first soup (default 1)
//
// Every soup ends with a fault or after 10,000 instructions. Ends at the first difference with status 1; a host exception ends it, too.

import { parseArgs } from 'node:util';
import { Guest } from '../cpu/guest.ts';
import { compareSoup } from './compare.ts';

/** New machines after so many soups, so that a difference is seen again with few. */
const SOUPS_PER_MACHINE = 1000;
const REPORT_MILLIS = 10_000;

const { values } = parseArgs({
  options: {
    engine: { type: 'string', default: 'jit' },
    instructions: { type: 'string', default: '10000000' },
    seed: { type: 'string', default: '1' },
  },
});
const instructions = Number(values.instructions);
const firstSeed = Number(values.seed);
if (!['jit', 'threaded'].includes(values.engine) || !(instructions > 0) || !Number.isSafeInteger(firstSeed)) {
  console.error('usage: npm run campaign:soup -- [--engine jit|threaded] [--instructions N] [--seed N]');
  process.exit(2);
}
const threshold = values.engine === 'jit' ? 0 : Number.POSITIVE_INFINITY;

let soups = 0;
let executed = 0;
let nextReport = Date.now() + REPORT_MILLIS;
while (executed < instructions) {
  const interpreter = { guest: new Guest('interpreter') };
  const compiler = { guest: new Guest('jit', threshold) };
  const start = firstSeed + soups;
  for (let n = 0; n < SOUPS_PER_MACHINE && executed < instructions; n++, soups++) {
    const before = interpreter.guest.cpu.instructionCount;
    const difference = compareSoup(interpreter, compiler, start + n);
    executed += interpreter.guest.cpu.instructionCount - before;
    if (difference !== null) {
      console.log(difference);
      console.log(`again: npm run campaign:soup -- --engine ${values.engine} --seed ${start}`);
      process.exit(1);
    }
  }
  const { refused } = compiler.guest.cpu.compilerStatistics;
  if (refused > 0) {
    console.log(
      `${refused} functions were refused by the WebAssembly engine, seeds ${start} to ${firstSeed + soups - 1}`,
    );
    process.exit(1);
  }
  if (Date.now() < nextReport) continue;
  nextReport = Date.now() + REPORT_MILLIS;
  console.log(`${executed} instructions in ${soups} soups`);
}
console.log(`${values.engine}: ${executed} instructions in ${soups} soups, seeds from ${firstSeed}: no difference`);
