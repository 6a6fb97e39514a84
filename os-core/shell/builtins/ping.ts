// ping and ping6 over Linux ping sockets: SOCK_DGRAM with IPPROTO_ICMP carries echo messages without the IP header, and the
// kernel fills identifier and checksum (Linux, net/ipv4/ping.c; RFC 792, RFC 4443).
//
//   ICMP echo    0 type (8 request, 0 reply; ICMPv6: 128, 129)  1 code  2 checksum  4 identifier  6 sequence  8 data

import { Errno } from '../../abi/errno.ts';
import { SystemCall } from '../../abi/system-call-numbers.ts';
import { Clock, Signal, SignalAction, Socket } from '../../sdk/constants.ts';
import { errorText } from '../../sdk/error-text.ts';
import { addressBytes, textOfAddress } from '../../sdk/internet-address.ts';
import { request, resultBytes } from '../../sdk/requests.ts';
import { parseTimeSeconds, write64 } from '../../sdk/structures.ts';
import type { TaskRequest } from '../../sdk/system-task.ts';
import { answer, fail, type Next, pop, sendAll, writeText } from '../frames/helpers.ts';
import type { BuiltinResult, Frame, FrameOf } from '../frames.ts';
import type { ShellState } from '../state.ts';

const ECHO_DATA_BYTES = 56;
const TIMEOUT_SECONDS = 1;

export function pingFrame(_shell: ShellState, argv: readonly string[]): BuiltinResult | Frame {
  let count = 0;
  let host: string | undefined;
  for (let i = 1; i < argv.length; i++) {
    if (argv[i] === '-c') count = Number(argv[++i]);
    else if (/^-c[0-9]+$/.test(argv[i])) count = Number(argv[i].slice(2));
    else if (argv[i].startsWith('-') || host !== undefined) count = Number.NaN;
    else host = argv[i];
  }
  if (host === undefined || !Number.isInteger(count) || count < 0)
    return { status: 2, error: `eurosh: ${argv[0]}: usage: ${argv[0]} [-c count] address\n` };
  const bytes = addressBytes(host);
  if (bytes === null || (argv[0] === 'ping6' && bytes.length === 4))
    return { status: 2, error: `eurosh: ${argv[0]}: ${host}: not an address (there is no name service)\n` };
  return {
    kind: 'ping',
    at: 0,
    host,
    version6: bytes.length === 16,
    count,
    address: textOfAddress(bytes),
    socket: -1,
    sequence: 0,
    received: 0,
    sentAt: 0,
    deadline: 0,
    times: [],
    output: '',
  };
}

function sendRequest(frame: FrameOf<'ping'>): TaskRequest {
  const target = addressBytes(frame.address) ?? new Uint8Array(4);
  const message = 8 + ECHO_DATA_BYTES;
  const payload = new Uint8Array(message + 28);
  const view = new DataView(payload.buffer);
  payload[0] = frame.version6 ? 128 : 8;
  view.setUint16(6, frame.sequence & 0xffff, false);
  for (let i = 0; i < ECHO_DATA_BYTES; i++) payload[8 + i] = i;
  // struct sockaddr_in: family, port, address; sockaddr_in6: family, port, flow, address, scope.
  view.setUint16(message, frame.version6 ? Socket.inet6 : Socket.inet, true);
  payload.set(target, message + (frame.version6 ? 8 : 4));
  const addressLength = frame.version6 ? 28 : 16;
  return {
    call: SystemCall.sendto,
    arguments: [frame.socket, { at: 0 }, message, 0, { at: message }, addressLength],
    payload,
  };
}

const receiveRequest = (frame: FrameOf<'ping'>): TaskRequest => ({
  call: SystemCall.recvfrom,
  arguments: [frame.socket, { at: 0 }, 2048, 0, 0, 0],
  resultAt: 0,
  resultLength: 2048,
});

