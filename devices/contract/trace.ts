// What can be watched of a machine while it runs, by name: for `euroos run --trace` and for who implements the trace backend.

export const traceCategories = {
  'cpu.instruction': 'each instruction of ring 3 as it begins: address, bytes, text',
  'cpu.block': 'code that is decoded: address, instructions, and what is dropped',
  'cpu.region': 'code that is compiled: address, size, milliseconds, and why it is dropped',
  'cpu.exception': 'each exception: vector, error code, CR2, and the instruction',
  'cpu.syscall': 'each SYSCALL and SYSRET with the registers',
  'cpu.tlb': 'each look-up that the TLB could not answer',
} as const;

export type TraceCategory = keyof typeof traceCategories;
