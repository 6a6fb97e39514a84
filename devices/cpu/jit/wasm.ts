// Writing WebAssembly: a growing byte buffer with the binary encodings (WebAssembly core 2.0, chapter 5), and a module made of
// function bodies and the functions that they import.
//
//   module = magic version | types | imports | functions | exports | code
//
// What is left out: everything the compiler does not use. No validation here: the engine that loads the module validates it.

/** Value types (5.3.1). */
export const I32 = 0x7f;
export const I64 = 0x7e;
export const F32 = 0x7d;
export const F64 = 0x7c;
export const V128 = 0x7b;
export type ValueType = typeof I32 | typeof I64 | typeof F32 | typeof F64 | typeof V128;

/** Block type without result (5.4.1). */
export const NO_RESULT = 0x40;

/** Instructions by their opcode (5.4). Those of SIMD follow the prefix FD (5.4.9) and are in simd.ts. */
export const Op = {
  unreachable: 0x00,
  block: 0x02,
  loop: 0x03,
  if: 0x04,
  else: 0x05,
  end: 0x0b,
  br: 0x0c,
  brIf: 0x0d,
  brTable: 0x0e,
  return: 0x0f,
  call: 0x10,
  callIndirect: 0x11,
  drop: 0x1a,
  select: 0x1b,
  localGet: 0x20,
  localSet: 0x21,
  localTee: 0x22,
  i32Load: 0x28,
  i64Load: 0x29,
  f32Load: 0x2a,
  f64Load: 0x2b,
  i32Load8S: 0x2c,
  i32Load8U: 0x2d,
  i32Load16S: 0x2e,
  i32Load16U: 0x2f,
  i64Load8S: 0x30,
  i64Load8U: 0x31,
  i64Load16S: 0x32,
  i64Load16U: 0x33,
  i64Load32S: 0x34,
  i64Load32U: 0x35,
  i32Store: 0x36,
  i64Store: 0x37,
  f32Store: 0x38,
  f64Store: 0x39,
  i32Store8: 0x3a,
  i32Store16: 0x3b,
  i64Store8: 0x3c,
  i64Store16: 0x3d,
  i64Store32: 0x3e,
  i32Const: 0x41,
  i64Const: 0x42,
  f32Const: 0x43,
  f64Const: 0x44,
  i32Eqz: 0x45,
  i32Eq: 0x46,
  i32Ne: 0x47,
  i32LtS: 0x48,
  i32LtU: 0x49,
  i32GtS: 0x4a,
  i32GtU: 0x4b,
  i32LeS: 0x4c,
  i32LeU: 0x4d,
  i32GeS: 0x4e,
  i32GeU: 0x4f,
  i64Eqz: 0x50,
  i64Eq: 0x51,
  i64Ne: 0x52,
  i64LtS: 0x53,
  i64LtU: 0x54,
  i64GtS: 0x55,
  i64GtU: 0x56,
  i64LeS: 0x57,
  i64LeU: 0x58,
  i64GeS: 0x59,
  i64GeU: 0x5a,
  f32Eq: 0x5b,
  f32Ne: 0x5c,
  f32Lt: 0x5d,
  f32Gt: 0x5e,
  f32Le: 0x5f,
  f32Ge: 0x60,
  f64Eq: 0x61,
  f64Ne: 0x62,
  f64Lt: 0x63,
  f64Gt: 0x64,
  f64Le: 0x65,
  f64Ge: 0x66,
  i32Clz: 0x67,
  i32Ctz: 0x68,
  i32Popcnt: 0x69,
  i32Add: 0x6a,
  i32Sub: 0x6b,
  i32Mul: 0x6c,
  i32DivS: 0x6d,
  i32DivU: 0x6e,
  i32RemS: 0x6f,
  i32RemU: 0x70,
  i32And: 0x71,
  i32Or: 0x72,
  i32Xor: 0x73,
  i32Shl: 0x74,
  i32ShrS: 0x75,
  i32ShrU: 0x76,
  i32Rotl: 0x77,
  i32Rotr: 0x78,
  i64Clz: 0x79,
  i64Ctz: 0x7a,
  i64Popcnt: 0x7b,
  i64Add: 0x7c,
  i64Sub: 0x7d,
  i64Mul: 0x7e,
  i64DivS: 0x7f,
  i64DivU: 0x80,
  i64RemS: 0x81,
  i64RemU: 0x82,
  i64And: 0x83,
  i64Or: 0x84,
  i64Xor: 0x85,
  i64Shl: 0x86,
  i64ShrS: 0x87,
  i64ShrU: 0x88,
  i64Rotl: 0x89,
  i64Rotr: 0x8a,
  f32Abs: 0x8b,
  f32Ceil: 0x8d,
  f32Floor: 0x8e,
  f32Trunc: 0x8f,
  f32Nearest: 0x90,
  f32Sqrt: 0x91,
  f32Add: 0x92,
  f32Sub: 0x93,
  f32Mul: 0x94,
  f32Div: 0x95,
  f64Abs: 0x99,
  f64Ceil: 0x9b,
  f64Floor: 0x9c,
  f64Trunc: 0x9d,
  f64Nearest: 0x9e,
  f64Sqrt: 0x9f,
  f64Add: 0xa0,
  f64Sub: 0xa1,
  f64Mul: 0xa2,
  f64Div: 0xa3,
  i32WrapI64: 0xa7,
  i64ExtendI32S: 0xac,
  i64ExtendI32U: 0xad,
  f32ConvertI32S: 0xb2,
  f32ConvertI64S: 0xb4,
  f32DemoteF64: 0xb6,
  f64ConvertI32S: 0xb7,
  f64ConvertI64S: 0xb9,
  f64ConvertI64U: 0xba,
  f64PromoteF32: 0xbb,
  i32ReinterpretF32: 0xbc,
  i64ReinterpretF64: 0xbd,
  f32ReinterpretI32: 0xbe,
  f64ReinterpretI64: 0xbf,
  i32Extend8S: 0xc0,
  i32Extend16S: 0xc1,
  i64Extend8S: 0xc2,
  i64Extend16S: 0xc3,
  i64Extend32S: 0xc4,
} as const;

