// The machine's thread of `euroos run`: reads workerData, runs the machine, posts the end. Never enters its event loop while
// the machine runs.

import { parentPort, workerData } from 'node:worker_threads';
import type { MachineBackends } from '../../devices/backends/backends.ts';
import type { InitOptions } from '../../os-core/services/init/options.ts';
import { builtinNames } from '../../os-core/shell/builtins/names.ts';
import { DiskImage, ThrowAwayDisk } from '../backends/disk-image.ts';
import { hostCrypto, hostEntropy, seededEntropy } from '../backends/host-crypto.ts';
import { ownerSeed, publicKeyOfSeed } from '../backends/owner-key.ts';
import { TraceLog } from '../backends/trace-log.ts';
import { ByteRing } from '../protocol/byte-ring.ts';
import {
  ControlWord,
  type HeadlessEnd,
  type HeadlessWorkerData,
  type RunFigures,
  StopReason,
} from '../protocol/headless-messages.ts';
import { addToVolume } from './additions.ts';
import { type BootFiles, loadBootFiles } from './boot-files.ts';
import { PreloadedInput, RingConsole, SerialLog } from './console-streams.ts';
import { enrol, MemoryVariables } from './firmware-variables.ts';
import { openNetwork } from './network.ts';
import { BootRefused, SEEDED_POWER_ON_MILLIS, Session } from './session.ts';
import { DoorbellWaiter } from './waiter.ts';

const data = workerData as HeadlessWorkerData;

function ring(buffer: SharedArrayBuffer): ByteRing {
  const end = new ByteRing(buffer);
  end.announce = () => parentPort?.postMessage({ kind: 'ring' });
  return end;
}

/** Collects the line that init writes when the main program has ended. */
class ReportPort {
  text = '';
  write(source: Uint8Array): number {
    this.text += Buffer.from(source).toString('latin1');
    return source.length;
  }
  read(): number {
    return 0;
  }
  size(): null {
    return null;
  }
}

function makeConsoles(report: ReportPort): MachineBackends['consoles'] {
  const { rings, terminals, preloadedInput } = data;
  const waitForRoom = data.seed !== null;
  const terminalSize = new Int32Array(rings.control, ControlWord.columns * 4, 2);
  const stdin = ring(rings.stdin);
  const input =
    preloadedInput === null ? new RingConsole({ input: stdin, output: null }) : new PreloadedInput(preloadedInput);
  const consoles = [
    { name: 'stdin', backend: input },
    { name: 'stdout', backend: new RingConsole({ input: null, output: ring(rings.stdout), waitForRoom }) },
    { name: 'stderr', backend: new RingConsole({ input: null, output: ring(rings.stderr), waitForRoom }) },
    { name: 'report', backend: report },
  ];
  if (terminals.includes(true))
    consoles.push({
      name: 'tty',
      backend: new RingConsole({ input: terminals[0] ? stdin : null, output: ring(rings.terminal), terminalSize }),
    });
  return consoles;
}

function initOptions(builtins: readonly string[]): InitOptions {
  const root = data.user === 'root';
  const home = root ? '/root' : `/home/${data.user}`;
  const interactive = data.command.length === 0;
  const names = ['stdin', 'stdout', 'stderr'] as const;
  const [input, output, errors] = names.map((name, i) => `/dev/virtio-ports/${data.terminals[i] ? 'tty' : name}`);
  return {
    daemons: [],
    main: {
      command: interactive ? ['/bin/sh'] : data.command,
      environment: [
        'PATH=/bin',
        `HOME=${home}`,
        `USER=${data.user}`,
        'SHELL=/bin/sh',
        'TERM=xterm-256color',
        'LANG=C.UTF-8',
        ...data.environment,
      ],
      workingDirectory: data.workingDirectory ?? home,
      userId: root ? 0 : 1000,
      groupId: root ? 0 : 1000,
      capabilities: data.capabilities,
      ownDevices: [],
      descriptors: [input, output, errors],
      builtins,
      waitForNetwork: data.waitForNetwork,
    },
    reportDevice: '/dev/virtio-ports/report',
  };
}

