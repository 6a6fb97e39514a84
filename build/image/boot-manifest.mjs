// The boot manifest: pins the os-core bundle that may boot, signed with the development key of this checkout.

import { createHash, createPrivateKey, createPublicKey, sign } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { developmentKeyFile } from '../setup/keys.mjs';
import { dist } from '../setup/steps.mjs';

/** PKCS#8 header of an Ed25519 seed (RFC 8410 section 7). */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');
const DOMAIN = Buffer.from('EUROOS-BOOT-1\0');

/** Writes dist/boot-manifest.toml, its signature and the public key from dist/os-core.cjs. */
export function writeBootManifest(version) {
  const bundle = fs.readFileSync(path.join(dist, 'os-core.cjs'));
  const seed = fs.readFileSync(developmentKeyFile);
  const key = createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' });
  const manifest = Buffer.from(
    `# Boot manifest of EuroOS: the firmware starts only what is pinned here.\n` +
      `format = 1\nversion = "${version}"\nos_core_sha256 = "${createHash('sha256').update(bundle).digest('hex')}"\n`,
  );
  fs.writeFileSync(path.join(dist, 'boot-manifest.toml'), manifest);
  fs.writeFileSync(path.join(dist, 'boot-manifest.sig'), sign(null, Buffer.concat([DOMAIN, manifest]), key));
  const publicKey = createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-32);
  fs.writeFileSync(path.join(dist, 'system.key'), publicKey);
}
