// A TAP interface of the Linux kernel (Documentation/networking/tuntap.rst) through koffi, read and written inline by the
// machine's thread, and the sleep that wakes on its frames.
//
//   open /dev/net/tun ─► TUNSETIFF (IFF_TAP | IFF_NO_PI) ─► read, write: one frame each, non-blocking
//   idle: poll([tap, eventfd], timeout); other threads write the eventfd to wake us
//
// Needs no privilege if the interface belongs to the user (`ip tuntap add dev NAME mode tap user U`) or in a user namespace.

import fs from 'node:fs';
import koffi from 'koffi';
import type { NetworkBackend } from '../../devices/backends/backends.ts';

const O_RDWR = 2;
const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;
const TUNSETIFF = 0x400454ca;
const IFF_TAP = 2;
const IFF_NO_PI = 0x1000;
const IFREQ_BYTES = 40;
const IFNAMSIZ = 16;
const POLLIN = 1;
/** POLLERR, POLLHUP, POLLNVAL: nothing will ever come again. */
const POLL_GONE = 8 | 16 | 32;
const EFD_NONBLOCK = 0o4000;
const EFD_CLOEXEC = 0o2000000;
const errnoNames: Readonly<Record<number, string>> = {
  1: 'permission denied: it belongs to another user (as root: ip tuntap add dev NAME mode tap user YOU)',
  2: 'there is no /dev/net/tun on this system',
  13: '/dev/net/tun may not be opened by this user',
  16: 'another program has it open',
  22: 'it exists, but is no TAP interface',
};

function systemCalls() {
  const libc = koffi.load('libc.so.6');
  return {
    open: libc.func('int open(const char *path, int flags)'),
    ioctl: libc.func('int ioctl(int fd, unsigned long request, _Inout_ uint8_t *argument)'),
    read: libc.func('intptr_t read(int fd, _Out_ uint8_t *buffer, size_t count)'),
    write: libc.func('intptr_t write(int fd, const uint8_t *buffer, size_t count)'),
    poll: libc.func('int poll(_Inout_ uint8_t *fds, unsigned long count, int timeout)'),
    eventfd: libc.func('int eventfd(unsigned int value, int flags)'),
    close: libc.func('int close(int fd)'),
  };
}

export class TapInterface implements NetworkBackend {
  readonly macAddress: Uint8Array;
  readonly mtu: number;
  /** Other threads write 8 bytes (a 64-bit one) here to end a wait. Stays open: who was given the number closes it at the end. */
  readonly wakeDescriptor: number;
  private readonly calls = systemCalls();
  private readonly descriptor: number;
  private readonly pollSet = new Uint8Array(16);
  private readonly pollFields = new DataView(this.pollSet.buffer);
  private readonly wakeBuffer = new Uint8Array(8);
  /** False once the interface was taken away. */
  private present = true;

  /** Throws an Error with one line that says what to do. */
  constructor(name: string, macAddress: Uint8Array) {
    this.macAddress = macAddress;
    // The kernel would cut a long name and fill in a number for %d: both open another interface than was meant.
    if (!/^[^\s/%:]{1,15}$/.test(name))
      throw new Error(`--net tap:${name}: no name of an interface (1 to 15 characters)`);
    this.descriptor = this.calls.open('/dev/net/tun', O_RDWR | O_NONBLOCK | O_CLOEXEC) as number;
    if (this.descriptor < 0) throw new Error(`--net tap:${name}: ${errnoText()}`);
    const request = new Uint8Array(IFREQ_BYTES);
    request.set(new TextEncoder().encode(name).subarray(0, IFNAMSIZ - 1));
    new DataView(request.buffer).setUint16(IFNAMSIZ, IFF_TAP | IFF_NO_PI, true);
    if ((this.calls.ioctl(this.descriptor, TUNSETIFF, request) as number) < 0) {
      const reason = errnoText();
      this.calls.close(this.descriptor);
      throw new Error(`--net tap:${name}: ${reason}`);
    }
    this.mtu = interfaceMtu(name);
    this.wakeDescriptor = this.calls.eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC) as number;
    this.pollFields.setInt32(0, this.descriptor, true);
    this.pollFields.setUint16(4, POLLIN, true);
    this.pollFields.setInt32(8, this.wakeDescriptor, true);
    this.pollFields.setUint16(12, POLLIN, true);
  }

  send(frame: Uint8Array): boolean {
    return Number(this.calls.write(this.descriptor, frame, frame.length)) === frame.length;
  }

  receive(target: Uint8Array): number {
    return Math.max(0, Number(this.calls.read(this.descriptor, target, target.length)));
  }

  linkUp(): boolean {
    return this.present;
  }

  /** Sleeps until a frame or a wake-up comes, at most `timeoutMillis` (rounded up). */
  wait(timeoutMillis: number): void {
    this.calls.poll(this.pollSet, 2, Math.ceil(timeoutMillis));
    if ((this.pollFields.getUint16(6, true) & POLL_GONE) !== 0) {
      this.present = false;
      // A negative descriptor is left out; else poll would return at once for ever.
      this.pollFields.setInt32(0, -1, true);
    }
    // Resets the eventfd's count; there may be none.
    this.calls.read(this.wakeDescriptor, this.wakeBuffer, 8);
  }

  close(): void {
    this.calls.close(this.descriptor);
  }
}

function errnoText(): string {
  const number = koffi.errno();
  return errnoNames[number] ?? `error ${number}`;
}

function interfaceMtu(name: string): number {
  try {
    return Number(fs.readFileSync(`/sys/class/net/${name}/mtu`, 'utf8')) || 1500;
  } catch {
    // sysfs may show another network namespace than ours.
    return 1500;
  }
}
