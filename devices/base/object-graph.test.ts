import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeGraph, encodeGraph, registerClass } from './object-graph.ts';

class Node {
  next: Node | null = null;
  readonly values = new Map<string, number>([['a', 1.5]]);
  double(): number {
    return (this.values.get('a') ?? 0) * 2;
  }
}
registerClass('object-graph.test.Node', 1, Node);

describe('object graph', () => {
  it('keeps cycles, sharing, classes and externals', () => {
    const first = new Node();
    first.next = new Node();
    first.next.next = first;
    const machine = { port: 1 };
    const bytes = encodeGraph({ first, again: first, machine, n: -0, big: -5n }, new Map([[machine, 'machine']]));
    const other = { port: 2 };
    const copy = decodeGraph(bytes, new Map([['machine', other]])) as {
      first: Node;
      again: Node;
      machine: object;
      n: number;
      big: bigint;
    };
    expect(copy.first).toBe(copy.again);
    expect(copy.first.next?.next).toBe(copy.first);
    expect(copy.first.double()).toBe(3);
    expect(copy.machine).toBe(other);
    expect(Object.is(copy.n, -0)).toBe(true);
    expect(copy.big).toBe(-5n);
  });

  it('refuses functions and foreign classes, naming the path', () => {
    expect(() => encodeGraph({ a: { b: () => 1 } })).toThrow('a.b');
    class Foreign {}
    expect(() => encodeGraph({ x: new Foreign() })).toThrow('Foreign is not registered, at x');
  });

  it('round-trips any plain data, and equal data gives equal bytes', () => {
    fc.assert(
      fc.property(fc.anything({ withMap: true, withSet: true, withTypedArray: true, withBigInt: true }), (value) => {
        const bytes = encodeGraph(value);
        const copy = decodeGraph(bytes);
        expect(encodeGraph(copy)).toEqual(bytes);
      }),
    );
  });

  it('answers damaged bytes with an Error only', () => {
    const bytes = encodeGraph({ list: [1, 2, new Map([[1, new Uint8Array(9)]])], text: 'abc' });
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(255), (at, value) => {
        const damaged = bytes.slice();
        damaged[at] = value;
        try {
          decodeGraph(damaged);
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
        }
      }),
    );
  });
});
