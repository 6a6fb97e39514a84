// The heart of all software floating point here: one exact value in, one rounded and packed value out.
//
//   value = (-1)^sign * significand * 2^exponent (+ "sticky": a little more magnitude than that)
//                          |
//              roundAndPack(format, precision)
//                          |
//   outExponent (biased, 0 = zero or denormal, all ones = infinity), outSignificand (format.significandBits bits, J bit
//   included), flags OE UE PE, roundedUp
//
// Significands are bigints: x87 and the rare SSE cases (directed rounding, denormals, unmasked exceptions) are cold enough.
// IEEE 754-2008 section 4 and 7; SDM vol. 1, 4.8, 4.9 and 8.5. Tininess is detected after rounding, as x86 does.

/** RC field of the x87 control word and of MXCSR. */
export const Rounding = { nearest: 0, down: 1, up: 2, zero: 3 } as const;

/** Exception flags at their place in the x87 status word and in MXCSR. */
export const FloatFlag = {
  invalid: 1,
  denormal: 2,
  zeroDivide: 4,
  overflow: 8,
  underflow: 16,
  inexact: 32,
  /** The three that are found before an operation computes anything: unmasked, they leave the destination alone. */
  beforeResult: 7,
} as const;

/** What decides how an operation rounds, and what it found. One lives in the x87 unit and one in the SSE unit. */
export class FloatStatus {
  /** A value of `Rounding`. */
  rounding = 0;
  /** Significand bits of x87 results: 24, 53 or 64 (precision control). */
  precision = 64;
  /** Bits of FloatFlag that are masked. */
  masks = 0x3f;
  /** Flags raised since the caller cleared them. */
  flags = 0;
  /** C1 of the x87: the last inexact result was rounded away from zero. */
  roundedUp = false;
  /** MXCSR.FTZ; acts only while underflow is masked. */
  flushToZero = false;
  /** MXCSR.DAZ. */
  denormalsAreZero = false;

  /** Result of roundAndPack. */
  outExponent = 0;
  /** roundAndPack met an unmasked overflow or underflow that the wrapped exponent cannot hold either. */
  beyondWrap = false;
  outSignificand = 0n;
}

export interface FloatFormat {
  /** Including the J bit, hidden or not. */
  readonly significandBits: number;
  readonly bias: number;
  /** Biased exponent of infinity and NaN. */
  readonly maximumExponent: number;
  /** Added to or taken from the exponent when overflow or underflow is unmasked (SDM vol. 1, 4.9.1.5). */
  readonly wrap: number;
}
export const Float32: FloatFormat = { significandBits: 24, bias: 127, maximumExponent: 0xff, wrap: 192 };
export const Float64: FloatFormat = { significandBits: 53, bias: 1023, maximumExponent: 0x7ff, wrap: 1536 };
export const Float80: FloatFormat = { significandBits: 64, bias: 16383, maximumExponent: 0x7fff, wrap: 24576 };

const scratchDouble = new Float64Array(1);
const scratchWords = new Uint32Array(scratchDouble.buffer);

/** Number of significant bits of a non-negative bigint; 0 for 0. */
export function bitLength(value: bigint): number {
  let top = value;
  let length = 0;
  while (top >> 1000n !== 0n) {
    top >>= 960n;
    length += 960;
  }
  if (top === 0n) return length;
  scratchDouble[0] = Number(top);
  // Number() rounds to nearest, so a run of ones may have become the next power of two.
  const exponent = (scratchWords[1] >>> 20) - 1023;
  return length + (top >> BigInt(exponent) === 0n ? exponent : exponent + 1);
}

/** True if a significand with `guard` (the first dropped bit) and `rest` (any lower one) is incremented. */
function roundsUp(rounding: number, sign: number, odd: boolean, guard: boolean, rest: boolean): boolean {
  if (rounding === Rounding.nearest) return guard && (rest || odd);
  if (!guard && !rest) return false;
  return rounding === (sign !== 0 ? Rounding.down : Rounding.up);
}

let shiftedInexact = false;

/** significand * 2^-shift rounded to an integer; tells through shiftedInexact and status.roundedUp. */
function shiftAndRound(status: FloatStatus, sign: number, significand: bigint, shift: number, sticky: boolean): bigint {
  if (shift <= 0) {
    // Callers that set sticky always carry more bits than the widest format keeps, so nothing is lost here.
    shiftedInexact = sticky;
    status.roundedUp = false;
    return significand << BigInt(-shift);
  }
  const wide = BigInt(shift);
  let kept = significand >> wide;
  const dropped = significand - (kept << wide);
  const half = 1n << (wide - 1n);
  const guard = dropped >= half;
  const rest = sticky || (guard ? dropped !== half : dropped !== 0n);
  shiftedInexact = guard || rest;
  status.roundedUp = roundsUp(status.rounding, sign, (kept & 1n) !== 0n, guard, rest);
  if (status.roundedUp) kept += 1n;
  return kept;
}

