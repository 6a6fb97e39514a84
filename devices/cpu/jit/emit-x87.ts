// x87 instructions: stack checks inline (x87-stack.ts), arithmetic and conversions by the extended unit (../extended), moves inline.
//
// A stack fault, a pending exception, or "not done" from the unit leaves the region before the instruction: the interpreter executes it.
// The order is that of the interpreter's handlers (interpreter/x87-*.ts), which say what each instruction does.

import type { Instruction } from '../decode/instruction.ts';
import { TRUNCATE } from '../extended/convert.ts';
import { EXTENDED_SCRATCH } from '../extended/operand.ts';
import { type ExtendedUnit, unitImports } from '../extended/unit.ts';
import { C1, CONDITION_CODES } from '../interpreter/x87-common.ts';
import { FCW } from '../state-layout.ts';
import { pushCondition } from './emit-conditions.ts';
import { HELPERS } from './flag-code.ts';
import { ARITHMETIC_BITS, type Emitter, RAX } from './place.ts';
import type { MemoryReference, Translator } from './translator.ts';
import { I32, Op } from './wasm.ts';

const EXCEPTIONS = 0x80ff;

const unitFunctions = new Map(unitImports.map(({ name }, n) => [name, HELPERS + n]));
const widths: { readonly [form: string]: number } = { Mw: 2, Md: 4, Mq: 8, Mt: 10 };

/** Calls a function of the unit on parameters that `push` pushes; leaves if it is not done. The answer in a local. */
function callUnit(t: Translator, name: keyof ExtendedUnit, push: () => void): number {
  const { code } = t;
  const answer = t.temporary(I32);
  t.exitBegin();
  push();
  code.call(unitFunctions.get(name) as number);
  code.tee(answer);
  code.i32(0);
  code.op(Op.i32LtS);
  t.exitIf();
  return answer;
}
/** The exceptions and C1 of an answer. */
function commit(t: Translator, answer: number): void {
  t.x87.changeStatus(C1, () => t.code.get(answer));
}
function pushHost(t: Translator, at: MemoryReference): void {
  t.code.get(at.host);
  if (at.offset === 0) return;
  t.code.i32(at.offset);
  t.code.op(Op.i32Add);
}
function pushSigned(t: Translator, width: number, at: MemoryReference): void {
  t.code.get(at.host);
  t.code.memory(width === 8 ? Op.i64Load : width === 4 ? Op.i64Load32S : Op.i64Load16S, at.offset);
}

/** Loads a float or integer operand from memory into the place that `pushPlace` pushes. */
function loadInto(t: Translator, i: Instruction, form: string, integer: boolean, pushPlace: () => void): void {
  const width = widths[form];
  const at = t.access(i, width, false);
  if (integer) {
    callUnit(t, 'fromInteger', () => {
      pushPlace();
      pushSigned(t, width, at);
    });
  } else
    callUnit(t, width === 4 ? 'fromSingle' : 'fromDouble', () => {
      pushPlace();
      pushHost(t, at);
    });
}

// --------------------------------------------------------------------------------------------- loads, stores, moves

const load =
  (integer: boolean): Emitter =>
  (t, i) => {
    const form = i.row.operands[0];
    const { x87, code } = t;
    x87.begin();
    if (form === 'STi') {
      x87.requireUsed(i.rm & 7);
      x87.requireRoom();
      x87.copy(i.rm & 7, 7);
    } else {
      x87.requireRoom();
      if (form === 'Mt') {
        const at = t.access(i, 10, false);
        x87.write(
          7,
          () => {
            code.get(at.host);
            code.memory(Op.i64Load, at.offset);
          },
          () => {
            code.get(at.host);
            code.memory(Op.i32Load16U, at.offset + 8);
          },
        );
      } else loadInto(t, i, form, integer, () => x87.pushPlace(7));
    }
    x87.changeStatus(C1);
    x87.push();
    x87.remember(i, i.memory);
    return true;
  };

/** A constant; `inexact` ones depend on the rounding, and stand here for "to nearest". */
const constant =
  (signExponent: number, high: number, low: number, inexact: boolean): Emitter =>
  (t, i) => {
    const { x87, code } = t;
    x87.begin();
    x87.requireRoom();
    if (inexact) {
      t.exitBegin();
      pushControlWord(t);
      code.i32(0xc00);
      code.op(Op.i32And);
      t.exitIf();
    }
    x87.write(
      7,
      () => code.i64Pair(low, high),
      () => code.i32(signExponent),
    );
    x87.changeStatus(C1);
    x87.push();
    x87.remember(i);
    return true;
  };

