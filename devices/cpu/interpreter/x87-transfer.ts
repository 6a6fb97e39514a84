// x87 loads, stores, exchanges, conditional moves and constants (SDM vol. 2).

import type { Handler, HandlerSelector, Instruction } from '../decode/instruction.ts';
import { TRUNCATE } from '../extended/convert.ts';
import type { ExtendedUnit } from '../extended/unit.ts';
import { Extended, extendedIndefinite, extendedOne, extendedZero } from '../softfloat/extended.ts';
import {
  extendedFromBcd,
  extendedFromFloat,
  extendedFromInteger,
  extendedToBcd,
  extendedToFloat,
  extendedToInteger,
} from '../softfloat/extended-convert.ts';
import { Float32, Float64, FloatFlag, Rounding } from '../softfloat/rounding.ts';
import { FSW, FTW, HIGH, WIDE } from '../state-layout.ts';
import type { CpuCore } from './core.ts';
import { testCondition } from './flags.ts';
import { effectiveAddress } from './operands.ts';
import { bits32, bits64, setBits64 } from './sse-lanes.ts';
import {
  C1,
  commitAnswer,
  commitStatus,
  configureX87,
  copyToStack,
  isEmpty,
  markUsed,
  moveTopDown,
  physical,
  pop,
  push,
  readStack,
  remember,
  rememberOperand,
  requireX87,
  stackOverflow,
  stackPlace,
  stackUnderflow,
  stackWord,
  writeStack,
  x87Status,
} from './x87-common.ts';

/** Address of WIDE, for the extended unit. */
const wideAddress = (core: CpuCore): number => core.memory.sizeBytes + WIDE * 4;

/** Loads the bytes of the float or integer operand of an arithmetic or load instruction into WIDE. */
export function stageOperand(core: CpuCore, i: Instruction, form: string): void {
  const words = core.words;
  const low = effectiveAddress(core, i);
  const high = words[HIGH];
  if (form === 'Mw') words[WIDE] = (core.load16(low, high) << 16) >> 16;
  else if (form === 'Md') words[WIDE] = core.load32(low, high);
  else if (form === 'Mq') {
    words[WIDE] = core.load64(low, high);
    words[WIDE + 1] = words[HIGH];
  } else core.load80(low, high);
  rememberOperand(core, low, high);
}

/** The operand in WIDE as a number; its flags are in x87Status. */
export function stagedOperand(core: CpuCore, form: string, integer: boolean, keepSignaling = true): Extended {
  if (integer)
    return extendedFromInteger(form === 'Mq' ? BigInt.asIntN(64, bits64(core, WIDE)) : BigInt(core.words[WIDE]));
  if (form === 'Md') return extendedFromFloat(x87Status, Float32, bits32(core, WIDE), keepSignaling);
  if (form === 'Mq') return extendedFromFloat(x87Status, Float64, bits64(core, WIDE), keepSignaling);
  return new Extended(core.words[WIDE + 2] & 0xffff, bits64(core, WIDE));
}

/** The same by the extended unit, into a place; false: not done, WIDE is as it was. */
export function stagedToPlace(
  core: CpuCore,
  unit: ExtendedUnit,
  place: number,
  form: string,
  integer: boolean,
): boolean {
  if (!integer) return (form === 'Md' ? unit.fromSingle : unit.fromDouble)(place, wideAddress(core)) >= 0;
  const value = form === 'Mq' ? BigInt.asIntN(64, bits64(core, WIDE)) : BigInt(core.words[WIDE]);
  return unit.fromInteger(place, value) >= 0;
}

function load(integer: boolean): HandlerSelector {
  return (i): Handler => {
    const form = i.row.operands[0];
    if (form === 'STi')
      return (core, i) => {
        requireX87(core);
        remember(core, i);
        if (!isEmpty(core, i.rm & 7)) pushFrom(core, stackWord(core, i.rm & 7));
        else if (stackUnderflow(core)) {
          moveTopDown(core);
          writeStack(core, 0, extendedIndefinite);
        }
      };
    if (form === 'Mt')
      return (core, i) => {
        requireX87(core);
        stageOperand(core, i, form);
        remember(core, i);
        pushFrom(core, WIDE);
      };
    return (core, i) => {
      requireX87(core);
      stageOperand(core, i, form);
      remember(core, i);
      if (!isEmpty(core, 7)) {
        if (!stackOverflow(core)) return;
        moveTopDown(core);
        writeStack(core, 0, extendedIndefinite);
        return;
      }
      const unit = core.extendedUnitIfHot();
      if (unit !== null && stagedToPlace(core, unit, stackPlace(core, 7), form, integer)) {
        core.words[FSW] &= ~C1;
        moveTopDown(core);
        markUsed(core, 0);
        return;
      }
      configureX87(core);
      const value = stagedOperand(core, form, integer, false);
      if (commitStatus(core) || (x87Status.flags & FloatFlag.invalid) === 0) {
        // An unmasked DE is reported, but the value is loaded (as silicon does; only IE prevents the load).
        moveTopDown(core);
        writeStack(core, 0, value);
      }
    };
  };
}

