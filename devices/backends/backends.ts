// What devices ask of the outside, as types only; electron/backends implements them. Every call is synchronous and bounded:
// the machine's thread never waits for an event loop. What comes from outside arrives through poll-style calls between slices.

import type { TraceCategory } from '../contract/trace.ts';

/** A disk of 512-byte sectors. Offsets and lengths in bytes, multiples of 512. */
export interface BlockBackend {
  readonly sizeBytes: number;
  readonly readOnly: boolean;
  /** Short text for the VIRTIO_BLK_T_GET_ID request, at most 20 ASCII characters. */
  readonly serial: string;
  /** Each returns true on success, false on an I/O error. `target`/`source` may be views of guest memory. */
  read(offset: number, target: Uint8Array): boolean;
  write(offset: number, source: Uint8Array): boolean;
  /** Durable on return (fdatasync). */
  flush(): boolean;
}

/** An Ethernet port. Frames without FCS, 14 to 65,549 bytes. */
export interface NetworkBackend {
  readonly macAddress: Uint8Array;
  readonly mtu: number;
  /** Takes the frame by copy; false = dropped (queue full). */
  send(frame: Uint8Array): boolean;
  /** Copies the next received frame into `target` and returns its length, 0 if none waits. Longer frames are dropped. */
  receive(target: Uint8Array): number;
  /** True while the carrier is up. */
  linkUp(): boolean;
}

/** One byte stream of the multiport console (a terminal, stdin, stdout, stderr, COM1). */
export interface ConsoleBackend {
  /** Takes as many bytes as it has room for and returns the count. 0 = full, try later. -1 = the reader is gone for good. */
  write(source: Uint8Array): number;
  /** Bytes read into `target`; 0 = none now; -1 = end of file. */
  read(target: Uint8Array): number;
  /** Columns and rows if this is a terminal, else null. May change at any time. */
  size(): { readonly columns: number; readonly rows: number } | null;
}

export interface EntropyBackend {
  fill(target: Uint8Array): void;
}

/** The battery-backed clock: milliseconds since 1970-01-01 UTC at power-on. Read once; later time is virtual. */
export interface ClockBackend {
  readonly powerOnUnixMillis: number;
}

/** Bulk hashing and ciphers for virtio-crypto and for the firmware's checks. */
export interface CryptoBackend {
  hash(algorithm: 'sha256' | 'sha512', data: Uint8Array): Uint8Array;
  hmac(algorithm: 'sha256' | 'sha512', key: Uint8Array, data: Uint8Array): Uint8Array;
  /** AES-CBC/CTR without padding. null if key, iv or data length is wrong. */
  cipher(
    algorithm: 'aes-cbc' | 'aes-ctr',
    direction: 'encrypt' | 'decrypt',
    key: Uint8Array,
    iv: Uint8Array,
    data: Uint8Array,
  ): Uint8Array | null;
  /** RFC 8032 Ed25519, strict. */
  verifyEd25519(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
}

/** Where the display device shows things. All arrays are copies that the receiver may keep. */
export interface DisplayBackend {
  /** Rectangle of the boot framebuffer, RGBA bytes, rows tightly packed. */
  framebuffer(x: number, y: number, width: number, height: number, rgba: Uint8Array): void;
  /** true = show the scene, false = show the framebuffer (boot, panic). */
  showScene(on: boolean): void;
  surfaceCreated(id: number, kind: 'cells' | 'pixels', width: number, height: number): void;
  surfaceDestroyed(id: number): void;
  /** Cells: 12 bytes each (see os-core/abi/display.ts). Pixels: RGBA. Rows tightly packed. */
  surfaceDamaged(id: number, x: number, y: number, width: number, height: number, data: Uint8Array): void;
  /** UTF-8 JSON of the whole scene; the receiver checks it against its schema. */
  scene(json: Uint8Array): void;
  cursor(x: number, y: number, shape: number): void;
}

/** Non-volatile storage of the firmware's variables. */
export interface VariableStoreBackend {
  load(): Uint8Array | null;
  save(bytes: Uint8Array): void;
}

/** What lies in the firmware's flash: the boot payload and its signed manifest. */
export interface BootFlash {
  /** The exact bytes of the os-core bundle that this process runs. */
  readonly loader: Uint8Array;
  /** TOML: see docs/BOOT.md. */
  readonly manifest: Uint8Array;
  /** Ed25519 over 'EUROOS-BOOT-1\0' + manifest bytes; 64 bytes. */
  readonly signature: Uint8Array;
  /** Public keys (32 bytes each) that may sign a boot manifest. */
  readonly platformKeys: readonly Uint8Array[];
}

/** Where what is watched goes, line by line (devices/contract/trace.ts). */
export interface TraceBackend {
  /** What is watched; fixed at power-on. */
  readonly categories: ReadonlySet<string>;
  /** `count`: instructions retired so far. May take its time: the machine waits. */
  write(category: TraceCategory, count: number, text: string): void;
}

/** Everything the machine needs from outside. Absent parts are absent from the PCI bus. */
export interface MachineBackends {
  readonly clock: ClockBackend;
  readonly entropy: EntropyBackend;
  readonly crypto: CryptoBackend;
  readonly variables: VariableStoreBackend;
  readonly flash: BootFlash;
  /** COM1. */
  readonly serial: ConsoleBackend;
  readonly disks: readonly BlockBackend[];
  readonly network: NetworkBackend | null;
  /** Ports of the virtio console, in order: port 0 is /dev/hvc0. Their names are announced (VIRTIO_CONSOLE_PORT_NAME). */
  readonly consoles: readonly { readonly name: string; readonly backend: ConsoleBackend }[];
  readonly display: DisplayBackend | null;
  /** Absent: nobody watches. */
  readonly trace?: TraceBackend;
}

export interface MachineConfiguration {
  readonly memoryBytes: number;
  readonly engine: 'interpreter' | 'jit';
  /** Host milliseconds, to say how long the compiler of the jit engine took; nothing in the guest depends on it. */
  readonly stopwatch?: () => number;
  /** Virtual nanoseconds per retired instruction. */
  readonly nanosPerInstruction: number;
  /** Framebuffer geometry of GOP, 32 bits per pixel. */
  readonly framebufferWidth: number;
  readonly framebufferHeight: number;
}
