// Random machine states, biased to the values where arithmetic goes wrong: powers of two and their neighbours, zeros, denormals,
// infinities, NaNs of both kinds, unsupported 80-bit encodings, ties of rounding.

/** A small seeded generator (sfc32): the same numbers give the same sequence everywhere. */
export class Random {
  private a = 0;
  private b = 0;
  private c = 0;
  private counter = 1;

  constructor(seed: number, first = 0, second = 0) {
    this.restart(seed, first, second);
  }
  restart(seed: number, first = 0, second = 0): void {
    this.a = seed | 0;
    this.b = first | 0;
    this.c = second | 0;
    this.counter = 1;
    // So many rounds are the generator's own recommendation for mixing the seed.
    for (let n = 0; n < 12; n++) this.next();
  }
  /** 0 .. 2^32-1 */
  next(): number {
    const sum = (this.a + this.b + this.counter) | 0;
    this.counter = (this.counter + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = (((this.c << 21) | (this.c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }
  below(limit: number): number {
    return this.next() % limit;
  }
  chance(percent: number): boolean {
    return this.below(100) < percent;
  }
  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)];
  }
  bits64(): bigint {
    return (BigInt(this.next()) << 32n) | BigInt(this.next());
  }
}

const integers = [
  0n,
  1n,
  2n,
  3n,
  7n,
  8n,
  15n,
  16n,
  31n,
  32n,
  33n,
  63n,
  64n,
  65n,
  0x7fn,
  0x80n,
  0xffn,
  0x100n,
  0x7fffn,
  0x8000n,
  0xffffn,
  0x10000n,
  0x7fffffffn,
  0x80000000n,
  0xffffffffn,
  0x100000000n,
  0x7fffffffffffffffn,
  0x8000000000000000n,
  0xffffffffffffffffn,
  0xffffffffffffff80n,
  0xffffffff80000000n,
  0xffffffff7fffffffn,
  0x5555555555555555n,
  0xaaaaaaaaaaaaaaaan,
  0x8080808080808080n,
  0x0123456789abcdefn,
] as const;

export function integer(random: Random): bigint {
  const kind = random.below(10);
  if (kind < 5) return random.pick(integers);
  if (kind < 7) return random.bits64();
  if (kind < 8) return BigInt(random.below(256));
  return BigInt.asUintN(64, (1n << BigInt(random.below(64))) + BigInt(random.below(3) - 1));
}

/** Fractions with structure: all zeros, all ones, one bit, random, few bits (so that results are often exact). */
function fraction(random: Random, bits: number): bigint {
  const all = (1n << BigInt(bits)) - 1n;
  switch (random.below(6)) {
    case 0:
      return 0n;
    case 1:
      return all;
    case 2:
      return 1n << BigInt(random.below(bits));
    case 3:
      return (BigInt(random.below(16)) << BigInt(bits - 4)) & all;
    case 4:
      return all ^ (1n << BigInt(random.below(bits)));
    default:
      return ((random.bits64() << 64n) | random.bits64()) & all;
  }
}

/** An IEEE encoding: sign, exponent of `exponentBits`, fraction of `fractionBits`. */
function encoding(random: Random, exponentBits: number, fractionBits: number): bigint {
  const maximum = (1 << exponentBits) - 1;
  const bias = maximum >> 1;
  let exponent: number;
  switch (random.below(12)) {
    case 0:
      exponent = 0;
      break;
    case 1:
      exponent = maximum;
      break;
    case 2:
      exponent = random.below(4);
      break;
    case 3:
      exponent = maximum - random.below(4);
      break;
    case 4:
      exponent = random.below(maximum + 1);
      break;
    case 5:
      exponent = (bias >> 1) + random.below(5) - 2;
      break;
    case 6:
      exponent = bias + (bias >> 1) + random.below(5) - 2;
      break;
    case 7:
      exponent = bias + 29 + random.below(5);
      break;
    case 8:
      exponent = bias + 61 + random.below(5);
      break;
    default:
      exponent = bias + random.below(2 * fractionBits) - fractionBits;
  }
  exponent = Math.max(0, Math.min(maximum, exponent));
  const sign = BigInt(random.below(2));
  return (
    (sign << BigInt(exponentBits + fractionBits)) |
    (BigInt(exponent) << BigInt(fractionBits)) |
    fraction(random, fractionBits)
  );
}

export function float32(random: Random): bigint {
  return encoding(random, 8, 23);
}
export function float64(random: Random): bigint {
  return random.chance(20) ? doubleOf(random.below(2000) - 1000) : encoding(random, 11, 52);
}
function doubleOf(value: number): bigint {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  return view.getBigUint64(0);
}

/** 80 bits; mostly proper numbers, sometimes unnormals, pseudo-denormals, pseudo-infinities. */
export function float80(random: Random): bigint {
  const value = encoding(random, 15, 63);
  const signExponent = value >> 63n;
  let integerBit = (signExponent & 0x7fffn) === 0n ? 0n : 1n;
  if (random.chance(4)) integerBit ^= 1n;
  return (signExponent << 64n) | (integerBit << 63n) | (value & 0x7fff_ffff_ffff_ffffn);
}

/** 128 bits as floats of one size or as integers. */
function vector(random: Random): bigint {
  const kind = random.below(10);
  let value = 0n;
  if (kind < 4) for (let n = 0; n < 4; n++) value = (value << 32n) | float32(random);
  else if (kind < 8) value = (float64(random) << 64n) | float64(random);
  else value = (integer(random) << 64n) | integer(random);
  return value;
}

/** The control and status words of a random FXSAVE image, at byte `at`: FCW, FSW, tags, MXCSR. */
export function fxControl(random: Random, view: DataView, at: number): void {
  const maskedX87 = random.chance(80);
  const masks = maskedX87 ? 0x3f : random.below(64);
  const precision = random.chance(70) ? 3 : random.pick([0, 2, 3]);
  view.setUint16(at, masks | 0x40 | (precision << 8) | (random.below(4) << 10), true);
  let flags = random.chance(50) ? 0 : random.below(64) & masks;
  if (random.chance(2)) flags |= random.below(64);
  const pending = (flags & ~masks & 0x3f) !== 0;
  const top = random.below(8);
  view.setUint16(
    at + 2,
    flags |
      (random.chance(10) ? 0x40 : 0) |
      ((random.below(16) << 8) & 0x700) |
      (random.chance(50) ? 0x4000 : 0) |
      (top << 11) |
      (pending ? 0x8080 : 0),
    true,
  );
  // Mostly three to six values on the stack, sometimes full, empty or anything.
  const depth = random.chance(80) ? 2 + random.below(5) : random.below(9);
  let tags = 0;
  for (let n = 0; n < depth; n++) tags |= 1 << ((top + n) & 7);
  if (random.chance(5)) tags = random.below(256);
  view.setUint8(at + 4, tags);
  const mxMasks = random.chance(85) ? 0x3f : random.below(64);
  view.setUint32(
    at + 24,
    (random.chance(50) ? 0 : random.below(64)) |
      (random.chance(10) ? 0x40 : 0) |
      (mxMasks << 7) |
      ((random.chance(60) ? 0 : random.below(4)) << 13) |
      (random.chance(10) ? 0x8000 : 0),
    true,
  );
}

/**
 * Values made once and drawn from many times: making them costs microseconds each, a vector needs seventy. A new pool for every
 * stretch of a campaign keeps the variety.
 */
export class Pool {
  static readonly size = 4096;
  /** Two words each. */
  readonly integers = new Uint32Array(2 * Pool.size);
  /** Four words each. */
  readonly vectors = new Uint32Array(4 * Pool.size);
  /** 80-bit values in four words each, the last six bytes zero. */
  readonly extended = new Uint32Array(4 * Pool.size);
  readonly floats32 = new Uint32Array(Pool.size);
  /** Two words each. */
  readonly floats64 = new Uint32Array(2 * Pool.size);

  constructor(random: Random) {
    const integers = new BigUint64Array(this.integers.buffer);
    const floats64 = new BigUint64Array(this.floats64.buffer);
    const vectors = new BigUint64Array(this.vectors.buffer);
    const extended = new BigUint64Array(this.extended.buffer);
    for (let n = 0; n < Pool.size; n++) {
      integers[n] = integer(random);
      floats64[n] = float64(random);
      this.floats32[n] = Number(float32(random));
      const lanes = vector(random);
      vectors[n * 2] = BigInt.asUintN(64, lanes);
      vectors[n * 2 + 1] = lanes >> 64n;
      const value = float80(random);
      extended[n * 2] = BigInt.asUintN(64, value);
      extended[n * 2 + 1] = value >> 64n;
    }
  }
}
