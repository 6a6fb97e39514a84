// Registers the SSE and MMX handlers: sse-moves, sse-float, sse-convert, sse-integer, sse-string.

import { registerHandlers } from './registry.ts';
import { conversionHandlers } from './sse-convert.ts';
import { floatHandlers } from './sse-float.ts';
import { packedIntegerHandlers } from './sse-integer.ts';
import { moveHandlers } from './sse-moves.ts';
import { stringCompareHandlers } from './sse-string.ts';

/** Registers the handlers of this file; called once by interpreter/all.ts. */
export function registerSse(): void {
  registerHandlers(moveHandlers);
  registerHandlers(floatHandlers);
  registerHandlers(conversionHandlers);
  registerHandlers(packedIntegerHandlers);
  registerHandlers(stringCompareHandlers);
}