/** States: 0 socket, 1 timeout, 2 Ctrl-C, 3 clock, 4 send, 5 sent, 6 received, 7 clock, 8 pause, 9 next, 10 summary. */
export function runPing(shell: ShellState, frame: FrameOf<'ping'>): Next {
  if (shell.interrupted && frame.at >= 3 && frame.at < 10) {
    frame.at = 10;
    shell.interrupted = false;
    return writeText(shell, 1, '\n');
  }
  switch (frame.at) {
    case 0:
      frame.at = 1;
      return {
        call: SystemCall.socket,
        arguments: frame.version6
          ? [Socket.inet6, Socket.datagram, Socket.icmpVersion6]
          : [Socket.inet, Socket.datagram, Socket.icmp],
      };
    case 1: {
      if (shell.value < 0) {
        pop(shell);
        const why = shell.value === -Errno.ENOSYS ? 'this system has no network' : errorText(shell.value);
        return fail(shell, `ping: ${why}`, 2, false);
      }
      frame.socket = shell.value;
      frame.at = 2;
      // struct timeval: receive no longer than this.
      const payload = new Uint8Array(16);
      write64(new DataView(payload.buffer), 0, TIMEOUT_SECONDS);
      return {
        call: SystemCall.setsockopt,
        arguments: [frame.socket, Socket.levelSocket, Socket.receiveTimeout, { at: 0 }, 16],
        payload,
      };
    }
    case 2:
      frame.at = 3;
      sendAll(shell, [request.signalAction(Signal.INT, SignalAction.event)]);
      return writeText(shell, 1, `PING ${frame.host}: ${ECHO_DATA_BYTES} data bytes\n`);
    case 3:
      frame.at = 4;
      frame.sequence++;
      return request.clock(Clock.monotonic);
    case 4:
      frame.sentAt = parseTimeSeconds(shell.data);
      frame.deadline = frame.sentAt + TIMEOUT_SECONDS;
      frame.at = 5;
      return sendRequest(frame);
    case 5:
      if (shell.value < 0) {
        frame.at = 8;
        return writeText(shell, 2, `eurosh: ping: ${errorText(shell.value)}\n`);
      }
      frame.at = 6;
      return receiveRequest(frame);
    case 6: {
      if (shell.value < 0) {
        frame.at = 8;
        if (shell.value === -Errno.EAGAIN) return writeText(shell, 1, `no answer: seq=${frame.sequence}\n`);
        return shell.value === -Errno.EINTR ? null : writeText(shell, 2, `eurosh: ping: ${errorText(shell.value)}\n`);
      }
      const message = resultBytes(shell.value, shell.data);
      const isReply = message.length >= 8 && message[0] === (frame.version6 ? 129 : 0);
      if (!isReply || ((message[6] << 8) | message[7]) !== (frame.sequence & 0xffff)) return receiveRequest(frame);
      frame.output = `${message.length} bytes from ${frame.address}: seq=${frame.sequence}`;
      frame.at = 7;
      return request.clock(Clock.monotonic);
    }
    case 7: {
      const millis = (parseTimeSeconds(shell.data) - frame.sentAt) * 1000;
      frame.received++;
      if (frame.times.length < 100000) frame.times.push(millis);
      frame.at = 8;
      return writeText(shell, 1, `${frame.output} time=${millis.toFixed(3)} ms\n`);
    }
    case 8:
      if (frame.count > 0 && frame.sequence >= frame.count) {
        frame.at = 10;
        return null;
      }
      frame.at = 3;
      return request.sleep(1);
    default: {
      answer(shell, frame.received > 0 ? 0 : 1);
      const list = [request.close(frame.socket)];
      if (!shell.interactive) list.push(request.signalAction(Signal.INT, SignalAction.default));
      sendAll(shell, list);
      const lost = frame.sequence === 0 ? 0 : Math.round(((frame.sequence - frame.received) * 100) / frame.sequence);
      let text = `--- ${frame.host}: ${frame.sequence} sent, ${frame.received} received, ${lost}% lost\n`;
      if (frame.times.length > 0) {
        const sum = frame.times.reduce((a, b) => a + b, 0);
        const figures = [Math.min(...frame.times), sum / frame.times.length, Math.max(...frame.times)];
        text += `round trip min/avg/max = ${figures.map((n) => n.toFixed(3)).join('/')} ms\n`;
      }
      return writeText(shell, 1, text);
    }
  }
}
