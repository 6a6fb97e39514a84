// A kernel on the real machine with programs made from bytes: for tests of scheduling, traps, calls and snapshots without a disk.

import { createHash } from 'node:crypto';
import { registerClass } from '../../devices/base/object-graph.ts';
import { createMachine } from '../../devices/machine/index.ts';
import type { PersonalComputer } from '../../devices/machine/machine.ts';
import { ALL_ORDINARY_CAPABILITIES } from '../../os-core/abi/capability.ts';
import { Errno } from '../../os-core/abi/errno.ts';
import { boot } from '../../os-core/boot/loader.ts';
import { driverSubsystem } from '../../os-core/drivers/startup.ts';
import { createKernel, type Kernel, type KernelEnvironment } from '../../os-core/kernel/kernel.ts';
import { startProgram } from '../../os-core/kernel/process/lifecycle.ts';
import type { Process } from '../../os-core/kernel/process/process.ts';
import type { ProcessFiles, ProgramFile } from '../../os-core/kernel/process/seams.ts';
import type { Task } from '../../os-core/kernel/process/task.ts';
import { restoreKernel } from '../../os-core/kernel/snapshot.ts';
import type { SystemCallEntry } from '../../os-core/kernel/syscalls/handler.ts';
import type { SystemTask } from '../../os-core/sdk/system-task.ts';
import { testBackends, testConfiguration } from './machine-fixture.ts';

/** An ELF file with `code` at 0x401000 and 64 KiB of writable memory at 0x402000. */
export function elfOf(code: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(4096 + code.length);
  const view = new DataView(bytes.buffer);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(16, 2, true);
  view.setUint16(18, 62, true);
  view.setUint32(20, 1, true);
  view.setUint32(24, 0x401000, true);
  view.setUint32(32, 64, true);
  view.setUint16(54, 56, true);
  view.setUint16(56, 2, true);
  const segment = (at: number, flags: number, offset: number, address: number, file: number, memory: number): void => {
    view.setUint32(at, 1, true);
    view.setUint32(at + 4, flags, true);
    view.setUint32(at + 8, offset, true);
    view.setUint32(at + 16, address, true);
    view.setUint32(at + 32, file, true);
    view.setUint32(at + 40, memory, true);
    view.setUint32(at + 48, 4096, true);
  };
  segment(64, 5, 4096, 0x401000, code.length, code.length);
  segment(120, 6, 0, 0x410000, 0, 0x10000);
  bytes.set(code, 4096);
  return bytes;
}

/** Bytes from hexadecimal text with any spacing. */
export function hex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.replace(/[^0-9a-fA-F]/g, ''), 'hex'));
}

class BytesProgram implements ProgramFile {
  readonly path: string;
  readonly sizeBytes: number;
  readonly contentIdentity: string;
  readonly onlyWriter = -1;
  private readonly bytes: Uint8Array;
  constructor(path: string, bytes: Uint8Array) {
    this.path = path;
    this.bytes = bytes;
    this.sizeBytes = bytes.length;
    this.contentIdentity = createHash('sha256').update(bytes).digest('hex');
  }
  readSignature(): null {
    return null;
  }
  readInto(_kernel: Kernel, _task: Task, offset: number, target: Uint8Array): number {
    const part = this.bytes.subarray(offset, offset + target.length);
    target.set(part);
    return part.length;
  }
  retain(): void {}
  release(): void {}
}
registerClass('test.BytesProgram', 1, BytesProgram);

class BytesFiles implements ProcessFiles {
  private readonly programs: Map<string, Uint8Array>;
  constructor(programs: Map<string, Uint8Array>) {
    this.programs = programs;
  }
  get(): null {
    return null;
  }
  copy(): ProcessFiles {
    return this;
  }
  closeOnExec(): void {}
  release(): void {}
  setFileModeMask(): number {
    return 0o22;
  }
  openProgram(_kernel: Kernel, _task: Task, _directory: number, path: string): ProgramFile | number {
    const bytes = this.programs.get(path);
    return bytes === undefined ? -Errno.ENOENT : new BytesProgram(path, bytes);
  }
}
registerClass('test.BytesFiles', 1, BytesFiles);

export interface TestSystem {
  readonly machine: PersonalComputer;
  readonly kernel: Kernel;
  readonly environment: KernelEnvironment;
  /** Starts a program made of machine code, or of the bytes of a whole file. */
  readonly start: (
    code: Uint8Array,
    options?: { readonly file?: boolean; readonly arguments?: readonly string[] },
  ) => Process;
  /** Gives the system a file that execve finds. */
  readonly addFile: (path: string, bytes: Uint8Array) => void;
  readonly serialText: () => string;
  /** Slices until `done` or until `most` slices have run; jumps over idle time. */
  readonly runUntil: (done: () => boolean, most?: number, slice?: number) => void;
}