function pushControlWord(t: Translator): void {
  t.code.i32(0);
  t.code.memory(Op.i32Load, t.stateOffset(FCW));
}

const store =
  (kind: 'float' | 'integer' | 'truncate', pops: boolean): Emitter =>
  (t, i) => {
    const form = i.row.operands[0];
    const { x87, code } = t;
    x87.begin();
    x87.requireUsed(0);
    if (form === 'STi') {
      const to = i.rm & 7;
      if (to !== 0) x87.copy(0, to);
      x87.changeStatus(C1);
      x87.setUsed(to);
    } else if (form === 'Mt') {
      const at = t.access(i, 10, true);
      const value = x87.read(0);
      t.storeRaw(8, at, value.significand);
      code.get(at.host);
      code.get(value.signExponent);
      code.memory(Op.i32Store16, at.offset + 8);
      x87.changeStatus(C1);
    } else {
      const width = widths[form];
      const at = t.access(i, width, true);
      const name = kind !== 'float' ? 'toInteger' : width === 4 ? 'toSingle' : 'toDouble';
      const answer = callUnit(t, name, () => {
        x87.pushPlace(0);
        pushHost(t, at);
        if (kind !== 'float') code.i32(width | (kind === 'truncate' ? TRUNCATE : 0));
      });
      commit(t, answer);
    }
    x87.remember(i, i.memory);
    if (pops) x87.pop();
    return true;
  };

const exchange: Emitter = (t, i) => {
  const { x87 } = t;
  const other = i.rm & 7;
  x87.begin();
  x87.requireUsed(0);
  x87.requireUsed(other);
  if (other !== 0) {
    const value = x87.read(0);
    x87.copy(other, 0);
    x87.write(
      other,
      () => t.code.get(value.significand),
      () => t.code.get(value.signExponent),
    );
  }
  x87.changeStatus(C1);
  x87.remember(i);
  return true;
};

const conditionalMove: Emitter = (t, i) => {
  const { x87, code } = t;
  x87.begin();
  x87.requireUsed(0);
  x87.requireUsed(i.rm & 7);
  pushCondition(t, i.row.parameter ?? 0);
  const condition = t.temporary(I32);
  code.set(condition);
  const value = x87.read(0);
  const other = x87.read(i.rm & 7);
  const choose = (key: 'significand' | 'signExponent') => (): void => {
    code.get(other[key]);
    code.get(value[key]);
    code.get(condition);
    code.op(Op.select);
  };
  x87.write(0, choose('significand'), choose('signExponent'));
  x87.remember(i);
  return true;
};

/** FCHS and FABS. */
const changeSign =
  (clear: boolean): Emitter =>
  (t, i) => {
    const { x87, code } = t;
    x87.begin();
    x87.requireUsed(0);
    x87.pushPlace(0);
    x87.pushPlace(0);
    x87.registerMemory(Op.i32Load, 8);
    code.i32(clear ? 0x7fff : 0x8000);
    code.op(clear ? Op.i32And : Op.i32Xor);
    x87.registerMemory(Op.i32Store, 8);
    x87.changeStatus(C1);
    x87.remember(i);
    return true;
  };

// --------------------------------------------------------------------------------------------- arithmetic, compares

const arithmetic =
  (name: keyof ExtendedUnit, reversed: boolean, integer = false, pops = false): Emitter =>
  (t, i) => {
    const [target, source] = i.row.operands;
    const { x87, code } = t;
    const memory = source !== 'STi' && source !== 'ST0';
    const other = i.rm & 7;
    x87.begin();
    x87.requireUsed(0);
    if (!memory) x87.requireUsed(other);
    else loadInto(t, i, source, integer, () => code.i32(EXTENDED_SCRATCH));
    const destination = target === 'STi' ? other : 0;
    const pushTarget = (): void => x87.pushPlace(destination);
    const pushSource = (): void => {
      if (memory) code.i32(EXTENDED_SCRATCH);
      else x87.pushPlace(target === 'STi' ? 0 : other);
    };
    const answer = callUnit(t, name, () => {
      pushTarget();
      if (reversed) pushSource();
      pushTarget();
      if (!reversed) pushSource();
    });
    commit(t, answer);
    x87.remember(i, memory);
    if (pops) x87.pop();
    return true;
  };

