// The small links of the chain: the recorder and the switch.

import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../test/support/euroos.ts';
import { PcapRecorder } from './pcap.ts';
import { MemorySwitch } from './switch.ts';

function mac(last: number): Uint8Array {
  return Uint8Array.of(2, 0, 0, 0, 0, last);
}
function frame(to: Uint8Array, from: Uint8Array, tag: number): Uint8Array {
  return Uint8Array.of(...to, ...from, 8, 0, tag);
}

describe('recorder', () => {
  it('E41: a nanosecond pcap file, byte by byte, by the machine’s time', () => {
    const file = path.join(temporaryFolder('pcap'), 'a.pcap');
    const hub = new MemorySwitch();
    const [port, other] = [hub.addPort(mac(1)), hub.addPort(mac(2))];
    let nanos = 0;
    const clock = { powerOnUnixMillis: 1_767_225_600_999, nowNanos: () => nanos };
    const recorder = new PcapRecorder(port, file, clock);
    recorder.send(frame(mac(2), mac(1), 0xaa));
    nanos = 2_001_000_003;
    other.send(frame(mac(1), mac(2), 0xbb));
    expect(recorder.receive(new Uint8Array(100))).toBe(15);
    recorder.close();
    const expected = [
      '4d3cb2a1 0200 0400 00000000 00000000 0d000100 01000000',
      // 999 ms after the second, then 2.001000003 s later: three seconds later.
      '00b95569 c0878b3b 0f000000 0f000000 020000000002 020000000001 0800 aa',
      '03b95569 03000000 0f000000 0f000000 020000000001 020000000002 0800 bb',
    ];
    expect(fs.readFileSync(file).toString('hex')).toBe(expected.join('').replaceAll(' ', ''));
  });

  it('E41: a full disk ends the recording, not the network', () => {
    if (!fs.existsSync('/dev/full')) return;
    const hub = new MemorySwitch();
    const port = hub.addPort(mac(1));
    const other = hub.addPort(mac(2));
    expect(() => new PcapRecorder(port, '/nowhere/a.pcap', { powerOnUnixMillis: 0, nowNanos: () => 0 })).toThrow();
    const file = path.join(temporaryFolder('pcap'), 'b.pcap');
    const recorder = new PcapRecorder(port, file, { powerOnUnixMillis: 0, nowNanos: () => 0 });
    recorder.close();
    expect(recorder.send(frame(mac(2), mac(1), 1))).toBe(true);
    expect(recorder.failure).toContain('recording ends early');
    expect(other.receive(new Uint8Array(100))).toBe(15);
  });
});

describe('switch', () => {
  it('E40: floods what it does not know, learns, keeps unicast to its port, bounds its queues', () => {
    const hub = new MemorySwitch();
    const ports = [1, 2, 3].map((n) => hub.addPort(mac(n)));
    const buffer = new Uint8Array(100);
    ports[0].send(frame(mac(2), mac(1), 1));
    expect(ports.map((port) => port.receive(buffer))).toEqual([0, 15, 15]);
    ports[1].send(frame(mac(1), mac(2), 2));
    expect(ports.map((port) => port.receive(buffer))).toEqual([15, 0, 0]);
    ports[0].send(frame(Uint8Array.of(255, 255, 255, 255, 255, 255), mac(1), 3));
    expect(ports.map((port) => port.receive(buffer))).toEqual([0, 15, 15]);
    for (let n = 0; n < 1000; n++) ports[0].send(frame(mac(2), mac(1), n));
    let count = 0;
    while (ports[1].receive(buffer) > 0) count++;
    expect(count).toBe(256);
    ports[0].send(new Uint8Array(5));
    expect(ports[1].receive(buffer)).toBe(0);
  });
});
