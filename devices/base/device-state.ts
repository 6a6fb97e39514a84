// The written form of a chip whose whole state is one plain record.
//
//   chip.state  ──copyState──►  snapshot.state  ──restoreState──►  chip.state
//
// A chip keeps its registers in one record of numbers, booleans, strings, typed arrays, lists and records of these. Restoring
// checks a snapshot against the record that is there: same fields, same types, same length of typed arrays. Lists may change
// their length; their items must be numbers or records of numbers, booleans and byte arrays. A snapshot file is foreign
// input, so a mismatch is one clear Error and the chip keeps the state that it had.

/** What a state record may hold; also what a snapshot holds. */
export type StateValue =
  | null
  | boolean
  | number
  | string
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | Int32Array
  | Float64Array
  | readonly StateValue[]
  | { readonly [key: string]: StateValue };

/** Bound on any list in a snapshot: more than the longest queue of any chip. */
const MAX_LIST_LENGTH = 65_536;

const typedArrays = [Uint8Array, Uint16Array, Uint32Array, Int32Array, Float64Array] as const;

function typedArrayKind(value: unknown): number {
  return typedArrays.findIndex((type) => value instanceof type);
}

/** A deep copy that shares nothing with `value`. */
export function copyState(value: StateValue): StateValue {
  if (value === null || typeof value !== 'object') return value;
  if (typedArrayKind(value) >= 0) return (value as Uint8Array).slice();
  if (Array.isArray(value)) return value.map((item) => copyState(item as StateValue));
  const copy: Record<string, StateValue> = {};
  for (const [name, member] of Object.entries(value)) copy[name] = copyState(member as StateValue);
  return copy;
}

function checkItem(item: unknown, path: string): void {
  if (typeof item === 'number' || typeof item === 'boolean' || item instanceof Uint8Array) return;
  if (item !== null && typeof item === 'object' && !Array.isArray(item)) {
    for (const [name, member] of Object.entries(item)) {
      if (typeof member !== 'number' && typeof member !== 'boolean' && !(member instanceof Uint8Array))
        throw new Error(`snapshot: ${path}.${name} has a wrong type`);
    }
    return;
  }
  throw new Error(`snapshot: ${path} holds an item of a wrong type`);
}

function checkShape(template: unknown, value: unknown, path: string): void {
  const kind = typedArrayKind(template);
  if (kind >= 0) {
    if (typedArrayKind(value) !== kind || (value as Uint8Array).length !== (template as Uint8Array).length)
      throw new Error(`snapshot: ${path} has a wrong type or length`);
  } else if (Array.isArray(template)) {
    if (!Array.isArray(value) || value.length > MAX_LIST_LENGTH) throw new Error(`snapshot: ${path} is not a list`);
    for (const item of value) checkItem(item, path);
  } else if (template !== null && typeof template === 'object') {
    if (value === null || typeof value !== 'object' || Array.isArray(value) || typedArrayKind(value) >= 0)
      throw new Error(`snapshot: ${path} is not a record`);
    const names = Object.keys(template);
    if (Object.keys(value).length !== names.length) throw new Error(`snapshot: ${path} has other fields`);
    for (const name of names) {
      if (!Object.hasOwn(value, name)) throw new Error(`snapshot: ${path}.${name} is missing`);
      checkShape(
        (template as Record<string, unknown>)[name],
        (value as Record<string, unknown>)[name],
        `${path}.${name}`,
      );
    }
  } else if (typeof value !== typeof template || (typeof value === 'number' && Number.isNaN(value))) {
    throw new Error(`snapshot: ${path} has a wrong type`);
  }
}

function assign(target: Record<string, unknown>, source: Record<string, unknown>): void {
  for (const name of Object.keys(target)) {
    const current = target[name];
    const value = source[name];
    if (typedArrayKind(current) >= 0) (current as Uint8Array).set(value as Uint8Array);
    else if (current !== null && typeof current === 'object' && !Array.isArray(current))
      assign(current as Record<string, unknown>, value as Record<string, unknown>);
    else target[name] = copyState(value as StateValue);
  }
}

/** The versioned written form of a chip. */
export interface WrittenState {
  readonly kind: string;
  readonly version: number;
  readonly state: StateValue;
}

export function writeState(kind: string, version: number, state: object): WrittenState {
  return { kind, version, state: copyState(state as StateValue) };
}

/** Overwrites `state` in place with what `snapshot` holds. Throws Error with one clear line for a foreign, newer or damaged form. */
export function restoreState(
  kind: string,
  version: number,
  snapshot: { readonly kind: string; readonly version: number; readonly state: unknown },
  state: object,
): void {
  if (snapshot.kind !== kind) throw new Error(`snapshot: expected ${kind}, found ${snapshot.kind}`);
  if (snapshot.version !== version)
    throw new Error(`snapshot: ${kind} has version ${snapshot.version}, this program reads version ${version}`);
  checkShape(state, snapshot.state, kind);
  assign(state as Record<string, unknown>, snapshot.state as Record<string, unknown>);
}
