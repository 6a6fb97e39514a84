// Rectangles of whole desktop pixels, and the list of what must be drawn again.

export interface Rectangle {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export function intersect(a: Rectangle, b: Rectangle): Rectangle | null {
  const x = Math.max(a.x, b.x);
  const y = Math.max(a.y, b.y);
  const width = Math.min(a.x + a.width, b.x + b.width) - x;
  const height = Math.min(a.y + a.height, b.y + b.height) - y;
  return width > 0 && height > 0 ? { x, y, width, height } : null;
}

export function unite(a: Rectangle, b: Rectangle): Rectangle {
  const x = Math.min(a.x, b.x);
  const y = Math.min(a.y, b.y);
  return {
    x,
    y,
    width: Math.max(a.x + a.width, b.x + b.width) - x,
    height: Math.max(a.y + a.height, b.y + b.height) - y,
  };
}

export function contains(outer: Rectangle, inner: Rectangle): boolean {
  return (
    inner.x >= outer.x &&
    inner.y >= outer.y &&
    inner.x + inner.width <= outer.x + outer.width &&
    inner.y + inner.height <= outer.y + outer.height
  );
}

export function inflate(rectangle: Rectangle, by: number): Rectangle {
  return {
    x: rectangle.x - by,
    y: rectangle.y - by,
    width: rectangle.width + 2 * by,
    height: rectangle.height + 2 * by,
  };
}

const area = (rectangle: Rectangle) => rectangle.width * rectangle.height;

/** Each rectangle costs one pass over the scene; four are enough for a pointer's old and new place and two busy windows. */
const MAX_RECTANGLES = 4;

/**
 * What changed since the last frame. Invariant: everything ever added lies in the union of the list, clipped to the screen.
 */
export class DamageList {
  private list: Rectangle[] = [];

  add(rectangle: Rectangle): void {
    let added = rectangle;
    // A neighbour is swallowed when the union costs little more than the two apart; unions may reach further neighbours.
    for (let index = 0; index < this.list.length; index++) {
      const united = unite(this.list[index], added);
      if (area(united) <= (area(this.list[index]) + area(added)) * 1.2) {
        added = united;
        this.list.splice(index, 1);
        index = -1;
      }
    }
    this.list.push(added);
    while (this.list.length > MAX_RECTANGLES) this.uniteCheapest();
  }

  /** The rectangles on a screen of this size; the list is empty afterwards. */
  take(screen: Rectangle): Rectangle[] {
    const result: Rectangle[] = [];
    for (const rectangle of this.list) {
      const visible = intersect(rectangle, screen);
      if (visible) result.push(visible);
    }
    this.list = [];
    return result;
  }

  get isEmpty(): boolean {
    return this.list.length === 0;
  }

  private uniteCheapest(): void {
    let best = Number.POSITIVE_INFINITY;
    let pair = [0, 1];
    for (let first = 0; first < this.list.length; first++) {
      for (let second = first + 1; second < this.list.length; second++) {
        const [a, b] = [this.list[first], this.list[second]];
        const waste = area(unite(a, b)) - area(a) - area(b);
        if (waste < best) {
          best = waste;
          pair = [first, second];
        }
      }
    }
    const united = unite(this.list[pair[0]], this.list[pair[1]]);
    this.list.splice(pair[1], 1);
    this.list[pair[0]] = united;
  }
}
