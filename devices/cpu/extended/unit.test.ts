// The extended unit against softfloat/ on operands of all classes, in every rounding mode and precision:
//
//   what it does must be the same to the last bit, status included; what it leaves must have been left with reason, and untouched
//
// EUROOS_EXTENDED_OPERANDS=5000000 npx vitest run devices/cpu/extended     the long run; EUROOS_TEST_SEED=N other operands

import { expect, test } from 'vitest';
import { PhysicalMemory } from '../../base/physical-memory.ts';
import { SeededRandom } from '../../base/random.ts';
import * as soft from '../softfloat/extended.ts';
import {
  extendedFromFloat,
  extendedFromInteger,
  extendedToFloat,
  extendedToInteger,
} from '../softfloat/extended-convert.ts';
import { remainder } from '../softfloat/extended-remainder.ts';
import { Float32, Float64, FloatFlag, FloatStatus, Rounding } from '../softfloat/rounding.ts';
import { FCW, X87 } from '../state-layout.ts';
import { TRUNCATE } from './convert.ts';
import { createExtendedUnit } from './unit.ts';

const operands = Number(process.env.EUROOS_EXTENDED_OPERANDS ?? 40_000);
const seed = Number(process.env.EUROOS_TEST_SEED ?? 1);

const memory = new PhysicalMemory(65536);
const unit = createExtendedUnit(memory);
const registers = memory.sizeBytes + X87 * 4;
const control = memory.sizeBytes + FCW * 4;
const ADDRESS = 0x100;
const FILL = 0x5a5a_5a5a_5a5a_5a5an;
const [A, B, RESULT] = [0, 16, 32];

function put(place: number, value: soft.Extended): void {
  memory.view.setBigUint64(registers + place, value.significand, true);
  memory.view.setUint32(registers + place + 8, value.signExponent, true);
}
function take(place: number): soft.Extended {
  return new soft.Extended(
    memory.view.getUint32(registers + place + 8, true),
    memory.view.getBigUint64(registers + place, true),
  );
}

class Operands {
  readonly random: SeededRandom;
  constructor(seed: number) {
    this.random = new SeededRandom(seed);
  }
  pick<T>(list: readonly T[]): T {
    return list[this.random.below(list.length)];
  }
  bits64(): bigint {
    return (BigInt(this.random.next32() >>> 0) << 32n) | BigInt(this.random.next32() >>> 0);
  }
  /** Runs of ones and zeros, single bits, few bits, or anything. */
  pattern(): bigint {
    const { random } = this;
    const run = (): bigint => (1n << BigInt(random.below(65))) - 1n;
    switch (random.below(7)) {
      case 0:
        return 0n;
      case 1:
        return run() ^ run();
      case 2:
        return BigInt.asUintN(64, ~(1n << BigInt(random.below(64))));
      case 3:
        return 1n << BigInt(random.below(64));
      case 4:
        return BigInt.asUintN(64, this.bits64() << BigInt(random.below(64)));
      default:
        return this.bits64();
    }
  }
  signExponent(near: number): number {
    const { random } = this;
    const sign = random.below(2) << 15;
    switch (random.below(9)) {
      case 0:
        return sign | this.pick([0, 1, 2, 0x7ffe, 0x7ffd, 0x7fff, 0]);
      case 1:
        return sign | random.below(0x8000);
      // Just inside and outside of what float32, float64 and integers hold.
      case 2:
        return (
          sign |
          (this.pick([16383 - 127, 16383 + 127, 16383 - 1023, 16383 + 1023, 16383, 16383 + 63]) + random.below(5) - 2)
        );
      default:
        return sign | Math.min(0x7ffe, Math.max(1, near + random.below(140) - 70));
    }
  }
  extended(near = 16383 + this.random.below(100) - 50): soft.Extended {
    const { random } = this;
    const signExponent = this.signExponent(near);
    let significand = this.pattern();
    if (random.below(30) !== 0) {
      if ((signExponent & 0x7fff) === 0) significand = random.below(3) === 0 ? significand : 0n;
      else significand |= soft.J_BIT;
    }
    if ((signExponent & 0x7fff) === 0x7fff && random.below(2) === 0) significand = soft.J_BIT;
    return new soft.Extended(signExponent, significand);
  }
  controlWord(): number {
    const masks = this.random.below(8) === 0 ? this.random.below(64) : 0x3f;
    const precision = this.random.below(2) === 0 ? 3 : this.random.below(4);
    return masks | (precision << 8) | (this.random.below(4) << 10) | 0x40;
  }
}

