// System instructions (SDM vol. 2 and 3): traps, control and model-specific registers, descriptor tables, CPUID, time stamps.

import { TrapKind } from '../../contract/cpu.ts';
import type { Handler, HandlerSelector } from '../decode/instruction.ts';
import {
  CR0,
  CR4,
  DR6,
  DR7,
  FLAGS,
  FS_BASE,
  GDT_BASE,
  GDT_LIMIT,
  GS_BASE,
  HIGH,
  IDT_BASE,
  IDT_LIMIT,
  KERNEL_GS_BASE,
  LDT_SELECTOR,
  PRIVILEGE,
  TASK_SELECTOR,
} from '../state-layout.ts';
import { RAX_WORD, RCX_WORD, RDX_WORD, readRm, writeRegister, writeRm } from './access.ts';
import {
  CR4_FSGSBASE,
  CR4_TSD,
  loadSegment,
  loadTaskRegister,
  readControl,
  readMsr,
  readTimeStamp,
  selectorIndex,
  writeControl,
  writeMsr,
} from './control-state.ts';
import { type CpuCore, Vector } from './core.ts';
import { cpuid } from './cpuid.ts';
import { AC, IF } from './flags.ts';
import { deliverOnce, interruptReturn, Source, systemCall, systemReturn } from './interrupts.ts';
import { dropStack, peek, push } from './moves.ts';
import { effectiveAddress } from './operands.ts';
import { registerHandlers } from './registry.ts';

/** Guards a handler with CPL 0. */
function privileged(handler: Handler): HandlerSelector {
  const guarded: Handler = (core, i) => {
    if (core.words[PRIVILEGE] !== 0) core.raiseGeneralProtection();
    handler(core, i);
  };
  return () => guarded;
}

/** INT n, INT3, INT1: the next instruction is the return address; a fault in delivery is one of this instruction (run() puts RIP back). */
function softwareInterrupt(core: CpuCore, i: Parameters<Handler>[1], vector: number, source: number): void {
  core.goNext(i);
  deliverOnce(core, vector, -1, source);
  core.faultVector = vector;
  core.faultErrorCode = -1;
  core.statistics.interrupts++;
  core.exit = TrapKind.interrupt;
}

/** CLI, STI: allowed up to IOPL. */
const interruptFlag = (on: boolean): Handler => {
  return (core, i) => {
    const w = core.words;
    if (w[PRIVILEGE] > ((w[FLAGS] >> 12) & 3)) core.raiseGeneralProtection();
    w[FLAGS] = on ? w[FLAGS] | IF : w[FLAGS] & ~IF;
    core.goNext(i);
  };
};

const timeStamp = (withProcessor: boolean): Handler => {
  return (core, i) => {
    const w = core.words;
    if ((w[CR4] & CR4_TSD) !== 0 && w[PRIVILEGE] !== 0) core.raiseGeneralProtection();
    const low = readTimeStamp(core);
    w[RDX_WORD] = w[HIGH];
    w[RAX_WORD] = low;
    w[RAX_WORD + 1] = 0;
    w[RDX_WORD + 1] = 0;
    if (withProcessor) {
      w[RCX_WORD] = 0;
      w[RCX_WORD + 1] = 0;
    }
    core.goNext(i);
  };
};

const readMachineRegister: Handler = (core, i) => {
  const w = core.words;
  const low = readMsr(core, w[RCX_WORD] >>> 0);
  w[RAX_WORD] = low;
  w[RDX_WORD] = w[HIGH];
  w[RAX_WORD + 1] = 0;
  w[RDX_WORD + 1] = 0;
  core.goNext(i);
};
const writeMachineRegister: Handler = (core, i) => {
  const w = core.words;
  if (!writeMsr(core, w[RCX_WORD] >>> 0, w[RAX_WORD], w[RDX_WORD])) core.raiseGeneralProtection();
  core.goNext(i);
};

/** Guards MOV to and from CRn, DRn: a number that does not exist is #UD before the privilege is looked at, as on silicon. */
function privilegedRegister(known: (number: number) => boolean, handler: Handler): HandlerSelector {
  const guarded: Handler = (core, i) => {
    if (!known(i.reg)) core.raiseInvalidOpcode();
    if (core.words[PRIVILEGE] !== 0) core.raiseGeneralProtection();
    handler(core, i);
  };
  return () => guarded;
}

