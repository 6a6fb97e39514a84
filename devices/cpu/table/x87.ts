import type { InstructionRow } from './row.ts';

export const x87Rows: readonly InstructionRow[] = [];
