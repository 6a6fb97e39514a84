// Who may run: the verdict on a program's bytes, asked before anything is mapped. os-core/security implements it.

export type ProgramVerdict =
  | { readonly ok: true; readonly keyName: string }
  | { readonly ok: false; readonly reason: string };

export interface ProgramSecurity {
  sha256(bytes: Uint8Array): Uint8Array;
  /** Strict Ed25519 over the domain-separated hash with the machine's trusted keys. `signature` null = the file has none. */
  verifyProgram(request: { readonly contentSha256: Uint8Array; readonly signature: Uint8Array | null }): ProgramVerdict;
}
