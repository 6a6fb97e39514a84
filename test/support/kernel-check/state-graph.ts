// All kernel objects that can be reached from the kernel's state, by class: what a snapshot would write, looked at by a stranger.

import type { Kernel } from '../../../os-core/kernel/kernel.ts';

/** Also with a private constructor. */
interface Class<T> {
  readonly prototype: T;
}

export class StateGraph {
  readonly kernel: Kernel;
  private readonly byPrototype = new Map<object, object[]>();
  /** Violations found so far. */
  readonly problems: string[] = [];

  constructor(kernel: Kernel) {
    this.kernel = kernel;
    const seen = new Set<object>([kernel, kernel.machine]);
    const work: object[] = [];
    const meet = (value: unknown): void => {
      if (typeof value !== 'object' || value === null || seen.has(value)) return;
      seen.add(value);
      work.push(value);
    };
    meet(kernel.state);
    for (let object = work.pop(); object !== undefined; object = work.pop()) {
      if (ArrayBuffer.isView(object)) continue;
      if (Array.isArray(object) || object instanceof Set) {
        for (const member of object) meet(member);
      } else if (object instanceof Map) {
        for (const [key, member] of object) {
          meet(key);
          meet(member);
        }
      } else {
        const prototype = Object.getPrototypeOf(object) as object;
        const known = this.byPrototype.get(prototype);
        if (known === undefined) this.byPrototype.set(prototype, [object]);
        else known.push(object);
        for (const name in object) meet((object as Record<string, unknown>)[name]);
      }
    }
  }

  /** Instances of a class and of those that extend it. */
  all<T extends object>(type: Class<T>): T[] {
    const found: T[] = [];
    for (const [prototype, objects] of this.byPrototype)
      if (prototype === type.prototype || Object.prototype.isPrototypeOf.call(type.prototype, prototype))
        for (const object of objects) found.push(object as T);
    return found;
  }

  /** Objects by the name of their class. */
  counts(): Map<string, number> {
    const counts = new Map<string, number>();
    for (const [prototype, { length }] of this.byPrototype) {
      // A bundler puts an underscore before names of classes that refer to themselves.
      const name = prototype.constructor.name.replace(/^_/, '');
      counts.set(name, (counts.get(name) ?? 0) + length);
    }
    return counts;
  }

  expect(holds: boolean, problem: () => string): void {
    if (!holds) this.problems.push(problem());
  }
}

/** A field that its class keeps to itself. A field that is not there is a checker that looks at the wrong thing: it throws. */
export function hidden<T>(object: object, field: string): T {
  if (!(field in object)) throw new Error(`kernel check: ${object.constructor.name} has no field ${field}`);
  return (object as Record<string, unknown>)[field] as T;
}
