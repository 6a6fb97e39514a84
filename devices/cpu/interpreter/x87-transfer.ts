// x87 loads, stores, exchanges, conditional moves and constants (SDM vol. 2).

import type { Handler, HandlerSelector, Instruction } from '../decode/instruction.ts';
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
  commitStatus,
  configureX87,
  isEmpty,
  moveTopDown,
  physical,
  pop,
  push,
  readStack,
  remember,
  rememberOperand,
  requireX87,
  stackOverflow,
  stackUnderflow,
  stackWord,
  writeStack,
  x87Status,
} from './x87-common.ts';

/** Loads the float or integer operand of an arithmetic or load instruction; its flags are in x87Status. */
export function loadOperand(
  core: CpuCore,
  i: Instruction,
  form: string,
  integer: boolean,
  keepSignaling = true,
): Extended {
  const words = core.words;
  const low = effectiveAddress(core, i);
  const high = words[HIGH];
  let value: Extended;
  if (integer) {
    if (form === 'Mw') value = extendedFromInteger(BigInt((core.load16(low, high) << 16) >> 16));
    else if (form === 'Md') value = extendedFromInteger(BigInt(core.load32(low, high)));
    else {
      words[WIDE] = core.load64(low, high);
      words[WIDE + 1] = words[HIGH];
      value = extendedFromInteger(BigInt.asIntN(64, bits64(core, WIDE)));
    }
  } else if (form === 'Md') {
    words[WIDE] = core.load32(low, high);
    value = extendedFromFloat(x87Status, Float32, bits32(core, WIDE), keepSignaling);
  } else if (form === 'Mq') {
    words[WIDE] = core.load64(low, high);
    words[WIDE + 1] = words[HIGH];
    value = extendedFromFloat(x87Status, Float64, bits64(core, WIDE), keepSignaling);
  } else {
    core.load80(low, high);
    value = new Extended(words[WIDE + 2] & 0xffff, bits64(core, WIDE));
  }
  rememberOperand(core, low, high);
  return value;
}

function load(integer: boolean): HandlerSelector {
  return (i): Handler => {
    const form = i.row.operands[0];
    if (form === 'STi')
      return (core, i) => {
        requireX87(core);
        remember(core, i);
        if (!isEmpty(core, i.rm & 7)) push(core, readStack(core, i.rm & 7));
        else if (stackUnderflow(core)) {
          moveTopDown(core);
          writeStack(core, 0, extendedIndefinite);
        }
      };
    return (core, i) => {
      requireX87(core);
      configureX87(core);
      const value = loadOperand(core, i, form, integer, false);
      remember(core, i);
      if (!isEmpty(core, 7)) {
        if (!stackOverflow(core)) return;
        moveTopDown(core);
        writeStack(core, 0, extendedIndefinite);
      } else if (commitStatus(core) || (x87Status.flags & FloatFlag.invalid) === 0) {
        // An unmasked DE is reported, but the value is loaded (as silicon does; only IE prevents the load).
        moveTopDown(core);
        writeStack(core, 0, value);
      }
    };
  };
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

/** Puts ST(0) into WIDE in the format of `form`; an empty ST(0) gives the indefinite. Flags in x87Status. */
function convertTop(core: CpuCore, form: string, kind: 'float' | 'integer' | 'truncate' | 'bcd', empty: boolean): void {
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
function store(kind: 'float' | 'integer' | 'truncate' | 'bcd', pops: boolean): HandlerSelector {
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
      configureX87(core);
      const empty = isEmpty(core, 0);
      convertTop(core, form, kind, empty);
      remember(core, i);
      rememberOperand(core, low, high);
      if (empty) {
        if (!stackUnderflow(core)) return;
      } else {
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
      writeStack(core, i.rm & 7, readStack(core, 0));
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
  const top = emptyTop ? extendedIndefinite : readStack(core, 0);
  writeStack(core, 0, emptyOther ? extendedIndefinite : readStack(core, other));
  writeStack(core, other, top);
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
    if (testCondition(core, condition)) writeStack(core, 0, readStack(core, i.rm & 7));
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
