// The machine's thread of the desktop app: reads workerData (MachineWorkerData), runs the machine, posts display batches and status.

import path from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { ALL_ORDINARY_CAPABILITIES } from '../../os-core/abi/capability.ts';
import { CLIPBOARD_PORT } from '../../os-core/abi/clipboard.ts';
import type { InitOptions } from '../../os-core/services/init/options.ts';
import { DiskImage, ThrowAwayDisk } from '../backends/disk-image.ts';
import { hostCrypto, hostEntropy, seededEntropy } from '../backends/host-crypto.ts';
import { ownerSeed, publicKeyOfSeed } from '../backends/owner-key.ts';
import { RingReader } from '../protocol/input-ring.ts';
import {
  dispatchRingMessage,
  type MachineStatus,
  type MachineWorkerData,
  PowerAction,
  type RingMessageHandler,
  type WorkerMessage,
} from '../protocol/machine-messages.ts';
import { loadBootFiles } from './boot-files.ts';
import { ClipboardPort } from './clipboard-port.ts';
import { RingConsole, SerialLog } from './console-streams.ts';
import { DisplayBatches } from './display-batches.ts';
import { enrol, FileVariables } from './firmware-variables.ts';
import { type NetworkChoice, openNetwork } from './network.ts';
import { PointerFollower } from './pointer.ts';
import { SEEDED_POWER_ON_MILLIS, Session } from './session.ts';
import { openUserDisk } from './user-disk.ts';
import { DoorbellWaiter, type Waiter } from './waiter.ts';

const { inputRing, settings } = workerData as MachineWorkerData;

/** Boot framebuffer updates a second. */
const FRAMEBUFFER_INTERVAL_MILLIS = 33;
/** The power key of PS/2 keyboards: make and break. */
const POWER_KEY = Uint8Array.of(0xe0, 0x5e, 0xe0, 0xde);

function post(message: WorkerMessage): void {
  parentPort?.postMessage(message);
}
function status(kind: MachineStatus, text = ''): void {
  post({ kind: 'status', status: kind, text });
}

function networkChoice(text: string): NetworkChoice {
  if (text.startsWith('tap:')) return { kind: 'tap', name: text.slice(4) };
  return { kind: text === 'none' ? 'none' : 'user' };
}

const init: InitOptions = {
  daemons: [['/bin/euromonitor']],
  main: {
    command: ['/bin/desktop'],
    environment: [
      'PATH=/bin',
      'HOME=/home/user',
      'USER=user',
      'SHELL=/bin/sh',
      'LANG=C.UTF-8',
      `DESKTOP=${settings.framebufferWidth}x${settings.framebufferHeight}`,
    ],
    workingDirectory: '/home/user',
    userId: 1000,
    groupId: 1000,
    capabilities: ALL_ORDINARY_CAPABILITIES,
    ownDevices: ['/dev/display', '/dev/input/keyboard', '/dev/input/mouse', `/dev/virtio-ports/${CLIPBOARD_PORT}`],
    descriptors: ['/dev/null', '/dev/null', '/dev/null'],
    builtins: [],
    waitForNetwork: false,
  },
  reportDevice: null,
};

/** Input that came through the ring, handed to the machine between slices. */
class Inputs implements RingMessageHandler {
  private readonly session: Session;
  private readonly display: DisplayBatches;
  private readonly clipboard: ClipboardPort;
  private readonly pointerFollower: PointerFollower;

  constructor(session: Session, display: DisplayBatches, clipboard: ClipboardPort) {
    this.session = session;
    this.display = display;
    this.clipboard = clipboard;
    this.pointerFollower = new PointerFollower(session.machine);
  }
  key(scancodes: Uint8Array): void {
    this.session.machine.typeScancodes(scancodes);
  }
  pointer(x: number, y: number, buttons: number, wheel: number): void {
    // The protocol has left, right, middle; PS/2 has left, right, middle in the same bits.
    this.pointerFollower.moveTo(x, y, buttons, wheel, this.display.cursorPosition, performance.now());
  }
  displayAcknowledged(sequence: number): void {
    if (this.display.acknowledge(sequence)) this.session.machine.displayAcknowledged();
  }
  power(action: PowerAction): void {
    if (action === PowerAction.powerOff) this.session.machine.typeScancodes(POWER_KEY);
    else this.session.stop();
  }
  paste(utf8: Uint8Array): void {
    this.clipboard.paste(utf8);
  }
  windowSize(): void {}
}

