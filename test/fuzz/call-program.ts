// Programs of raw system calls as test/programs/call-runner.c reads them.
//
//   header, 32 bytes   magic "SLLC", u32 records, u16 lanes, u16 looks (2 ms each) before it is ended, u32 lanes that are
//                      processes, u32 flags, u32 µs of a periodic signal, u64 signals with a handler
//   record, 64 bytes   u32 call number, u8 lane, u8 delay, u8 kind of argument 0 … 5, 4 spare, u64 value of argument 0 … 5

export const ArgumentKind = {
  literal: 0,
  inPrivate: 1,
  inShared: 2,
  inReadOnly: 3,
  inHole: 4,
  atEdge: 5,
  descriptor: 6,
  result: 7,
  process: 8,
  thread: 9,
  stack: 10,
  handler: 11,
  restorer: 12,
  loaded: 13,
  path: 14,
  arguments: 15,
} as const;

export const ProgramFlag = { leaderExits: 1, dropRights: 2, restart: 4, endsAll: 8, busyHandlers: 0x100 } as const;
/** Records that are no calls: words into memory, a delay. */
export const STORE = 0xf000_0000;
export const SPIN = 0xf000_0001;
export const LANES = 6;
export const ARENA_BYTES = 0x1_0000;

export interface Argument {
  readonly kind: number;
  readonly value: bigint;
}
export const literal = (value: number | bigint): Argument => ({ kind: ArgumentKind.literal, value: BigInt(value) });
export const inPrivate = (offset: number): Argument => ({ kind: ArgumentKind.inPrivate, value: BigInt(offset) });
export const inShared = (offset: number): Argument => ({ kind: ArgumentKind.inShared, value: BigInt(offset) });
export const argument = (kind: number, value: number): Argument => ({ kind, value: BigInt(value) });

export interface CallRecord {
  readonly number: number;
  readonly lane: number;
  readonly delay: number;
  readonly arguments: readonly Argument[];
}

export interface CallProgram {
  readonly lanes: number;
  readonly looks: number;
  readonly processLanes: number;
  readonly flags: number;
  readonly periodMicros: number;
  readonly handled: bigint;
  readonly records: readonly CallRecord[];
}

const HEADER_BYTES = 32;
const RECORD_BYTES = 64;
const MAGIC = 0x434c_4c53;

export function encodeProgram(program: CallProgram): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + program.records.length * RECORD_BYTES);
  const view = new DataView(bytes.buffer);
  const { lanes, looks, processLanes, flags, periodMicros, handled, records } = program;
  [MAGIC, records.length, lanes | (looks << 16), processLanes, flags, periodMicros].forEach((word, n) =>
    view.setUint32(n * 4, word, true),
  );
  view.setBigUint64(24, handled, true);
  records.forEach((record, n) => {
    const at = HEADER_BYTES + n * RECORD_BYTES;
    view.setUint32(at, record.number, true);
    bytes[at + 4] = record.lane;
    bytes[at + 5] = record.delay;
    record.arguments.slice(0, 6).forEach(({ kind, value }, i) => {
      bytes[at + 6 + i] = kind;
      view.setBigUint64(at + 16 + i * 8, BigInt.asUintN(64, value), true);
    });
  });
  return bytes;
}
