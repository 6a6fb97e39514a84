// Puts the machine together. Reads as a list: chip, where it answers, which line it pulls. Addresses and IRQs: addresses.ts.

import type { MachineBackends, MachineConfiguration, TraceBackend } from '../backends/backends.ts';
import { PhysicalMemory } from '../base/physical-memory.ts';
import type { Cpu } from '../contract/cpu.ts';
import type { Snapshotable } from '../contract/device.ts';
import type { AccessWidth } from '../contract/machine.ts';
import { DisplayDevice } from '../display/display-device.ts';
import { checkBootFlash } from '../firmware/boot-manifest.ts';
import { Firmware } from '../firmware/firmware.ts';
import { I8042 } from '../input/i8042.ts';
import { Ps2Keyboard } from '../input/ps2-keyboard.ts';
import { Ps2Mouse } from '../input/ps2-mouse.ts';
import { InterruptController } from '../interrupts/interrupt-controller.ts';
import { Uart16550 } from '../serial/uart16550.ts';
import { I8254 } from '../timers/i8254.ts';
import { Mc146818 } from '../timers/mc146818.ts';
import { VirtioBlock } from '../virtio/block.ts';
import { VirtioConsole } from '../virtio/console.ts';
import { VirtioCrypto } from '../virtio/crypto.ts';
import { VirtioEntropy } from '../virtio/entropy.ts';
import { VirtioNet } from '../virtio/net.ts';
import { Irq, LEAST_MEMORY_BYTES, PCI_MEMORY_BASE, PciSlot, Ports } from './addresses.ts';
import { MmioBus, PortBus } from './buses.ts';
import { type MachineParts, PersonalComputer, PowerSwitch } from './machine.ts';
import { MachineClock } from './machine-clock.ts';
import { PciBackplane } from './pci-backplane.ts';

/** The wires that a CPU is connected to. */
export interface CpuSocket {
  readonly memory: PhysicalMemory;
  readonly engine: 'interpreter' | 'jit';
  readonly stopwatch?: (() => number) | undefined;
  readonly trace?: TraceBackend | undefined;
  readonly bus: {
    portRead(port: number, width: AccessWidth): number;
    portWrite(port: number, width: AccessWidth, value: number): void;
    mmioRead(physicalAddress: number, width: AccessWidth): number;
    mmioWrite(physicalAddress: number, width: AccessWidth, value: number): void;
  };
  /** Virtual time, for RDTSC. */
  nowNanos(): number;
}
export type CpuFactory = (socket: CpuSocket) => Cpu & Snapshotable;

