// Everything that the kernel knows, as bytes and back; and one number for the whole machine.
//
//   machine file = RAM pages + devices (host) + this
//
// Only the machine and the kernel object itself are written by name; all else is reachable from KernelState.

import { assert } from '../../devices/base/assert.ts';
import { decodeGraph, encodeGraph } from '../../devices/base/object-graph.ts';
import { PAGE_BYTES } from '../../devices/base/physical-memory.ts';
import { xxh3 } from '../../devices/base/xxh3.ts';
import type { DeviceSnapshot } from '../../devices/contract/device.ts';
import { Kernel, type KernelEnvironment, KernelState } from './kernel.ts';
import { sharedConstants } from './shared-constants.ts';

/** Call between slices. Equal states give equal bytes. Throws Error with a path if something cannot be written (a mistake of ours). */
export function snapshotKernel(kernel: Kernel): Uint8Array {
  return encodeGraph(
    kernel.state,
    new Map<object, string>([
      [kernel.machine, 'machine'],
      [kernel, 'kernel'],
      ...[...sharedConstants].map(([name, value]): [object, string] => [value, `constant ${name}`]),
    ]),
  );
}

/** Makes a kernel from the bytes of snapshotKernel. RAM and devices must be restored already. Throws Error with one clear line. */
export function restoreKernel(environment: KernelEnvironment, bytes: Uint8Array): Kernel {
  const kernel = new Kernel(environment);
  const state = decodeGraph(
    bytes,
    new Map<string, object>([
      ['machine', environment.machine],
      ['kernel', kernel],
      ...[...sharedConstants].map(([name, value]): [string, object] => [`constant ${name}`, value]),
    ]),
  );
  assert(state instanceof KernelState, 'the snapshot holds no kernel');
  kernel.adopt(state);
  return kernel;
}

/** Counters of TLB hits and the like tell of the engine's caches, which are not part of the machine's state. */
function withoutStatistics(device: DeviceSnapshot): unknown {
  const { state } = device;
  if (state === null || typeof state !== 'object' || !('statistics' in state)) return device;
  return { ...device, state: { ...state, statistics: null } };
}

const isZero = (words: Int32Array, first: number, count: number): boolean => {
  for (let i = first; i < first + count; i++) if (words[i] !== 0) return false;
  return true;
};

/**
 * One hash over RAM (pages that are not all zero), the devices (as given: their written form) and the kernel. 16 hexadecimal digits.
 * `devices`: HostMachine.snapshotDevices().
 */
export function stateHash(kernel: Kernel, devices: readonly DeviceSnapshot[]): string {
  const { memory } = kernel.machine;
  const pages: number[] = [];
  for (let page = 0; page < memory.dirtyGeneration.length; page++)
    if (memory.dirtyGeneration[page] !== 0 && !isZero(memory.words32, page * (PAGE_BYTES / 4), PAGE_BYTES / 4))
      pages.push(page);
  const parts = new Uint8Array(pages.length * 16 + 16);
  const view = new DataView(parts.buffer);
  const copy = new Uint8Array(PAGE_BYTES);
  for (const [index, page] of pages.entries()) {
    copy.set(memory.bytes.subarray(page * PAGE_BYTES, (page + 1) * PAGE_BYTES));
    view.setUint32(index * 16, page, true);
    view.setBigUint64(index * 16 + 8, xxh3(copy), true);
  }
  view.setBigUint64(pages.length * 16, xxh3(encodeGraph(devices.map(withoutStatistics))), true);
  view.setBigUint64(pages.length * 16 + 8, xxh3(snapshotKernel(kernel)), true);
  return xxh3(parts).toString(16).padStart(16, '0');
}