const unary =
  (name: keyof ExtendedUnit): Emitter =>
  (t, i) => {
    const { x87 } = t;
    x87.begin();
    x87.requireUsed(0);
    const answer = callUnit(t, name, () => {
      x87.pushPlace(0);
      x87.pushPlace(0);
    });
    commit(t, answer);
    x87.remember(i);
    return true;
  };

/** FPREM: the answer is all condition codes. */
const remainder: Emitter = (t, i) => {
  const { x87, code } = t;
  x87.begin();
  x87.requireUsed(0);
  x87.requireUsed(1);
  const answer = callUnit(t, 'remainder', () => {
    x87.pushPlace(0);
    x87.pushPlace(0);
    x87.pushPlace(1);
  });
  x87.changeStatus(CONDITION_CODES, () => code.get(answer));
  x87.remember(i);
  return true;
};

/** The order in C3, C2 and C0. */
const compareToCodes =
  (pops: number, integer = false): Emitter =>
  (t, i) => {
    const source = i.row.operands[1] as string | undefined;
    const memory = source !== undefined && source !== 'STi';
    const { x87, code } = t;
    const other = source === 'STi' ? i.rm & 7 : 1;
    x87.begin();
    x87.requireUsed(0);
    if (memory) loadInto(t, i, source, integer, () => code.i32(EXTENDED_SCRATCH));
    else x87.requireUsed(other);
    const answer = callUnit(t, 'compare', () => {
      x87.pushPlace(0);
      if (memory) code.i32(EXTENDED_SCRATCH);
      else x87.pushPlace(other);
    });
    enterOrder(t, answer);
    x87.remember(i, memory);
    for (let n = 0; n < pops; n++) x87.pop();
    return true;
  };

/** CF and ZF of the unit's answer are C0 and C3, eight bits above. */
function enterOrder(t: Translator, answer: number): void {
  t.x87.changeStatus(CONDITION_CODES, () => {
    t.code.get(answer);
    t.code.i32(8);
    t.code.op(Op.i32Shl);
  });
}

const test: Emitter = (t, i) => {
  const { x87, code } = t;
  x87.begin();
  x87.requireUsed(0);
  code.i32(EXTENDED_SCRATCH);
  code.i64(0);
  x87.registerMemory(Op.i64Store, 0);
  code.i32(EXTENDED_SCRATCH);
  code.i32(0);
  x87.registerMemory(Op.i32Store, 8);
  const answer = callUnit(t, 'compare', () => {
    x87.pushPlace(0);
    code.i32(EXTENDED_SCRATCH);
  });
  enterOrder(t, answer);
  x87.remember(i);
  return true;
};

/** FCOMI and FUCOMI: the order in ZF PF CF; C1 stays. */
const compareToFlags =
  (pops: boolean): Emitter =>
  (t, i) => {
    const { x87, code } = t;
    x87.begin();
    x87.requireUsed(0);
    x87.requireUsed(i.rm & 7);
    const answer = callUnit(t, 'compare', () => {
      x87.pushPlace(0);
      x87.pushPlace(i.rm & 7);
    });
    code.get(t.flagWord);
    code.i32(~ARITHMETIC_BITS);
    code.op(Op.i32And);
    code.get(answer);
    code.op(Op.i32Or);
    code.set(t.flagWord);
    t.setFlagBits();
    x87.remember(i);
    if (pops) x87.pop();
    return true;
  };

// ---------------------------------------------------------------------------------------------------------- control

const storeStatusWord: Emitter = (t, i) => {
  t.x87.used = true;
  if (!i.memory) {
    t.x87.pushStatusWord();
    t.setRegister(2, RAX, 0);
    return true;
  }
  storeWord(t, i, () => t.x87.pushStatusWord());
  return true;
};
const storeControlWord: Emitter = (t, i) => {
  storeWord(t, i, () => pushControlWord(t));
  return true;
};
function storeWord(t: Translator, i: Instruction, push: () => void): void {
  const at = t.access(i, 2, true);
  t.code.get(at.host);
  push();
  t.code.memory(Op.i32Store16, at.offset);
}