/** After a panic the screen stays: hands over its last pictures until the machine is switched off. */
function showPanic(session: Session, display: DisplayBatches, inputs: Inputs, ring: RingReader, waiter: Waiter): void {
  let off = false;
  const handler: RingMessageHandler = {
    key: () => {},
    pointer: () => {},
    displayAcknowledged: (sequence) => inputs.displayAcknowledged(sequence),
    power: () => {
      off = true;
    },
    paste: () => {},
    windowSize: () => {},
  };
  while (!off) {
    const mark = waiter.mark();
    for (let message = ring.next(); message !== null; message = ring.next()) dispatchRingMessage(message, handler);
    session.machine.refreshFramebuffer();
    display.flush();
    if (!off) waiter.wait(mark, 1000);
  }
}

function run(): void {
  const folder = path.dirname(settings.systemImagePath);
  const files = loadBootFiles(folder);
  const seeded = settings.seed !== null;
  const ring = new RingReader(inputRing);
  const doorbell = ring.doorbellWord();
  const configuration = path.dirname(settings.variablesPath);
  const variables = new FileVariables(settings.variablesPath);
  enrol(variables, [publicKeyOfSeed(ownerSeed(configuration))], settings.commandLine);
  const disk =
    settings.diskPath === null
      ? new ThrowAwayDisk(new DiskImage(settings.systemImagePath, { readOnly: true }))
      : openUserDisk(settings.diskPath, settings.systemImagePath);
  const powerOnUnixMillis = seeded ? SEEDED_POWER_ON_MILLIS : Date.now();
  const poweredOnMillis = performance.now();
  const network = openNetwork(networkChoice(settings.network), {
    pcap: null,
    seeded,
    doorbell,
    folder,
    powerOnUnixMillis,
    nowNanos: () => (performance.now() - poweredOnMillis) * 1e6,
  });
  if (network.wakeDescriptor >= 0) post({ kind: 'wake', descriptor: network.wakeDescriptor });
  const display = new DisplayBatches(post);
  const clipboard = new ClipboardPort((text) => post({ kind: 'clipboard', text }));
  const waiter = network.waiter ?? new DoorbellWaiter(doorbell);
  try {
    const session = new Session({
      configuration: {
        memoryBytes: settings.memoryBytes,
        engine: settings.engine,
        stopwatch: () => performance.now(),
        nanosPerInstruction: 1,
        framebufferWidth: settings.framebufferWidth,
        framebufferHeight: settings.framebufferHeight,
      },
      backends: {
        clock: { powerOnUnixMillis },
        entropy: settings.seed === null ? hostEntropy : seededEntropy(settings.seed),
        crypto: hostCrypto,
        variables,
        flash: files.flash,
        serial: new SerialLog(settings.serialLogPath, false),
        disks: [disk],
        network: network.backend,
        // Port 0 is /dev/hvc0, a console that nothing is connected to.
        consoles: [
          { name: 'console', backend: new RingConsole({ input: null, output: null }) },
          { name: CLIPBOARD_PORT, backend: clipboard },
        ],
        display,
      },
      osCore: files.osCore,
      systemKeys: files.systemKeys,
      init: ['/bin/init', JSON.stringify(init)],
      seeded,
      waiter,
    });
    status('running');
    const inputs = new Inputs(session, display, clipboard);
    let nextFramebuffer = 0;
    const end = session.run(
      () => {
        for (let message = ring.next(); message !== null; message = ring.next()) dispatchRingMessage(message, inputs);
      },
      () => {
        const now = performance.now();
        if (!display.busy && now >= nextFramebuffer) {
          nextFramebuffer = now + FRAMEBUFFER_INTERVAL_MILLIS;
          session.machine.refreshFramebuffer();
        }
        display.flush();
      },
    );
    if (end === 'panic') {
      status('panic', session.kernel.state.panic?.reason ?? '');
      showPanic(session, display, inputs, ring, waiter);
    }
  } finally {
    network.close();
    if (disk instanceof DiskImage) {
      disk.flush();
      disk.close();
    }
  }
}

try {
  run();
  status('off');
} catch (error) {
  status('failed', (error as Error).message);
}
