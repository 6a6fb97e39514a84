// The files that the build makes and every host needs: os-core bundle, signed boot manifest, system image, public keys.

import fs from 'node:fs';
import path from 'node:path';
import type { BootFlash } from '../../devices/backends/backends.ts';
import { type LoadedOsCore, loadOsCore } from './os-core-bundle.ts';

export interface BootFiles {
  readonly osCore: LoadedOsCore;
  readonly flash: BootFlash;
  readonly systemKeys: readonly { readonly name: string; readonly publicKey: Uint8Array }[];
  readonly systemImage: string;
}

/** Reads them from `folder` (dist/ of a checkout, or the app's resources). */
export function loadBootFiles(folder: string): BootFiles {
  const osCore = loadOsCore(path.join(folder, 'os-core.cjs'));
  const systemKey = new Uint8Array(fs.readFileSync(path.join(folder, 'system.key')));
  return {
    osCore,
    flash: {
      loader: osCore.bytes,
      manifest: fs.readFileSync(path.join(folder, 'boot-manifest.toml')),
      signature: fs.readFileSync(path.join(folder, 'boot-manifest.sig')),
      platformKeys: [systemKey],
    },
    systemKeys: [{ name: 'EuroOS', publicKey: systemKey }],
    systemImage: path.join(folder, 'system.img'),
  };
}
