import type { InstructionRow } from './row.ts';

export const integerRows: readonly InstructionRow[] = [];
