// Multiplication and division (SDM vol. 2) as code.

import { What } from './flag-kinds.ts';
import { type Emitter, placeOf, pushBinary, pushImmediate, pushPlace, RAX, RDX } from './place.ts';
import type { Translator } from './translator.ts';
import { I64, Op } from './wasm.ts';

/** Two- and three-operand IMUL. */
const multiply: Emitter = (t, i) => {
  const { code } = t;
  const { width } = i;
  const three = i.row.operation === 'imul3';
  const source = placeOf(t, i, 'E', width, false);
  const b = t.temporary(I64);
  pushPlace(t, source, width);
  code.set(b);
  if (three) pushImmediate(t, i);
  else t.getRaw(width, i.reg, i.regByte);
  code.set(t.flagA);
  code.get(b);
  code.set(t.flagB);
  t.setFlagKind(What.multiply, width);
  pushBinary(t, width, Op.i64Mul, Op.i32Mul);
  t.setRegister(width, i.reg, i.regByte);
  return true;
};

/** Pushes the upper half of the unsigned product of two i64 locals (Hacker's Delight, 8-2). */
function pushMultiplyHigh(t: Translator, a: number, b: number): void {
  const { code } = t;
  const aLow = t.temporary(I64);
  const aHigh = t.temporary(I64);
  const bLow = t.temporary(I64);
  const bHigh = t.temporary(I64);
  const middle = t.temporary(I64);
  const low = (from: number, to: number): void => {
    code.get(from);
    code.i64Pair(-1, 0);
    code.op(Op.i64And);
    code.set(to);
  };
  const high = (from: number, to: number): void => {
    code.get(from);
    code.i64(32);
    code.op(Op.i64ShrU);
    code.set(to);
  };
  const product = (x: number, y: number): void => {
    code.get(x);
    code.get(y);
    code.op(Op.i64Mul);
  };
  const upper = (): void => {
    code.i64(32);
    code.op(Op.i64ShrU);
  };
  low(a, aLow);
  high(a, aHigh);
  low(b, bLow);
  high(b, bHigh);
  // middle = aHigh * bLow + (aLow * bLow >> 32)
  product(aHigh, bLow);
  product(aLow, bLow);
  upper();
  code.op(Op.i64Add);
  code.set(middle);
  // aHigh * bHigh + (middle >> 32) + (aLow * bHigh + low(middle) >> 32)
  product(aHigh, bHigh);
  code.get(middle);
  upper();
  code.op(Op.i64Add);
  product(aLow, bHigh);
  code.get(middle);
  code.i64Pair(-1, 0);
  code.op(Op.i64And);
  code.op(Op.i64Add);
  upper();
  code.op(Op.i64Add);
}

/** MUL and IMUL with one operand, 32 and 64 bit: RDX:RAX = RAX x operand. */
const multiplyAccumulator: Emitter = (t, i) => {
  const { code } = t;
  const { width } = i;
  if (width < 4) return false;
  const signed = i.row.operation === 'imul1';
  const source = placeOf(t, i, 'E', width, false);
  const a = t.temporary(I64);
  const b = t.temporary(I64);
  const lower = t.temporary(I64);
  const upper = t.temporary(I64);
  const widen = (): void => {
    if (width === 8) return;
    if (signed) code.op(Op.i64Extend32S);
    else {
      code.i64Pair(-1, 0);
      code.op(Op.i64And);
    }
  };
  pushPlace(t, source, width);
  widen();
  code.set(b);
  t.getGeneral(RAX);
  widen();
  code.set(a);
  code.get(a);
  code.get(b);
  code.op(Op.i64Mul);
  code.set(lower);
  if (width === 4) {
    code.get(lower);
    code.i64(32);
    code.op(signed ? Op.i64ShrS : Op.i64ShrU);
    code.set(upper);
  } else {
    pushMultiplyHigh(t, a, b);
    if (signed) {
      // Less the other factor for each negative one.
      for (const [sign, other] of [
        [a, b],
        [b, a],
      ]) {
        code.get(sign);
        code.i64(63);
        code.op(Op.i64ShrS);
        code.get(other);
        code.op(Op.i64And);
        code.op(Op.i64Sub);
      }
    }
    code.set(upper);
  }
  // CF = OF: the upper half is not just the extension of the lower.
  code.get(upper);
  if (signed) {
    code.get(lower);
    if (width === 4) code.op(Op.i64Extend32S);
    code.i64(63);
    code.op(Op.i64ShrS);
  } else code.i64(0);
  code.op(Op.i64Ne);
  code.op(Op.i64ExtendI32U);
  code.set(t.flagB);
  code.get(lower);
  code.set(t.flagA);
  t.setFlagKind(What.product, width);
  const put = (local: number, register: number): void => {
    code.get(local);
    if (width === 4) code.op(Op.i32WrapI64);
    t.setRegister(width, register, 0);
  };
  put(lower, RAX);
  put(upper, RDX);
  return true;
};

