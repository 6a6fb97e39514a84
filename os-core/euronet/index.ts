// EuroNet, the network stack: see stack.ts.

export { type Link, NetworkInterface } from './interface/network-interface.ts';
export { DatagramSocket, type ReceivedDatagram } from './socket/datagram-socket.ts';
export { EuroNet, type StackListener } from './stack.ts';
export { ipv4Text, macText, parseIpv4 } from './wire/address.ts';