/** Pushes the three words at word `from`. */
function pushFrom(core: CpuCore, from: number): void {
  if (!isEmpty(core, 7)) {
    push(core, extendedIndefinite);
    return;
  }
  core.words[FSW] &= ~C1;
  copyToStack(core, 7, from);
  moveTopDown(core);
}

const loadBcd: HandlerSelector = () => (core, i) => {
  requireX87(core);
  const low = effectiveAddress(core, i);
  const high = core.words[HIGH];
  core.load80(low, high);
  remember(core, i);
  rememberOperand(core, low, high);
  push(core, extendedFromBcd(bits64(core, WIDE), core.words[WIDE + 2] & 0xffff));
};

type StoreKind = 'float' | 'integer' | 'truncate' | 'bcd';

/** Puts ST(0) into WIDE by the extended unit and enters the status; false: not done. */
function convertTopFast(core: CpuCore, form: string, kind: StoreKind): boolean {
  if (kind === 'bcd') return false;
  if (form === 'Mt') {
    const at = stackWord(core, 0);
    for (let n = 0; n < 3; n++) core.words[WIDE + n] = core.words[at + n];
    return commitAnswer(core, 0);
  }
  const unit = core.extendedUnitIfHot();
  if (unit === null) return false;
  const place = stackPlace(core, 0);
  const address = wideAddress(core);
  if (kind === 'float') return commitAnswer(core, (form === 'Md' ? unit.toSingle : unit.toDouble)(place, address));
  const width = form === 'Mw' ? 2 : form === 'Md' ? 4 : 8;
  return commitAnswer(core, unit.toInteger(place, address, width | (kind === 'truncate' ? TRUNCATE : 0)));
}

/** Puts ST(0) into WIDE in the format of `form`; an empty ST(0) gives the indefinite. Flags in x87Status. */
function convertTop(core: CpuCore, form: string, kind: StoreKind, empty: boolean): void {
  const words = core.words;
  const value = empty ? extendedIndefinite : readStack(core, 0);
  if (kind === 'bcd') {
    const digits = extendedToBcd(x87Status, value);
    setBits64(core, WIDE, digits);
    words[WIDE + 2] = Number(digits >> 64n);
  } else if (kind === 'float') {
    if (form === 'Mt') {
      setBits64(core, WIDE, value.significand);
      words[WIDE + 2] = value.signExponent;
    } else setBits64(core, WIDE, extendedToFloat(x87Status, form === 'Md' ? Float32 : Float64, value));
  } else {
    const bits = form === 'Mw' ? 16 : form === 'Md' ? 32 : 64;
    const rounding = kind === 'truncate' ? Rounding.zero : x87Status.rounding;
    setBits64(core, WIDE, BigInt.asUintN(64, extendedToInteger(x87Status, rounding, value, bits)));
  }
}

/** Stores to memory; nothing is stored or popped when an unmasked exception forbids a result. */
function store(kind: StoreKind, pops: boolean): HandlerSelector {
  return (i): Handler => {
    const form = i.row.operands[0];
    if (form === 'STi') return storeRegister(pops);
    const bytes = form === 'Mw' ? 2 : form === 'Md' ? 4 : form === 'Mq' ? 8 : 10;
    return (core, i) => {
      requireX87(core);
      const words = core.words;
      const low = effectiveAddress(core, i);
      const high = words[HIGH];
      core.probeWrite(low, high, bytes);
      const empty = isEmpty(core, 0);
      remember(core, i);
      rememberOperand(core, low, high);
      if (empty) {
        configureX87(core);
        convertTop(core, form, kind, true);
        if (!stackUnderflow(core)) return;
      } else if (!convertTopFast(core, form, kind)) {
        configureX87(core);
        convertTop(core, form, kind, false);
        // Overflow and underflow, unmasked, leave a memory destination alone too (SDM vol. 1, 8.5.4 and 8.5.5).
        const kept = x87Status.flags & ~x87Status.masks & (FloatFlag.overflow | FloatFlag.underflow);
        if (kept !== 0) x87Status.flags &= ~FloatFlag.inexact;
        if (!commitStatus(core) || kept !== 0) return;
      }
      if (bytes === 2) core.store16(low, high, words[WIDE]);
      else if (bytes === 4) core.store32(low, high, words[WIDE]);
      else if (bytes === 8) core.store64(low, high, words[WIDE], words[WIDE + 1]);
      else core.store80(low, high);
      if (pops) pop(core);
    };
  };
}

