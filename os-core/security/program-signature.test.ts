import { createHash, createPrivateKey, sign } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { publicKeyOf, sha256Of, signMessage, signProgram, verifyMessage, verifyProgram } from './program-signature.ts';

const seed = Uint8Array.from({ length: 32 }, (_, i) => i);
const trustedKeys = [{ name: 'owner', publicKey: publicKeyOf(seed) }];
const contents = new TextEncoder().encode('a program');

describe('E35: program signatures', () => {
  it('E35: agrees with RFC 8032 test 1 and with node:crypto', () => {
    const secret = Buffer.from('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60', 'hex');
    const expected =
      'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b';
    expect(Buffer.from(signMessage(secret, new Uint8Array(0))).toString('hex')).toBe(expected);
    const pkcs8 = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), Buffer.from(seed)]);
    const key = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' });
    expect(Buffer.from(signMessage(seed, contents))).toEqual(sign(null, contents, key));
    expect(Buffer.from(sha256Of(contents))).toEqual(createHash('sha256').update(contents).digest());
  });

  it('E35: a signed program is accepted, and the key is named', () => {
    const signature = signProgram(seed, sha256Of(contents));
    expect(verifyProgram({ contentSha256: sha256Of(contents), signature, trustedKeys })).toEqual({
      ok: true,
      keyName: 'owner',
    });
  });

  it('E36: any flipped byte of the contents or of the signature is refused with a reason', () => {
    const signature = signProgram(seed, sha256Of(contents));
    for (let i = 0; i < contents.length; i++) {
      const changed = contents.slice();
      changed[i] ^= 1;
      expect(verifyProgram({ contentSha256: sha256Of(changed), signature, trustedKeys }).ok).toBe(false);
    }
    for (let i = 0; i < signature.length; i++) {
      const changed = signature.slice();
      changed[i] ^= 0x20;
      expect(verifyProgram({ contentSha256: sha256Of(contents), signature: changed, trustedKeys }).ok).toBe(false);
    }
    expect(verifyProgram({ contentSha256: sha256Of(contents), signature: null, trustedKeys })).toEqual({
      ok: false,
      reason: 'not signed',
    });
    expect(verifyProgram({ contentSha256: sha256Of(contents), signature: signature.subarray(1), trustedKeys }).ok).toBe(
      false,
    );
  });

  it('E35: small-order public keys are refused (the lenient rule would accept them)', () => {
    const smallOrder = new Uint8Array(32);
    smallOrder[0] = 1;
    const signature = new Uint8Array(64);
    signature[0] = 1;
    expect(verifyMessage(smallOrder, contents, signature)).toBe(false);
  });
});
