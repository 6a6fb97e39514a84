// x87 arithmetic, compares and the one-operand operations (SDM vol. 2).

import type { Handler, HandlerSelector } from '../decode/instruction.ts';
import { EXTENDED_SCRATCH } from '../extended/operand.ts';
import type { ExtendedUnit } from '../extended/unit.ts';
import {
  add,
  classify,
  compare,
  divide,
  type Extended,
  extendedIndefinite,
  extendedZero,
  extractExponent,
  multiply,
  Ordering,
  roundToIntegral,
  scale,
  squareRoot,
} from '../softfloat/extended.ts';
import { remainder } from '../softfloat/extended-remainder.ts';
import type { FloatStatus } from '../softfloat/rounding.ts';
import {
  arcTangent,
  exponentialMinusOne,
  logarithm,
  logarithmPlusOne,
  sineAndCosine,
  tangent,
} from '../softfloat/transcendental.ts';
import { FSW } from '../state-layout.ts';

import type { CpuCore } from './core.ts';
import { setFlags } from './flags.ts';
import {
  C0,
  C1,
  C2,
  C3,
  commitAnswer,
  commitStatus,
  configureX87,
  isEmpty,
  moveTopDown,
  pop,
  readStack,
  remember,
  requireX87,
  setConditionCodes,
  stackOverflow,
  stackPlace,
  stackUnderflow,
  writeStack,
  x87Status,
} from './x87-common.ts';
import { stagedOperand, stagedToPlace, stageOperand } from './x87-transfer.ts';

type Binary = (status: FloatStatus, a: Extended, b: Extended) => Extended;

/** One of the four operations: the reference, and its name in the extended unit. `reversed`: source operation destination. */
interface Arithmetic {
  readonly reference: Binary;
  readonly unit: 'add' | 'subtract' | 'multiply' | 'divide';
  readonly reversed: boolean;
}

/** destination = operation(destination, source) by the unit, places given; false: not done. */
function computeFast(
  core: CpuCore,
  unit: ExtendedUnit | null,
  operation: Arithmetic,
  destination: number,
  source: number,
): boolean {
  if (unit === null) return false;
  const compute = unit[operation.unit];
  return commitAnswer(
    core,
    operation.reversed ? compute(destination, source, destination) : compute(destination, destination, source),
  );
}
/** The reference: false if an unmasked exception keeps the destination. */
function computeExactly(core: CpuCore, operation: Arithmetic, index: number, source: Extended): boolean {
  const destination = readStack(core, index);
  const { reference, reversed } = operation;
  const result = reversed ? reference(x87Status, source, destination) : reference(x87Status, destination, source);
  if (!commitStatus(core)) return false;
  writeStack(core, index, result);
  return true;
}

/** FADD ST(0),m / ST(0),ST(i) / ST(i),ST(0) and their popping forms: destination = operation(destination, source). */
function arithmetic(operation: Arithmetic, integer = false, pops = false): HandlerSelector {
  return (i): Handler => {
    const [target, source] = i.row.operands;
    if (source !== 'STi' && source !== 'ST0')
      return (core, i) => {
        requireX87(core);
        stageOperand(core, i, source);
        remember(core, i);
        if (isEmpty(core, 0)) {
          if (stackUnderflow(core)) writeStack(core, 0, extendedIndefinite);
          return;
        }
        const unit = core.extendedUnitIfHot();
        if (
          unit !== null &&
          stagedToPlace(core, unit, EXTENDED_SCRATCH, source, integer) &&
          computeFast(core, unit, operation, stackPlace(core, 0), EXTENDED_SCRATCH)
        )
          return;
        configureX87(core);
        computeExactly(core, operation, 0, stagedOperand(core, source, integer));
      };
    const toOther = target === 'STi';
    return (core, i) => {
      requireX87(core);
      remember(core, i);
      const d = toOther ? i.rm & 7 : 0;
      const s = toOther ? 0 : i.rm & 7;
      if (isEmpty(core, 0) || isEmpty(core, i.rm & 7)) {
        if (!stackUnderflow(core)) return;
        writeStack(core, d, extendedIndefinite);
      } else if (!computeFast(core, core.extendedUnitIfHot(), operation, stackPlace(core, d), stackPlace(core, s))) {
        configureX87(core);
        if (!computeExactly(core, operation, d, readStack(core, s))) return;
      }
      if (pops) pop(core);
    };
  };
}

