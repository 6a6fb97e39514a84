// Wire formats by byte literals: each frame below was taken from a wire (Linux, dnsmasq) or from an RFC, not from our own emit.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hex, ip, OWN_MAC } from '../testing/peer.ts';
import { BROADCAST_MAC, ipv4Text, maskOf, parseIpv4, prefixLength } from './address.ts';
import { ArpOperation, emitArp, parseArp } from './arp.ts';
import { finishChecksum, sumWords } from './checksum.ts';
import { bytes32, DhcpMessage, DhcpOption, emitDhcp, messageType, option32, parseDhcp } from './dhcp.ts';
import { emitIcmp, parseIcmp } from './icmp.ts';
import { parseIpv4Header, writeIpv4Header } from './ipv4.ts';
import { emitUdp, parseUdp } from './udp.ts';

describe('addresses', () => {
  it('E43: text and number, strictly', () => {
    expect(parseIpv4('10.0.2.15')).toBe(0x0a00020f);
    expect(ipv4Text(0xffffff00)).toBe('255.255.255.0');
    for (const text of ['', '1.2.3', '1.2.3.4.5', '256.0.0.1', '1.2.3.x', '0x1.2.3.4', ' 1.2.3.4'])
      expect(parseIpv4(text)).toBeNull();
    for (let prefix = 0; prefix <= 32; prefix++) expect(prefixLength(maskOf(prefix))).toBe(prefix);
    expect(prefixLength(0xff00ff00)).toBe(0);
  });
});

describe('Internet checksum', () => {
  it('E43: the example of RFC 1071 section 3', () => {
    expect(sumWords(hex('0001 f203 f4f5 f6f7'), 0, 8)).toBe(0xddf2);
  });

  it('E43: equals the definition for any bytes, any start, in any parts of even length', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(100), fc.nat(100), (bytes, before, cut) => {
        const start = Math.min(before, bytes.length);
        const length = bytes.length - start;
        let sum = 0;
        for (let i = 0; i < length; i++) sum += bytes[start + i] << (i % 2 === 0 ? 8 : 0);
        while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
        expect(sumWords(bytes, start, length)).toBe(sum);
        const half = Math.min(cut * 2, length & ~1);
        expect(sumWords(bytes, start + half, length - half, sumWords(bytes, start, half))).toBe(sum);
      }),
    );
  });

  it('E43: a packet with its checksum sums to all ones, and no single changed bit goes unseen', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 2, maxLength: 100 }), fc.nat(), (data, position) => {
        const bytes = new Uint8Array((data.length & ~1) + 2);
        bytes.set(data.subarray(0, data.length & ~1));
        const checksum = finishChecksum(sumWords(bytes, 0, bytes.length));
        bytes[bytes.length - 2] = checksum >> 8;
        bytes[bytes.length - 1] = checksum;
        expect(sumWords(bytes, 0, bytes.length)).toBe(0xffff);
        bytes[(position >> 3) % bytes.length] ^= 1 << (position & 7);
        expect(sumWords(bytes, 0, bytes.length)).not.toBe(0xffff);
      }),
    );
  });
});

describe('ARP', () => {
  // Linux, `ping 10.77.0.50` from 10.77.0.1.
  const request = hex(`ffffffffffff 020000000001 0806
    0001 0800 06 04 0001 020000000001 0a4d0001 000000000000 0a4d0032 ${'00'.repeat(18)}`);

  it('E42: request of Linux, byte for byte both ways', () => {
    const packet = parseArp(request);
    expect(packet).toEqual({
      operation: ArpOperation.request,
      senderMac: hex('020000000001'),
      senderAddress: ip('10.77.0.1'),
      targetMac: new Uint8Array(6),
      targetAddress: ip('10.77.0.50'),
    });
    if (packet !== null) expect(emitArp(BROADCAST_MAC, packet)).toEqual(request);
  });

  it('E42: anything but IPv4 over Ethernet, or cut short, is none', () => {
    for (let length = 0; length < 42; length++) expect(parseArp(request.subarray(0, length))).toBeNull();
    for (const at of [14, 16, 18, 19]) {
      const other = request.slice();
      other[at] ^= 0x10;
      expect(parseArp(other)).toBeNull();
    }
  });
});

