// Where operations of the instruction table meet the code that executes them. Each file of handlers registers its own.

import type { HandlerSelector } from '../decode/instruction.ts';

const selectors = new Map<string, HandlerSelector>();

/** Adds selectors by operation name (InstructionRow.operation). A name may be registered once. */
export function registerHandlers(entries: { readonly [operation: string]: HandlerSelector }): void {
  for (const [operation, selector] of Object.entries(entries)) {
    if (selectors.has(operation)) throw new Error(`cpu: operation ${operation} is registered twice`);
    selectors.set(operation, selector);
  }
}

/** The selector of an operation, undefined if nobody executes it (the instruction then raises #UD). */
export function selectorFor(operation: string): HandlerSelector | undefined {
  return selectors.get(operation);
}
