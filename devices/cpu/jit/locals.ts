// Locals of the function that is being written: registers and flags have theirs for good, temporaries are given back.

import { Code, V128, type ValueType } from './wasm.ts';

type Temporaries = { type: ValueType; local: number }[];

export class Locals {
  readonly code = this.createCode();
  /** Parameters of the function come first. */
  readonly locals: ValueType[] = [...this.parameterTypes()];
  protected readonly constants = new Map<string, number>();
  private readonly free = new Map<ValueType, number[]>();
  private instructionTemporaries: Temporaries = [];
  private blockTemporaries: Temporaries = [];

  /** Where the code goes. */
  protected createCode(): Code {
    return new Code();
  }
  protected parameterTypes(): readonly ValueType[] {
    return [];
  }

  newLocal(type: ValueType): number {
    this.locals.push(type);
    return this.locals.length - 1;
  }

  private take(type: ValueType): number {
    return this.free.get(type)?.pop() ?? this.newLocal(type);
  }
  private giveBack(list: { type: ValueType; local: number }[]): void {
    for (const { type, local } of list) {
      const free = this.free.get(type);
      if (free === undefined) this.free.set(type, [local]);
      else free.push(local);
    }
    list.length = 0;
  }
  /** A local until the end of the instruction. */
  temporary(type: ValueType): number {
    const local = this.take(type);
    this.instructionTemporaries.push({ type, local });
    return local;
  }
  protected blockTemporary(type: ValueType): number {
    const local = this.take(type);
    this.blockTemporaries.push({ type, local });
    return local;
  }

  /** Local with a v128 constant, set once at entry. */
  constant(bytes: readonly number[]): number {
    const key = bytes.join();
    let local = this.constants.get(key);
    if (local === undefined) {
      local = this.newLocal(V128);
      this.constants.set(key, local);
    }
    return local;
  }

  protected endInstruction(): void {
    this.giveBack(this.instructionTemporaries);
  }
  endBlock(): void {
    this.giveBack(this.instructionTemporaries);
    this.giveBack(this.blockTemporaries);
  }

  /** Takes the temporaries in use out of reach of blocks that are translated in between. */
  detachTemporaries(): readonly { type: ValueType; local: number }[] {
    const inUse = [...this.instructionTemporaries, ...this.blockTemporaries];
    this.instructionTemporaries = [];
    this.blockTemporaries = [];
    return inUse;
  }
  attachTemporaries(inUse: readonly { type: ValueType; local: number }[]): void {
    this.blockTemporaries = [...inUse];
  }
}
