// The machine's network port as the command line or the settings ask for it.

import fs from 'node:fs';
import path from 'node:path';
import type { NetworkBackend } from '../../devices/backends/backends.ts';
import { ThreadUdpRelay } from '../backends/nat/udp-relay.ts';
import { resolverOf, UserNat } from '../backends/nat/user-nat.ts';
import { PcapRecorder } from '../backends/pcap.ts';
import { TapInterface } from '../backends/tap.ts';
import type { Waiter } from './waiter.ts';

export type NetworkChoice =
  | { readonly kind: 'none' }
  | { readonly kind: 'user' }
  | { readonly kind: 'tap'; readonly name: string };

export interface OpenedNetwork {
  /** null: the machine has no network card. */
  readonly backend: NetworkBackend | null;
  /** How to sleep so that received frames wake the thread; null: the doorbell is enough. */
  readonly waiter: Waiter | null;
  /** Descriptor of an eventfd that other threads must write besides ringing the doorbell; -1 = none. They close it at the end. */
  readonly wakeDescriptor: number;
  close(): void;
}

export interface NetworkOptions {
  /** File for a recording of all frames, null = none. */
  readonly pcap: string | null;
  /** Seeded runs have no way out of the process. */
  readonly seeded: boolean;
  /** The machine thread's doorbell. */
  readonly doorbell: Int32Array;
  /** Folder of the build's worker bundles. */
  readonly folder: string;
  readonly powerOnUnixMillis: number;
  /** The machine's time, 0 while there is no machine yet. */
  nowNanos(): number;
}

const MAC_ADDRESS = Uint8Array.of(0x52, 0x54, 0x00, 0x12, 0x34, 0x56);

/** Sleeps on the TAP and the eventfd. */
class TapWaiter implements Waiter {
  private readonly tap: TapInterface;
  constructor(tap: TapInterface) {
    this.tap = tap;
  }
  mark(): number {
    return 0;
  }
  wait(_mark: number, timeoutMillis: number): void {
    this.tap.wait(timeoutMillis);
  }
}

/** Opens the network. Throws an Error with one line (no such TAP, no permission, recording cannot be written). */
export function openNetwork(choice: NetworkChoice, options: NetworkOptions): OpenedNetwork {
  if (choice.kind === 'none') return { backend: null, waiter: null, wakeDescriptor: -1, close: () => {} };
  const tap = choice.kind === 'tap' ? new TapInterface(choice.name, MAC_ADDRESS) : null;
  const relay =
    tap === null && !options.seeded
      ? new ThreadUdpRelay(path.join(options.folder, 'udp-relay-worker.cjs'), options.doorbell)
      : null;
  const port = tap ?? new UserNat(MAC_ADDRESS, relay, hostResolver(), options.nowNanos);
  const recorder = options.pcap === null ? null : new PcapRecorder(port, options.pcap, options);
  return {
    backend: recorder ?? port,
    waiter: tap === null ? null : new TapWaiter(tap),
    wakeDescriptor: tap?.wakeDescriptor ?? -1,
    close() {
      recorder?.close();
      if (recorder !== null && recorder.failure !== null) console.error(`euroos: --pcap: ${recorder.failure}`);
      relay?.close();
      tap?.close();
    },
  };
}

function hostResolver(): number | null {
  try {
    return resolverOf(fs.readFileSync('/etc/resolv.conf', 'utf8'));
  } catch {
    // No resolver configured: names cannot be looked up, everything else works.
    return null;
  }
}
