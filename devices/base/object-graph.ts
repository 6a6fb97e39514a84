// Writes a graph of objects as bytes and reads it back: the written form of all kernel state.
//
//   bytes := value
//   value := tag(1 byte) payload          lengths and references are LEB128, numbers are 8-byte little-endian IEEE 754
//   Every object, array, Map, Set and typed array gets the next reference number when it is first met; met again it is
//   written as a reference, so shared and cyclic structure survives.
//
// Rules: instances must be of a class given to registerClass (name and version are written; restore refuses an unknown name or
// another version). Functions, symbols, WeakMaps and foreign classes are refused with the path that led to them. Objects named
// in `externals` (the machine, a driver's port) are written by name only. Property order is kept, so equal states give equal bytes.

type Constructor = abstract new (...parameters: never[]) => object;

interface RegisteredClass {
  readonly name: string;
  readonly version: number;
  readonly prototype: object;
}

const byName = new Map<string, RegisteredClass>();
const byPrototype = new Map<object, RegisteredClass>();

/** Makes instances of `type` writable. The name must be unique and stay the same for ever; raise `version` when fields change. */
export function registerClass(name: string, version: number, type: Constructor): void {
  if (byName.has(name)) throw new Error(`object graph: class ${name} is registered twice`);
  const entry = { name, version, prototype: type.prototype as object };
  byName.set(name, entry);
  byPrototype.set(entry.prototype, entry);
}

const Tag = {
  undefined: 0,
  null: 1,
  false: 2,
  true: 3,
  integer: 4,
  number: 5,
  bigint: 6,
  string: 7,
  reference: 8,
  external: 9,
  record: 10,
  array: 11,
  map: 12,
  set: 13,
  instance: 14,
  typedArray: 15,
  negativeInteger: 16,
} as const;

const typedArrays = [
  Uint8Array,
  Uint8ClampedArray,
  Int8Array,
  Uint16Array,
  Int16Array,
  Uint32Array,
  Int32Array,
  Float32Array,
  Float64Array,
  BigUint64Array,
  BigInt64Array,
] as const;

class GraphWriter {
  private bytes = new Uint8Array(1 << 16);
  private view = new DataView(this.bytes.buffer);
  private length = 0;
  private readonly references = new Map<object, number>();
  private readonly strings = new Map<string, number>();
  private readonly path: string[] = [];
  private readonly externals: ReadonlyMap<object, string>;

  constructor(externals: ReadonlyMap<object, string>) {
    this.externals = externals;
  }

  finish(): Uint8Array {
    return this.bytes.slice(0, this.length);
  }

  private reserve(count: number): void {
    if (this.length + count <= this.bytes.length) return;
    const larger = new Uint8Array(Math.max(this.bytes.length * 2, this.length + count));
    larger.set(this.bytes.subarray(0, this.length));
    this.bytes = larger;
    this.view = new DataView(larger.buffer);
  }
  private byte(value: number): void {
    this.reserve(1);
    this.bytes[this.length++] = value;
  }
  private unsigned(value: number): void {
    let rest = value;
    while (rest >= 128) {
      this.byte((rest % 128) | 128);
      rest = Math.floor(rest / 128);
    }
    this.byte(rest);
  }
  private raw(source: Uint8Array): void {
    this.unsigned(source.length);
    this.reserve(source.length);
    this.bytes.set(source, this.length);
    this.length += source.length;
  }
  private text(value: string): void {
    // Names repeat a lot: each string is spelled once and then referred to by number.
    const known = this.strings.get(value);
    if (known !== undefined) {
      this.unsigned(known + 1);
      return;
    }
    this.strings.set(value, this.strings.size);
    this.unsigned(0);
    this.unsigned(value.length);
    this.reserve(value.length * 2);
    for (let i = 0; i < value.length; i++, this.length += 2)
      this.view.setUint16(this.length, value.charCodeAt(i), true);
  }