describe('IPv4 header', () => {
  // The header of Wikipedia's and every textbook's checksum example: 192.168.0.1 to 192.168.0.199, checksum b861.
  const header = hex('4500 0073 0000 4000 4011 b861 c0a8 0001 c0a8 00c7');
  const packet = new Uint8Array(0x73);
  packet.set(header);

  it('E43: fields and checksum', () => {
    expect(parseIpv4Header(packet, 0)).toEqual({
      headerBytes: 20,
      totalBytes: 0x73,
      identification: 0,
      moreFragments: false,
      fragmentOffset: 0,
      ttl: 64,
      protocol: 17,
      source: ip('192.168.0.1'),
      destination: ip('192.168.0.199'),
    });
    const frame = new Uint8Array(14 + 20);
    writeIpv4Header(frame, {
      payloadBytes: 0x73 - 20,
      identification: 0,
      fragment: 0x4000,
      ttl: 64,
      protocol: 17,
      source: ip('192.168.0.1'),
      destination: ip('192.168.0.199'),
    });
    expect(frame.subarray(14)).toEqual(header);
  });

  it('E43: a fragment in the middle, with options before the payload', () => {
    const bytes = hex('4600 0020 1234 20b9 4001 0000 0a000001 0a000002 01010100 0011223344556677');
    const checksum = finishChecksum(sumWords(bytes, 0, 24));
    bytes[10] = checksum >> 8;
    bytes[11] = checksum;
    expect(parseIpv4Header(bytes, 0)).toMatchObject({
      headerBytes: 24,
      totalBytes: 32,
      identification: 0x1234,
      moreFragments: true,
      fragmentOffset: 0xb9 * 8,
      protocol: 1,
    });
  });

  it('E43: wrong checksum, version or lengths: refused', () => {
    for (let bit = 0; bit < 160; bit++) {
      const damaged = packet.slice();
      damaged[bit >> 3] ^= 1 << (bit & 7);
      expect(parseIpv4Header(damaged, 0)).toBeNull();
    }
    for (let length = 0; length < packet.length; length++)
      expect(parseIpv4Header(packet.subarray(0, length), 0)).toBeNull();
  });
});

describe('ICMP', () => {
  it('E44: echo request of Linux ping, byte for byte both ways', () => {
    const request = hex('0800 f7fc 0001 0002');
    expect(parseIcmp(request)).toMatchObject({ type: 8, code: 0, identifier: 1, sequence: 2 });
    expect(emitIcmp({ type: 8, code: 0, identifier: 1, sequence: 2, data: new Uint8Array(0) })).toEqual(request);
    request[7] ^= 1;
    expect(parseIcmp(request)).toBeNull();
    expect(parseIcmp(request.subarray(0, 7))).toBeNull();
  });
});

