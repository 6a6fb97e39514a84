// Round trips of pings. From the guest to the gateway of the user-mode network: driver, stack and NAT. From the host's kernel to
// the guest over a TAP, beside a responder in C on the same TAP: the difference is what EuroOS costs.

import path from 'node:path';
import { eventually, TAP, TestNetwork } from '../net/namespace.ts';
import { dist, guest, median, missing, type Row, row } from './measure.ts';

/** Goal over the responder in C. */
const AIM_MICROS = 15;

export async function network(print: (row: Row) => void): Promise<void> {
  await gateway(print);
  await tap(print);
}

async function gateway(print: (row: Row) => void): Promise<void> {
  const what = 'network: ping of the gateway';
  const run = await guest(['--net', 'user', '--wait-net'], [], 'ping -c 10 10.0.2.2\nexit\n');
  const times = timesOf(run.stdout);
  if (times.length === 0) {
    print(missing(what, `ping printed ${JSON.stringify(run.stdout.slice(0, 120) || run.stderr.slice(0, 120))}`));
    return;
  }
  print(row(what, `${median(times).toFixed(2)} ms median of ${times.length}`));
}

/** Milliseconds of each answer. */
function timesOf(text: string): number[] {
  return [...text.matchAll(/time[=<]([\d.]+) ?ms/g)].map((match) => Number(match[1]));
}

async function tap(print: (row: Row) => void): Promise<void> {
  const what = 'network: idle ping over a TAP';
  const opened = TestNetwork.open();
  if (typeof opened === 'string') {
    print(missing(what, opened));
    return;
  }
  try {
    const responder = opened.start(path.join(dist, 'test-programs/tap-responder'), TAP);
    await eventually('the responder runs', () => responder.stdout.includes('ready'));
    const floor = await pings(opened, '10.77.0.2');
    responder.child.kill();
    await responder.ended;
    opened.startDhcpServer();
    const euroos = opened.startEuroos([], ['sh', '-c', 'sleep 60']);
    const address = await eventually('a lease', () => /\[net\] DHCP ACK: lease (\S+)/.exec(euroos.serial())?.[1]);
    // The guest's own start-up noise is over.
    await new Promise((resolve) => setTimeout(resolve, 2000));
    const ours = await pings(opened, address);
    if (floor.length === 0 || ours.length === 0) {
      print(missing(what, 'no answers'));
      return;
    }
    const [peer, own] = [median(floor) * 1000, median(ours) * 1000];
    const value = `${own.toFixed(0)} µs median of ${ours.length}, in C ${peer.toFixed(0)} µs`;
    print(row(what, value, `<= ${AIM_MICROS} µs over C`, own - peer <= AIM_MICROS));
  } finally {
    opened.close();
  }
}

async function pings(net: TestNetwork, address: string): Promise<number[]> {
  return timesOf((await net.run('ping', '-c', '500', '-i', '0.01', address)).stdout).slice(20);
}