function statusOf(word: number): FloatStatus {
  const status = new FloatStatus();
  status.rounding = (word >> 10) & 3;
  status.masks = word & 0x3f;
  const precision = (word >> 8) & 3;
  status.precision = precision === 0 ? 24 : precision === 2 ? 53 : 64;
  return status;
}
const entered = (status: FloatStatus): number =>
  status.flags | (status.roundedUp && (status.flags & FloatFlag.inexact) !== 0 ? 0x200 : 0);
const text = (value: soft.Extended): string =>
  `${value.signExponent.toString(16)}:${value.significand.toString(16).padStart(16, '0')}`;

/** Something like the unit; `damage` changes what an operation left, for the test of this test. */
type Damage = (name: string, a: soft.Extended, b: soft.Extended) => void;

interface Operation {
  readonly name: string;
  /** Runs the unit's function; its answer. */
  run(): number;
  /** Result of softfloat as text. */
  expected(status: FloatStatus, a: soft.Extended, b: soft.Extended): string;
  /** What the unit left. */
  found(answer: number): string;
  /** The result is denormal or the smallest normal number, which softfloat reaches without an exception at times. */
  tiny(expected: string): boolean;
}

/** Condition codes that the last operation leaves besides the status. */
let codes = 0;
const toRegister = { found: () => text(take(RESULT)), tiny: (expected: string) => /^8?0*[01]:/.test(expected) };
const never = { tiny: () => false };
const bits = (width: number): bigint => BigInt.asUintN(width * 8, memory.view.getBigUint64(ADDRESS, true));
const operations: readonly Operation[] = [
  {
    name: 'add',
    run: () => unit.add(RESULT, A, B),
    expected: (s, a, b) => text(soft.add(s, a, b, false)),
    ...toRegister,
  },
  {
    name: 'subtract',
    run: () => unit.subtract(RESULT, A, B),
    expected: (s, a, b) => text(soft.add(s, a, b, true)),
    ...toRegister,
  },
  {
    name: 'multiply',
    run: () => unit.multiply(RESULT, A, B),
    expected: (s, a, b) => text(soft.multiply(s, a, b)),
    ...toRegister,
  },
  {
    name: 'divide',
    run: () => unit.divide(RESULT, A, B),
    expected: (s, a, b) => text(soft.divide(s, a, b)),
    ...toRegister,
  },
  { name: 'root', run: () => unit.root(RESULT, A), expected: (s, a) => text(soft.squareRoot(s, a)), ...toRegister },
  {
    name: 'roundToIntegral',
    run: () => unit.roundToIntegral(RESULT, A),
    expected: (s, a) => text(soft.roundToIntegral(s, a)),
    ...toRegister,
  },
  {
    name: 'remainder',
    run: () => unit.remainder(RESULT, A, B),
    expected: (s, a, b) => {
      const { value, partial, quotient } = remainder(s, a, b, false);
      codes = partial ? 0x400 : ((quotient & 4) << 6) | ((quotient & 2) << 13) | ((quotient & 1) << 9);
      return text(value);
    },
    ...toRegister,
  },
  {
    name: 'compare',
    run: () => unit.compare(A, B),
    expected: (s, a, b) =>
      `${({ [-1]: 1, 0: 0x40, 1: 0, 2: -1 } as Record<number, number>)[soft.compare(s, a, b, false)]}`,
    found: (answer) => `${answer}`,
    ...never,
  },
  ...([4, 8] as const).map((width): Operation => {
    const format = width === 4 ? Float32 : Float64;
    return {
      name: `to float of ${width}`,
      run: () => (width === 4 ? unit.toSingle(A, ADDRESS) : unit.toDouble(A, ADDRESS)),
      expected: (s, a) => extendedToFloat(s, format, a).toString(16),
      found: () => bits(width).toString(16),
      tiny: (expected) =>
        ((BigInt(`0x${expected}`) >> BigInt(format.significandBits - 1)) & BigInt(format.maximumExponent)) <= 1n,
    };
  }),
  ...[2, 4, 8, 2 | TRUNCATE, 4 | TRUNCATE, 8 | TRUNCATE].map((form): Operation => {
    const width = form & 15;
    return {
      name: `to integer of form ${form}`,
      run: () => unit.toInteger(A, ADDRESS, form),
      expected: (s, a) =>
        BigInt.asUintN(
          width * 8,
          extendedToInteger(s, (form & TRUNCATE) === 0 ? s.rounding : Rounding.zero, a, width * 8),
        ).toString(16),
      found: () => bits(width).toString(16),
      ...never,
    };
  }),
];

