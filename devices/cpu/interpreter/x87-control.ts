// x87 control instructions, MXCSR, FXSAVE and FXRSTOR: the handlers around x87-state.ts (SDM vol. 2).

import type { HandlerSelector, Instruction } from '../decode/instruction.ts';
import { CR0, FCW, FSW, HIGH, MXCSR } from '../state-layout.ts';
import type { CpuCore } from './core.ts';
import { effectiveAddress } from './operands.ts';
import { requireSse } from './sse-common.ts';
import { C1, physical, requireX87, requireX87NoWait, setTop, stackWord, updateSummary } from './x87-common.ts';
import {
  FX_AREA_BYTES,
  initializeX87,
  MXCSR_MASK,
  readEnvironment,
  readFxArea,
  writeEnvironment,
  writeFxArea,
} from './x87-state.ts';

/** Staging for everything wider than 16 bytes. */
const staging = new DataView(new ArrayBuffer(FX_AREA_BYTES));

function load(core: CpuCore, low: number, high: number, bytes: number): void {
  core.probeRead(low, high, bytes);
  for (let n = 0; n < bytes; n += 2) {
    const at = (low + n) | 0;
    staging.setUint16(n, core.load16(at, at >>> 0 < low >>> 0 ? (high + 1) | 0 : high), true);
  }
}
function store(core: CpuCore, low: number, high: number, bytes: number): void {
  core.probeWrite(low, high, bytes);
  for (let n = 0; n < bytes; n += 2) {
    const at = (low + n) | 0;
    core.store16(at, at >>> 0 < low >>> 0 ? (high + 1) | 0 : high, staging.getUint16(n, true));
  }
}

const storeControlWord: HandlerSelector = () => (core, i) => {
  requireX87NoWait(core);
  const low = effectiveAddress(core, i);
  core.store16(low, core.words[HIGH], core.words[FCW]);
};

const storeStatusWord: HandlerSelector = () => (core, i) => {
  requireX87NoWait(core);
  if (i.memory) {
    const low = effectiveAddress(core, i);
    core.store16(low, core.words[HIGH], core.words[FSW]);
  } else core.words16[0] = core.words[FSW];
};

const loadControlWord: HandlerSelector = () => (core, i) => {
  requireX87(core);
  const low = effectiveAddress(core, i);
  core.words[FCW] = (core.load16(low, core.words[HIGH]) & 0x1f3f) | 0x40;
  updateSummary(core);
};

/** The 14-byte forms: prefix 66, unless REX.W overrules it. */
const isSmall = (i: Instruction): boolean => i.operandSizePrefix && !i.rexW;
const environmentBytes = (i: Instruction): number => (isSmall(i) ? 14 : 28);

const storeEnvironment: HandlerSelector = () => (core, i) => {
  requireX87NoWait(core);
  const low = effectiveAddress(core, i);
  writeEnvironment(core, staging, isSmall(i));
  store(core, low, core.words[HIGH], environmentBytes(i));
  core.words[FCW] |= 0x3f;
  updateSummary(core);
};

const loadEnvironment: HandlerSelector = () => (core, i) => {
  requireX87(core);
  const low = effectiveAddress(core, i);
  load(core, low, core.words[HIGH], environmentBytes(i));
  readEnvironment(core, staging, isSmall(i));
};

const save: HandlerSelector = () => (core, i) => {
  requireX87NoWait(core);
  const low = effectiveAddress(core, i);
  const high = core.words[HIGH];
  const head = environmentBytes(i);
  writeEnvironment(core, staging, isSmall(i));
  for (let n = 0; n < 8; n++) {
    const from = stackWord(core, n);
    staging.setInt32(head + n * 10, core.words[from], true);
    staging.setInt32(head + n * 10 + 4, core.words[from + 1], true);
    staging.setUint16(head + n * 10 + 8, core.words[from + 2], true);
  }
  store(core, low, high, head + 80);
  initializeX87(core);
};

const restore: HandlerSelector = () => (core, i) => {
  requireX87(core);
  const low = effectiveAddress(core, i);
  const head = environmentBytes(i);
  load(core, low, core.words[HIGH], head + 80);
  readEnvironment(core, staging, isSmall(i));
  for (let n = 0; n < 8; n++) {
    const to = stackWord(core, n);
    core.words[to] = staging.getInt32(head + n * 10, true);
    core.words[to + 1] = staging.getInt32(head + n * 10 + 4, true);
    core.words[to + 2] = staging.getUint16(head + n * 10 + 8, true);
  }
};

const clearExceptions: HandlerSelector = () => (core) => {
  requireX87NoWait(core);
  core.words[FSW] &= ~0x80ff;
};

function rotate(distance: number): HandlerSelector {
  return () => (core) => {
    requireX87(core);
    core.words[FSW] &= ~C1;
    setTop(core, physical(core, 0) + distance);
  };
}

const saveAll: HandlerSelector = () => (core, i) => {
  requireFx(core);
  const low = effectiveAddress(core, i);
  const high = core.words[HIGH];
  core.checkAligned(low, 16);
  core.probeWrite(low, high, FX_AREA_BYTES);
  writeFxArea(core, staging, 0, i.rexW);
  store(core, low, high, 416);
};

const restoreAll: HandlerSelector = () => (core, i) => {
  requireFx(core);
  const low = effectiveAddress(core, i);
  core.checkAligned(low, 16);
  load(core, low, core.words[HIGH], FX_AREA_BYTES);
  if (!readFxArea(core, staging, 0, i.rexW)) core.raiseGeneralProtection();
};

/** #NM with CR0.EM or CR0.TS. */
function requireFx(core: CpuCore): void {
  if ((core.words[CR0] & 0xc) !== 0) core.raiseDeviceNotAvailable();
}

const loadMxcsr: HandlerSelector = () => (core, i) => {
  requireSse(core);
  const low = effectiveAddress(core, i);
  const value = core.load32(low, core.words[HIGH]);
  if ((value & ~MXCSR_MASK) !== 0) core.raiseGeneralProtection();
  core.words[MXCSR] = value;
};

const storeMxcsr: HandlerSelector = () => (core, i) => {
  requireSse(core);
  const low = effectiveAddress(core, i);
  core.store32(low, core.words[HIGH], core.words[MXCSR]);
};

/** FWAIT: #NM only with TS and MP both set (SDM vol. 3, 2.5). */
const wait: HandlerSelector = () => (core) => {
  if ((core.words[CR0] & 0xa) === 0xa) core.raiseDeviceNotAvailable();
  if ((core.words[FSW] & 0x80) !== 0) core.raiseFloatingPoint();
};

export const x87ControlHandlers: { readonly [operation: string]: HandlerSelector } = {
  fldcw: loadControlWord,
  fnstcw: storeControlWord,
  fnstsw: storeStatusWord,
  fldenv: loadEnvironment,
  fnstenv: storeEnvironment,
  fnsave: save,
  frstor: restore,
  fnclex: clearExceptions,
  fninit: () => (core) => {
    requireX87NoWait(core);
    initializeX87(core);
  },
  fnop: () => (core) => requireX87(core),
  fincstp: rotate(1),
  fdecstp: rotate(-1),
  fwait: wait,
  fxsave: saveAll,
  fxrstor: restoreAll,
  ldmxcsr: loadMxcsr,
  stmxcsr: storeMxcsr,
};
