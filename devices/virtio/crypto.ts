// Crypto device (virtio 1.2, 5.9): hash, keyed hash and AES in stateless mode.
//
//   queue 0 data, queue 1 control
//   request   header   u32 opcode (service << 8 | operation)  u32 algorithm  u64 session  u32 flag (1 = session)  u32 padding
//             hash     u32 algorithm  u32 source bytes  u32 result bytes  u32 reserved                     then source
//             MAC      u32 algorithm  u32 key bytes  u32 source bytes  u32 result bytes                    then key, source
//             cipher   u32 algorithm  u32 key bytes  u32 operation  u32 IV bytes  u32 source bytes  u32 result bytes,
//                      padded to 72, u32 kind (1 = cipher)  u32 padding                                    then key, IV, source
//   answer    result bytes, u8 status (last writable byte)
//   config    0 u32 status  4 u32 data queues  8 u32 services  12 u64 ciphers  20 u32 hashes  24 u64 MACs  32 u32 AEAD
//             36 u32 longest cipher key  40 u32 longest MAC key  44 u32 akcipher  48 u64 longest request
//
// Left out: sessions (a request for one is answered with NOTSUPP or INVSESS), chaining, AEAD, asymmetric ciphers. So the device has no
// state of its own. Work is done at the notification: the host's hash runs faster than the guest could notice.

import type { CryptoBackend } from '../backends/backends.ts';
import { restoreState, writeState } from '../base/device-state.ts';
import type { DeviceSnapshot } from '../contract/device.ts';
import type { AccessWidth } from '../contract/machine.ts';
import { putConfiguration, readConfiguration } from './configuration.ts';
import type { VirtioDevice, VirtioTransport } from './virtio-device.ts';
import { DescriptorChain, QueueLook } from './virtqueue.ts';

const QUEUE_SIZE = 64;
const Queue = { data: 0, control: 1 } as const;
const CONFIGURATION_BYTES = 56;
const FEATURES = 0b1111; // REVISION_1 and the stateless modes of cipher, hash and MAC
const Service = { cipher: 0, hash: 1, mac: 2 } as const;
const HEADER_BYTES = 24;
const SESSION_INPUT_BYTES = 16;
const FLAG_SESSION = 1;
const Status = { ok: 0, error: 1, badMessage: 2, unsupported: 3, invalidSession: 4 } as const;
const MAX_REQUEST_BYTES = 16 * 1024 * 1024;
const MAX_CIPHER_KEY_BYTES = 32;
const MAX_MAC_KEY_BYTES = 1024;
const SYMMETRIC_PARAMETER_BYTES = 72;
const SYMMETRIC_KIND_CIPHER = 1;
const CipherOperation = { encrypt: 1, decrypt: 2 } as const;

/** Algorithm numbers (5.9.4): SHA-256 and SHA-512 have the same for hash and HMAC. */
const hashNames: Readonly<Record<number, 'sha256' | 'sha512'>> = { 4: 'sha256', 6: 'sha512' };
const HASH_MASK = (1 << 4) | (1 << 6);
const hashBytes = { sha256: 32, sha512: 64 } as const;
const cipherNames: Readonly<Record<number, 'aes-cbc' | 'aes-ctr'>> = { 3: 'aes-cbc', 4: 'aes-ctr' };
const CIPHER_MASK = (1 << 3) | (1 << 4);

/** The result of an operation, or why there is none. */
type Outcome = { readonly status: number; readonly result: Uint8Array | null };
const failed = (status: number): Outcome => ({ status, result: null });

export class VirtioCrypto implements VirtioDevice {
  readonly deviceType = 20;
  readonly classCode = 0x10_8000;
  readonly features = FEATURES;
  readonly queueSizes: readonly number[] = [QUEUE_SIZE, QUEUE_SIZE];
  readonly configurationBytes = CONFIGURATION_BYTES;
  private readonly backend: CryptoBackend;
  private readonly configuration = new Uint8Array(CONFIGURATION_BYTES);
  private readonly chain = new DescriptorChain();
  private transport!: VirtioTransport;

  constructor(backend: CryptoBackend) {
    this.backend = backend;
    putConfiguration(this.configuration, 0, 4, 1); // HW_READY
    putConfiguration(this.configuration, 4, 4, 1);
    putConfiguration(this.configuration, 8, 4, (1 << Service.cipher) | (1 << Service.hash) | (1 << Service.mac));
    putConfiguration(this.configuration, 12, 4, CIPHER_MASK);
    putConfiguration(this.configuration, 20, 4, HASH_MASK);
    putConfiguration(this.configuration, 24, 4, HASH_MASK);
    putConfiguration(this.configuration, 36, 4, MAX_CIPHER_KEY_BYTES);
    putConfiguration(this.configuration, 40, 4, MAX_MAC_KEY_BYTES);
    putConfiguration(this.configuration, 48, 8, MAX_REQUEST_BYTES);
  }

  connect(transport: VirtioTransport): void {
    this.transport = transport;
  }
  configurationRead(offset: number, width: AccessWidth): number {
    return readConfiguration(this.configuration, offset, width);
  }
  configurationWrite(): void {}
  started(): void {
    this.notified(Queue.data);
    this.notified(Queue.control);
  }
  reset(): void {}
  queueReset(): void {}

