// Detached signatures of programs: what may reach ring 3.
//
//   security.euroos (extended attribute), 88 bytes:
//     0        8                24                                88
//     | EUROSIG1 | key id (16)    | Ed25519 signature (64)         |
//   key id  = first 16 bytes of SHA-256(public key)
//   message = 'EUROOS-PROGRAM-1\0' + SHA-256(file contents)
//
// The file's bytes stay as they are, so an unmodified binary from elsewhere can be signed by the machine's owner.
// Verification is strict RFC 8032 (zip215 off): the lenient rule accepts small-order keys for any message.

import * as ed25519 from '@noble/ed25519';
import { sha256, sha512 } from '@noble/hashes/sha2.js';

ed25519.hashes.sha512 = (message) => sha512(message) as Uint8Array<ArrayBuffer>;

export const SIGNATURE_ATTRIBUTE = 'security.euroos';
export const SIGNATURE_BYTES = 88;
const MAGIC = new TextEncoder().encode('EUROSIG1');
const PROGRAM_DOMAIN = new TextEncoder().encode('EUROOS-PROGRAM-1\0');
const BOOT_DOMAIN = new TextEncoder().encode('EUROOS-BOOT-1\0');
const KEY_ID_BYTES = 16;

/** A key that the machine trusts. `name` is shown to people ("EuroOS development", "owner"). */
export interface TrustedKey {
  readonly name: string;
  /** 32 bytes, RFC 8032. */
  readonly publicKey: Uint8Array;
}

export type Verdict =
  | { readonly ok: true; readonly keyName: string }
  /** `reason` completes the sentence "PROGRAM is …". */
  | { readonly ok: false; readonly reason: string };

/** First 16 bytes of SHA-256 of a public key. */
export function keyId(publicKey: Uint8Array): Uint8Array {
  return sha256(publicKey).slice(0, KEY_ID_BYTES);
}

function concatenate(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

/** The message that a boot manifest's signature covers. */
export function bootManifestMessage(manifest: Uint8Array): Uint8Array {
  return concatenate(BOOT_DOMAIN, manifest);
}

/** Public key (32 bytes) of a 32-byte seed. */
export function publicKeyOf(seed: Uint8Array): Uint8Array {
  return ed25519.getPublicKey(seed);
}

/** Ed25519 over any message; 64 bytes. Callers give messages of their own domain (see bootManifestMessage). */
export function signMessage(seed: Uint8Array, message: Uint8Array): Uint8Array {
  return ed25519.sign(message, seed);
}

/** Strict verification; false for anything malformed, never throws. */
export function verifyMessage(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== 32 || signature.length !== 64) return false;
  try {
    return ed25519.verify(signature, message, publicKey, { zip215: false });
  } catch {
    // noble throws for points that are not on the curve: an invalid signature, nothing else.
    return false;
  }
}

/** The attribute value that lets a program with these contents run. `seed`: 32-byte private key. */
export function signProgram(seed: Uint8Array, contentSha256: Uint8Array): Uint8Array {
  const publicKey = publicKeyOf(seed);
  return concatenate(MAGIC, keyId(publicKey), signMessage(seed, concatenate(PROGRAM_DOMAIN, contentSha256)));
}

/** Decides whether a program may run. `signature` null = the file carries none. Bounded work: one verification. */
export function verifyProgram(request: {
  readonly contentSha256: Uint8Array;
  readonly signature: Uint8Array | null;
  readonly trustedKeys: readonly TrustedKey[];
}): Verdict {
  const { contentSha256, signature, trustedKeys } = request;
  if (signature === null) return { ok: false, reason: 'not signed' };
  if (signature.length !== SIGNATURE_BYTES || !equal(signature.subarray(0, 8), MAGIC))
    return { ok: false, reason: 'signed in a form that this system does not know' };
  const wanted = signature.subarray(8, 8 + KEY_ID_BYTES);
  const key = trustedKeys.find((candidate) => equal(keyId(candidate.publicKey), wanted));
  if (key === undefined) return { ok: false, reason: 'not signed by a trusted key' };
  if (!verifyMessage(key.publicKey, concatenate(PROGRAM_DOMAIN, contentSha256), signature.subarray(8 + KEY_ID_BYTES)))
    return { ok: false, reason: 'changed since it was signed: the signature does not match its contents' };
  return { ok: true, keyName: key.name };
}

/** SHA-256 of a whole file in memory; 32 bytes. */
export function sha256Of(bytes: Uint8Array): Uint8Array {
  return sha256(bytes);
}