/** FLDCW, unless it unmasks an exception that is pending. */
const loadControlWord: Emitter = (t, i) => {
  const { x87, code } = t;
  x87.begin();
  const at = t.access(i, 2, false);
  const word = t.temporary(I32);
  t.exitBegin();
  x87.pushStatus();
  code.get(at.host);
  code.memory(Op.i32Load16U, at.offset);
  code.i32(0x1f3f);
  code.op(Op.i32And);
  code.i32(0x40);
  code.op(Op.i32Or);
  code.tee(word);
  code.i32(-1);
  code.op(Op.i32Xor);
  code.op(Op.i32And);
  code.i32(0x3f);
  code.op(Op.i32And);
  t.exitIf();
  t.storeWord(FCW, () => code.get(word));
  return true;
};

const turn =
  (distance: 1 | -1): Emitter =>
  (t) => {
    t.x87.begin();
    t.x87.changeStatus(C1);
    t.x87.turn(distance);
    return true;
  };

const free =
  (pops: boolean): Emitter =>
  (t, i) => {
    const { x87 } = t;
    x87.begin();
    x87.changeStatus(C1);
    x87.setEmpty(i.rm & 7);
    x87.remember(i);
    if (pops) x87.pop();
    return true;
  };

/** FNOP and FWAIT. */
const wait: Emitter = (t) => {
  t.x87.begin();
  return true;
};

const clearExceptions: Emitter = (t) => {
  t.x87.used = true;
  t.x87.changeStatus(EXCEPTIONS);
  return true;
};

const emitters: { [operation: string]: Emitter } = {
  fld: load(false),
  fild: load(true),
  fst: store('float', false),
  fstp: store('float', true),
  fist: store('integer', false),
  fistp: store('integer', true),
  fisttp: store('truncate', true),
  fld1: constant(0x3fff, 0x80000000, 0, false),
  fldz: constant(0, 0, 0, false),
  fldl2t: constant(0x4000, 0xd49a784b, 0xcd1b8afe, true),
  fldl2e: constant(0x3fff, 0xb8aa3b29, 0x5c17f0bc, true),
  fldpi: constant(0x4000, 0xc90fdaa2, 0x2168c235, true),
  fldlg2: constant(0x3ffd, 0x9a209a84, 0xfbcff799, true),
  fldln2: constant(0x3ffe, 0xb17217f7, 0xd1cf79ac, true),
  fxch: exchange,
  fchs: changeSign(false),
  fabs: changeSign(true),
  fcom: compareToCodes(0),
  fcomp: compareToCodes(1),
  fcompp: compareToCodes(2),
  ficom: compareToCodes(0, true),
  ficomp: compareToCodes(1, true),
  fucom: compareToCodes(0),
  fucomp: compareToCodes(1),
  fucompp: compareToCodes(2),
  fcomi: compareToFlags(false),
  fcomip: compareToFlags(true),
  fucomi: compareToFlags(false),
  fucomip: compareToFlags(true),
  fprem: remainder,
  ftst: test,
  fsqrt: unary('root'),
  frndint: unary('roundToIntegral'),
  fnstsw: storeStatusWord,
  fnstcw: storeControlWord,
  fldcw: loadControlWord,
  fincstp: turn(1),
  fdecstp: turn(-1),
  ffree: free(false),
  ffreep: free(true),
  fnop: wait,
  fwait: wait,
  fnclex: clearExceptions,
};
for (const operation of ['fcmovb', 'fcmove', 'fcmovbe', 'fcmovu', 'fcmovnb', 'fcmovne', 'fcmovnbe', 'fcmovnu'])
  emitters[operation] = conditionalMove;
for (const [stem, name, reversed] of [
  ['add', 'add', false],
  ['mul', 'multiply', false],
  ['sub', 'subtract', false],
  ['subr', 'subtract', true],
  ['div', 'divide', false],
  ['divr', 'divide', true],
] as const) {
  emitters[`f${stem}`] = arithmetic(name, reversed);
  emitters[`fi${stem}`] = arithmetic(name, reversed, true);
  emitters[`f${stem}p`] = arithmetic(name, reversed, false, true);
}
export const x87Emitters: { readonly [operation: string]: Emitter } = emitters;
