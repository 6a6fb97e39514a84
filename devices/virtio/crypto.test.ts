import { createCipheriv, createHash, createHmac } from 'node:crypto';
import { expect, it } from 'vitest';
import { testBackends, testMachine } from '../../test/support/machine-fixture.ts';
import { VirtioTestDriver } from '../../test/support/virtio-test-driver.ts';

function start() {
  const backends = testBackends();
  const { machine } = testMachine({
    ...backends,
    crypto: {
      ...backends.crypto,
      cipher: (algorithm, direction, key, iv, data) => {
        if (direction !== 'encrypt' || key.length !== 32 || iv.length !== 16 || data.length % 16 !== 0) return null;
        const cipher = createCipheriv(algorithm === 'aes-cbc' ? 'aes-256-cbc' : 'aes-256-ctr', key, iv);
        cipher.setAutoPadding(false);
        return cipher.update(data);
      },
    },
  });
  const driver = new VirtioTestDriver(machine, 20).start([0, 1, 2, 3], 2);
  const at = driver.allocate(0x4000);
  const request = (opcode: number, fields: readonly number[], body: Uint8Array, resultBytes: number, flag = 0) => {
    const words = [opcode, 0, 0, 0, flag, 0, ...fields];
    words.forEach((word, n) => machine.memory.write32(at + n * 4, word));
    machine.memory.writeBytes(at + words.length * 4, body);
    machine.memory.fill(at + 0x3000, 256, 0xee);
    const result = at + 0x3000;
    driver.submit(0, [
      { address: at, length: words.length * 4 + body.length },
      ...(resultBytes > 0 ? [{ address: result, length: resultBytes, write: true }] : []),
      { address: result + 0x800, length: 1, write: true },
    ]);
    return {
      status: machine.memory.read8(result + 0x800),
      result: Buffer.from(machine.memory.bytes.slice(result, result + resultBytes)).toString('hex'),
    };
  };
  return { machine, driver, request };
}
const text = Buffer.from('The quick brown fox jumps over the lazy dog');
const key = Buffer.alloc(32, 7);

it('hashes, keyed hashes and AES in stateless mode agree with the reference', () => {
  const { driver, request } = start();
  expect(driver.config(8, 4)).toBe(7);
  expect(request(0x100, [4, text.length, 32, 0], text, 32)).toEqual({
    status: 0,
    result: createHash('sha256').update(text).digest('hex'),
  });
  expect(request(0x200, [6, 32, text.length, 64], Buffer.concat([key, text]), 64)).toEqual({
    status: 0,
    result: createHmac('sha512', key).update(text).digest('hex'),
  });
  const iv = Buffer.alloc(16, 9);
  const plain = Buffer.alloc(48, 5);
  const parameters = [3, 32, 1, 16, 48, 48, ...new Array<number>(12).fill(0), 1, 0];
  const cipher = createCipheriv('aes-256-cbc', key, iv).setAutoPadding(false);
  expect(request(0, parameters, Buffer.concat([key, iv, plain]), 48)).toEqual({
    status: 0,
    result: cipher.update(plain).toString('hex'),
  });
});

it('E40: requests with wrong lengths, algorithms, services or sessions get a status', () => {
  const { driver, request } = start();
  expect(request(0x100, [4, text.length + 1, 32, 0], text, 32).status).toBe(2);
  expect(request(0x100, [4, text.length, 32, 0], text, 31).status).toBe(2);
  expect(request(0x100, [99, text.length, 32, 0], text, 32).status).toBe(3);
  expect(request(0x100, [4, text.length, 32, 0], text, 32, 1).status).toBe(4);
  expect(request(0x900, [4, text.length, 32, 0], text, 32).status).toBe(3);
  expect(request(0x200, [4, 0xffff_ffff, text.length, 32], text, 32).status).toBe(2);
  expect(request(0, [3, 32, 1, 16], text.subarray(0, 8), 32).status).toBe(2);
  expect(driver.status).toBe(15);
});

it('creating a session is not supported, and said so', () => {
  const { machine, driver } = start();
  const at = driver.allocate(0x1000);
  machine.memory.write32(at, 0x102);
  driver.submit(1, [
    { address: at, length: 72 },
    { address: at + 0x100, length: 16, write: true },
  ]);
  expect(machine.memory.read32(at + 0x108)).toBe(3);
});