describe('UDP', () => {
  // "hi" from 10.0.0.1:1000 to 10.0.0.2:2000; sum by hand: 0a00+0001+0a00+0002+0011+000a+03e8+07d0+000a+6869 = 8849.
  const literal = hex('03e8 07d0 000a 77b6 6869');

  it('E45: a datagram with its pseudo header', () => {
    const [source, destination] = [ip('10.0.0.1'), ip('10.0.0.2')];
    expect(parseUdp(literal, source, destination)).toEqual({
      sourcePort: 1000,
      destinationPort: 2000,
      data: hex('6869'),
    });
    expect(emitUdp({ sourcePort: 1000, destinationPort: 2000, data: hex('6869') }, source, destination)).toEqual(
      literal,
    );
    expect(parseUdp(literal, source, destination + 1)).toBeNull();
  });

  it('E45: a checksum of zero means none; a computed zero goes out as all ones', () => {
    const bare = literal.slice();
    bare.fill(0, 6, 8);
    expect(parseUdp(bare, 1, 2)?.data).toEqual(hex('6869'));
    // Data chosen so that the words sum to ffff: then the checksum would be zero.
    const [source, destination] = [ip('10.0.0.1'), ip('10.0.0.2')];
    const sum = 0x0a00 + 1 + 0x0a00 + 2 + 17 + 10 + 1000 + 2000 + 10;
    const rest = 0xffff - (sum % 0xffff);
    const datagram = emitUdp(
      { sourcePort: 1000, destinationPort: 2000, data: Uint8Array.of(rest >> 8, rest) },
      source,
      destination,
    );
    expect(datagram.subarray(6, 8)).toEqual(hex('ffff'));
    expect(parseUdp(datagram, source, destination)).not.toBeNull();
  });

  it('E45: lengths that do not fit are refused; bytes behind the datagram are not its data', () => {
    for (const length of [0, 7, 11, 0xffff]) {
      const bad = literal.slice();
      bad[4] = length >> 8;
      bad[5] = length;
      bad.fill(0, 6, 8);
      expect(parseUdp(bad, 0, 0)).toBeNull();
    }
    const padded = new Uint8Array(40);
    padded.set(literal);
    expect(parseUdp(padded, ip('10.0.0.1'), ip('10.0.0.2'))?.data.length).toBe(2);
  });
});

describe('DHCP', () => {
  // An offer of dnsmasq 2.90: 10.77.0.50 for 120 s, T1 60, T2 105, router and DNS 10.77.0.1.
  const offer = hex(`02 01 06 00 12345678 0000 0000 00000000 0a4d0032 0a4d0001 00000000
    525400123456 ${'00'.repeat(10)} ${'00'.repeat(192)} 63825363
    350102 36040a4d0001 330400000078 3a040000003c 3b0400000069 0104ffffff00 1c040a4d00ff 03040a4d0001 06040a4d0001 ff ${'00'.repeat(8)}`);

  it('E46: an offer of dnsmasq', () => {
    const packet = parseDhcp(offer);
    expect(packet).toMatchObject({
      isReply: true,
      transaction: 0x12345678,
      yourAddress: ip('10.77.0.50'),
      serverAddress: ip('10.77.0.1'),
      clientMac: OWN_MAC,
    });
    if (packet === null) return;
    expect(messageType(packet)).toBe(DhcpMessage.offer);
    expect(option32(packet, DhcpOption.leaseSeconds)).toBe(120);
    expect(option32(packet, DhcpOption.renewalSeconds)).toBe(60);
    expect(option32(packet, DhcpOption.rebindingSeconds)).toBe(105);
    expect(option32(packet, DhcpOption.router)).toBe(ip('10.77.0.1'));
    const again = emitDhcp(packet);
    expect(parseDhcp(again)).toEqual(packet);
    expect(again.subarray(0, 240)).toEqual(offer.subarray(0, 240));
  });

  it('E46: options in parts are joined; a length past the end, or an endless message, is refused', () => {
    const base = offer.slice(0, 240);
    const withOptions = (text: string): Uint8Array => Uint8Array.of(...base, ...hex(text));
    expect(parseDhcp(withOptions('0602 0a4d 00 0602 0001 ff'))?.options.get(6)).toEqual(bytes32(ip('10.77.0.1')));
    expect(parseDhcp(withOptions('06ff 01'))).toBeNull();
    expect(parseDhcp(withOptions('06'))).toBeNull();
    expect(parseDhcp(withOptions('0601 01'.repeat(10_000)))).toBeNull();
  });
});

describe('hostile bytes', () => {
  it('E43: no parser throws, whatever comes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        parseArp(bytes);
        parseIpv4Header(bytes, 0);
        parseIpv4Header(bytes, 14);
        parseIcmp(bytes);
        parseUdp(bytes, 1, 2);
        parseDhcp(bytes);
      }),
    );
  });
});