const subtract: Binary = (status, a, b) => add(status, a, b, true);
const fourOperations: { readonly [stem: string]: Arithmetic } = {
  add: { reference: (status, a, b) => add(status, a, b, false), unit: 'add', reversed: false },
  mul: { reference: multiply, unit: 'multiply', reversed: false },
  sub: { reference: subtract, unit: 'subtract', reversed: false },
  subr: { reference: subtract, unit: 'subtract', reversed: true },
  div: { reference: divide, unit: 'divide', reversed: false },
  divr: { reference: divide, unit: 'divide', reversed: true },
};

// ------------------------------------------------------------------------------------------------ compares

function codesOf(order: number): number {
  if (order === Ordering.unordered) return C3 | C2 | C0;
  return order === Ordering.equal ? C3 : order === Ordering.less ? C0 : 0;
}

/** FCOM and FUCOM with a register, memory or integer operand; `pops` 0, 1 or 2 times. */
function compareToCodes(quietly: boolean, pops: number, integer = false): HandlerSelector {
  return (i): Handler => {
    const source = i.row.operands[1] as string | undefined;
    const memory = source !== undefined && source !== 'STi';
    return (core, i) => {
      requireX87(core);
      let codes: number;
      let stop = false;
      if (memory) stageOperand(core, i, source);
      remember(core, i);
      const other = source === 'STi' ? i.rm & 7 : 1;
      if (isEmpty(core, 0) || (!memory && isEmpty(core, other))) {
        // The condition codes say "unordered" even if the exception is unmasked; only the pop waits.
        stop = !stackUnderflow(core);
        codes = codesOf(Ordering.unordered);
      } else {
        const unit = core.extendedUnitIfHot();
        let fast = -1;
        if (unit !== null && (!memory || stagedToPlace(core, unit, EXTENDED_SCRATCH, source, integer)))
          fast = unit.compare(stackPlace(core, 0), memory ? EXTENDED_SCRATCH : stackPlace(core, other));
        if (fast >= 0) codes = fast << 8;
        else {
          configureX87(core);
          const operand = memory ? stagedOperand(core, source, integer) : readStack(core, other);
          codes = codesOf(compare(x87Status, readStack(core, 0), operand, quietly));
          stop = !commitStatus(core);
        }
      }
      setConditionCodes(core, codes);
      if (stop) return;
      for (let n = 0; n < pops; n++) pop(core);
    };
  };
}

/** FCOMI and FUCOMI: the order in ZF PF CF. */
function compareToFlags(quietly: boolean, pops: boolean): HandlerSelector {
  return () => (core, i) => {
    requireX87(core);
    configureX87(core);
    remember(core, i);
    let order: number = Ordering.unordered;
    let stop: boolean;
    const before = core.words[FSW] & C1;
    if (isEmpty(core, 0) || isEmpty(core, i.rm & 7)) {
      stop = !stackUnderflow(core);
    } else {
      const fast = core.extendedUnitIfHot()?.compare(stackPlace(core, 0), stackPlace(core, i.rm & 7)) ?? -1;
      if (fast >= 0) {
        setFlags(core, fast);
        if (pops) pop(core);
        return;
      }
      order = compare(x87Status, readStack(core, 0), readStack(core, i.rm & 7), quietly);
      stop = !commitStatus(core);
      // Silicon leaves C1 alone here.
      core.words[FSW] |= before;
    }
    setFlags(core, order === Ordering.unordered ? 0x45 : order === Ordering.equal ? 0x40 : order < 0 ? 1 : 0);
    if (pops && !stop) pop(core);
  };
}

