// For tests of the wiring: backends in memory, and a processor that only counts. The real processor is tested with the machine
// in test/boot; here the chips are what matters.

import { createHash, createHmac, generateKeyPairSync, randomBytes, sign, verify } from 'node:crypto';
import type { MachineBackends } from '../../devices/backends/backends.ts';
import { restoreState, writeState } from '../../devices/base/device-state.ts';
import { type Cpu, TrapKind } from '../../devices/contract/cpu.ts';
import type { DeviceSnapshot, Snapshotable } from '../../devices/contract/device.ts';
import type { PersonalComputer } from '../../devices/machine/machine.ts';
import { buildMachine } from '../../devices/machine/wiring.ts';

const keys = generateKeyPairSync('ed25519');
const publicKey = keys.publicKey.export({ format: 'der', type: 'spki' }).subarray(-32);

export class CountingProcessor implements Snapshotable {
  private readonly state = { instructionCount: 0, interruptFlag: false, trapVector: 0 };
  readonly generalRegisters = new Int32Array(32);
  rip = 0n;
  rflags = 2n;

  get instructionCount(): number {
    return this.state.instructionCount;
  }
  get trapVector(): number {
    return this.state.trapVector;
  }
  get interruptFlag(): boolean {
    return this.state.interruptFlag;
  }
  setInterruptFlag(on: boolean): void {
    this.state.interruptFlag = on;
  }
  run(budget: number): TrapKind {
    this.state.instructionCount += budget;
    return TrapKind.budget;
  }
  chargeInstructions(count: number): void {
    this.state.instructionCount += count;
  }
  deliver(vector: number): TrapKind {
    this.state.trapVector = vector;
    return TrapKind.interrupt;
  }
  writeControl(): void {}
  writeMsr(): void {}
  writeRegister(): void {}
  loadGlobalDescriptorTable(): void {}
  loadInterruptDescriptorTable(): void {}
  loadSegments(): void {}
  snapshot(): DeviceSnapshot {
    return writeState('counting-processor', 1, this.state);
  }
  restore(snapshot: DeviceSnapshot): void {
    restoreState('counting-processor', 1, snapshot, this.state);
  }
}

export const testConfiguration = {
  memoryBytes: 64 * 1024 * 1024,
  engine: 'interpreter',
  nanosPerInstruction: 1,
  framebufferWidth: 640,
  framebufferHeight: 480,
} as const;

export function testBackends(): MachineBackends & { readonly serialBytes: number[] } {
  const loader = new TextEncoder().encode('the os-core bundle');
  const hash = createHash('sha256').update(loader).digest('hex');
  const manifest = new TextEncoder().encode(`version = 1\nos_core_sha256 = "${hash}"\n`);
  const message = Buffer.concat([Buffer.from('EUROOS-BOOT-1\0'), manifest]);
  const serialBytes: number[] = [];
  let stored: Uint8Array | null = null;
  return {
    serialBytes,
    clock: { powerOnUnixMillis: Date.UTC(2026, 1, 3, 4, 5, 6) },
    entropy: { fill: (target) => target.set(randomBytes(target.length)) },
    crypto: {
      hash: (algorithm, data) => createHash(algorithm).update(data).digest(),
      hmac: (algorithm, key, data) => createHmac(algorithm, key).update(data).digest(),
      cipher: () => null,
      verifyEd25519: (key, data, signature) =>
        Buffer.from(key).equals(publicKey) && verify(null, data, keys.publicKey, signature),
    },
    variables: {
      load: () => stored,
      save: (bytes) => {
        stored = bytes;
      },
    },
    flash: { loader, manifest, signature: sign(null, message, keys.privateKey), platformKeys: [publicKey] },
    serial: {
      write: (source) => {
        serialBytes.push(...source);
        return source.length;
      },
      read: () => 0,
      size: () => null,
    },
    disks: [],
    network: null,
    consoles: [],
    display: null,
  };
}

export function testMachine(backends: MachineBackends = testBackends()): {
  machine: PersonalComputer;
  cpu: CountingProcessor;
  serialText: () => string;
} {
  const cpu = new CountingProcessor();
  const machine = buildMachine(testConfiguration, backends, () => cpu as unknown as Cpu & Snapshotable);
  const bytes = (backends as { serialBytes?: number[] }).serialBytes ?? [];
  return { machine, cpu, serialText: () => Buffer.from(bytes).toString() };
}
