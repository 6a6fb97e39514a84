// The handlers of what is no instruction.

import type { Handler } from '../decode/instruction.ts';

export const raiseInvalid: Handler = (core) => core.raiseInvalidOpcode();

/** SDM vol. 3, 6.15, #GP: "the instruction length limit of 15 bytes is exceeded". */
export const raiseTooLong: Handler = (core) => core.raiseGeneralProtection();