  notified(index: number): void {
    if (!this.transport.running) return;
    const queue = this.transport.queue(index);
    // At most one round of the ring: a driver cannot keep the device here.
    for (let n = 0; n < queue.state.size; n++) {
      const look = queue.peek(this.chain, this.transport.eventIndex);
      if (look === QueueLook.empty) return;
      if (look === QueueLook.broken || this.chain.readableBytes < 4 || this.chain.writableBytes < 1) {
        this.transport.broken();
        return;
      }
      queue.take();
      const written = index === Queue.data ? this.answerRequest() : this.answerControl();
      this.transport.complete(index, this.chain.head, written);
    }
  }

  /** Sessions do not exist here: creating one is not supported, destroying one names an invalid one. */
  private answerControl(): number {
    const memory = this.transport.memory;
    if (this.chain.writableBytes < SESSION_INPUT_BYTES)
      return this.chain.write(memory, 0, Uint8Array.of(Status.invalidSession));
    const input = new Uint8Array(SESSION_INPUT_BYTES);
    input[8] = Status.unsupported;
    return this.chain.write(memory, 0, input);
  }

  private answerRequest(): number {
    const { status, result } = this.perform();
    const room = this.chain.writableBytes - 1;
    const memory = this.transport.memory;
    if (result !== null) this.chain.write(memory, 0, result);
    this.chain.write(memory, room, Uint8Array.of(status));
    return room + 1;
  }

  private perform(): Outcome {
    if (this.chain.readableBytes > MAX_REQUEST_BYTES || this.chain.readableBytes < HEADER_BYTES + 16)
      return failed(Status.badMessage);
    const bytes = new Uint8Array(this.chain.readableBytes);
    this.chain.read(this.transport.memory, 0, bytes);
    const view = new DataView(bytes.buffer);
    const opcode = view.getUint32(0, true);
    if ((view.getUint32(16, true) & FLAG_SESSION) !== 0) return failed(Status.invalidSession);
    const field = (n: number): number => view.getUint32(HEADER_BYTES + n * 4, true);
    switch (opcode >>> 8) {
      case Service.hash:
        return this.hash(bytes, field);
      case Service.mac:
        return this.mac(bytes, field);
      case Service.cipher:
        return this.cipher(bytes, field);
      default:
        return failed(Status.unsupported);
    }
  }

  private hash(bytes: Uint8Array, field: (n: number) => number): Outcome {
    const algorithm = hashNames[field(0)];
    if (algorithm === undefined) return failed(Status.unsupported);
    const source = bytes.subarray(HEADER_BYTES + 16);
    if (source.length !== field(1) || !this.hasRoom(field(2), hashBytes[algorithm])) return failed(Status.badMessage);
    return { status: Status.ok, result: this.backend.hash(algorithm, source) };
  }

  private mac(bytes: Uint8Array, field: (n: number) => number): Outcome {
    const algorithm = hashNames[field(0)];
    if (algorithm === undefined) return failed(Status.unsupported);
    const keyBytes = field(1);
    const body = bytes.subarray(HEADER_BYTES + 16);
    if (keyBytes > MAX_MAC_KEY_BYTES || keyBytes + field(2) !== body.length) return failed(Status.badMessage);
    if (!this.hasRoom(field(3), hashBytes[algorithm])) return failed(Status.badMessage);
    const result = this.backend.hmac(algorithm, body.subarray(0, keyBytes), body.subarray(keyBytes));
    return { status: Status.ok, result };
  }

  private cipher(bytes: Uint8Array, field: (n: number) => number): Outcome {
    const start = HEADER_BYTES + SYMMETRIC_PARAMETER_BYTES + 8;
    if (bytes.length < start) return failed(Status.badMessage);
    const algorithm = cipherNames[field(0)];
    if (algorithm === undefined || field(SYMMETRIC_PARAMETER_BYTES / 4) !== SYMMETRIC_KIND_CIPHER)
      return failed(Status.unsupported);
    const [keyBytes, operation, ivBytes, sourceBytes, resultBytes] = [1, 2, 3, 4, 5].map(field);
    const body = bytes.subarray(start);
    if (keyBytes + ivBytes + sourceBytes !== body.length || !this.hasRoom(resultBytes, sourceBytes))
      return failed(Status.badMessage);
    if (operation !== CipherOperation.encrypt && operation !== CipherOperation.decrypt)
      return failed(Status.badMessage);
    const result = this.backend.cipher(
      algorithm,
      operation === CipherOperation.encrypt ? 'encrypt' : 'decrypt',
      body.subarray(0, keyBytes),
      body.subarray(keyBytes, keyBytes + ivBytes),
      body.subarray(keyBytes + ivBytes),
    );
    return result === null ? failed(Status.badMessage) : { status: Status.ok, result };
  }

  /** The result must be as long as the driver says, and the driver must have given that room before the status byte. */
  private hasRoom(saidBytes: number, resultBytes: number): boolean {
    return saidBytes === resultBytes && this.chain.writableBytes - 1 >= resultBytes;
  }

  snapshot(): DeviceSnapshot {
    return writeState('virtio-crypto', 1, {});
  }
  restore(snapshot: DeviceSnapshot): void {
    restoreState('virtio-crypto', 1, snapshot, {});
  }
}
