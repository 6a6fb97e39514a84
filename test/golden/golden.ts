// Compares a screenshot with its golden image, pixel by decoded pixel.
//
//   EUROOS_UPDATE_GOLDENS=1 npx vitest run test/app     writes new golden images; look at each before committing it
//
// On a difference the actual image and a picture of the difference are left in dist/golden-failures/.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pixelmatch from 'pixelmatch';
import { PNG } from 'pngjs';

const goldenFolder = import.meta.dirname;
const failureFolder = join(goldenFolder, '../../dist/golden-failures');

/** Number of pixels that differ at all; sizes must agree. */
export function differingPixels(actual: PNG, expected: PNG, difference?: PNG): number {
  if (actual.width !== expected.width || actual.height !== expected.height) {
    throw new Error(
      `image of ${actual.width} x ${actual.height}, golden image ${expected.width} x ${expected.height}`,
    );
  }
  // Threshold 0 and anti-aliasing included: one grey level counts.
  return pixelmatch(actual.data, expected.data, difference?.data, actual.width, actual.height, {
    threshold: 0,
    includeAA: true,
  });
}

export function expectGolden(name: string, actual: PNG): void {
  const file = join(goldenFolder, `${name}.png`);
  if (process.env.EUROOS_UPDATE_GOLDENS === '1') {
    writeFileSync(file, PNG.sync.write(actual, { deflateLevel: 9 }));
    return;
  }
  if (!existsSync(file)) throw new Error(`${file} is missing; EUROOS_UPDATE_GOLDENS=1 writes it`);
  const expected = PNG.sync.read(readFileSync(file));
  const difference = new PNG({ width: expected.width, height: expected.height });
  const count = differingPixels(actual, expected, difference);
  if (count === 0) return;
  mkdirSync(failureFolder, { recursive: true });
  writeFileSync(join(failureFolder, `${name}.actual.png`), PNG.sync.write(actual));
  writeFileSync(join(failureFolder, `${name}.difference.png`), PNG.sync.write(difference));
  throw new Error(
    `${name}: ${count} pixels differ from test/golden/${name}.png; see dist/golden-failures/${name}.*.png. ` +
      'Run again: npx vitest run test/app; accept: EUROOS_UPDATE_GOLDENS=1 npx vitest run test/app',
  );
}

/** A copy with the given rectangles painted over: what changes from run to run. */
export function masked(
  image: PNG,
  rectangles: readonly { readonly x: number; readonly y: number; readonly width: number; readonly height: number }[],
): PNG {
  const copy = new PNG({ width: image.width, height: image.height });
  image.data.copy(copy.data);
  for (const { x, y, width, height } of rectangles) {
    for (let row = Math.max(0, y); row < Math.min(image.height, y + height); row++) {
      const from = Math.max(0, x);
      const to = Math.min(image.width, x + width);
      for (let column = from; column < to; column++) copy.data.set([255, 0, 255, 255], (row * image.width + column) * 4);
    }
  }
  return copy;
}
