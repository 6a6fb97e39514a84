// euroos_trace: who may watch whom, and what is seen.

import { expect, it } from 'vitest';
import { type Call, run } from '../../../test/support/file-calls.ts';
import { Errno } from '../../abi/errno.ts';
import { Process } from '../process/process.ts';
import { Trace } from './trace.ts';

const process = (id: number): Process => new Process(id, null, null, null, 0, 0);
function take(trace: Trace, size = 4096): string {
  const bytes = new Uint8Array(size);
  const length = trace.peek(bytes);
  trace.consume(length);
  return Buffer.from(bytes.subarray(0, length)).toString();
}

it('E28: lines are read in pieces of any size; whose they are is told once several are watched', () => {
  const trace = new Trace(0);
  const [one, two] = [process(3), process(4)];
  trace.attach(one);
  trace.write(one, 3, 'first');
  trace.attach(two);
  trace.write(two, 4, 'second');
  expect(take(trace, 3)).toBe('fir');
  expect(take(trace, 9)).toBe('st\n[pid 4');
  expect(take(trace)).toBe('] second\n');
  expect(trace.isEmpty).toBe(true);
  trace.detachAll();
  expect([one.trace, two.trace]).toEqual([null, null]);
});

it('E28: what a slow watcher does not read is bounded, and told', () => {
  const trace = new Trace(0);
  const watched = process(3);
  trace.attach(watched);
  const line = 'x'.repeat(1023);
  for (let i = 0; i < 1000; i++) trace.write(watched, 3, line);
  expect(trace.hasRoom).toBe(false);
  let text = '';
  for (let part = take(trace); part !== ''; part = take(trace)) text += part;
  expect(text.length).toBe(65536);
  trace.write(watched, 3, 'again');
  expect(take(trace)).toBe('... 936 lines lost\nagain\n');
});

it('E32: watching takes the right to processes, somebody else, and flags that are known', () => {
  const calls: Call[] = [
    ['euroos_trace', 1, 0],
    ['euroos_trace', 9999, 0],
    ['euroos_trace', 9999, 4],
    ['euroos_capability_drop', ~2],
    ['euroos_trace', 9999, 0],
  ];
  const { EINVAL, ESRCH, EPERM } = Errno;
  const { values } = run(calls);
  expect([values[0], values[1], values[2], values[4]]).toEqual([-EINVAL, -ESRCH, -EINVAL, -EPERM]);
});