const test: HandlerSelector = () => (core, i) => {
  requireX87(core);
  configureX87(core);
  remember(core, i);
  let order: number = Ordering.unordered;
  if (isEmpty(core, 0)) stackUnderflow(core);
  else {
    order = compare(x87Status, readStack(core, 0), extendedZero, false);
    commitStatus(core);
  }
  setConditionCodes(core, codesOf(order));
};

const examine: HandlerSelector = () => (core, i) => {
  requireX87(core);
  remember(core, i);
  const value = readStack(core, 0);
  const kind = isEmpty(core, 0) ? 5 : classify(value);
  setConditionCodes(
    core,
    ((kind & 1) !== 0 ? C0 : 0) |
      ((kind & 2) !== 0 ? C2 : 0) |
      ((kind & 4) !== 0 ? C3 : 0) |
      (value.signExponent >= 0x8000 ? C1 : 0),
  );
};

// ------------------------------------------------------------------------------------------------ one operand

/** ST(0) = operation(ST(0)). */
function unary(
  operation: (status: FloatStatus, a: Extended) => Extended,
  inUnit?: 'root' | 'roundToIntegral',
): HandlerSelector {
  return () => (core, i) => {
    requireX87(core);
    remember(core, i);
    if (isEmpty(core, 0)) {
      if (stackUnderflow(core)) writeStack(core, 0, extendedIndefinite);
      return;
    }
    if (inUnit !== undefined) {
      const place = stackPlace(core, 0);
      if (commitAnswer(core, core.extendedUnitIfHot()?.[inUnit](place, place) ?? -1)) return;
    }
    configureX87(core);
    const result = operation(x87Status, readStack(core, 0));
    if (commitStatus(core)) writeStack(core, 0, result);
  };
}

/** ST(1) = operation(ST(1), ST(0)), then pop: FPATAN, FYL2X, FYL2XP1. */
function withSecond(operation: Binary): HandlerSelector {
  return () => (core, i) => {
    requireX87(core);
    configureX87(core);
    remember(core, i);
    if (isEmpty(core, 0) || isEmpty(core, 1)) {
      if (!stackUnderflow(core)) return;
      writeStack(core, 1, extendedIndefinite);
    } else {
      const result = operation(x87Status, readStack(core, 1), readStack(core, 0));
      if (!commitStatus(core)) return;
      writeStack(core, 1, result);
    }
    pop(core);
  };
}

/** ST(0) = scale(ST(0), ST(1)); no pop. */
const scaleTop: HandlerSelector = () => (core, i) => {
  requireX87(core);
  configureX87(core);
  remember(core, i);
  if (isEmpty(core, 0) || isEmpty(core, 1)) {
    if (stackUnderflow(core)) writeStack(core, 0, extendedIndefinite);
    return;
  }
  const result = scale(x87Status, readStack(core, 0), readStack(core, 1));
  if (commitStatus(core)) writeStack(core, 0, result);
};

function partialRemainder(nearest: boolean): HandlerSelector {
  return () => (core, i) => {
    requireX87(core);
    configureX87(core);
    remember(core, i);
    core.words[FSW] &= ~C2;
    if (isEmpty(core, 0) || isEmpty(core, 1)) {
      if (stackUnderflow(core)) writeStack(core, 0, extendedIndefinite);
      return;
    }
    if (!nearest) {
      const place = stackPlace(core, 0);
      const codes = core.extendedUnitIfHot()?.remainder(place, place, stackPlace(core, 1)) ?? -1;
      if (codes >= 0) {
        setConditionCodes(core, codes);
        return;
      }
    }
    const result = remainder(x87Status, readStack(core, 0), readStack(core, 1), nearest);
    if (!commitStatus(core)) return;
    writeStack(core, 0, result.value);
    const quotient = result.quotient;
    if (!result.defined) return;
    setConditionCodes(
      core,
      (result.partial ? C2 : 0) |
        ((quotient & 4) !== 0 ? C0 : 0) |
        ((quotient & 2) !== 0 ? C3 : 0) |
        ((quotient & 1) !== 0 ? C1 : 0),
    );
  };
}

