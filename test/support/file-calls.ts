// File calls on the real kernel, for tests: a system task runs a list of calls; the disk is EuroFS on virtio-blk of the real machine.

import { createHash } from 'node:crypto';
import { expect } from 'vitest';
import type { BlockBackend } from '../../devices/backends/backends.ts';
import { createMachine } from '../../devices/machine/index.ts';
import type { PersonalComputer } from '../../devices/machine/machine.ts';
import { ALL_ORDINARY_CAPABILITIES } from '../../os-core/abi/capability.ts';
import { SystemCall } from '../../os-core/abi/system-call-numbers.ts';
import { boot } from '../../os-core/boot/loader.ts';
import { driverSubsystem } from '../../os-core/drivers/startup.ts';
import { MemoryBlockStore, VolumeTool } from '../../os-core/eurofs/index.ts';
import { createKernel, type KernelEnvironment } from '../../os-core/kernel/kernel.ts';
import { networkSubsystem } from '../../os-core/kernel/network/subsystem.ts';
import { startProgram } from '../../os-core/kernel/process/lifecycle.ts';
import { newFileTable, vfsSubsystem } from '../../os-core/kernel/vfs/subsystem.ts';
import type { SystemTask, TaskEvent, TaskRequest } from '../../os-core/sdk/system-task.ts';
import { testBackends, testConfiguration } from './machine-fixture.ts';

const uuid = new Uint8Array(16).fill(9);
export const OWNER = { user: 1000, group: 1000 };
/** open(2) flags. */
export const O = {
  read: 0,
  write: 1,
  both: 2,
  create: 0o100,
  exclusive: 0o200,
  truncate: 0o1000,
  append: 0o2000,
  nonBlock: 0o4000,
};

/** One call with its arguments: numbers, text (put into the arena, NUL-terminated), or a buffer of so many bytes to be read back. */
export type Argument = number | string | { readonly buffer: number } | { readonly bytes: Uint8Array };
export type Call = readonly [name: keyof typeof SystemCall, ...parameters: Argument[]];
export interface Result {
  readonly value: number;
  readonly data: Uint8Array;
}
export type Script = (results: readonly Result[]) => Call | null;

/** Lays the pointers of a call out in the arena: inputs first, then the one output buffer. */
function requestOf([name, ...parameters]: Call): TaskRequest {
  const payload: number[] = [];
  let output: { at: number; length: number } | null = null;
  const list = parameters.map((parameter) => {
    if (typeof parameter === 'number') return parameter;
    const at = payload.length;
    if (typeof parameter === 'string') payload.push(...Buffer.from(parameter, 'latin1'), 0);
    else if ('bytes' in parameter) payload.push(...parameter.bytes);
    else {
      output = { at: 65536, length: parameter.buffer };
      return { at: 65536 };
    }
    while (payload.length % 8 !== 0) payload.push(0);
    return { at };
  });
  const result = output as { at: number; length: number } | null;
  return {
    call: SystemCall[name],
    arguments: list,
    payload: Uint8Array.from(payload),
    ...(result === null ? {} : { resultAt: result.at, resultLength: result.length }),
  };
}

interface ProbeState {
  results: { value: number; data: Uint8Array }[];
}
let script: Script = () => null;

const probe: SystemTask<ProbeState> = {
  name: 'probe',
  version: 1,
  create: () => ({ results: [] }),
  step(state, event: TaskEvent): TaskRequest {
    if (event.kind === 'result') state.results.push({ value: event.value, data: event.data });
    const next = script(state.results);
    finished = state.results;
    return next === null ? { call: SystemCall.pause, arguments: [] } : requestOf(next);
  },
};
let finished: Result[] = [];

export class MemoryDisk implements BlockBackend {
  readonly bytes: Uint8Array;
  readonly readOnly = false;
  readonly serial = 'test';
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }
  get sizeBytes(): number {
    return this.bytes.length;
  }
  read(offset: number, target: Uint8Array): boolean {
    target.set(this.bytes.subarray(offset, offset + target.length));
    return true;
  }
  write(offset: number, source: Uint8Array): boolean {
    this.bytes.set(source, offset);
    return true;
  }
  flush(): boolean {
    return true;
  }
}

export function newDisk(): Uint8Array {
  const bytes = new Uint8Array(4 * 1024 * 1024);
  const tool = VolumeTool.format(new MemoryBlockStore(bytes), { uuid, nowSeconds: 1_700_000_000, label: 'test' });
  for (const folder of ['/bin', '/dev', '/proc', '/sys', '/tmp']) tool.makeFolder(folder);
  tool.makeFolder('/home', 0o755, OWNER);
  tool.makeFolder('/secret', 0o700);
  tool.writeFile('/bin/probe', Buffer.from('EUROTASK\nprobe\n'), 0o755);
  tool.writeFile('/home/large', Buffer.alloc(100_000, 'abcdefghij'), 0o644, OWNER);
  tool.setAttribute('/bin/probe', 'security.euroos', new Uint8Array(88));
  tool.commit();
  return bytes;
}

/** Runs calls one after the other on a fresh machine as user 1000; a function gets the results so far. */
export function run(
  calls: readonly (Call | ((results: readonly Result[]) => Call))[],
  disk = newDisk(),
  capabilities = ALL_ORDINARY_CAPABILITIES,
) {
  script = (results) => {
    const call = calls[results.length];
    if (call === undefined) return null;
    return typeof call === 'function' ? call(results) : call;
  };
  finished = [];
  const backends = testBackends();
  const machine = createMachine(testConfiguration, { ...backends, disks: [new MemoryDisk(disk)] }) as PersonalComputer;
  const environment: KernelEnvironment = {
    machine,
    systemTasks: [probe as SystemTask<unknown>],
    subsystems: [driverSubsystem, vfsSubsystem, networkSubsystem],
    security: {
      sha256: (bytes) => Uint8Array.from(createHash('sha256').update(bytes).digest()),
      verifyProgram: () => ({ ok: true, keyName: 'test' }),
    },
  };
  const kernel = createKernel({ ...environment, bootInformation: boot(machine) });
  startProgram(kernel, {
    path: '/bin/probe',
    arguments: ['probe'],
    environment: ['HOME=/home'],
    capabilities,
    credentials: { userId: 1000, groupId: 1000, supplementaryGroups: [] },
    files: newFileTable(),
  });
  for (let slice = 0; slice < 3000 && finished.length < calls.length; slice++) {
    const result = kernel.runSlice(100_000);
    if (result === 'off' || result === 'panic') break;
    if (result !== 'idle') continue;
    const next = machine.nextDeadlineNanos();
    if (next === Infinity) break;
    machine.advanceTo(next);
  }
  const log = Buffer.from(backends.serialBytes).toString();
  expect(finished.length, log).toBe(calls.length);
  return { results: finished, values: finished.map((result) => result.value), kernel, environment, disk, log };
}
/** What a call has read. */
export const text = (result: Result, length = result.value): string =>
  Buffer.from(result.data.subarray(0, length)).toString('latin1');
