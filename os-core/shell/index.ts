// The EuroOS shell (/bin/sh) as a system task.
//
//   syntax/     text to tree                     expansion/   patterns, arithmetic (pure)
//   state.ts    the shell's data                 frames.ts    the kinds of stack frames
//   machine.ts  runs the top frame               frames/      their handlers     builtins/   commands of the shell itself
//   editor/     line editing at a terminal

import type { SystemTask } from '../sdk/system-task.ts';
import { stepShell } from './machine.ts';
import { createShellState, type ShellState } from './state.ts';

export const shellTask: SystemTask<ShellState> = {
  name: 'shell',
  version: 1,
  create: createShellState,
  step: stepShell,
};
