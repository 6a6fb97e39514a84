export type Shape = { kind: 'circle'; radius: number } | { kind: 'square'; side: number };
export function area(shape: Shape): number {
  if (shape.kind === 'circle') return Math.PI * shape.radius ** 2;
  return shape.side ** 2;
}
export const neverUsed = (): string => `dropped ${area.name}`;
