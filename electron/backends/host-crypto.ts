// Bulk cryptography of the host's OpenSSL for the virtio-crypto device and the firmware's checks, and the host's entropy.

import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createPublicKey,
  randomFillSync,
  verify,
} from 'node:crypto';
import type { CryptoBackend, EntropyBackend } from '../../devices/backends/backends.ts';
import { SeededRandom } from '../../devices/base/random.ts';

/** SubjectPublicKeyInfo header of an Ed25519 key (RFC 8410 section 4). */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');

export const hostCrypto: CryptoBackend = {
  hash: (algorithm, data) => createHash(algorithm).update(data).digest(),
  hmac: (algorithm, key, data) => createHmac(algorithm, key).update(data).digest(),
  cipher(algorithm, direction, key, iv, data) {
    if (![16, 24, 32].includes(key.length) || iv.length !== 16) return null;
    const name = `aes-${key.length * 8}-${algorithm.slice(4)}`;
    const transform = direction === 'encrypt' ? createCipheriv(name, key, iv) : createDecipheriv(name, key, iv);
    if (algorithm === 'aes-cbc') {
      if (data.length % 16 !== 0) return null;
      transform.setAutoPadding(false);
    }
    return Buffer.concat([transform.update(data), transform.final()]);
  },
  verifyEd25519(publicKey, message, signature) {
    if (publicKey.length !== 32 || signature.length !== 64) return false;
    try {
      const key = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, publicKey]), format: 'der', type: 'spki' });
      return verify(null, message, key, signature);
    } catch {
      return false;
    }
  },
};

export const hostEntropy: EntropyBackend = {
  fill(target) {
    // randomFillSync refuses views of shared memory on some versions; the copy costs little at these sizes.
    const bytes = new Uint8Array(target.length);
    randomFillSync(bytes);
    target.set(bytes);
  },
};

/** Repeatable entropy for `--seed`. */
export function seededEntropy(seed: number): EntropyBackend {
  const random = new SeededRandom(seed);
  return { fill: (target) => random.fill(target) };
}
