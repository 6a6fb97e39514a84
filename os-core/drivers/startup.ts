// All drivers, brought up in order: a list to read. The kernel starts it as a subsystem, after its own tables are in place.
//
//   screen and serial log ─► 8259 ─► 8254 ─► clock ─► power, panic ─► plain device files ─► PCI ─► virtio ─► keyboard, mouse

import { registerClass } from '../../devices/base/object-graph.ts';
import { FramebufferConsole } from '../boot/framebuffer-console.ts';
import type { Kernel, Subsystem } from '../kernel/kernel.ts';
import { ConsolePorts } from './console-ports.ts';
import { registerPlainNodes } from './device-nodes.ts';
import { DeviceRegistry } from './device-registry.ts';
import { DisplayNode } from './display-file.ts';
import { KeyboardController } from './input/i8042.ts';
import { InputNode } from './input/input-queue.ts';
import { Keyboard } from './input/keyboard.ts';
import { Mouse } from './input/mouse.ts';
import { ScreenLog, SerialLog } from './log-sinks.ts';
import { PanicScreen } from './panic-screen.ts';
import { type PciFunction, scanPci } from './pci.ts';
import { Pic8259 } from './pic-8259.ts';
import { Pit8254 } from './pit-8254.ts';
import { FirmwarePower } from './power.ts';
import { formatUtc, readWallClockSeconds } from './rtc-cmos.ts';
import { PtyMultiplexer } from './tty/pty.ts';
import { Uart16550 } from './uart-16550.ts';
import { VirtioBlock } from './virtio/block.ts';
import { VirtioConsole } from './virtio/console.ts';
import { VirtioCrypto } from './virtio/crypto.ts';
import { DISPLAY_TYPE, VirtioDisplay } from './virtio/display.ts';
import { VirtioEntropy } from './virtio/entropy.ts';
import { formatMac, VirtioNetwork } from './virtio/network.ts';
import { VIRTIO_VENDOR, VirtioTransport, VirtioType } from './virtio/transport.ts';

/** kernel.service('drivers', Drivers) */
export class Drivers {
  readonly devices: DeviceRegistry = new DeviceRegistry();
  readonly serial: Uart16550 = new Uart16550();
  readonly interruptController: Pic8259 = new Pic8259();
  readonly tick: Pit8254 = new Pit8254();
  screenLog: ScreenLog | null = null;
  panicScreen: PanicScreen | null = null;
  /** Everything found on the PCI bus (lspci). */
  pci: readonly PciFunction[] = [];
  /** In PCI order; the first one holds the root file system. */
  readonly disks: VirtioBlock[] = [];
  console: VirtioConsole | null = null;
  consolePorts: ConsolePorts | null = null;
  entropy: VirtioEntropy | null = null;
  network: VirtioNetwork | null = null;
  display: VirtioDisplay | null = null;
  keyboard: Keyboard | null = null;
  mouse: Mouse | null = null;
}
registerClass('drivers.Drivers', 1, Drivers);

export const driverSubsystem: Subsystem = {
  name: 'drivers',
  systemCalls: [],
  start: startDrivers,
};

/** Brings up every device. What is absent or does not work is logged and left out. */
export function startDrivers(kernel: Kernel): void {
  const drivers = new Drivers();
  kernel.state.services.set('drivers', drivers);
  startLog(kernel, drivers);
  drivers.interruptController.initialise(kernel.machine);
  kernel.interrupts.setController(drivers.interruptController);
  drivers.serial.startInterrupts(kernel);
  kernel.state.tickDevice = drivers.tick;
  const power = new FirmwarePower(drivers.serial);
  kernel.state.powerDevice = power;
  startClock(kernel);
  registerPlainNodes(drivers.devices);
  drivers.devices.register(new PtyMultiplexer(drivers.devices));
  drivers.pci = scanPci(kernel.machine);
  kernel.log(`[pci] ${drivers.pci.length} functions`);
  for (const pci of drivers.pci) if (pci.vendorId === VIRTIO_VENDOR) startVirtio(kernel, drivers, pci);
  power.ports = drivers.consolePorts;
  startInput(kernel, drivers);
  if (drivers.entropy === null) kernel.log('[random] no entropy device: random numbers are NOT secure');
}

function startLog(kernel: Kernel, drivers: Drivers): void {
  // The loader has printed its lines on COM1 already; the screen is drawn anew.
  drivers.serial.initialise(kernel.machine);
  kernel.state.log.addSink(kernel, new SerialLog(drivers.serial), false);
  drivers.panicScreen = new PanicScreen(drivers.serial);
  kernel.state.panicPresenter = drivers.panicScreen;
  if (kernel.state.boot.framebuffer === null) return;
  const screen = new FramebufferConsole(kernel.state.boot.framebuffer);
  screen.clear(kernel.machine);
  drivers.screenLog = new ScreenLog(screen);
  kernel.state.log.addSink(kernel, drivers.screenLog, true);
}