/** DIV and IDIV of 32 and 64 bit; what does not fit 64 bits, or would fault, is left to the interpreter. */
const divide: Emitter = (t, i) => {
  const { code } = t;
  const { width } = i;
  if (width < 4) return false;
  const signed = i.row.operation === 'idiv';
  const source = placeOf(t, i, 'E', width, false);
  const dividend = t.temporary(I64);
  const divisor = t.temporary(I64);
  const quotient = t.temporary(I64);
  const exitWhen = (condition: () => void): void => {
    t.exitBegin();
    condition();
    t.exitIf();
  };
  pushPlace(t, source, width);
  if (width === 4) {
    if (signed) code.op(Op.i64Extend32S);
    else {
      code.i64Pair(-1, 0);
      code.op(Op.i64And);
    }
  }
  code.set(divisor);
  exitWhen(() => {
    code.get(divisor);
    code.op(Op.i64Eqz);
  });
  if (width === 4) {
    t.getGeneral(RDX);
    code.i64(32);
    code.op(Op.i64Shl);
    t.getGeneral(RAX);
    code.i64Pair(-1, 0);
    code.op(Op.i64And);
    code.op(Op.i64Or);
    code.set(dividend);
  } else {
    t.getGeneral(RAX);
    code.set(dividend);
    // The upper half must be the extension of the lower.
    exitWhen(() => {
      t.getGeneral(RDX);
      if (signed) {
        code.get(dividend);
        code.i64(63);
        code.op(Op.i64ShrS);
      } else code.i64(0);
      code.op(Op.i64Ne);
    });
  }
  if (signed)
    // The one quotient that overflows 64 bits.
    exitWhen(() => {
      code.get(divisor);
      code.i64(-1);
      code.op(Op.i64Eq);
      code.get(dividend);
      code.i64Pair(0, -0x80000000);
      code.op(Op.i64Eq);
      code.op(Op.i32And);
    });
  code.get(dividend);
  code.get(divisor);
  code.op(signed ? Op.i64DivS : Op.i64DivU);
  code.set(quotient);
  if (width === 4)
    exitWhen(() => {
      code.get(quotient);
      code.get(quotient);
      if (signed) code.op(Op.i64Extend32S);
      else {
        code.i64Pair(-1, 0);
        code.op(Op.i64And);
      }
      code.op(Op.i64Ne);
    });
  const remainder = t.temporary(I64);
  code.get(dividend);
  code.get(quotient);
  code.get(divisor);
  code.op(Op.i64Mul);
  code.op(Op.i64Sub);
  code.set(remainder);
  const put = (local: number, register: number): void => {
    code.get(local);
    if (width === 4) code.op(Op.i32WrapI64);
    t.setRegister(width, register, 0);
  };
  put(quotient, RAX);
  put(remainder, RDX);
  return true;
};

export const multiplyEmitters: { readonly [operation: string]: Emitter } = {
  imul2: multiply,
  imul3: multiply,
  mul: multiplyAccumulator,
  imul1: multiplyAccumulator,
  div: divide,
  idiv: divide,
};
