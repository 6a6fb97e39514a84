import type { InstructionRow } from './row.ts';

export const systemRows: readonly InstructionRow[] = [];
