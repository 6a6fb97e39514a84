// The long-input part of XXH3 as a WebAssembly module that we assemble here by hand, because a 64-bit multiply in JavaScript
// costs ten times as much. Spec: xxHash, doc/xxhash_spec.md, "XXH3 algorithm for long inputs".
//
//   linear memory (2 pages):   0 secret (192)   192 accumulators (8 x 8)   256 result (8)   512 last stripe (64)   1024 input (64 KiB)
//
//   blocks(input, count)                  count whole blocks of 1,024 bytes: 16 stripes, then the scramble
//   finish(input, stripes, length)        the stripes of the last, partial block, the last stripe, merge and avalanche -> result

export const SECRET_AT = 0;
export const ACCUMULATORS_AT = 192;
export const RESULT_AT = 256;
export const LAST_STRIPE_AT = 512;
export const INPUT_AT = 1024;
export const INPUT_BYTES = 65536;

type Code = number[];

/** LEB128, signed: WebAssembly 1.0, 5.2.2. */
function leb(value: bigint | number): Code {
  const out: Code = [];
  let rest = BigInt(value);
  for (;;) {
    const low = Number(rest & 127n);
    rest >>= 7n;
    if ((rest === 0n && (low & 64) === 0) || (rest === -1n && (low & 64) !== 0)) {
      out.push(low);
      return out;
    }
    out.push(low | 128);
  }
}
/** LEB128, unsigned. */
function uleb(value: number): Code {
  const out: Code = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) out.push((rest % 128) | 128);
  out.push(rest);
  return out;
}

// Instructions by their opcode (WebAssembly 1.0, 5.4).
const get = (local: number): Code => [0x20, local];
const set = (local: number): Code => [0x21, local];
const constant = (value: bigint): Code => [0x42, ...leb(BigInt.asIntN(64, value))];
const address = (value: number): Code => [0x41, ...leb(value)];
const load = (offset: number): Code => [0x29, 0, ...uleb(offset)];
const store = (offset: number): Code => [0x37, 0, ...uleb(offset)];
const add: Code = [0x7c];
const multiply: Code = [0x7e];
const and: Code = [0x83];
const or: Code = [0x84];
const xor: Code = [0x85];
const shiftLeft: Code = [0x86];
const shiftRight: Code = [0x88];
const addAddress: Code = [0x6a];
const END = 0x0b;

const low32 = (local: number): Code => [...get(local), ...constant(0xffffffffn), ...and];
const high32 = (local: number): Code => [...get(local), ...constant(32n), ...shiftRight];

export const PRIME32_1 = 0x9e3779b1n;
export const PRIME32_2 = 0x85ebca77n;
export const PRIME32_3 = 0xc2b2ae3dn;
export const PRIME64_1 = 0x9e3779b185ebca87n;
export const PRIME64_2 = 0xc2b2ae3d27d4eb4fn;
export const PRIME64_3 = 0x165667b19e3779f9n;
export const PRIME64_4 = 0x85ebca77c2b2ae63n;
export const PRIME64_5 = 0x27d4eb2f165667c5n;

/** accumulate_512: `data` and `key` are free i64 locals, accumulators are the locals from `accumulator`. `secret`: local or fixed address. */
function stripe(input: Code, secret: Code, accumulator: number, data: number, key: number): Code {
  const code: Code = [];
  for (let lane = 0; lane < 8; lane++) {
    code.push(...input, ...load(8 * lane), ...set(data));
    code.push(...get(data), ...secret, ...load(8 * lane), ...xor, ...set(key));
    const other = accumulator + (lane ^ 1);
    const own = accumulator + lane;
    code.push(...get(other), ...get(data), ...add, ...set(other));
    code.push(...get(own), ...low32(key), ...high32(key), ...multiply, ...add, ...set(own));
  }
  return code;
}

/** Runs `stripe` `count` (i32 local) times; input goes on by 64, secret by 8. */
function stripeLoop(input: number, count: number, secret: number, accumulator: number): Code {
  const data = accumulator + 8;
  return [
    ...[0x02, 0x40, 0x03, 0x40], // block, loop
    ...get(count),
    ...[0x45, 0x0d, 1], // i32.eqz, br_if out
    ...stripe(get(input), get(secret), accumulator, data, data + 1),
    ...[...get(input), ...address(64), ...addAddress, ...set(input)],
    ...[...get(secret), ...address(8), ...addAddress, ...set(secret)],
    ...[...get(count), ...address(-1), ...addAddress, ...set(count)],
    ...[0x0c, 0, END, END], // br loop
  ];
}
function loadAccumulators(accumulator: number): Code {
  const code: Code = [];
  for (let i = 0; i < 8; i++) code.push(...address(0), ...load(ACCUMULATORS_AT + 8 * i), ...set(accumulator + i));
  return code;
}