/** An ever-living process 1 keeps the machine on: pause for ever. */
const PAUSE_FOREVER = hex('b822000000 0f05 ebf7');

const configuration = {
  ...testConfiguration,
  // A slow clock: a tick every 50,000 instructions keeps tests of pre-emption short.
  nanosPerInstruction: 200,
};

export function createTestSystem(
  options: {
    readonly systemTasks?: readonly SystemTask<unknown>[];
    /** Signature check by SHA-256 of the file; everything is signed by default. */
    readonly isSigned?: (contentSha256: Uint8Array) => boolean;
    /** More rows for the system call table. */
    readonly extra?: readonly SystemCallEntry[];
    readonly initCode?: Uint8Array;
  } = {},
): TestSystem {
  const backends = testBackends();
  const deterministic = { ...backends, entropy: { fill: (target: Uint8Array) => target.fill(7) } };
  const machine = createMachine(configuration, deterministic) as PersonalComputer;
  const environment: KernelEnvironment = {
    machine,
    systemTasks: options.systemTasks ?? [],
    subsystems: [driverSubsystem, { name: 'test', systemCalls: options.extra ?? [], start: () => undefined }],
    security: {
      sha256: (bytes) => Uint8Array.from(createHash('sha256').update(bytes).digest()),
      verifyProgram: ({ contentSha256 }) =>
        (options.isSigned?.(contentSha256) ?? true)
          ? { ok: true, keyName: 'test' }
          : { ok: false, reason: 'not signed' },
    },
  };
  const kernel = createKernel({ ...environment, bootInformation: boot(machine) });
  const programs = new Map<string, Uint8Array>();
  const launch = (path: string, bytes: Uint8Array, argumentList: readonly string[]): Process => {
    programs.set(path, bytes);
    const process = startProgram(kernel, {
      path,
      arguments: argumentList,
      environment: ['LANG=C'],
      capabilities: ALL_ORDINARY_CAPABILITIES,
      credentials: { userId: 0, groupId: 0, supplementaryGroups: [] },
      files: new BytesFiles(programs),
    });
    if (typeof process === 'number') throw new Error(`startProgram: ${process}`);
    return process;
  };
  launch('/init', elfOf(options.initCode ?? PAUSE_FOREVER), ['init']);
  return assemble(machine, kernel, environment, programs, launch, () => Buffer.from(backends.serialBytes).toString());
}

/** A second machine in the state of `system`, which is left alone: RAM, devices and kernel go through their written form. */
export function restoreTestSystem(system: TestSystem): TestSystem {
  const backends = testBackends();
  const deterministic = { ...backends, entropy: { fill: (target: Uint8Array) => target.fill(7) } };
  const machine = createMachine(configuration, deterministic) as PersonalComputer;
  const { memory } = system.machine;
  const page = new Uint8Array(4096);
  for (let address = 0; address < memory.sizeBytes; address += page.length) {
    memory.readBytes(address, page);
    machine.memory.writeBytes(address, page);
  }
  machine.memory.dirtyGeneration.set(memory.dirtyGeneration);
  machine.restoreDevices(system.machine.snapshotDevices());
  const environment = { ...system.environment, machine };
  const kernel = restoreKernel(environment, system.kernel.snapshot());
  return assemble(
    machine,
    kernel,
    environment,
    new Map(),
    () => {
      throw new Error('a restored system starts no programs');
    },
    () => Buffer.from(backends.serialBytes).toString(),
  );
}

type Launch = (path: string, bytes: Uint8Array, argumentList: readonly string[]) => Process;

function assemble(
  machine: PersonalComputer,
  kernel: Kernel,
  environment: KernelEnvironment,
  programs: Map<string, Uint8Array>,
  launch: Launch,
  serialText: () => string,
): TestSystem {
  let count = 0;
  return {
    machine,
    kernel,
    environment,
    addFile: (path, bytes) => void programs.set(path, bytes),
    start: (code, { file = false, arguments: list = ['program'] } = {}) =>
      launch(`/program${count++}`, file ? code : elfOf(code), list),
    serialText,
    runUntil: (done, most = 10_000, slice = 100_000) => {
      for (let slices = 0; slices < most && !done(); slices++) {
        const result = kernel.runSlice(slice);
        if (result === 'off' || result === 'panic') return;
        if (result === 'idle') {
          const next = machine.nextDeadlineNanos();
          if (next === Infinity) return;
          machine.advanceTo(next);
        }
      }
    },
  };
}
