// Registers the handlers of every family, once per program.

import { registerArithmetic } from './arithmetic.ts';
import { registerBits } from './bits.ts';
import { registerControl } from './control.ts';
import { registerMoves } from './moves.ts';
import { registerMultiply } from './multiply.ts';
import { registerPorts } from './ports.ts';
import { registerShifts } from './shifts.ts';
import { registerSse } from './sse.ts';
import { registerStrings } from './strings.ts';
import { registerSystem } from './system.ts';
import { registerX87 } from './x87.ts';

registerArithmetic();
registerShifts();
registerMultiply();
registerMoves();
registerBits();
registerControl();
registerStrings();
registerPorts();
registerSystem();
registerSse();
registerX87();
