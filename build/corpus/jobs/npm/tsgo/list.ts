export interface Node<T> {
  readonly value: T;
  next: Node<T> | null;
}
export class List<T> {
  private head: Node<T> | null = null;
  push(value: T): this {
    this.head = { value, next: this.head };
    return this;
  }
  map<U>(f: (value: T) => U): U[] {
    const result: U[] = [];
    for (let node = this.head; node !== null; node = node.next) result.push(f(node.value));
    return result;
  }
}
