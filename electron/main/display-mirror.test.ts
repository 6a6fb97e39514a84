import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { DisplayCommand, RawDisplayCommand } from '../protocol/display-messages.ts';
import { MAX_SURFACES } from '../protocol/limits.ts';
import { DisplayMirror } from './display-mirror.ts';

function apply(
  mirror: DisplayMirror,
  ...commands: RawDisplayCommand[]
): { accepted: DisplayCommand[]; problems: string[] } {
  const problems: string[] = [];
  return { accepted: mirror.apply(commands, (line) => problems.push(line)), problems };
}
const cells = (id: number, width: number, height: number): RawDisplayCommand => ({
  kind: 'surfaceCreated',
  id,
  surfaceKind: 'cells',
  width,
  height,
});

describe('display mirror', () => {
  test('D1: a renderer that starts anew is told everything, once', () => {
    const mirror = new DisplayMirror(4, 2);
    apply(
      mirror,
      { kind: 'framebuffer', x: 1, y: 1, width: 1, height: 1, rgba: Uint8Array.of(1, 2, 3, 4) },
      cells(7, 2, 1),
      { kind: 'surfaceDamaged', id: 7, x: 1, y: 0, width: 1, height: 1, data: new Uint8Array(12).fill(9) },
      { kind: 'cursor', x: 5, y: 6, shape: 1 },
      { kind: 'showScene', on: true },
    );
    const complete = mirror.complete();
    expect(complete.map((command) => command.kind)).toEqual([
      'framebuffer',
      'surfaceCreated',
      'surfaceDamaged',
      'cursor',
      'showScene',
    ]);
    const [framebuffer, , damage] = complete;
    expect(framebuffer).toMatchObject({ x: 0, y: 0, width: 4, height: 2 });
    expect(framebuffer.kind === 'framebuffer' && Array.from(framebuffer.rgba.subarray(20, 24))).toEqual([1, 2, 3, 4]);
    expect(damage.kind === 'surfaceDamaged' && Array.from(damage.data)).toEqual([
      ...new Array(12).fill(0),
      ...new Array(12).fill(9),
    ]);
  });

  test('D1: the first framebuffer rectangle is passed on as the whole framebuffer', () => {
    const mirror = new DisplayMirror(3, 3);
    const rectangle = { kind: 'framebuffer', x: 0, y: 0, width: 1, height: 1, rgba: new Uint8Array(4) } as const;
    expect(apply(mirror, rectangle).accepted[0]).toMatchObject({ width: 3, height: 3 });
    expect(apply(mirror, rectangle).accepted[0]).toMatchObject({ width: 1, height: 1 });
  });

  test.each<[string, RawDisplayCommand]>([
    [
      'outside the surface',
      { kind: 'surfaceDamaged', id: 1, x: 1, y: 0, width: 2, height: 1, data: new Uint8Array(24) },
    ],
    ['too few bytes', { kind: 'surfaceDamaged', id: 1, x: 0, y: 0, width: 2, height: 1, data: new Uint8Array(23) }],
    ['an empty rectangle', { kind: 'surfaceDamaged', id: 1, x: 0, y: 0, width: 0, height: 0, data: new Uint8Array(0) }],
    [
      'wrapping numbers',
      { kind: 'surfaceDamaged', id: 1, x: 0xffffffff, y: 0, width: 2, height: 1, data: new Uint8Array(24) },
    ],
    ['an unknown surface', { kind: 'surfaceDestroyed', id: 3 }],
    ['a surface made twice', cells(1, 2, 2)],
    ['a huge surface', cells(2, 8192, 8192)],
    ['an empty surface', cells(2, 0, 5)],
    ['a broken scene', { kind: 'scene', json: Uint8Array.of(0x7b) }],
    [
      'a rectangle outside the framebuffer',
      { kind: 'framebuffer', x: 4, y: 0, width: 1, height: 1, rgba: new Uint8Array(4) },
    ],
  ])('D1: %s is refused with one line', (_name, command) => {
    const mirror = new DisplayMirror(4, 2);
    apply(mirror, cells(1, 2, 2));
    const before = JSON.stringify(mirror.complete());
    const { accepted, problems } = apply(mirror, command);
    expect(accepted).toEqual([]);
    expect(problems).toHaveLength(1);
    expect(JSON.stringify(mirror.complete())).toBe(before);
  });

  test('D1: the number of surfaces and their memory are bounded', () => {
    const mirror = new DisplayMirror(4, 2);
    const many = Array.from({ length: MAX_SURFACES + 5 }, (_, id) => cells(id, 1, 1));
    expect(apply(mirror, ...many).accepted).toHaveLength(MAX_SURFACES);
    const large = new DisplayMirror(4, 2);
    const pictures = Array.from({ length: 20 }, (_, id) => ({
      kind: 'surfaceCreated' as const,
      id,
      surfaceKind: 'pixels' as const,
      width: 3840,
      height: 2160,
    }));
    expect(apply(large, ...pictures).accepted).toHaveLength(8);
    // Memory of a destroyed surface is free again.
    expect(apply(large, { kind: 'surfaceDestroyed', id: 0 }, { ...pictures[0], id: 100 }).problems).toEqual([]);
  });

  test('D1: no sequence of commands throws, and what is passed on fits', () => {
    const small = fc.integer({ min: 0, max: 6 });
    const command: fc.Arbitrary<RawDisplayCommand> = fc.oneof(
      fc.record({
        kind: fc.constant('surfaceCreated' as const),
        id: small,
        surfaceKind: fc.constantFrom('cells' as const, 'pixels' as const),
        width: small,
        height: small,
      }),
      fc.record({ kind: fc.constant('surfaceDestroyed' as const), id: small }),
      fc.record({
        kind: fc.constant('surfaceDamaged' as const),
        id: small,
        x: small,
        y: small,
        width: small,
        height: small,
        data: fc.uint8Array({ maxLength: 150 }),
      }),
      fc.record({ kind: fc.constant('scene' as const), json: fc.uint8Array({ maxLength: 20 }) }),
    );
    fc.assert(
      fc.property(fc.array(command, { maxLength: 40 }), (commands) => {
        const mirror = new DisplayMirror(4, 4);
        const sizes = new Map<number, { width: number; height: number; unit: number }>();
        for (const accepted of apply(mirror, ...commands).accepted) {
          if (accepted.kind === 'surfaceCreated') {
            expect(sizes.has(accepted.id)).toBe(false);
            sizes.set(accepted.id, { ...accepted, unit: accepted.surfaceKind === 'cells' ? 12 : 4 });
          } else if (accepted.kind === 'surfaceDestroyed') {
            expect(sizes.delete(accepted.id)).toBe(true);
          } else if (accepted.kind === 'surfaceDamaged') {
            const size = sizes.get(accepted.id)!;
            expect(accepted.x + accepted.width).toBeLessThanOrEqual(size.width);
            expect(accepted.y + accepted.height).toBeLessThanOrEqual(size.height);
            expect(accepted.data.length).toBe(accepted.width * accepted.height * size.unit);
          }
        }
      }),
    );
  });
});
