// The check that the firmware makes before any guest code runs.
//
//   platform key ──Ed25519──► 'EUROOS-BOOT-1\0' + manifest bytes
//                             os_core_sha256 = "…" ──SHA-256──► the bytes of the loader in flash
//
// The prefix keeps a signature made for anything else from being one for a boot manifest.

import type { BootFlash, CryptoBackend } from '../backends/backends.ts';

const SIGNATURE_PREFIX = new TextEncoder().encode('EUROOS-BOOT-1\0');
const SIGNATURE_BYTES = 64;
const KEY_BYTES = 32;
/** A manifest is a handful of lines; the bound keeps a damaged flash from costing time. */
const MAX_MANIFEST_BYTES = 64 * 1024;
const MAX_PLATFORM_KEYS = 16;

/** Why the boot payload must not run, as one line, or null if it may. */
export function checkBootFlash(flash: BootFlash, crypto: CryptoBackend): string | null {
  if (flash.manifest.length > MAX_MANIFEST_BYTES) return 'boot refused: the boot manifest is too long';
  if (flash.signature.length !== SIGNATURE_BYTES)
    return 'boot refused: the signature of the boot manifest has a wrong length';
  const message = new Uint8Array(SIGNATURE_PREFIX.length + flash.manifest.length);
  message.set(SIGNATURE_PREFIX);
  message.set(flash.manifest, SIGNATURE_PREFIX.length);
  const trusted = flash.platformKeys
    .slice(0, MAX_PLATFORM_KEYS)
    .some((key) => key.length === KEY_BYTES && crypto.verifyEd25519(key, message, flash.signature));
  if (!trusted) return 'boot refused: no platform key signed the boot manifest';
  const pinned = pinnedHash(flash.manifest);
  if (pinned === null) return 'boot refused: the boot manifest pins no os_core_sha256';
  if (toHex(crypto.hash('sha256', flash.loader)) !== pinned)
    return 'boot refused: os-core differs from the hash that the boot manifest pins';
  return null;
}

/** The one line `os_core_sha256 = "<64 hex digits>"`; null if it is missing or stands there twice. */
function pinnedHash(manifest: Uint8Array): string | null {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(manifest);
  } catch {
    // Not UTF-8, so not TOML: the caller says that nothing is pinned.
    return null;
  }
  const found = [...text.matchAll(/^[ \t]*os_core_sha256[ \t]*=[ \t]*"([0-9a-f]{64})"[ \t]*(?:#.*)?\r?$/gm)];
  return found.length === 1 ? found[0][1] : null;
}

function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