const knownControl = (number: number): boolean =>
  number === 0 || number === 2 || number === 3 || number === 4 || number === 8;
const knownDebug = (number: number): boolean => number < 8;
const fromControl: Handler = (core, i) => {
  const low = readControl(core, i.reg);
  writeRegister(core, 8, i.rmWord, 0, low, core.words[HIGH]);
  core.goNext(i);
};
const toControl: Handler = (core, i) => {
  if (!writeControl(core, i.reg, core.words[i.rmWord], core.words[i.rmWord + 1])) core.raiseGeneralProtection();
  core.goNext(i);
};
/** DR6 and DR7 hold what is written; there are no hardware breakpoints (DR0..DR3 read 0). */
const fromDebug: Handler = (core, i) => {
  const w = core.words;
  const value = i.reg === 6 || i.reg === 4 ? w[DR6] : i.reg === 7 || i.reg === 5 ? w[DR7] : 0;
  writeRegister(core, 8, i.rmWord, 0, value, 0);
  core.goNext(i);
};
const toDebug: Handler = (core, i) => {
  const w = core.words;
  if (i.reg === 6 || i.reg === 4) w[DR6] = w[i.rmWord] | 0xffff0ff0;
  else if (i.reg === 7 || i.reg === 5) w[DR7] = w[i.rmWord] | 0x400;
  core.goNext(i);
};

const loadTable = (basePair: number, limitWord: number): Handler => {
  return (core, i) => {
    const w = core.words;
    const low = effectiveAddress(core, i);
    const high = w[HIGH];
    core.probeRead(low, high, 10);
    const limit = core.load16(low, high);
    const at = (low + 2) | 0;
    const baseLow = core.load64(at, at >>> 0 < 2 ? (high + 1) | 0 : high);
    const top = w[HIGH] >> 15;
    if (top !== 0 && top !== -1) core.raiseGeneralProtection();
    w[basePair] = baseLow;
    w[basePair + 1] = w[HIGH];
    w[limitWord] = limit;
    core.goNext(i);
  };
};
const storeTable = (basePair: number, limitWord: number): Handler => {
  return (core, i) => {
    const w = core.words;
    const low = effectiveAddress(core, i);
    const high = w[HIGH];
    core.probeWrite(low, high, 10);
    core.store16(low, high, w[limitWord]);
    const at = (low + 2) | 0;
    core.store64(at, at >>> 0 < 2 ? (high + 1) | 0 : high, w[basePair], w[basePair + 1]);
  };
};
/** SMSW, STR, SLDT store 16 bits to memory, the operand size to a register. */
const storeSystemWord = (word: number): Handler => {
  return (core, i) => writeRm(core, i, i.memory ? 2 : i.width, core.words[word], 0);
};

const fromSegment: Handler = (core, i) => {
  const number = i.reg & 7;
  if (number > 5) core.raiseInvalidOpcode();
  writeRm(core, i, i.memory ? 2 : i.width, core.selectors[selectorIndex[number]], 0);
};
const toSegment: Handler = (core, i) => {
  const number = i.reg & 7;
  if (number > 5 || number === 1) core.raiseInvalidOpcode();
  loadSegment(core, number, readRm(core, i, 2) & 0xffff);
  core.goNext(i);
};
const pushSegment: Handler = (core, i) => push(core, i.width, core.selectors[i.row.parameter ?? 4], 0);
const popSegment: Handler = (core, i) => {
  const selector = peek(core, i.width) & 0xffff;
  loadSegment(core, i.row.parameter ?? 4, selector);
  dropStack(core, i.width);
};

const readBase = (pair: number): Handler => {
  return (core, i) => {
    if ((core.words[CR4] & CR4_FSGSBASE) === 0) core.raiseInvalidOpcode();
    writeRegister(core, i.width, i.rmWord, 0, core.words[pair], core.words[pair + 1]);
  };
};
const writeBase = (pair: number): Handler => {
  return (core, i) => {
    const w = core.words;
    if ((w[CR4] & CR4_FSGSBASE) === 0) core.raiseInvalidOpcode();
    const high = i.width === 8 ? w[i.rmWord + 1] : 0;
    const top = high >> 15;
    if (top !== 0 && top !== -1) core.raiseGeneralProtection();
    w[pair] = w[i.rmWord];
    w[pair + 1] = high;
  };
};

