// XXH3-64 with seed 0 and the default secret (xxHash, doc/xxhash_spec.md). Stops accidents, not attackers.
//
//   length   0 | 1-3 | 4-8 | 9-16 | 17-128 | 129-240 | more
//            '------- one formula each, bigint ------' '- stripes of 64 bytes, WebAssembly (xxh3-wasm.ts)
//
// Blocks of 4 KiB are the hot case (every block that EuroFS reads or writes): no bigint and no allocation there.

import * as wasm from './xxh3-wasm.ts';

const SECRET_HEX =
  'b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671fcb79e64eccc0e578825ad07dccff7221b8084674f743248ee03590e6813a264c' +
  '3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364' +
  'eac5ac8334d3ebc3c581a0fffa1363eb170ddd51b7f0da49d316552629d4689e2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e';

const MASK = 0xffff_ffff_ffff_ffffn;
const LONGEST_SHORT_BYTES = 240;
const BLOCK_BYTES = 1024;

const secret = new Uint8Array(192);
for (let i = 0; i < 192; i++) secret[i] = Number.parseInt(SECRET_HEX.slice(2 * i, 2 * i + 2), 16);
const secretView = new DataView(secret.buffer);
const secret64 = (at: number): bigint => secretView.getBigUint64(at, true);

const memory = new WebAssembly.Memory({ initial: 2 });
const memoryBytes = new Uint8Array(memory.buffer as ArrayBuffer);
const accumulators = new BigUint64Array(memory.buffer as ArrayBuffer, wasm.ACCUMULATORS_AT, 8);
const resultWords = new Uint32Array(memory.buffer as ArrayBuffer, wasm.RESULT_AT, 2);
const start = BigUint64Array.of(
  wasm.PRIME32_3,
  wasm.PRIME64_1,
  wasm.PRIME64_2,
  wasm.PRIME64_3,
  wasm.PRIME64_4,
  wasm.PRIME32_2,
  wasm.PRIME64_5,
  wasm.PRIME32_1,
);
memoryBytes.set(secret, wasm.SECRET_AT);
const exported = new WebAssembly.Instance(new WebAssembly.Module(wasm.assembleXxh3() as Uint8Array<ArrayBuffer>), {
  m: { m: memory },
}).exports;
const blocks = exported.blocks as (input: number, count: number) => void;
const finish = exported.finish as (input: number, stripes: number, length: number) => void;

/** Leaves the hash in resultWords. */
function hashLong(data: Uint8Array): void {
  const length = data.length;
  accumulators.set(start);
  const wholeBlocks = Math.floor((length - 1) / BLOCK_BYTES);
  const perCopy = wasm.INPUT_BYTES / BLOCK_BYTES;
  let position = 0;
  for (let block = 0; block < wholeBlocks; block += perCopy) {
    const count = Math.min(perCopy, wholeBlocks - block);
    memoryBytes.set(data.subarray(position, position + count * BLOCK_BYTES), wasm.INPUT_AT);
    blocks(wasm.INPUT_AT, count);
    position += count * BLOCK_BYTES;
  }
  memoryBytes.set(data.subarray(length - 64), wasm.LAST_STRIPE_AT);
  memoryBytes.set(data.subarray(position), wasm.INPUT_AT);
  finish(wasm.INPUT_AT, Math.floor((length - 1 - position) / 64), length);
}

function avalanche(value: bigint): bigint {
  let h = value & MASK;
  h ^= h >> 37n;
  h = (h * 0x165667919e3779f9n) & MASK;
  return h ^ (h >> 32n);
}
/** The final mix of the older XXH64, which XXH3 keeps for the shortest inputs. */
function avalanche64(value: bigint): bigint {
  let h = value & MASK;
  h = ((h ^ (h >> 33n)) * wasm.PRIME64_2) & MASK;
  h = ((h ^ (h >> 29n)) * wasm.PRIME64_3) & MASK;
  return h ^ (h >> 32n);
}
function fold(a: bigint, b: bigint): bigint {
  const product = a * b;
  return (product & MASK) ^ (product >> 64n);
}
function rotateLeft(value: bigint, count: bigint): bigint {
  return ((value << count) | (value >> (64n - count))) & MASK;
}
function swapBytes(value: bigint): bigint {
  let rest = value;
  let swapped = 0n;
  for (let i = 0; i < 8; i++, rest >>= 8n) swapped = (swapped << 8n) | (rest & 255n);
  return swapped;
}

function hashShort(data: Uint8Array): bigint {
  const length = data.length;
  const view = new DataView(data.buffer, data.byteOffset, length);
  const mix16 = (at: number, secretAt: number): bigint =>
    fold(view.getBigUint64(at, true) ^ secret64(secretAt), view.getBigUint64(at + 8, true) ^ secret64(secretAt + 8));
  if (length === 0) return avalanche64(secret64(56) ^ secret64(64));
  if (length <= 3) {
    const combined = (data[0] << 16) | (data[length >> 1] << 24) | data[length - 1] | (length << 8);
    const flip = secretView.getUint32(0, true) ^ secretView.getUint32(4, true);
    return avalanche64(BigInt((combined ^ flip) >>> 0));
  }
  if (length <= 8) {
    const first = BigInt(view.getUint32(0, true));
    const last = BigInt(view.getUint32(length - 4, true));
    let h = (last + (first << 32n)) ^ secret64(8) ^ secret64(16);
    h ^= rotateLeft(h, 49n) ^ rotateLeft(h, 24n);
    h = (h * 0x9fb21c651e98df25n) & MASK;
    h ^= (h >> 35n) + BigInt(length);
    h = (h * 0x9fb21c651e98df25n) & MASK;
    return h ^ (h >> 28n);
  }
  if (length <= 16) {
    const low = view.getBigUint64(0, true) ^ secret64(24) ^ secret64(32);
    const high = view.getBigUint64(length - 8, true) ^ secret64(40) ^ secret64(48);
    return avalanche(BigInt(length) + swapBytes(low) + high + fold(low, high));
  }
  let sum = BigInt(length) * wasm.PRIME64_1;
  if (length <= 128) {
    for (let i = Math.floor((length - 1) / 32); i >= 0; i--)
      sum += mix16(16 * i, 32 * i) + mix16(length - 16 * (i + 1), 32 * i + 16);
    return avalanche(sum);
  }
  for (let i = 0; i < 8; i++) sum += mix16(16 * i, 16 * i);
  sum = avalanche(sum);
  for (let i = 8; i < Math.floor(length / 16); i++) sum += mix16(16 * i, 16 * (i - 8) + 3);
  return avalanche(sum + mix16(length - 16, 136 - 17));
}

/** XXH3-64 of `data` as two unsigned halves: target[at] = low 32 bits, target[at + 1] = high 32 bits. Inputs below 4 GiB. */
export function xxh3Into(data: Uint8Array, target: Uint32Array, at = 0): void {
  if (data.length > LONGEST_SHORT_BYTES) {
    hashLong(data);
    target[at] = resultWords[0];
    target[at + 1] = resultWords[1];
    return;
  }
  const hash = hashShort(data);
  target[at] = Number(hash & 0xffffffffn);
  target[at + 1] = Number(hash >> 32n);
}

/** XXH3-64 of `data` as one bigint, for cold paths. */
export function xxh3(data: Uint8Array): bigint {
  if (data.length <= LONGEST_SHORT_BYTES) return hashShort(data);
  hashLong(data);
  return (BigInt(resultWords[1]) << 32n) | BigInt(resultWords[0]);
}
