// A whole EuroOS in this process, as the headless host builds it, with everything outside the machine in plain objects that can be
// copied: for runs that are saved, restored, compared and cut into slices of any length.

import path from 'node:path';
import type {
  BlockBackend,
  ConsoleBackend,
  EntropyBackend,
  MachineConfiguration,
} from '../../devices/backends/backends.ts';
import { PAGE_BYTES } from '../../devices/base/physical-memory.ts';
import { SeededRandom } from '../../devices/base/random.ts';
import type { DeviceSnapshot } from '../../devices/contract/device.ts';
import type { HostMachine } from '../../devices/contract/host-machine.ts';
import { createMachine } from '../../devices/machine/index.ts';
import { DiskImage, ThrowAwayDisk } from '../../electron/backends/disk-image.ts';
import { hostCrypto } from '../../electron/backends/host-crypto.ts';
import { addToVolume } from '../../electron/machine-host/additions.ts';
import { type BootFiles, loadBootFiles } from '../../electron/machine-host/boot-files.ts';
import { enrol, MemoryVariables } from '../../electron/machine-host/firmware-variables.ts';
import type { OsCore } from '../../electron/machine-host/os-core-bundle.ts';
import type { InitOptions } from '../../os-core/services/init/options.ts';
import { dist } from './euroos.ts';

type Kernel = ReturnType<OsCore['bootSystem']>;

/** What the tests' owner signs with. */
const POWER_ON_MILLIS = Date.UTC(2026, 0, 1);
const OWNER_SEED = new Uint8Array(32).fill(7);

let loaded: BootFiles | null = null;
export function bootFiles(): BootFiles {
  loaded ??= loadBootFiles(dist);
  return loaded;
}

/** Input given at the start, output collected. */
class Stream implements ConsoleBackend {
  readonly input: Buffer;
  position = 0;
  output = '';
  private readonly isInput: boolean;
  constructor(input: Buffer, isInput: boolean) {
    this.input = input;
    this.isInput = isInput;
  }
  write(source: Uint8Array): number {
    this.output += Buffer.from(source).toString('latin1');
    return source.length;
  }
  read(target: Uint8Array): number {
    if (!this.isInput) return 0;
    const count = this.input.copy(target, 0, this.position, this.position + target.length);
    this.position += count;
    return count === 0 && target.length > 0 ? -1 : count;
  }
  size(): null {
    return null;
  }
  copy(): Stream {
    const copy = new Stream(this.input, this.isInput);
    copy.position = this.position;
    copy.output = this.output;
    return copy;
  }
}

/** A disk whose changes can be copied with the rest of the world. */
class LayeredDisk implements BlockBackend {
  readonly readOnly = false;
  readonly serial = 'euroos-test';
  readonly sizeBytes: number;
  private readonly below: BlockBackend;
  private readonly sectors: Map<number, Uint8Array>;
  constructor(below: BlockBackend, sectors: Map<number, Uint8Array> = new Map()) {
    this.below = below;
    this.sizeBytes = below.sizeBytes;
    this.sectors = sectors;
  }
  read(offset: number, target: Uint8Array): boolean {
    if (!this.below.read(offset, target)) return false;
    for (let at = 0; at < target.length; at += 512) {
      const sector = this.sectors.get((offset + at) / 512);
      if (sector !== undefined) target.set(sector.subarray(0, target.length - at), at);
    }
    return true;
  }
  write(offset: number, source: Uint8Array): boolean {
    for (let at = 0; at < source.length; at += 512) this.sectors.set((offset + at) / 512, source.slice(at, at + 512));
    return true;
  }
  flush(): boolean {
    return true;
  }
  copy(): LayeredDisk {
    return new LayeredDisk(this.below, new Map(this.sectors));
  }
}

interface World {
  readonly disk: LayeredDisk;
  readonly random: SeededRandom;
  readonly variables: Uint8Array | null;
  readonly streams: readonly Stream[];
}

const STREAM_NAMES = ['stdin', 'stdout', 'stderr', 'report', 'serial'] as const;

export interface SystemSettings {
  readonly command: readonly string[];
  readonly input?: string;
  readonly seed: number;
  /** Virtual nanoseconds per instruction: large makes programs slow and time cheap. */
  readonly nanosPerInstruction?: number;
  readonly engine?: MachineConfiguration['engine'];
  readonly memoryBytes?: number;
  readonly additions?: readonly { readonly host: string; readonly guest: string }[];
  readonly daemons?: readonly (readonly string[])[];
  readonly root?: boolean;
  /** Runs as os-core in place of the bundle's: the same sources as a test's own modules, so that it can look inside. */
  readonly osCore?: OsCore;
}

/** Everything that a saved machine consists of. */
export interface Saved {
  /** Pages that are not all zero. */
  readonly memory: ReadonlyMap<number, Uint8Array>;
  readonly devices: readonly DeviceSnapshot[];
  readonly kernel: Uint8Array;
  readonly world: World;
  readonly instructions: number;
}

const MEMORY_BYTES = 64 * 1024 * 1024;

export class TestMachine {
  readonly settings: SystemSettings;
  readonly machine: HostMachine;
  kernel: Kernel;
  private readonly world: World;
  private readonly osCore: OsCore;