  value(value: unknown): void {
    switch (typeof value) {
      case 'undefined':
        return this.byte(Tag.undefined);
      case 'boolean':
        return this.byte(value ? Tag.true : Tag.false);
      case 'number':
        if (Number.isSafeInteger(value) && !Object.is(value, -0)) {
          this.byte(value < 0 ? Tag.negativeInteger : Tag.integer);
          return this.unsigned(Math.abs(value));
        }
        this.byte(Tag.number);
        this.reserve(8);
        this.view.setFloat64(this.length, value, true);
        this.length += 8;
        return;
      case 'bigint':
        this.byte(Tag.bigint);
        return this.text(value.toString(16));
      case 'string':
        this.byte(Tag.string);
        return this.text(value);
      case 'object':
        return value === null ? this.byte(Tag.null) : this.object(value);
      default:
        throw new Error(`object graph: a ${typeof value} cannot be written, at ${this.path.join('.')}`);
    }
  }

  private object(value: object): void {
    const external = this.externals.get(value);
    if (external !== undefined) {
      this.byte(Tag.external);
      return this.text(external);
    }
    const known = this.references.get(value);
    if (known !== undefined) {
      this.byte(Tag.reference);
      return this.unsigned(known);
    }
    this.references.set(value, this.references.size);
    if (Array.isArray(value)) {
      this.byte(Tag.array);
      this.unsigned(value.length);
      for (let i = 0; i < value.length; i++) this.member(String(i), value[i]);
    } else if (value instanceof Map) {
      this.byte(Tag.map);
      this.unsigned(value.size);
      for (const [key, member] of value) {
        this.member('key', key);
        this.member(String(key), member);
      }
    } else if (value instanceof Set) {
      this.byte(Tag.set);
      this.unsigned(value.size);
      for (const member of value) this.member('member', member);
    } else if (ArrayBuffer.isView(value)) {
      const kind = (typedArrays as readonly unknown[]).indexOf(value.constructor);
      if (kind < 0)
        throw new Error(`object graph: ${value.constructor.name} cannot be written, at ${this.path.join('.')}`);
      if (!(value.buffer instanceof ArrayBuffer))
        throw new Error(`object graph: a view of shared memory cannot be written, at ${this.path.join('.')}`);
      this.byte(Tag.typedArray);
      this.byte(kind);
      this.raw(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
    } else {
      this.fields(value);
    }
  }

  private fields(value: object): void {
    const prototype = Object.getPrototypeOf(value) as object | null;
    if (prototype === null || prototype === Object.prototype) {
      this.byte(Tag.record);
    } else {
      const entry = byPrototype.get(prototype);
      if (entry === undefined)
        throw new Error(`object graph: class ${value.constructor.name} is not registered, at ${this.path.join('.')}`);
      this.byte(Tag.instance);
      this.text(entry.name);
      this.unsigned(entry.version);
    }
    const entries = Object.entries(value);
    this.unsigned(entries.length);
    for (const [name, member] of entries) {
      this.text(name);
      this.member(name, member);
    }
  }

  private member(name: string, value: unknown): void {
    this.path.push(name);
    this.value(value);
    this.path.pop();
  }
}

class GraphReader {
  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  private position = 0;
  private readonly references: object[] = [];
  private readonly strings: string[] = [];
  private readonly externals: ReadonlyMap<string, object>;

  constructor(bytes: Uint8Array, externals: ReadonlyMap<string, object>) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.externals = externals;
  }

  private need(count: number): void {
    if (count > this.bytes.length - this.position) throw new Error('object graph: the snapshot is cut short');
  }
  private byte(): number {
    this.need(1);
    return this.bytes[this.position++];
  }
  private unsigned(): number {
    let value = 0;
    for (let scale = 1; scale <= 2 ** 56; scale *= 128) {
      const next = this.byte();
      value += (next & 127) * scale;
      if (next < 128) return value;
    }
    throw new Error('object graph: a number in the snapshot is too long');
  }
  private text(): string {
    const known = this.unsigned();
    if (known > 0) {
      const text = this.strings[known - 1];
      if (text === undefined) throw new Error('object graph: bad string number');
      return text;
    }
    const length = this.unsigned();
    this.need(length * 2);
    let text = '';
    for (let i = 0; i < length; i++, this.position += 2)
      text += String.fromCharCode(this.view.getUint16(this.position, true));
    this.strings.push(text);
    return text;
  }

