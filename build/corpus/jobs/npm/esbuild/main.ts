import { area, type Shape } from './shapes.ts';
import words from './words.json';

declare const VERSION: string;
enum Level { Low = 1, High = 1 << 4 }

const shapes: Shape[] = [
  { kind: 'circle', radius: 2 },
  { kind: 'square', side: words.length },
];
for (const shape of shapes) console.log(VERSION, Level[Level.High], shape?.kind ?? 'none', area(shape));
export const total = shapes.reduce((sum, shape) => sum + area(shape), 0);
