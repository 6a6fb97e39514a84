// WebAssembly functions written as expressions: every function here returns code that waits, so that nesting reads like arithmetic.
//
//   f.set(sum, add(get(a), constant(1n)))      is      local.get a; i64.const 1; i64.add; local.set sum
//
// Names without a type are 64-bit; those of 32 bits end in 32. Statements are written when they are called, in that order.

import { Code, type FunctionBody, type FunctionType, I32, I64, NO_RESULT, Op, type ValueType } from '../jit/wasm.ts';

/** Writes instructions that leave one value on the stack. */
export type Expression = (code: Code) => void;

/** A local variable or parameter. */
export type Local = number;

function instruction(opcode: number): (...operands: Expression[]) => Expression {
  return (...operands) =>
    (code) => {
      for (const operand of operands) operand(code);
      code.op(opcode);
    };
}

export const add = instruction(Op.i64Add);
export const subtract = instruction(Op.i64Sub);
export const multiply = instruction(Op.i64Mul);
export const divide = instruction(Op.i64DivU);
export const and = instruction(Op.i64And);
export const or = instruction(Op.i64Or);
export const shiftLeft = instruction(Op.i64Shl);
export const shiftRight = instruction(Op.i64ShrU);
export const shiftRightSigned = instruction(Op.i64ShrS);
export const leadingZeros = instruction(Op.i64Clz);
export const isZero = instruction(Op.i64Eqz);
export const equal = instruction(Op.i64Eq);
export const differs = instruction(Op.i64Ne);
export const below = instruction(Op.i64LtU);
export const above = instruction(Op.i64GtU);
export const belowOrEqual = instruction(Op.i64LeU);
export const aboveOrEqual = instruction(Op.i64GeU);
export const lessSigned = instruction(Op.i64LtS);
export const widen = instruction(Op.i64ExtendI32U);
export const narrow = instruction(Op.i32WrapI64);

export const add32 = instruction(Op.i32Add);
export const subtract32 = instruction(Op.i32Sub);
export const and32 = instruction(Op.i32And);
export const or32 = instruction(Op.i32Or);
export const xor32 = instruction(Op.i32Xor);
export const shiftLeft32 = instruction(Op.i32Shl);
export const shiftRight32 = instruction(Op.i32ShrU);
export const shiftRightSigned32 = instruction(Op.i32ShrS);
export const isZero32 = instruction(Op.i32Eqz);
export const equal32 = instruction(Op.i32Eq);
export const differs32 = instruction(Op.i32Ne);
export const below32 = instruction(Op.i32LtU);
export const aboveOrEqual32 = instruction(Op.i32GeU);
export const less32 = instruction(Op.i32LtS);
export const greater32 = instruction(Op.i32GtS);
export const greaterOrEqual32 = instruction(Op.i32GeS);

export const toDouble = instruction(Op.f64ConvertI64U);
export const toDoubleSigned = instruction(Op.f64ConvertI64S);
export const doubleRoot = instruction(Op.f64Sqrt);
export const doubleMultiply = instruction(Op.f64Mul);
export const doubleDivide = instruction(Op.f64Div);
/** `first` if the 32-bit condition holds, else `second`; both are computed. */
export const select = instruction(Op.select);

/** To an unsigned or signed integer, towards zero; what does not fit becomes the nearest that does. */
export const fromDouble = (value: Expression, signed: boolean): Expression => {
  return (code) => {
    value(code);
    code.truncate(signed ? 6 : 7);
  };
};

export const get = (local: Local): Expression => {
  return (code) => code.get(local);
};
export const constant = (value: bigint): Expression => {
  return (code) => code.i64Pair(Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n)));
};
export const constant32 = (value: number): Expression => {
  return (code) => code.i32(value);
};
export const doublePower = (exponent: number): Expression => {
  return (code) => {
    // A power of two: its exponent field alone.
    const biased = exponent + 1023;
    code.op(Op.f64Const);
    for (const byte of [0, 0, 0, 0, 0, 0, (biased & 15) << 4, biased >> 4]) code.op(byte);
  };
};

export const load = (opcode: number, address: Expression, offset: number): Expression => {
  return (code) => {
    address(code);
    code.memory(opcode, offset);
  };
};

/** Value of a call; `index` is that of the function in its module. */
export const call = (index: number, ...parameters: Expression[]): Expression => {
  return (code) => {
    for (const parameter of parameters) parameter(code);
    code.call(index);
  };
};

/** A function under construction. */
export class FunctionBuilder {
  private readonly type: FunctionType;
  private readonly locals: ValueType[] = [];
  private readonly code = new Code();

  constructor(type: FunctionType) {
    this.type = type;
  }

  /** A new 64-bit local, 0 at first. */
  local(): Local {
    return this.newLocal(I64);
  }
  local32(): Local {
    return this.newLocal(I32);
  }
  private newLocal(type: ValueType): Local {
    this.locals.push(type);
    return this.type.parameters.length + this.locals.length - 1;
  }

  set(local: Local, value: Expression): void {
    value(this.code);
    this.code.set(local);
  }
  store(opcode: number, address: Expression, offset: number, value: Expression): void {
    address(this.code);
    value(this.code);
    this.code.memory(opcode, offset);
  }
  when(condition: Expression, then: () => void, otherwise?: () => void): void {
    condition(this.code);
    this.code.op(Op.if);
    this.code.op(NO_RESULT);
    then();
    if (otherwise !== undefined) {
      this.code.op(Op.else);
      otherwise();
    }
    this.code.op(Op.end);
  }
  /** Runs the body `count` times, at least once; `count` is 0 afterwards. */
  repeat(count: Local, body: () => void): void {
    this.code.op(Op.loop);
    this.code.op(NO_RESULT);
    body();
    this.code.get(count);
    this.code.i32(1);
    this.code.op(Op.i32Sub);
    this.code.tee(count);
    this.code.brIf(0);
    this.code.op(Op.end);
  }
  leave(value: Expression): void {
    value(this.code);
    this.code.op(Op.return);
  }

  /** The finished function; all ways through it have left. */
  finish(): FunctionBody {
    this.code.op(Op.unreachable);
    return { type: this.type, locals: this.locals, code: this.code.bytes.slice(0, this.code.length) };
  }
}