function startClock(kernel: Kernel): void {
  const seconds = readWallClockSeconds(kernel.machine);
  // What the clock shows now is power-on time plus virtual time.
  kernel.clock.powerOnUnixSeconds = seconds - Math.floor(kernel.nowNanos() / 1e9);
  kernel.state.vdso.publishDate(kernel);
  kernel.log(`[rtc] ${formatUtc(seconds)}`);
}

function startVirtio(kernel: Kernel, drivers: Drivers, pci: PciFunction): void {
  const transport = VirtioTransport.find(kernel.machine, pci);
  if (transport === null) return kernel.log(`[virtio] ${pci.name}: no modern virtio device`);
  switch (transport.type) {
    case VirtioType.block:
      return startDisk(kernel, drivers, transport);
    case VirtioType.console:
      return startConsole(kernel, drivers, transport);
    case VirtioType.entropy:
      drivers.entropy = VirtioEntropy.start(kernel, transport);
      return report(
        kernel,
        '[random] virtio-rng',
        drivers.entropy !== null,
        `${kernel.random.entropyBytes} bytes of seed`,
      );
    case VirtioType.crypto:
      kernel.state.hashEngine ??= VirtioCrypto.start(kernel, transport);
      return report(kernel, '[crypto] virtio-crypto', kernel.state.hashEngine !== null, 'SHA-256');
    case VirtioType.network:
      return startNetwork(kernel, drivers, transport);
    case DISPLAY_TYPE:
      return startDisplay(kernel, drivers, transport);
    default:
      kernel.log(`[virtio] ${pci.name}: no driver for device type ${transport.type}`);
  }
}

function report(kernel: Kernel, what: string, works: boolean, details: string): void {
  kernel.log(works ? `${what} OK — ${details}` : `${what} does not work`);
}

function startDisk(kernel: Kernel, drivers: Drivers, transport: VirtioTransport): void {
  const disk = VirtioBlock.start(kernel, transport);
  if (disk !== null) drivers.disks.push(disk);
  const mebibytes = disk === null ? 0 : Math.floor(disk.sizeBytes / (1024 * 1024));
  report(kernel, '[blk] virtio-blk', disk !== null, `${mebibytes} MiB${disk?.readOnly ? ', read only' : ''}`);
}

function startConsole(kernel: Kernel, drivers: Drivers, transport: VirtioTransport): void {
  if (drivers.console !== null) return;
  drivers.console = VirtioConsole.start(kernel, transport);
  if (drivers.console !== null) drivers.consolePorts = new ConsolePorts(kernel, drivers.console, drivers.devices);
  const names = drivers.console?.ports.map((port) => port.name || `port ${port.number}`).join(', ') ?? '';
  report(kernel, '[console] virtio-console', drivers.console !== null, names);
}

function startNetwork(kernel: Kernel, drivers: Drivers, transport: VirtioTransport): void {
  if (drivers.network !== null) return kernel.log('[net] one network card is enough: the others are left alone');
  drivers.network = VirtioNetwork.start(kernel, transport);
  const { network } = drivers;
  report(kernel, '[net] virtio-net', network !== null, network === null ? '' : `MAC ${formatMac(network.macAddress)}`);
}

function startDisplay(kernel: Kernel, drivers: Drivers, transport: VirtioTransport): void {
  drivers.display = VirtioDisplay.start(kernel, transport);
  if (drivers.panicScreen !== null) drivers.panicScreen.display = drivers.display;
  const { display } = drivers;
  if (display !== null) drivers.devices.register(new DisplayNode(display, drivers.screenLog));
  report(kernel, '[display] virtio', display !== null, `${display?.width} x ${display?.height}`);
}

/** Where there is no screen the pointer moves on an imagined one of this size. */
const FALLBACK_SCREEN = { width: 1280, height: 800 } as const;

function startInput(kernel: Kernel, drivers: Drivers): void {
  const keyboardNode = new InputNode('keyboard', 64);
  const mouseNode = new InputNode('mouse', 65);
  const screen = kernel.state.boot.framebuffer ?? FALLBACK_SCREEN;
  const keyboard = new Keyboard(keyboardNode);
  const mouse = new Mouse(mouseNode, screen.width, screen.height);
  const controller = new KeyboardController(keyboard, mouse);
  if (!controller.start(kernel)) return kernel.log('[input] no keyboard controller');
  const keyMap = /(?:^| )keymap=([a-z]+)/.exec(kernel.state.boot.commandLine)?.[1];
  if (keyMap !== undefined && !keyboard.useKeyMap(keyMap)) kernel.log(`[input] there is no key map ${keyMap}`);
  drivers.keyboard = keyboard;
  drivers.mouse = mouse;
  drivers.devices.register(keyboardNode);
  drivers.devices.register(mouseNode);
  const state = (works: boolean): string => (works ? 'OK' : 'does not answer');
  kernel.log(`[input] keyboard ${state(controller.keyboardWorks)}, mouse ${state(controller.mouseWorks)}`);
}