/** (input, count): locals 2 stripes left, 3 secret (i32); 4-11 accumulators, 12 data, 13 key (i64). */
function blocksBody(): Code {
  const scramble: Code = [];
  for (let i = 4; i < 12; i++) {
    scramble.push(...get(i), ...get(i), ...constant(47n), ...shiftRight, ...xor);
    scramble.push(...address(0), ...load(SECRET_AT + 128 + 8 * (i - 4)), ...xor, ...constant(PRIME32_1), ...multiply);
    scramble.push(...set(i));
  }
  const save: Code = [];
  for (let i = 0; i < 8; i++) save.push(...address(0), ...get(4 + i), ...store(ACCUMULATORS_AT + 8 * i));
  return [
    ...loadAccumulators(4),
    ...[0x02, 0x40, 0x03, 0x40],
    ...get(1),
    ...[0x45, 0x0d, 1],
    ...[...address(16), ...set(2), ...address(SECRET_AT), ...set(3)],
    ...stripeLoop(0, 2, 3, 4),
    ...scramble,
    ...[...get(1), ...address(-1), ...addAddress, ...set(1)],
    ...[0x0c, 0, END, END],
    ...save,
    END,
  ];
}

/** (input, stripes, length): local 3 secret (i32); 4-11 accumulators, 12 data, 13 key / result (i64). */
function finishBody(): Code {
  const merge: Code = [...get(2), 0xad, ...constant(PRIME64_1), ...multiply, ...set(12)]; // i64.extend_i32_u
  for (let i = 0; i < 4; i++) {
    merge.push(...get(12), ...get(4 + 2 * i), ...address(0), ...load(SECRET_AT + 11 + 16 * i), ...xor);
    merge.push(...get(5 + 2 * i), ...address(0), ...load(SECRET_AT + 19 + 16 * i), ...xor);
    merge.push(0x10, 0, ...add, ...set(12)); // call fold
  }
  return [
    ...loadAccumulators(4),
    ...stripeLoop(0, 1, 3, 4),
    ...stripe(address(LAST_STRIPE_AT), address(SECRET_AT + 192 - 64 - 7), 4, 12, 13),
    ...merge,
    ...[...get(12), ...get(12), ...constant(37n), ...shiftRight, ...xor],
    ...[...constant(0x165667919e3779f9n), ...multiply, ...set(12)],
    ...[...address(0), ...get(12), ...get(12), ...constant(32n), ...shiftRight, ...xor, ...store(RESULT_AT)],
    END,
  ];
}

/** fold(a, b): the two halves of the 128-bit product, exclusive-ored. Locals 2 ll, 3 hl, 4 cross. */
function foldBody(): Code {
  return [
    ...[...low32(0), ...low32(1), ...multiply, ...set(2)],
    ...[...high32(0), ...low32(1), ...multiply, ...set(3)],
    ...[...high32(2), ...low32(3), ...add, ...low32(0), ...high32(1), ...multiply, ...add, ...set(4)],
    ...[...high32(3), ...high32(4), ...add, ...high32(0), ...high32(1), ...multiply, ...add],
    ...[...get(4), ...constant(32n), ...shiftLeft, ...low32(2), ...or, ...xor],
    END,
  ];
}

const I32 = 0x7f;
const I64 = 0x7e;
const section = (id: number, body: Code): Code => [id, ...uleb(body.length), ...body];
const text = (value: string): Code => [value.length, ...[...value].map((letter) => letter.charCodeAt(0))];
const body = (locals: Code, code: Code): Code => [...uleb(locals.length + code.length), ...locals, ...code];

/** The module's bytes: imports `m.m` (memory), exports `blocks` and `finish`. */
export function assembleXxh3(): Uint8Array {
  const types = [3, 0x60, 2, I64, I64, 1, I64, 0x60, 2, I32, I32, 0, 0x60, 3, I32, I32, I32, 0];
  const bodies = [
    3,
    ...body([1, 3, I64], foldBody()),
    ...body([2, 2, I32, 10, I64], blocksBody()),
    ...body([2, 1, I32, 10, I64], finishBody()),
  ];
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, types),
    ...section(2, [1, ...text('m'), ...text('m'), 2, 0, 2]),
    ...section(3, [3, 0, 1, 2]),
    ...section(7, [2, ...text('blocks'), 0, 1, ...text('finish'), 0, 2]),
    ...section(10, bodies),
  ]);
}