  value(): unknown {
    const tag = this.byte();
    switch (tag) {
      case Tag.undefined:
        return undefined;
      case Tag.null:
        return null;
      case Tag.false:
        return false;
      case Tag.true:
        return true;
      case Tag.integer:
        return this.unsigned();
      case Tag.negativeInteger:
        return -this.unsigned();
      case Tag.number: {
        this.need(8);
        this.position += 8;
        return this.view.getFloat64(this.position - 8, true);
      }
      case Tag.bigint: {
        const text = this.text();
        return text.startsWith('-') ? -BigInt(`0x${text.slice(1)}`) : BigInt(`0x${text}`);
      }
      case Tag.string:
        return this.text();
      case Tag.reference: {
        const target = this.references[this.unsigned()];
        if (target === undefined) throw new Error('object graph: bad reference');
        return target;
      }
      case Tag.external: {
        const name = this.text();
        const target = this.externals.get(name);
        if (target === undefined) throw new Error(`object graph: ${name} is not part of this machine`);
        return target;
      }
      default:
        return this.object(tag);
    }
  }

  private object(tag: number): object {
    if (tag === Tag.array) {
      const length = this.unsigned();
      const array: unknown[] = [];
      this.references.push(array);
      for (let i = 0; i < length; i++) array.push(this.value());
      return array;
    }
    if (tag === Tag.map) {
      const size = this.unsigned();
      const map = new Map<unknown, unknown>();
      this.references.push(map);
      for (let i = 0; i < size; i++) {
        const key = this.value();
        map.set(key, this.value());
      }
      return map;
    }
    if (tag === Tag.set) {
      const size = this.unsigned();
      const set = new Set<unknown>();
      this.references.push(set);
      for (let i = 0; i < size; i++) set.add(this.value());
      return set;
    }
    if (tag === Tag.typedArray) {
      const type = typedArrays[this.byte()];
      const length = this.unsigned();
      this.need(length);
      if (type === undefined || length % type.BYTES_PER_ELEMENT !== 0) throw new Error('object graph: bad typed array');
      const copy = this.bytes.slice(this.position, this.position + length);
      this.position += length;
      const array = new type(copy.buffer as ArrayBuffer);
      this.references.push(array);
      return array;
    }
    if (tag !== Tag.record && tag !== Tag.instance) throw new Error(`object graph: unknown tag ${tag}`);
    let target: object = {};
    if (tag === Tag.instance) {
      const name = this.text();
      const version = this.unsigned();
      const entry = byName.get(name);
      if (entry === undefined) throw new Error(`object graph: class ${name} is unknown here`);
      if (entry.version !== version)
        throw new Error(`object graph: ${name} has version ${version} in the snapshot, ${entry.version} here`);
      target = Object.create(entry.prototype) as object;
    }
    this.references.push(target);
    const count = this.unsigned();
    for (let i = 0; i < count; i++) {
      const name = this.text();
      Object.defineProperty(target, name, {
        value: this.value(),
        writable: true,
        enumerable: true,
        configurable: true,
      });
    }
    return target;
  }
}

/** Writes everything reachable from `root`. `externals`: objects that are written by name only. Throws Error with the path of what cannot be written. */
export function encodeGraph(root: unknown, externals: ReadonlyMap<object, string> = new Map()): Uint8Array {
  const writer = new GraphWriter(externals);
  writer.value(root);
  return writer.finish();
}

/** Reads what encodeGraph wrote. Throws Error with one clear line for damaged bytes, unknown classes or other versions. */
export function decodeGraph(bytes: Uint8Array, externals: ReadonlyMap<string, object> = new Map()): unknown {
  return new GraphReader(bytes, externals).value();
}
