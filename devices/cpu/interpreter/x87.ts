// Registers the x87 handlers: x87-transfer, x87-arithmetic, x87-control.

import { registerHandlers } from './registry.ts';
import { x87ArithmeticHandlers } from './x87-arithmetic.ts';
import { x87ControlHandlers } from './x87-control.ts';
import { x87TransferHandlers } from './x87-transfer.ts';

/** Registers the handlers of this file; called once by interpreter/all.ts. */
export function registerX87(): void {
  registerHandlers(x87TransferHandlers);
  registerHandlers(x87ArithmeticHandlers);
  registerHandlers(x87ControlHandlers);
}
