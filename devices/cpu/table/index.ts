// The instruction table: all rows. A new family adds its array here.

import { integerRows } from './integer.ts';
import type { InstructionRow } from './row.ts';
import { sseRows } from './sse.ts';
import { systemRows } from './system.ts';
import { x87Rows } from './x87.ts';

export const instructionTable: readonly InstructionRow[] = [...integerRows, ...systemRows, ...sseRows, ...x87Rows];
