// The development key of this checkout: signs the boot manifest and the system image of development builds.
// Release builds are signed elsewhere; a release never contains this key.

import { generateKeyPairSync } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { dist } from './steps.mjs';

export const developmentKeyFile = path.join(dist, 'keys/development.seed');

/** Makes the 32-byte Ed25519 seed if this checkout has none. */
export function ensureDevelopmentKey() {
  if (fs.existsSync(developmentKeyFile) && fs.statSync(developmentKeyFile).size === 32) return;
  fs.mkdirSync(dist, { recursive: true });
  fs.mkdirSync(path.dirname(developmentKeyFile), { recursive: true, mode: 0o700 });
  const { privateKey } = generateKeyPairSync('ed25519');
  // PKCS#8 of Ed25519 ends with the 32-byte seed (RFC 8410 section 7).
  const seed = privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(-32);
  fs.writeFileSync(developmentKeyFile, seed, { mode: 0o600 });
}