/** Builds the machine, powers it on and lets the firmware check the boot flash. Throws RangeError for a configuration that no machine can have. */
export function buildMachine(
  configuration: MachineConfiguration,
  backends: MachineBackends,
  createCpu: CpuFactory,
): PersonalComputer {
  checkConfiguration(configuration, backends);
  const memory = new PhysicalMemory(configuration.memoryBytes);
  const ports = new PortBus();
  const mmio = new MmioBus();
  const power = new PowerSwitch();
  const counters = { framesIn: 0, framesOut: 0, bytesIn: 0, bytesOut: 0, diskReads: 0, diskWrites: 0, flushes: 0 };

  // The clock counts the CPU's instructions, the CPU reads the clock: the socket's function ties the knot.
  const cpu = createCpu({
    memory,
    engine: configuration.engine,
    stopwatch: configuration.stopwatch,
    trace: backends.trace,
    bus: {
      portRead: (port, width) => ports.read(port, width),
      portWrite: (port, width, value) => ports.write(port, width, value),
      mmioRead: (address, width) => mmio.read(address, width),
      mmioWrite: (address, width, value) => mmio.write(address, width, value),
    },
    nowNanos: () => clock.nowNanos(),
  });
  const clock: MachineClock = new MachineClock(configuration.nanosPerInstruction, () => cpu.instructionCount);

  // --- the PC/AT part ---
  const interrupts = new InterruptController();
  ports.attach(Ports.primaryInterruptController, interrupts.primaryPorts);
  ports.attach(Ports.secondaryInterruptController, interrupts.secondaryPorts);
  ports.attach(Ports.edgeLevelControl, interrupts.edgeLevelControl);

  const timer = new I8254(clock, interrupts.line(Irq.timer));
  ports.attach(Ports.timer, timer);
  ports.attach(Ports.systemControl, timer.systemControlPort);

  const realTimeClock = new Mc146818(clock, interrupts.line(Irq.realTimeClock), backends.clock);
  ports.attach(Ports.realTimeClock, realTimeClock);

  const serial = new Uart16550(backends.serial, interrupts.line(Irq.serial1));
  ports.attach(Ports.serial1, serial);

  const keyboard = new Ps2Keyboard();
  const mouse = new Ps2Mouse();
  const keyboardController = new I8042(keyboard, mouse, interrupts.line(Irq.keyboard), interrupts.line(Irq.mouse), () =>
    power.pull('reset'),
  );
  ports.attach(Ports.keyboardData, keyboardController.dataPort);
  ports.attach(Ports.keyboardCommand, keyboardController.commandPort);

  // --- the firmware ---
  const firmware = new Firmware(
    {
      memory,
      serialByte: (value) => serial.portWrite(0, 1, value),
      unixMillis: () => realTimeClock.millisNow(),
      nowNanos: () => clock.nowNanos(),
      stall: (nanos) => clock.moveTo(clock.nowNanos() + nanos),
      reset: (kind) => power.pull(kind),
    },
    { width: configuration.framebufferWidth, height: configuration.framebufferHeight },
    backends.variables,
  );

  // --- the PCI part; absent backends are absent from the bus ---
  const pci = new PciBackplane(memory, ports, mmio, interrupts);
  pci.plugVirtio(PciSlot.entropy, 'entropy', new VirtioEntropy(backends.entropy));
  pci.plugVirtio(PciSlot.crypto, 'crypto', new VirtioCrypto(backends.crypto));
  const framebuffer = {
    address: firmware.plan.framebuffer,
    width: configuration.framebufferWidth,
    height: configuration.framebufferHeight,
  };
  const display = backends.display === null ? null : new DisplayDevice(memory, framebuffer, backends.display);
  if (display !== null) pci.plugVirtio(PciSlot.display, 'display', display);
  const network = backends.network === null ? null : new VirtioNet(backends.network, counters);
  if (network !== null) pci.plugVirtio(PciSlot.network, 'network', network);
  const consoles = backends.consoles.length === 0 ? null : new VirtioConsole(backends.consoles);
  if (consoles !== null) pci.plugVirtio(PciSlot.console, 'console', consoles);
  const disks = backends.disks.map((backend) => new VirtioBlock(backend, clock, counters));
  disks.forEach((disk, n) => pci.plugVirtio(PciSlot.firstDisk + n, `disk${n}`, disk));

  const bootRefusal = checkBootFlash(backends.flash, backends.crypto);
  if (bootRefusal !== null) firmware.report(bootRefusal);
  else firmware.powerOn(cpu);

  const parts: MachineParts = {
    memory,
    cpu,
    clock,
    ports,
    mmio,
    interrupts,
    firmware,
    timed: [timer, realTimeClock, ...disks],
    polled: [serial, network, consoles, display].filter((device) => device !== null),
    written: [
      cpu,
      clock,
      power,
      interrupts.primary,
      interrupts.secondary,
      timer,
      realTimeClock,
      serial,
      keyboard,
      mouse,
      keyboardController,
      firmware,
      ...pci.written,
    ],
    keyboard: keyboardController,
    mouse: keyboardController,
    display,
    counters,
    power,
    bootRefusal,
  };
  return new PersonalComputer(parts);
}

function checkConfiguration(configuration: MachineConfiguration, backends: MachineBackends): void {
  const { memoryBytes, framebufferWidth: width, framebufferHeight: height, nanosPerInstruction } = configuration;
  if (!(memoryBytes >= LEAST_MEMORY_BYTES) || memoryBytes > PCI_MEMORY_BASE)
    throw new RangeError(`memory must lie between ${LEAST_MEMORY_BYTES} and ${PCI_MEMORY_BASE} bytes`);
  const fits = (pixels: number): boolean => Number.isInteger(pixels) && pixels >= 64 && pixels <= 8192;
  if (!fits(width) || !fits(height) || width * height * 4 > memoryBytes / 4)
    throw new RangeError(`a framebuffer of ${width} x ${height} pixels does not fit this machine`);
  if (backends.disks.length > PciSlot.lastDisk - PciSlot.firstDisk + 1)
    throw new RangeError(`${backends.disks.length} disks do not fit the PCI bus`);
  if (!(nanosPerInstruction > 0) || nanosPerInstruction > 1e6)
    throw new RangeError(`${nanosPerInstruction} ns per instruction is out of range`);
}
