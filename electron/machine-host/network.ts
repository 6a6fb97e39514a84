// The machine's network port as the command line or the settings ask for it.

import type { NetworkBackend } from '../../devices/backends/backends.ts';
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
  close(): void;
}
