import { describe, expect, test } from 'vitest';
import { desktopPoint } from './pointer.ts';

describe('pointer', () => {
  test('E8: page points map to desktop pixels at any scale and are kept on the desktop', () => {
    const desktop = { width: 1440, height: 900 };
    const half = { left: 100, top: 50, width: 720, height: 450 };
    expect(desktopPoint(100, 50, half, desktop)).toEqual({ x: 0, y: 0 });
    expect(desktopPoint(460.5, 275, half, desktop)).toEqual({ x: 721, y: 450 });
    expect(desktopPoint(-500, 9999, half, desktop)).toEqual({ x: 0, y: 899 });
    expect(desktopPoint(820, 500, half, desktop)).toEqual({ x: 1439, y: 899 });
  });
});