/** Saturating truncations follow the prefix FC. */
export const Truncate = {
  i32F32S: 0,
  i32F64S: 2,
  i64F32S: 4,
  i64F64S: 6,
} as const;

/** Unit of a memory's size (4.2.8). */
export const MEMORY_PAGE_BYTES = 65536;

const FIRST_CAPACITY = 1 << 14;

/** A growing buffer of encoded instructions. */
export class Code {
  bytes = new Uint8Array(FIRST_CAPACITY);
  length = 0;

  /** Forgets what was written; the buffer is kept. */
  clear(): void {
    this.length = 0;
  }

  private grow(): void {
    const larger = new Uint8Array(this.bytes.length * 2);
    larger.set(this.bytes);
    this.bytes = larger;
  }

  /** One byte: an opcode without immediates, or part of an encoding. */
  op(byte: number): void {
    if (this.length === this.bytes.length) this.grow();
    this.bytes[this.length++] = byte;
  }

  append(other: Uint8Array): void {
    while (this.length + other.length > this.bytes.length) this.grow();
    this.bytes.set(other, this.length);
    this.length += other.length;
  }

  /** Unsigned LEB128 of a number below 2^32 (5.2.2). */
  unsigned(value: number): void {
    let rest = value >>> 0;
    while (rest >= 0x80) {
      this.op((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    this.op(rest);
  }

  /** Signed LEB128 of a 32-bit number. */
  signed(value: number): void {
    let rest = value | 0;
    for (;;) {
      const byte = rest & 0x7f;
      rest >>= 7;
      if ((rest === 0 && (byte & 0x40) === 0) || (rest === -1 && (byte & 0x40) !== 0)) {
        this.op(byte);
        return;
      }
      this.op(byte | 0x80);
    }
  }

  /** Signed LEB128 of a 64-bit number in halves. */
  signedPair(low: number, high: number): void {
    let restLow = low | 0;
    let restHigh = high | 0;
    for (;;) {
      const byte = restLow & 0x7f;
      restLow = (restLow >>> 7) | (restHigh << 25);
      restHigh >>= 7;
      const fill = (byte & 0x40) !== 0 ? -1 : 0;
      if (restLow === fill && restHigh === fill) {
        this.op(byte);
        return;
      }
      this.op(byte | 0x80);
    }
  }

  get(local: number): void {
    this.op(Op.localGet);
    this.unsigned(local);
  }
  set(local: number): void {
    this.op(Op.localSet);
    this.unsigned(local);
  }
  tee(local: number): void {
    this.op(Op.localTee);
    this.unsigned(local);
  }
  i32(value: number): void {
    this.op(Op.i32Const);
    this.signed(value);
  }
  /** A small 64-bit constant (sign-extended). */
  i64(value: number): void {
    this.op(Op.i64Const);
    this.signedPair(value, value >> 31);
  }
  i64Pair(low: number, high: number): void {
    this.op(Op.i64Const);
    this.signedPair(low, high);
  }
  /** A load or store; alignment is a hint only and given as 1 byte. */
  memory(opcode: number, offset: number): void {
    this.op(opcode);
    this.op(0);
    this.unsigned(offset);
  }
  simd(opcode: number): void {
    this.op(0xfd);
    this.unsigned(opcode);
  }
  simdMemory(opcode: number, offset: number): void {
    this.simd(opcode);
    this.op(0);
    this.unsigned(offset);
  }
  simdLane(opcode: number, lane: number): void {
    this.simd(opcode);
    this.op(lane);
  }
  truncate(opcode: number): void {
    this.op(0xfc);
    this.unsigned(opcode);
  }
  /** Pops where to, where from (which may overlap), bytes. */
  memoryCopy(): void {
    this.truncate(10);
    this.op(0);
    this.op(0);
  }
  /** Pops where to, the byte, bytes. */
  memoryFill(): void {
    this.truncate(11);
    this.op(0);
  }
  br(depth: number): void {
    this.op(Op.br);
    this.unsigned(depth);
  }
  brIf(depth: number): void {
    this.op(Op.brIf);
    this.unsigned(depth);
  }
  call(functionIndex: number): void {
    this.op(Op.call);
    this.unsigned(functionIndex);
  }
}

/** A finished function: its locals (in order of their indices, after the parameters) and its instructions without the last `end`. */
export interface FunctionBody {
  /** If it is not that of the module's other functions. */
  readonly type?: FunctionType;
  readonly locals: readonly ValueType[];
  readonly code: Uint8Array;
}

export interface FunctionType {
  readonly parameters: readonly ValueType[];
  readonly results: readonly ValueType[];
}

/** Functions that a module imports from "env", in the order of their indices; exported functions follow them as f0, f1 … */
export interface ImportedFunction {
  readonly name: string;
  readonly type: FunctionType;
}

function name(code: Code, text: string): void {
  code.unsigned(text.length);
  for (let n = 0; n < text.length; n++) code.op(text.charCodeAt(n));
}

function section(target: Code, id: number, content: Code): void {
  target.op(id);
  target.unsigned(content.length);
  target.append(content.bytes.subarray(0, content.length));
}

function writeType(code: Code, type: FunctionType): void {
  code.op(0x60);
  code.unsigned(type.parameters.length);
  for (const parameter of type.parameters) code.op(parameter);
  code.unsigned(type.results.length);
  for (const result of type.results) code.op(result);
}

/** Runs of equal types, as the binary format wants locals. */
function writeLocals(code: Code, locals: readonly ValueType[]): void {
  let runs = 0;
  for (let n = 0; n < locals.length; n++) if (n === 0 || locals[n] !== locals[n - 1]) runs++;
  code.unsigned(runs);
  for (let n = 0; n < locals.length; ) {
    let count = 1;
    while (n + count < locals.length && locals[n + count] === locals[n]) count++;
    code.unsigned(count);
    code.op(locals[n]);
    n += count;
  }
}

export interface ModuleParts {
  /** WebAssembly pages of the shared memory "env.memory". */
  readonly memoryPages: number;
  /** The table "env.table" of at least this many functions is imported if > 0. */
  readonly tableSize: number;
  readonly imports: readonly ImportedFunction[];
  /** Type 0: of every function of the module that does not say otherwise. */
  readonly type: FunctionType;
  /** A second type, for functions in the table: type 1 if there are no imports. */
  readonly otherType?: FunctionType;
  readonly functions: readonly FunctionBody[];
}

/** The bytes of a module that exports its functions as f0, f1 … */
export function encodeModule(parts: ModuleParts): Uint8Array<ArrayBuffer> {
  const module = new Code();
  for (const byte of [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0]) module.op(byte);

  const content = new Code();
  const ownTypes = parts.functions.flatMap(({ type }) => type ?? []);
  if (parts.otherType !== undefined) ownTypes.push(parts.otherType);
  content.unsigned(1 + parts.imports.length + ownTypes.length);
  writeType(content, parts.type);
  for (const imported of parts.imports) writeType(content, imported.type);
  for (const type of ownTypes) writeType(content, type);
  section(module, 1, content);

  content.clear();
  content.unsigned(parts.imports.length + 1 + (parts.tableSize > 0 ? 1 : 0));
  parts.imports.forEach((imported, index) => {
    name(content, 'env');
    name(content, imported.name);
    content.op(0);
    content.unsigned(index + 1);
  });
  name(content, 'env');
  name(content, 'memory');
  content.op(2);
  // Shared, with a maximum.
  content.op(3);
  content.unsigned(parts.memoryPages);
  content.unsigned(parts.memoryPages);
  if (parts.tableSize > 0) {
    name(content, 'env');
    name(content, 'table');
    content.op(1);
    content.op(0x70);
    content.op(0);
    content.unsigned(parts.tableSize);
  }
  section(module, 2, content);

  content.clear();
  content.unsigned(parts.functions.length);
  let nextType = 1 + parts.imports.length;
  for (const { type } of parts.functions) content.unsigned(type === undefined ? 0 : nextType++);
  section(module, 3, content);

  content.clear();
  content.unsigned(parts.functions.length);
  for (let n = 0; n < parts.functions.length; n++) {
    name(content, `f${n}`);
    content.op(0);
    content.unsigned(parts.imports.length + n);
  }
  section(module, 7, content);

  content.clear();
  content.unsigned(parts.functions.length);
  const body = new Code();
  for (const { locals, code } of parts.functions) {
    body.clear();
    writeLocals(body, locals);
    body.append(code);
    body.op(Op.end);
    content.unsigned(body.length);
    content.append(body.bytes.subarray(0, body.length));
  }
  section(module, 10, content);
  return module.bytes.slice(0, module.length);
}
