// The owner's key: made on first use in the user's configuration folder. What it signs may run on the owner's machines.

import { createPrivateKey, createPublicKey, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const SEED_BYTES = 32;
/** PKCS#8 header of an Ed25519 seed (RFC 8410 section 7). */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

/** The user's configuration folder for EuroOS (XDG base directory specification). */
export function configurationFolder(environment: Readonly<Record<string, string | undefined>>): string {
  const base = environment.XDG_CONFIG_HOME;
  return path.join(base !== undefined && path.isAbsolute(base) ? base : path.join(os.homedir(), '.config'), 'euroos');
}

/** The 32-byte Ed25519 seed. Throws an Error with one line if the file is damaged or cannot be made. */
export function ownerSeed(folder: string): Uint8Array {
  const file = path.join(folder, 'owner.seed');
  if (!fs.existsSync(file)) {
    fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
    try {
      fs.writeFileSync(file, randomBytes(SEED_BYTES), { mode: 0o600, flag: 'wx' });
    } catch (error) {
      // Another EuroOS made it at the same moment: its key is as good.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
  const seed = new Uint8Array(fs.readFileSync(file));
  if (seed.length !== SEED_BYTES) throw new Error(`${file} is damaged: the owner's key must have ${SEED_BYTES} bytes`);
  return seed;
}

/** The public key (32 bytes) of a seed. */
export function publicKeyOfSeed(seed: Uint8Array): Uint8Array {
  const key = createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' });
  return new Uint8Array(createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-SEED_BYTES));
}
