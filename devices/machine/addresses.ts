// The parts list of the machine: every address and every IRQ, nowhere else.
//
//   physical memory   0 … memoryBytes            RAM (the firmware's map says what of it is whose)
//                     0xC0000000 … 0xDFFFFFFF    memory BARs of PCI functions
//   I/O ports, IRQs   as on an IBM PC/AT; PCI INTx lines are level triggered on IRQ 5, 9, 10 and 11

/** I/O ports: first port and count. */
export const Ports = {
  primaryInterruptController: { base: 0x20, count: 2 },
  timer: { base: 0x40, count: 4 },
  /** Data, and command/status four above. */
  keyboardData: { base: 0x60, count: 1 },
  systemControl: { base: 0x61, count: 1 },
  keyboardCommand: { base: 0x64, count: 1 },
  realTimeClock: { base: 0x70, count: 2 },
  secondaryInterruptController: { base: 0xa0, count: 2 },
  serial1: { base: 0x3f8, count: 8 },
  edgeLevelControl: { base: 0x4d0, count: 2 },
  pciConfiguration: { base: 0xcf8, count: 8 },
} as const;

export const Irq = {
  timer: 0,
  keyboard: 1,
  serial1: 4,
  realTimeClock: 8,
  mouse: 12,
} as const;

/** IRQs of the four PCI interrupt lines; INTA of slot n is line (n mod 4) (PCI 3.0, 2.2.6, swizzle). */
export const PCI_IRQS: readonly [number, number, number, number] = [10, 11, 5, 9];

/** Slots on bus 0. */
export const PciSlot = {
  hostBridge: 0,
  entropy: 1,
  display: 2,
  network: 3,
  console: 4,
  crypto: 5,
  /** Disks take this slot and those after it. */
  firstDisk: 8,
  lastDisk: 15,
} as const;

/** Where the firmware puts memory BARs. RAM must end below. */
export const PCI_MEMORY_BASE = 0xc000_0000;
export const PCI_MEMORY_END = 0xe000_0000;

/** The least RAM in which firmware, framebuffer and a kernel find room. */
export const LEAST_MEMORY_BYTES = 32 * 1024 * 1024;