/**
 * Rounds (-1)^sign * significand * 2^exponent to `precision` bits in `format`; the answer is in status.out*.
 * `significand` must not be 0; with `sticky` it must have more than precision + 1 bits.
 */
export function roundAndPack(
  status: FloatStatus,
  format: FloatFormat,
  precision: number,
  sign: number,
  significand: bigint,
  exponent: number,
  sticky: boolean,
): void {
  status.beyondWrap = false;
  const length = bitLength(significand);
  const full = BigInt(format.significandBits - precision);
  let biased = exponent + length - 1 + format.bias;
  let kept = shiftAndRound(status, sign, significand, length - precision, sticky);
  let inexact = shiftedInexact;
  if (kept >> BigInt(precision) !== 0n) {
    kept >>= 1n;
    biased++;
  }
  if (biased >= format.maximumExponent) {
    status.flags |= FloatFlag.overflow;
    if ((status.masks & FloatFlag.overflow) === 0 && biased - format.wrap < format.maximumExponent)
      biased -= format.wrap;
    else {
      status.beyondWrap = (status.masks & FloatFlag.overflow) === 0;
      status.flags |= FloatFlag.inexact;
      const toInfinity =
        // Unmasked and too large even for the wrapped exponent (FSCALE only): infinity.
        status.beyondWrap ||
        status.rounding === Rounding.nearest ||
        status.rounding === (sign !== 0 ? Rounding.down : Rounding.up);
      status.roundedUp = toInfinity;
      if (toInfinity) {
        status.outExponent = format.maximumExponent;
        status.outSignificand = 1n << BigInt(format.significandBits - 1);
      } else {
        status.outExponent = format.maximumExponent - 1;
        status.outSignificand = ((1n << BigInt(precision)) - 1n) << full;
      }
      return;
    }
  } else if (biased <= 0) {
    const masked = (status.masks & FloatFlag.underflow) !== 0;
    if (!masked && biased + format.wrap > 0) {
      status.flags |= FloatFlag.underflow;
      biased += format.wrap;
    } else if (status.flushToZero || !masked) {
      // Unmasked and too small even for the wrapped exponent (FSCALE only): zero.
      status.flags |= FloatFlag.underflow | FloatFlag.inexact;
      status.beyondWrap = !masked;
      status.roundedUp = false;
      status.outExponent = 0;
      status.outSignificand = 0n;
      return;
    } else {
      const unit = 1 - format.bias - (precision - 1);
      kept = shiftAndRound(status, sign, significand, unit - exponent, sticky);
      inexact = shiftedInexact;
      if (inexact) status.flags |= FloatFlag.underflow;
      biased = kept >> BigInt(precision - 1) !== 0n ? 1 : 0;
    }
  }
  if (inexact) status.flags |= FloatFlag.inexact;
  status.outExponent = biased;
  status.outSignificand = kept << full;
}

/** Rounds significand * 2^exponent to an integer by `rounding`; sets PE and roundedUp. The result is a magnitude. */
export function roundToInteger(
  status: FloatStatus,
  rounding: number,
  sign: number,
  significand: bigint,
  exponent: number,
): bigint {
  if (exponent >= 0) {
    status.roundedUp = false;
    return significand << BigInt(exponent);
  }
  const before = status.rounding;
  status.rounding = rounding;
  // A shift of more than the significand's length plus two leaves a quarter or less: the same answer for every mode.
  const shift = Math.min(-exponent, bitLength(significand) + 2);
  const result = shiftAndRound(status, sign, significand, shift, false);
  status.rounding = before;
  if (shiftedInexact) status.flags |= FloatFlag.inexact;
  return result;
}

/** floor(sqrt(value)) by Newton's iteration from a double estimate. */
export function integerSquareRoot(value: bigint): bigint {
  if (value < 2n) return value;
  const length = bitLength(value);
  const half = Math.max(0, length - 100) & ~1;
  let root = (BigInt(Math.ceil(Math.sqrt(Number(value >> BigInt(half))))) + 1n) << BigInt(half / 2);
  // From above the sequence falls until it reaches the floor.
  for (;;) {
    const next = (root + value / root) >> 1n;
    if (next >= root) return root;
    root = next;
  }
}
