// The extended unit: x87 arithmetic on the registers in the state area as a resident WebAssembly module, for compiled code and for the
// interpreter. It does what programs do all day and answers "not done" to the rest, for which softfloat/ stays the reference.
//
//   handler (interpreter/x87-*.ts) or region (jit/emit-x87.ts): stack checks ─► unit function ─► >= 0: status bits, commit
//                                                                                          └──► -1: softfloat/

import { HOST_AREA_BYTES, type PhysicalMemory } from '../../base/physical-memory.ts';
import { encodeModule, type FunctionBody, type ImportedFunction, MEMORY_PAGE_BYTES } from '../jit/wasm.ts';
import {
  addFunction,
  compareFunction,
  divideFunction,
  multiplyFunction,
  rootFunction,
  roundToIntegralFunction,
} from './arithmetic.ts';
import {
  DOUBLE,
  FROM_INTEGER,
  fromFloatFunction,
  fromIntegerFunction,
  SINGLE,
  toFloatFunction,
  toIntegerFunction,
} from './convert.ts';
import { BINARY, ROUND, roundInAllModes, UNARY, unitLayout } from './operand.ts';
import { remainderFunction } from './remainder.ts';

/** Exports in the order of their indices; places and answers as in operand.ts, addresses are those in guest memory. */
export interface ExtendedUnit {
  readonly add: (place: number, a: number, b: number) => number;
  readonly subtract: (place: number, a: number, b: number) => number;
  readonly multiply: (place: number, a: number, b: number) => number;
  readonly divide: (place: number, a: number, b: number) => number;
  readonly root: (place: number, a: number) => number;
  readonly roundToIntegral: (place: number, a: number) => number;
  /** FPREM; the answer is C0 to C3. */
  readonly remainder: (place: number, a: number, b: number) => number;
  /** 0 greater, 1 less, 0x40 equal. */
  readonly compare: (a: number, b: number) => number;
  readonly fromSingle: (place: number, address: number) => number;
  readonly fromDouble: (place: number, address: number) => number;
  readonly fromInteger: (place: number, value: bigint) => number;
  readonly toSingle: (place: number, address: number) => number;
  readonly toDouble: (place: number, address: number) => number;
  /** `form`: width in bytes, plus TRUNCATE. */
  readonly toInteger: (place: number, address: number, form: number) => number;
}

/** What a region imports, in this order. */
export const unitImports: readonly (ImportedFunction & { readonly name: keyof ExtendedUnit })[] = [
  { name: 'add', type: BINARY },
  { name: 'subtract', type: BINARY },
  { name: 'multiply', type: BINARY },
  { name: 'divide', type: BINARY },
  { name: 'root', type: UNARY },
  { name: 'roundToIntegral', type: UNARY },
  { name: 'remainder', type: BINARY },
  { name: 'compare', type: UNARY },
  { name: 'fromSingle', type: UNARY },
  { name: 'fromDouble', type: UNARY },
  { name: 'fromInteger', type: FROM_INTEGER },
  { name: 'toSingle', type: UNARY },
  { name: 'toDouble', type: UNARY },
  { name: 'toInteger', type: BINARY },
];

export function createExtendedUnit(memory: PhysicalMemory): ExtendedUnit {
  const layout = unitLayout(memory.sizeBytes);
  const functions: { readonly [name in keyof ExtendedUnit]: FunctionBody } = {
    add: addFunction(layout, false),
    subtract: addFunction(layout, true),
    multiply: multiplyFunction(layout),
    divide: divideFunction(layout),
    root: rootFunction(layout),
    roundToIntegral: roundToIntegralFunction(layout),
    remainder: remainderFunction(layout),
    compare: compareFunction(layout),
    fromSingle: fromFloatFunction(layout, SINGLE),
    fromDouble: fromFloatFunction(layout, DOUBLE),
    fromInteger: fromIntegerFunction(layout),
    toSingle: toFloatFunction(layout, SINGLE),
    toDouble: toFloatFunction(layout, DOUBLE),
    toInteger: toIntegerFunction(layout),
  };
  const bytes = encodeModule({
    memoryPages: (memory.sizeBytes + HOST_AREA_BYTES) / MEMORY_PAGE_BYTES,
    tableSize: 0,
    imports: [],
    type: ROUND,
    functions: [roundInAllModes(layout), ...unitImports.map(({ name }) => functions[name])],
  });
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory: memory.wasmMemory } });
  return Object.fromEntries(unitImports.map(({ name }, n) => [name, exports[`f${n + 1}`]])) as unknown as ExtendedUnit;
}