function figuresOf(session: Session): RunFigures {
  const { machine, kernel } = session;
  const { statistics, compilerStatistics: compiler } = machine.cpu;
  const { counters } = machine;
  return {
    bootMs: session.bootMillis,
    instructions: machine.cpu.instructionCount,
    slices: session.slices,
    faults: statistics.pageFaults,
    syscalls: statistics.systemCalls,
    tlbHits: statistics.tlbHits,
    tlbMisses: statistics.tlbMisses,
    jitRegions: compiler.regions,
    jitCodeBytes: compiler.codeBytes,
    jitLiveRegions: compiler.liveRegions,
    jitLiveCodeBytes: compiler.liveCodeBytes,
    jitCompileMs: compiler.compileMillis,
    jitInstructions: compiler.instructions,
    jitExits: compiler.exits,
    threadedInstructions: compiler.threadedInstructions,
    jitRefused: compiler.refused,
    ...counters,
    bootServiceCallsAfterExit: machine.bootServiceCallsAfterExit,
    // Hashing all memory takes a while: only for those who look at it.
    stateHash: data.stats === null ? '' : files.osCore.exports.stateHash(kernel, machine.snapshotDevices()),
  };
}

let files: BootFiles;

/** Powers on and runs to the end. Throws Error with one line if EuroOS cannot run. */
function run(): HeadlessEnd {
  files = loadBootFiles(data.bootFolder);
  const seeded = data.seed !== null;
  const seed = ownerSeed(data.configurationFolder);
  const disk =
    data.disk === null
      ? new ThrowAwayDisk(new DiskImage(files.systemImage, { readOnly: true }))
      : new DiskImage(data.disk, { readOnly: false });
  const powerOnUnixMillis = seeded ? SEEDED_POWER_ON_MILLIS : data.powerOnUnixMillis;
  if (data.additions.length > 0) addToVolume(disk, data.additions, seed, powerOnUnixMillis);
  const variables = new MemoryVariables();
  enrol(variables, [publicKeyOfSeed(seed)], '');
  const control = new Int32Array(data.rings.control);
  let session: Session | null = null;
  const network = openNetwork(data.network, {
    pcap: data.pcap,
    seeded,
    doorbell: control,
    folder: data.bootFolder,
    powerOnUnixMillis,
    nowNanos: () => session?.machine.nowNanos() ?? 0,
  });
  if (network.wakeDescriptor >= 0) parentPort?.postMessage({ kind: 'wake', descriptor: network.wakeDescriptor });
  const report = new ReportPort();
  const trace =
    data.trace.length === 0
      ? null
      : new TraceLog(data.trace, data.traceFile, () => session?.kernel.scheduler.current?.process.id ?? 0);
  try {
    session = new Session({
      configuration: {
        memoryBytes: data.memoryBytes,
        engine: data.engine,
        stopwatch: () => performance.now(),
        nanosPerInstruction: 1,
        framebufferWidth: 1024,
        framebufferHeight: 768,
      },
      backends: {
        clock: { powerOnUnixMillis },
        entropy: data.seed === null ? hostEntropy : seededEntropy(data.seed),
        crypto: hostCrypto,
        variables,
        flash: files.flash,
        serial: new SerialLog(data.serial, data.verbose),
        disks: [disk],
        network: network.backend,
        consoles: makeConsoles(report),
        display: null,
        ...(trace === null ? {} : { trace }),
      },
      osCore: files.osCore,
      systemKeys: files.systemKeys,
      init: ['/bin/init', JSON.stringify(initOptions(builtinNames))],
      seeded,
      waiter: network.waiter ?? new DoorbellWaiter(control),
    });
    const end = session.run(
      () => {
        if (Atomics.load(control, ControlWord.stop) !== StopReason.none) session?.stop();
      },
      () => trace?.flush(),
    );
    return conclude(session, end, report.text, Atomics.load(control, ControlWord.stop));
  } finally {
    network.close();
    trace?.close();
    if (disk instanceof DiskImage) {
      disk.flush();
      disk.close();
    }
  }
}

function conclude(session: Session, end: string, report: string, stop: number): HeadlessEnd {
  const figures = figuresOf(session);
  const panic = session.kernel.state.panic;
  if (end === 'panic')
    return { kind: 'end', outcome: 'panic', code: 0, text: `kernel panic: ${panic?.reason ?? ''}`, figures };
  const match = /^(exit|signal) (\d+)$/m.exec(report);
  if (match !== null)
    return { kind: 'end', outcome: match[1] as 'exit' | 'signal', code: Number(match[2]), text: '', figures };
  if (stop === StopReason.timeLimit) return { kind: 'end', outcome: 'time-limit', code: 0, text: '', figures };
  if (end === 'stopped') return { kind: 'end', outcome: 'stopped', code: 0, text: '', figures };
  return { kind: 'end', outcome: 'failed', code: 0, text: 'the system ended without running the program', figures };
}

try {
  parentPort?.postMessage(run());
} catch (error) {
  const expected = error instanceof BootRefused || (error instanceof Error && error.name === 'Error');
  const text = expected ? (error as Error).message : String((error as Error).stack ?? error);
  parentPort?.postMessage({ kind: 'end', outcome: 'failed', code: 0, text, figures: null } satisfies HeadlessEnd);
}
