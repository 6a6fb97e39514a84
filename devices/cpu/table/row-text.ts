// A row of the table as text, for published lists and reports.

import type { InstructionRow } from './row.ts';

/** Mnemonic and operand forms. */
export function rowText(row: InstructionRow): string {
  return `${row.mnemonic ?? row.operation} ${row.operands.join(',')}`.trim();
}

/** The encoding as the SDM writes it: prefix, opcode, /digit or /r. */
export function encodingText(row: InstructionRow): string {
  const byte = (value: number): string => value.toString(16).toUpperCase().padStart(2, '0');
  const map = ['', '0F ', '0F 38 ', '0F 3A '][row.map];
  const prefix = row.prefix === undefined || row.prefix === 'none' ? '' : `${row.prefix} `;
  let rest = '';
  if (row.modrm === true) {
    if (row.rm !== undefined) rest = ` ${byte(0xc0 | ((row.reg ?? 0) << 3) | row.rm)}`;
    else rest = row.reg === undefined ? ' /r' : ` /${row.reg}`;
    if (row.mod === 'register' && row.rm === undefined) rest += ' (register)';
    if (row.mod === 'memory') rest += ' (memory)';
  }
  return `${prefix}${row.rexW === 1 ? 'REX.W ' : ''}${map}${byte(row.opcode)}${rest}`;
}