  private constructor(settings: SystemSettings, world: World, saved: Saved | null) {
    this.settings = settings;
    this.world = world;
    const { disk, random } = world;
    const entropy: EntropyBackend = { fill: (target) => random.fill(target) };
    const variables = new MemoryVariables();
    if (world.variables !== null) variables.save(world.variables);
    const files = bootFiles();
    this.osCore = settings.osCore ?? files.osCore.exports;
    enrol(variables, [this.osCore.publicKeyOf(OWNER_SEED)], '');
    const streams = world.streams;
    this.machine = createMachine(
      {
        memoryBytes: settings.memoryBytes ?? MEMORY_BYTES,
        engine: settings.engine ?? 'interpreter',
        nanosPerInstruction: settings.nanosPerInstruction ?? 1,
        framebufferWidth: 320,
        framebufferHeight: 200,
      },
      {
        clock: { powerOnUnixMillis: POWER_ON_MILLIS },
        entropy,
        crypto: hostCrypto,
        variables,
        flash: files.flash,
        serial: streams[4],
        disks: [disk],
        network: null,
        consoles: STREAM_NAMES.slice(0, 4).map((name, n) => ({ name, backend: streams[n] })),
        display: null,
      },
    );
    const options = { systemKeys: files.systemKeys, init: ['/bin/init', JSON.stringify(this.initOptions())] };
    if (saved === null) {
      this.kernel = this.osCore.bootSystem(this.machine, options);
      return;
    }
    for (const [page, bytes] of saved.memory) this.machine.memory.writeBytes(page * PAGE_BYTES, bytes);
    this.machine.restoreDevices(saved.devices);
    this.kernel = this.osCore.restoreSystem(this.machine, saved.kernel, options);
  }

  static boot(settings: SystemSettings): TestMachine {
    const disk = new ThrowAwayDisk(new DiskImage(bootFiles().systemImage, { readOnly: true }));
    const additions = (settings.additions ?? []).map(({ host, guest }) => ({ host: path.resolve(host), guest }));
    if (additions.length > 0) addToVolume(disk, additions, OWNER_SEED, POWER_ON_MILLIS);
    const input = Buffer.from(settings.input ?? '', 'latin1');
    const world: World = {
      disk: new LayeredDisk(disk),
      random: new SeededRandom(settings.seed),
      variables: null,
      streams: STREAM_NAMES.map((_, n) => new Stream(n === 0 ? input : Buffer.alloc(0), n === 0)),
    };
    return new TestMachine(settings, world, null);
  }

  private initOptions(): InitOptions {
    const { command, daemons = [], root = false } = this.settings;
    const port = (name: string) => `/dev/virtio-ports/${name}`;
    return {
      daemons,
      main: {
        command,
        environment: ['PATH=/bin', 'HOME=/tmp', 'USER=user', 'SHELL=/bin/sh', 'LANG=C.UTF-8'],
        workingDirectory: '/tmp',
        userId: root ? 0 : 1000,
        groupId: root ? 0 : 1000,
        capabilities: 15,
        ownDevices: [],
        descriptors: [port('stdin'), port('stdout'), port('stderr')],
        builtins: [...this.osCore.shellBuiltins],
        waitForNetwork: false,
      },
      reportDevice: port('report'),
    };
  }

  get instructions(): number {
    return this.machine.cpu.instructionCount;
  }
  output(name: (typeof STREAM_NAMES)[number]): string {
    return this.world.streams[STREAM_NAMES.indexOf(name)].output;
  }
  hash(): string {
    return this.osCore.stateHash(this.kernel, this.machine.snapshotDevices());
  }

  /** Runs, in slices of `slice` instructions, to the power-off or to `limit` instructions; false = the limit came first. */
  run(options: { readonly slice?: number; readonly limit?: number; readonly until?: () => boolean } = {}): boolean {
    const { slice = 1_000_000, limit = Number.POSITIVE_INFINITY, until } = options;
    const { machine } = this;
    while (machine.powerState === 'on' && this.instructions < limit) {
      machine.pollBackends();
      const result = this.kernel.runSlice(Math.min(slice, limit - this.instructions));
      if (result === 'panic' || result === 'off' || until?.() === true) return true;
      if (result === 'idle') {
        const deadline = machine.nextDeadlineNanos();
        // Nothing will ever happen again: input is at its end, so this is a test that would hang.
        if (!Number.isFinite(deadline)) throw new Error('the machine sleeps for ever');
        machine.advanceTo(deadline);
      }
    }
    return machine.powerState !== 'on';
  }

  private copyOfWorld(): World {
    const random = new SeededRandom(0);
    random.state.set(this.world.random.state);
    return {
      disk: this.world.disk.copy(),
      random,
      variables: this.world.variables,
      streams: this.world.streams.map((stream) => stream.copy()),
    };
  }

  save(): Saved {
    const { memory } = this.machine;
    const pages = new Map<number, Uint8Array>();
    for (let page = 0; page < memory.dirtyGeneration.length; page++) {
      if (memory.dirtyGeneration[page] === 0) continue;
      const bytes = new Uint8Array(PAGE_BYTES);
      memory.readBytes(page * PAGE_BYTES, bytes);
      if (bytes.some((byte) => byte !== 0)) pages.set(page, bytes);
    }
    return {
      memory: pages,
      devices: structuredClone(this.machine.snapshotDevices()),
      kernel: this.osCore.snapshotKernel(this.kernel),
      world: this.copyOfWorld(),
      instructions: this.instructions,
    };
  }

  /** A fresh machine and kernel in the saved state. */
  static restore(settings: SystemSettings, saved: Saved): TestMachine {
    const { disk, random, variables, streams } = saved.world;
    const copy = new SeededRandom(0);
    copy.state.set(random.state);
    const world = { disk: disk.copy(), random: copy, variables, streams: streams.map((stream) => stream.copy()) };
    return new TestMachine(settings, world, saved);
  }
}
