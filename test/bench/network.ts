// The round trip of a ping from the guest to the gateway of the user-mode network: driver, stack and NAT.

import { guest, missing, type Row, row } from './measure.ts';

export async function network(print: (row: Row) => void): Promise<void> {
  const what = 'network: ping of the gateway';
  const run = await guest(['--net', 'user', '--wait-net'], [], 'ping -c 10 10.0.2.2\nexit\n');
  const times = [...run.stdout.matchAll(/time[=<]([\d.]+) ?ms/g)].map((match) => Number(match[1]));
  if (times.length === 0) {
    print(missing(what, `ping printed ${JSON.stringify(run.stdout.slice(0, 120) || run.stderr.slice(0, 120))}`));
    return;
  }
  times.sort((a, b) => a - b);
  print(row(what, `${times[times.length >> 1].toFixed(2)} ms median of ${times.length}`));
}