function storeRegister(pops: boolean): Handler {
  return (core, i) => {
    requireX87(core);
    remember(core, i);
    if (isEmpty(core, 0)) {
      if (!stackUnderflow(core)) return;
      writeStack(core, i.rm & 7, extendedIndefinite);
    } else {
      core.words[FSW] &= ~C1;
      copyToStack(core, i.rm & 7, stackWord(core, 0));
    }
    if (pops) pop(core);
  };
}

const exchange: HandlerSelector = () => (core, i) => {
  requireX87(core);
  remember(core, i);
  const other = i.rm & 7;
  const emptyTop = isEmpty(core, 0);
  const emptyOther = isEmpty(core, other);
  if ((emptyTop || emptyOther) && !stackUnderflow(core)) return;
  core.words[FSW] &= ~C1;
  if (emptyTop) writeStack(core, 0, extendedIndefinite);
  if (emptyOther) writeStack(core, other, extendedIndefinite);
  const a = stackWord(core, 0);
  const b = stackWord(core, other);
  const words = core.words;
  for (let n = 0; n < 3; n++) {
    const word = words[a + n];
    words[a + n] = words[b + n];
    words[b + n] = word;
  }
};

/** FCMOVcc: row.parameter is the condition code. */
const conditionalMove: HandlerSelector = (i) => {
  const condition = i.row.parameter ?? 0;
  return (core, i) => {
    requireX87(core);
    remember(core, i);
    if (isEmpty(core, 0) || isEmpty(core, i.rm & 7)) {
      // Whatever the condition says.
      if (stackUnderflow(core)) writeStack(core, 0, extendedIndefinite);
      return;
    }
    if (testCondition(core, condition)) copyToStack(core, 0, stackWord(core, i.rm & 7));
  };
};

/** A constant between two neighbours: `below` is its significand cut off, `nearestUp` tells where nearest lies. */
function constant(signExponent: number, below: bigint, nearestUp: boolean): HandlerSelector {
  const down = new Extended(signExponent, below);
  const up = new Extended(signExponent, below + 1n);
  return () => (core, i) => {
    requireX87(core);
    const rounding = configureX87(core).rounding;
    remember(core, i);
    push(core, rounding === Rounding.up || (rounding === Rounding.nearest && nearestUp) ? up : down);
  };
}
function exactConstant(value: Extended): HandlerSelector {
  return () => (core, i) => {
    requireX87(core);
    remember(core, i);
    push(core, value);
  };
}

function free(pops: boolean): HandlerSelector {
  return () => (core, i) => {
    requireX87(core);
    remember(core, i);
    core.words[FSW] &= ~C1;
    core.words[FTW] |= 3 << (physical(core, i.rm & 7) * 2);
    if (pops) pop(core);
  };
}

/** FCHS and FABS: only the sign bit. */
function signOnly(clear: boolean): HandlerSelector {
  return () => (core, i) => {
    requireX87(core);
    remember(core, i);
    if (isEmpty(core, 0)) {
      if (stackUnderflow(core)) writeStack(core, 0, extendedIndefinite);
      return;
    }
    core.words[FSW] &= ~C1;
    const at = stackWord(core, 0) + 2;
    core.words[at] = clear ? core.words[at] & 0x7fff : core.words[at] ^ 0x8000;
  };
}

export const x87TransferHandlers: { readonly [operation: string]: HandlerSelector } = {
  fld: load(false),
  fild: load(true),
  fbld: loadBcd,
  fst: store('float', false),
  fstp: store('float', true),
  fist: store('integer', false),
  fistp: store('integer', true),
  fisttp: store('truncate', true),
  fbstp: store('bcd', true),
  fxch: exchange,
  fcmovb: conditionalMove,
  fcmove: conditionalMove,
  fcmovbe: conditionalMove,
  fcmovu: conditionalMove,
  fcmovnb: conditionalMove,
  fcmovne: conditionalMove,
  fcmovnbe: conditionalMove,
  fcmovnu: conditionalMove,
  fld1: exactConstant(extendedOne),
  fldz: exactConstant(extendedZero),
  fldl2t: constant(0x4000, 0xd49a784bcd1b8afen, false),
  fldl2e: constant(0x3fff, 0xb8aa3b295c17f0bbn, true),
  fldpi: constant(0x4000, 0xc90fdaa22168c234n, true),
  fldlg2: constant(0x3ffd, 0x9a209a84fbcff798n, true),
  fldln2: constant(0x3ffe, 0xb17217f7d1cf79abn, true),
  ffree: free(false),
  ffreep: free(true),
  fchs: signOnly(false),
  fabs: signOnly(true),
};
