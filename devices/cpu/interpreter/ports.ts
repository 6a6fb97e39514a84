// IN and OUT and their permission: IOPL, then the I/O bitmap of the TSS (SDM vol. 1, 19.5).
//
//   TSS  102  offset of the I/O bitmap (16 bit); one bit a port, 1 = denied; two bytes are always read

import type { AccessWidth } from '../../contract/machine.ts';
import type { Handler, Instruction } from '../decode/instruction.ts';
import { FLAGS, PRIVILEGE, TASK_BASE, TASK_LIMIT } from '../state-layout.ts';
import { RAX_WORD, RDX_WORD, writeRegister } from './access.ts';
import type { CpuCore } from './core.ts';
import { registerHandlers } from './registry.ts';
import { readSystem16 } from './system-memory.ts';

const IO_MAP_OFFSET = 102;

/** Raises #GP(0) unless the current privilege may touch the port. */
export function checkPortAccess(core: CpuCore, port: number, width: number): void {
  const w = core.words;
  if (w[PRIVILEGE] <= ((w[FLAGS] >> 12) & 3)) return;
  const limit = w[TASK_LIMIT];
  if (limit < IO_MAP_OFFSET + 1) core.raiseGeneralProtection();
  const map = readSystem16(core, TASK_BASE, IO_MAP_OFFSET);
  const at = map + (port >>> 3);
  if (at + 1 > limit) core.raiseGeneralProtection();
  const bits = readSystem16(core, TASK_BASE, at);
  const mask = ((1 << width) - 1) << (port & 7);
  if ((bits & mask) !== 0) core.raiseGeneralProtection();
}

const portOf = (core: CpuCore, i: Instruction): number =>
  i.opcode >= 0xec ? core.words[RDX_WORD] & 0xffff : i.immediateLow & 0xff;
const widthOf = (i: Instruction): AccessWidth => (i.width === 1 ? 1 : i.width === 2 ? 2 : 4);

const input: Handler = (core, i) => {
  const port = portOf(core, i);
  const width = widthOf(i);
  checkPortAccess(core, port, width);
  const value = core.bus.portRead(port, width) | 0;
  core.busAccessed();
  writeRegister(core, width, RAX_WORD, 0, value, 0);
  core.goNext(i);
};
const output: Handler = (core, i) => {
  const port = portOf(core, i);
  const width = widthOf(i);
  checkPortAccess(core, port, width);
  const value = core.words[RAX_WORD];
  core.bus.portWrite(port, width, width === 4 ? value >>> 0 : value & (width === 2 ? 0xffff : 0xff));
  core.busAccessed();
  core.goNext(i);
};

export function registerPorts(): void {
  registerHandlers({ in: () => input, out: () => output });
}
