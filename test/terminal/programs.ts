// Where the terminal programs of other people come from: the cache of the corpus (`npm run corpus` builds them).

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const cache = path.join(process.env.XDG_CACHE_HOME || path.join(os.homedir(), '.cache'), 'euroos/corpus/bin');
export const terminalPrograms = ['busybox', 'dash', 'less'] as const;
export const programFile = (name: (typeof terminalPrograms)[number]): string => path.join(cache, name);
/** Why the tests cannot run; '' if they can. */
export const missingPrograms = terminalPrograms.every((name) => fs.existsSync(programFile(name)))
  ? ''
  : `busybox, dash and less are not in ${cache}: npm run corpus builds them`;
