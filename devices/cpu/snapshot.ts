// The written form of the CPU: the state area byte for byte, selectors and counters. Decoded code and TLBs are not state: they
// are made again from memory.

import type { DeviceSnapshot, SnapshotValue } from '../contract/device.ts';
import type { CpuCore } from './interpreter/core.ts';
import { getFlags } from './interpreter/flags.ts';
import { HIGH, LAZY_KIND, STATE_AREA_BYTES, TLB_HITS, VOID, WIDE } from './state-layout.ts';

const KIND = 'cpu';
const VERSION = 1;
const FIRST_SCRATCH = WIDE;

export function snapshotState(core: CpuCore): DeviceSnapshot {
  getFlags(core);
  const words = core.words.slice();
  // Scratch is no state: equal machines give equal bytes.
  for (let n = LAZY_KIND; n <= HIGH + 1; n++) words[n] = 0;
  words.fill(0, VOID, VOID + 2);
  words[TLB_HITS] = 0;
  words.fill(0, FIRST_SCRATCH);
  const statistics = core.statistics;
  return {
    kind: KIND,
    version: VERSION,
    state: {
      words,
      selectors: core.selectors.slice(),
      instructionCount: core.instructionCount,
      faultVector: core.faultVector,
      faultErrorCode: core.faultErrorCode,
      statistics: [
        statistics.tlbHits,
        core.mmu.misses,
        statistics.pageFaults,
        statistics.interrupts,
        statistics.systemCalls,
      ],
    },
  };
}

export function restoreState(core: CpuCore, snapshot: DeviceSnapshot): void {
  if (snapshot.kind !== KIND || snapshot.version !== VERSION)
    throw new Error(`cpu: cannot restore a snapshot of ${snapshot.kind} version ${snapshot.version}`);
  const state = snapshot.state as { readonly [key: string]: SnapshotValue };
  const { words, selectors, instructionCount, faultVector, faultErrorCode, statistics } = state;
  if (
    !(words instanceof Int32Array) ||
    words.length !== STATE_AREA_BYTES / 4 ||
    !(selectors instanceof Uint16Array) ||
    selectors.length !== 6 ||
    typeof instructionCount !== 'number' ||
    typeof faultVector !== 'number' ||
    typeof faultErrorCode !== 'number' ||
    !Array.isArray(statistics)
  )
    throw new Error('cpu: the snapshot is damaged');
  core.words.set(words);
  core.selectors.set(selectors);
  core.instructionCount = instructionCount;
  core.faultVector = faultVector;
  core.faultErrorCode = faultErrorCode;
  const [tlbHits, misses, pageFaults, interrupts, systemCalls] = statistics.map(Number);
  core.statistics.tlbHits = tlbHits;
  core.mmu.misses = misses;
  core.statistics.pageFaults = pageFaults;
  core.statistics.interrupts = interrupts;
  core.statistics.systemCalls = systemCalls;
}
