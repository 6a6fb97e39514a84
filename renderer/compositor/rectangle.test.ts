import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DamageList, type Rectangle } from './rectangle.ts';

const screen: Rectangle = { x: 0, y: 0, width: 60, height: 40 };

describe('damage list', () => {
  test('D3: covers every damaged pixel of the screen with at most four rectangles', () => {
    const rectangle = fc.record({
      x: fc.integer({ min: -10, max: 60 }),
      y: fc.integer({ min: -10, max: 40 }),
      width: fc.integer({ min: 1, max: 20 }),
      height: fc.integer({ min: 1, max: 20 }),
    });
    fc.assert(
      fc.property(fc.array(rectangle, { maxLength: 12 }), (rectangles) => {
        const damage = new DamageList();
        for (const each of rectangles) damage.add(each);
        const taken = damage.take(screen);
        expect(taken.length).toBeLessThanOrEqual(4);
        for (const each of rectangles) {
          for (let y = Math.max(0, each.y); y < Math.min(40, each.y + each.height); y++) {
            for (let x = Math.max(0, each.x); x < Math.min(60, each.x + each.width); x++) {
              expect(taken.some((r) => x >= r.x && y >= r.y && x < r.x + r.width && y < r.y + r.height)).toBe(true);
            }
          }
        }
        expect(damage.isEmpty).toBe(true);
      }),
      { numRuns: 200 },
    );
  });

  test('D3: two far corners stay two small rectangles', () => {
    const damage = new DamageList();
    damage.add({ x: 0, y: 0, width: 5, height: 5 });
    damage.add({ x: 50, y: 30, width: 5, height: 5 });
    damage.add({ x: 1, y: 1, width: 5, height: 5 });
    const area = damage.take(screen).reduce((sum, r) => sum + r.width * r.height, 0);
    expect(area).toBeLessThan(70);
  });
});