/** CLFLUSH has the faults of a byte load and no other effect. */
const touchLine: Handler = (core, i) => {
  const low = effectiveAddress(core, i);
  core.load8(low, core.words[HIGH]);
};

/** STAC, CLAC: #UD (not #GP) outside ring 0. */
const accessFlag = (on: boolean): Handler => {
  return (core, i) => {
    const w = core.words;
    if (w[PRIVILEGE] !== 0) core.raiseInvalidOpcode();
    w[FLAGS] = on ? w[FLAGS] | AC : w[FLAGS] & ~AC;
    core.goNext(i);
  };
};

export function registerSystem(): void {
  const always =
    (handler: Handler): HandlerSelector =>
    () =>
      handler;
  registerHandlers({
    int3: always((core, i) => softwareInterrupt(core, i, Vector.breakpoint, Source.software)),
    int1: always((core, i) => softwareInterrupt(core, i, Vector.debug, Source.exception)),
    int: always((core, i) => softwareInterrupt(core, i, i.immediateLow & 0xff, Source.software)),
    ud2: always((core) => core.raiseInvalidOpcode()),
    syscall: always(systemCall),
    sysret: always((core, i) => systemReturn(core, i.rexW)),
    iret: always((core, i) => interruptReturn(core, i.width === 2 ? 4 : i.width)),
    hlt: privileged((core, i) => {
      core.goNext(i);
      core.exit = TrapKind.halt;
    }),
    cli: always(interruptFlag(false)),
    sti: always(interruptFlag(true)),
    clts: privileged((core, i) => {
      core.words[CR0] &= ~8;
      core.goNext(i);
    }),
    wbinvd: privileged(() => {}),
    wrmsr: privileged(writeMachineRegister),
    rdmsr: privileged(readMachineRegister),
    rdtsc: always(timeStamp(false)),
    rdtscp: always(timeStamp(true)),
    cpuid: always(cpuid),
    movFromControl: privilegedRegister(knownControl, fromControl),
    movToControl: privilegedRegister(knownControl, toControl),
    movFromDebug: privilegedRegister(knownDebug, fromDebug),
    movToDebug: privilegedRegister(knownDebug, toDebug),
    movFromSegment: always(fromSegment),
    movToSegment: always(toSegment),
    pushSegment: always(pushSegment),
    popSegment: always(popSegment),
    sldt: always(storeSystemWord(LDT_SELECTOR)),
    str: always(storeSystemWord(TASK_SELECTOR)),
    smsw: always(storeSystemWord(CR0)),
    // There is no LDT: only the null selector is taken.
    lldt: privileged((core, i) => {
      const selector = readRm(core, i, 2) & 0xffff;
      if (selector >= 4) core.raiseGeneralProtection(selector & 0xfffc);
      core.words[LDT_SELECTOR] = selector;
      core.goNext(i);
    }),
    ltr: privileged((core, i) => {
      loadTaskRegister(core, readRm(core, i, 2) & 0xffff);
      core.goNext(i);
    }),
    lmsw: privileged((core, i) => {
      // PE cannot be cleared by LMSW.
      const value = readRm(core, i, 2) & 15;
      core.words[CR0] = (core.words[CR0] & ~14) | value;
      core.goNext(i);
    }),
    sgdt: always(storeTable(GDT_BASE, GDT_LIMIT)),
    sidt: always(storeTable(IDT_BASE, IDT_LIMIT)),
    lgdt: privileged(loadTable(GDT_BASE, GDT_LIMIT)),
    lidt: privileged(loadTable(IDT_BASE, IDT_LIMIT)),
    invlpg: privileged((core, i) => {
      core.mmu.invalidate(effectiveAddress(core, i));
      core.invalidateFetches();
      core.goNext(i);
    }),
    clac: always(accessFlag(false)),
    stac: always(accessFlag(true)),
    swapgs: privileged((core, i) => {
      const w = core.words;
      for (let n = 0; n < 2; n++) {
        const old = w[GS_BASE + n];
        w[GS_BASE + n] = w[KERNEL_GS_BASE + n];
        w[KERNEL_GS_BASE + n] = old;
      }
      core.goNext(i);
    }),
    rdfsbase: always(readBase(FS_BASE)),
    rdgsbase: always(readBase(GS_BASE)),
    wrfsbase: always(writeBase(FS_BASE)),
    wrgsbase: always(writeBase(GS_BASE)),
    clflush: always(touchLine),
  });
}