/** FXTRACT: the exponent replaces ST(0), then the significand is pushed. */
const extract: HandlerSelector = () => (core, i) => {
  requireX87(core);
  configureX87(core);
  remember(core, i);
  if (isEmpty(core, 0) || !isEmpty(core, 7)) {
    if (isEmpty(core, 0) ? !stackUnderflow(core) : !stackOverflow(core)) return;
    writeStack(core, 0, extendedIndefinite);
    moveTopDown(core);
    writeStack(core, 0, extendedIndefinite);
    return;
  }
  const parts = extractExponent(x87Status, readStack(core, 0));
  if (!commitStatus(core)) return;
  writeStack(core, 0, parts.exponent);
  moveTopDown(core);
  writeStack(core, 0, parts.significand);
};

/** FSIN and FCOS; an operand out of range stays and sets C2. */
function trigonometric(cosine: boolean): HandlerSelector {
  return () => (core, i) => {
    requireX87(core);
    configureX87(core);
    remember(core, i);
    core.words[FSW] &= ~C2;
    if (isEmpty(core, 0)) {
      if (stackUnderflow(core)) writeStack(core, 0, extendedIndefinite);
      return;
    }
    const result = sineAndCosine(x87Status, readStack(core, 0), cosine ? 'cosine' : 'sine');
    if (result === undefined) {
      core.words[FSW] = (core.words[FSW] & ~C1) | C2;
      return;
    }
    if (commitStatus(core)) writeStack(core, 0, result.first);
  };
}

/** FSINCOS and FPTAN: the first result replaces ST(0), the second (cosine, or 1.0) is pushed. */
function trigonometricPair(ofTangent: boolean): HandlerSelector {
  return () => (core, i) => {
    requireX87(core);
    configureX87(core);
    remember(core, i);
    core.words[FSW] &= ~C2;
    if (isEmpty(core, 0) || !isEmpty(core, 7)) {
      if (isEmpty(core, 0) ? !stackUnderflow(core) : !stackOverflow(core)) return;
      writeStack(core, 0, extendedIndefinite);
      moveTopDown(core);
      writeStack(core, 0, extendedIndefinite);
      return;
    }
    const value = readStack(core, 0);
    const result = ofTangent ? tangent(x87Status, value) : sineAndCosine(x87Status, value, 'both');
    if (result === undefined) {
      core.words[FSW] = (core.words[FSW] & ~C1) | C2;
      return;
    }
    if (!commitStatus(core)) return;
    writeStack(core, 0, result.first);
    moveTopDown(core);
    writeStack(core, 0, result.second);
  };
}

const handlers: { [operation: string]: HandlerSelector } = {
  fcom: compareToCodes(false, 0),
  fcomp: compareToCodes(false, 1),
  fcompp: compareToCodes(false, 2),
  ficom: compareToCodes(false, 0, true),
  ficomp: compareToCodes(false, 1, true),
  fucom: compareToCodes(true, 0),
  fucomp: compareToCodes(true, 1),
  fucompp: compareToCodes(true, 2),
  fcomi: compareToFlags(false, false),
  fcomip: compareToFlags(false, true),
  fucomi: compareToFlags(true, false),
  fucomip: compareToFlags(true, true),
  ftst: test,
  fxam: examine,
  fsqrt: unary(squareRoot, 'root'),
  frndint: unary(roundToIntegral, 'roundToIntegral'),
  f2xm1: unary(exponentialMinusOne),
  fscale: scaleTop,
  fprem: partialRemainder(false),
  fprem1: partialRemainder(true),
  fxtract: extract,
  fsin: trigonometric(false),
  fcos: trigonometric(true),
  fsincos: trigonometricPair(false),
  fptan: trigonometricPair(true),
  fpatan: withSecond(arcTangent),
  fyl2x: withSecond(logarithm),
  fyl2xp1: withSecond(logarithmPlusOne),
};
for (const [stem, operation] of Object.entries(fourOperations)) {
  handlers[`f${stem}`] = arithmetic(operation);
  handlers[`fi${stem}`] = arithmetic(operation, true);
  handlers[`f${stem}p`] = arithmetic(operation, false, true);
}
export const x87ArithmeticHandlers: { readonly [operation: string]: HandlerSelector } = handlers;
