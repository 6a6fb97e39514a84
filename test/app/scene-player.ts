// A worker for the app tests that stands where the machine stands: it plays display commands that the test sends, and records what comes
// through the input ring. The test reaches it by a Unix socket whose path is in EUROOS_TEST_SOCKET: lines of JSON, byte arrays as
// { base64 }.

import { connect } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';
import { RingReader } from '../../electron/protocol/input-ring.ts';
import { dispatchRingMessage, type MachineWorkerData, PowerAction } from '../../electron/protocol/machine-messages.ts';

const { inputRing } = workerData as MachineWorkerData;
const reader = new RingReader(inputRing);
const socket = connect(process.env.EUROOS_TEST_SOCKET!);
const tell = (event: unknown) => socket.write(`${JSON.stringify(event)}\n`);

function revive(_key: string, value: unknown): unknown {
  if (typeof value === 'object' && value !== null && 'base64' in value && typeof value.base64 === 'string') {
    return new Uint8Array(Buffer.from(value.base64, 'base64'));
  }
  return value;
}

let text = '';
socket.setEncoding('utf8');
socket.on('data', (chunk: string) => {
  text += chunk;
  for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
    parentPort?.postMessage(JSON.parse(text.slice(0, end), revive));
    text = text.slice(end + 1);
  }
});

const timer = setInterval(() => {
  for (let message = reader.next(); message; message = reader.next()) {
    dispatchRingMessage(message, {
      key: (scancodes) => tell({ event: 'key', scancodes: Array.from(scancodes) }),
      pointer: (x, y, buttons, wheel) => tell({ event: 'pointer', x, y, buttons, wheel }),
      displayAcknowledged: (sequence) => tell({ event: 'acknowledged', sequence }),
      paste: (utf8) => tell({ event: 'paste', text: new TextDecoder().decode(utf8) }),
      windowSize: (width, height) => tell({ event: 'windowSize', width, height }),
      power: (action) => {
        tell({ event: 'power', action: action === PowerAction.powerOff ? 'powerOff' : 'forceOff' });
        parentPort?.postMessage({ kind: 'status', status: 'off', text: '' });
        clearInterval(timer);
        socket.end();
        parentPort?.unref();
      },
    });
  }
}, 2);
parentPort?.postMessage({ kind: 'status', status: 'running', text: '' });