/** Plain numbers whose operation raised nothing but a masked PE must be done by the unit itself. */
function mustBeDone(status: FloatStatus, a: soft.Extended, b: soft.Extended): boolean {
  const plain = [a, b].every((value) =>
    [soft.ExtendedClass.normal, soft.ExtendedClass.zero].some((c) => c === soft.classify(value)),
  );
  return plain && (status.flags & ~(status.masks & FloatFlag.inexact)) === 0;
}

/** Compares one operation; what differs as text, else whether the unit did it. */
function compareOnce(
  operation: Operation,
  word: number,
  a: soft.Extended,
  b: soft.Extended,
  damage?: Damage,
): string | boolean {
  const { view } = memory;
  put(A, a);
  put(B, b);
  put(RESULT, new soft.Extended(0x5a5a, FILL));
  view.setBigUint64(ADDRESS, FILL, true);
  view.setUint32(control, word, true);
  const answer = operation.run();
  const status = statusOf(word);
  codes = 0;
  const expected = operation.expected(status, a, b);
  const about = (what: string): string =>
    `${operation.name} of ${text(a)} and ${text(b)}, control word ${word.toString(16)}: ${what}`;
  if (text(take(A)) !== text(a) || text(take(B)) !== text(b)) return about('an operand has changed');
  if (answer === -1) {
    if (text(take(RESULT)) !== text(new soft.Extended(0x5a5a, FILL)) || view.getBigUint64(ADDRESS, true) !== FILL)
      return about('not done, but written');
    return mustBeDone(status, a, b) && !operation.tiny(expected) ? about('not done without a reason') : false;
  }
  damage?.(operation.name, a, b);
  const found = operation.found(answer);
  if (found !== expected) return about(`${found} instead of ${expected}`);
  const reported = operation.name === 'compare' ? 0 : answer;
  const due = entered(status) | codes;
  if (reported !== due) return about(`status ${reported.toString(16)} instead of ${due.toString(16)}`);
  return true;
}

function compareMany(count: number, firstSeed: number, damage?: Damage): string | null {
  const source = new Operands(firstSeed);
  const done = operations.map(() => 0);
  for (let n = 0; n < count; n++) {
    const a = source.extended();
    const near = source.random.below(4) === 0 ? undefined : a.signExponent & 0x7fff;
    const b = source.random.below(20) === 0 ? a : source.extended(near);
    const word = source.controlWord();
    for (let index = 0; index < operations.length; index++) {
      const answer = compareOnce(operations[index], word, a, b, damage);
      if (typeof answer === 'string') return answer;
      if (answer) done[index]++;
    }
  }
  for (let index = 0; index < operations.length; index++)
    if (done[index] < count / 20) return `${operations[index].name} was done ${done[index]} times only`;
  return null;
}

test('M18: the extended unit computes what the software float computes', () => {
  expect(compareMany(operands, seed)).toBe(null);
}, 600_000);

test('M18: floats and integers are loaded as the software float loads them', () => {
  const source = new Operands(seed);
  const { view } = memory;
  for (let n = 0; n < operands / 10; n++) {
    const value = source.pattern();
    for (const width of [4, 8]) {
      const format = width === 4 ? Float32 : Float64;
      // Often zero, infinite, denormal or the largest.
      const exponent = BigInt(source.pick([0, 1, format.maximumExponent, format.maximumExponent - 1]));
      const field = exponent << BigInt(format.significandBits - 1);
      const raw = BigInt.asUintN(
        width * 8,
        source.random.below(2) === 0 ? value : (value & ((1n << BigInt(format.significandBits - 1)) - 1n)) | field,
      );
      view.setBigUint64(ADDRESS, raw, true);
      put(RESULT, new soft.Extended(0x5a5a, FILL));
      const answer = width === 4 ? unit.fromSingle(RESULT, ADDRESS) : unit.fromDouble(RESULT, ADDRESS);
      const status = new FloatStatus();
      const expected = extendedFromFloat(status, format, raw);
      const special = soft.isNan(expected) || status.flags !== 0;
      expect(answer).toBe(special ? -1 : 0);
      expect(text(take(RESULT))).toBe(text(special ? new soft.Extended(0x5a5a, FILL) : expected));
    }
    const signed = BigInt.asIntN(64, value);
    expect(unit.fromInteger(RESULT, signed)).toBe(0);
    expect(text(take(RESULT))).toBe(text(extendedFromInteger(signed)));
  }
}, 600_000);

test('a wrong last bit in a rare case is found', () => {
  const wrong: Damage = (name, a, b) => {
    const distance = (a.signExponent & 0x7fff) - (b.signExponent & 0x7fff);
    if (name === 'add' && distance === 64)
      put(RESULT, new soft.Extended(take(RESULT).signExponent, take(RESULT).significand ^ 1n));
  };
  expect(compareMany(operands, seed, wrong)).toContain('add of');
});
