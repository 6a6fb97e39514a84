import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ipv4, sameBytes } from '../testing/peer.ts';
import { type Ipv4Header, parseIpv4Header } from '../wire/ipv4.ts';
import { Reassembly } from './reassembly.ts';

const MORE = 0x2000;

/** One fragment as it lies in a frame. */
function fragment(data: Uint8Array, from: number, to: number, identification = 1) {
  const flags = (to < data.length ? MORE : 0) | (from / 8);
  const packet = ipv4(200, data.slice(from, to), { fragment: flags, identification }).subarray(14);
  const header = parseIpv4Header(packet, 0) as Ipv4Header;
  return { header, packet };
}
function bytes(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => i * 7 + (i >> 8));
}

describe('reassembly', () => {
  it('E43: model: pieces in any order, with repetitions, give the datagram exactly once they are all there', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 4000 }),
        fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 40 }),
        fc.infiniteStream(fc.nat()),
        (length, steps, numbers) => {
          const data = bytes(length);
          const pieces: [number, number][] = [];
          for (let at = 0, n = 0; at < length; n++) {
            const end = Math.min(length, at + steps[n % steps.length] * 8);
            pieces.push([at, end]);
            at = end;
          }
          fc.pre(pieces.length > 1 && pieces.length <= 128);
          // A shuffle with some pieces twice.
          const order = pieces
            .flatMap((piece) => (Number(numbers.next().value) % 4 === 0 ? [piece, piece] : [piece]))
            .map((piece) => ({ piece, key: Number(numbers.next().value) }))
            .sort((a, b) => a.key - b.key)
            .map(({ piece }) => piece);
          const reassembly = new Reassembly();
          const seen = new Set<number>();
          let done = false;
          for (const [from, to] of order) {
            const { header, packet } = fragment(data, from, to);
            const whole = reassembly.add(header, packet, 0);
            if (done) break;
            seen.add(from);
            done = seen.size === pieces.length;
            if (!done) expect(whole).toBeNull();
            else {
              expect(sameBytes(whole?.payload, data)).toBe(true);
              expect(whole?.first.header.fragmentOffset).toBe(0);
            }
          }
          expect(done).toBe(true);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('E43: an overlap drops the whole datagram', () => {
    const data = bytes(64);
    const reassembly = new Reassembly();
    const add = (from: number, to: number) => {
      const { header, packet } = fragment(data, from, to);
      return reassembly.add(header, packet, 0);
    };
    expect(add(0, 32)).toBeNull();
    expect(add(24, 48)).toBeNull();
    // Were the first piece still there, these would complete it.
    expect(add(32, 64)).toBeNull();
    expect(reassembly.nextDeadline()).toBe(30e9);
  });

  it('E43: two ends that contradict, or data behind the end, drop it', () => {
    for (const second of [bytes(48), bytes(96)]) {
      const reassembly = new Reassembly();
      const first = fragment(bytes(64), 32, 64);
      expect(reassembly.add(first.header, first.packet, 0)).toBeNull();
      const other = fragment(second, second.length - 8, second.length);
      expect(reassembly.add(other.header, other.packet, 0)).toBeNull();
      const rest = fragment(bytes(64), 0, 32);
      expect(reassembly.add(rest.header, rest.packet, 0)).toBeNull();
    }
  });

  it('E43: gives up after 30 s and names the first fragments of what it gave up', () => {
    const reassembly = new Reassembly();
    const withFirst = fragment(bytes(64), 0, 32, 1);
    const without = fragment(bytes(64), 32, 64, 2);
    reassembly.add(withFirst.header, withFirst.packet, 0);
    reassembly.add(without.header, without.packet, 1e9);
    expect(reassembly.expire(29e9)).toEqual([]);
    expect(reassembly.nextDeadline()).toBe(30e9);
    expect(reassembly.expire(31e9).map(({ header }) => header.identification)).toEqual([1]);
    expect(reassembly.nextDeadline()).toBe(Infinity);
  });

  it('E43: bounds: 16 datagrams in the making, 128 parts each, 65,515 bytes', () => {
    const reassembly = new Reassembly();
    for (let n = 0; n < 100; n++) {
      const { header, packet } = fragment(bytes(64), 0, 32, n);
      expect(reassembly.add(header, packet, n)).toBeNull();
    }
    // The newest sixteen are kept: 84 to 99.
    const old = fragment(bytes(64), 32, 64, 50);
    expect(reassembly.add(old.header, old.packet, 100)).toBeNull();
    const young = fragment(bytes(64), 32, 64, 99);
    expect(reassembly.add(young.header, young.packet, 100)?.payload).toEqual(bytes(64));
    // Crumbs: the datagram is dropped at the 129th, so the last one does not complete it.
    const crumbs = new Reassembly();
    const data = bytes(8 * 130);
    let whole = null;
    for (let at = 0; at < data.length; at += 8) {
      const { header, packet } = fragment(data, at, at + 8);
      whole = crumbs.add(header, packet, 0) ?? whole;
    }
    expect(whole).toBeNull();
    // 65,528 + 8 is past the longest datagram ("ping of death").
    const death = ipv4(1, bytes(8), { fragment: 0x1fff }).subarray(14);
    expect(new Reassembly().add(parseIpv4Header(death, 0) as Ipv4Header, death, 0)).toBeNull();
  });
});
