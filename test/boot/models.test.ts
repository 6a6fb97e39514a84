// Random sequences of calls give in EuroOS what they give on Linux (test/programs/models.c): the same program, the same seed, line by line.

import path from 'node:path';
import { expect, it } from 'vitest';
import { euroosRun, execute, programs, temporaryFolder } from '../support/euroos.ts';

const STEPS = '300';
const program = path.join(programs, 'models');
const cwd = temporaryFolder('models');

for (const seed of ['1', '2', '3', '4'])
  it(`E23 E28 E30 L2: pipes, mappings, children and futexes in random sequences, seed ${seed}, as on Linux`, async () => {
    const expected = await execute(program, [seed, STEPS], { cwd });
    expect(expected.status).toBe(0);
    const result = await euroosRun(['--add', `${program}:/bin/models`, '--cwd', '/tmp'], ['models', seed, STEPS]);
    expect(result.stdout.split('\n')).toEqual(expected.stdout.split('\n'));
    expect(result.status).toBe(0);
  });
