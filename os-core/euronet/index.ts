// EuroNet, the network stack: see stack.ts.

export { DatagramSocket, type ReceivedDatagram } from './socket/datagram-socket.ts';
export { EuroNet, type Link, type StackListener } from './stack.ts';
export { ipv4Text, macText, parseIpv4 } from './wire/address.ts';
