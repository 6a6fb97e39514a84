// Loads the os-core bundle so that the bytes that are hashed by the firmware are the bytes that run.

import fs from 'node:fs';
import vm from 'node:vm';

/** What dist/os-core.cjs exports. */
export type OsCore = typeof import('../../os-core/index.ts');

export interface LoadedOsCore {
  /** The exact bytes of the running bundle. */
  readonly bytes: Uint8Array;
  readonly exports: OsCore;
}

/** Reads `file` once; those bytes are evaluated when `exports` is first asked for, which must be after the firmware's check. */
export function loadOsCore(file: string): LoadedOsCore {
  const bytes = fs.readFileSync(file);
  let evaluated: OsCore | null = null;
  return {
    bytes,
    get exports(): OsCore {
      evaluated ??= evaluate(bytes, file);
      return evaluated;
    },
  };
}

function evaluate(bytes: Buffer, file: string): OsCore {
  const module = { exports: {} };
  const wrapper = vm.compileFunction(bytes.toString('utf8'), ['module', 'exports'], { filename: file });
  wrapper(module, module.exports);
  return module.exports as OsCore;
}
