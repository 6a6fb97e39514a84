// The four class rights of a task (EuroOS capability bits). Rights shrink, never grow.

export const Capability = { console: 1, processInfo: 2, file: 4, network: 8, execLocal: 16, execJit: 32 } as const;
export const ALL_ORDINARY_CAPABILITIES = 1 | 2 | 4 | 8;
/** What the first process holds, to hand on what it is asked to. */
export const ALL_CAPABILITIES = 63;
/** Names as in `--caps console,file,process,network,exec-local,exec-jit`. */
export const capabilityNames: Readonly<Record<string, number>> = {
  console: 1,
  process: 2,
  file: 4,
  network: 8,
  'exec-local': 16,
  'exec-jit': 32,
};
