import { describe, expect, it } from 'vitest';
import { showNetwork } from './reports.ts';

const leased = `interface eth0 virtio 52:54:00:12:34:56 mtu 1500
address 10.0.2.15/24
router 10.0.2.2
dns 10.0.2.3
dns 10.0.2.4
lease 86397 s
dhcp bound
frames 2 in 5 out
bytes 684 in 864 out
errors 0 malformed 0 checksum 0 dropped
neighbour 10.0.2.2 52:55:0a:00:02:02
`;

describe('net', () => {
  it('E60: says what a person wants to know', () => {
    expect(showNetwork(leased)).toBe(`eth0      virtio, 52:54:00:12:34:56, MTU 1500
address   10.0.2.15/24 (by DHCP, 23 h 59 min left)
router    10.0.2.2
dns       10.0.2.3
dns       10.0.2.4
received  2 frames, 684 bytes
sent      5 frames, 864 bytes
neighbour 10.0.2.2 is at 52:55:0a:00:02:02
`);
  });

  it('E60: tells why there is no address, and of errors', () => {
    const without = `interface eth0 virtio 52:54:00:12:34:56 mtu 1500
dhcp selecting
frames 2 in 5 out
bytes 684 in 864 out
errors 1 malformed 2 checksum 3 dropped
`;
    expect(showNetwork(without)).toContain('address   none (no lease yet: looking for a DHCP server)\n');
    expect(showNetwork(without)).toContain('errors    1 malformed, 2 with a wrong checksum, 3 dropped\n');
    expect(showNetwork('')).toBe('');
  });
});
