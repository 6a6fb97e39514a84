import { expect, it } from 'vitest';
import { Pipe } from './pipe.ts';

it('E56: a writer that waits is woken when it can put something worth while, not for every byte that is read', () => {
  const pipe = new Pipe(1, '');
  let woken = 0;
  const writer = { wake: () => woken++ };
  pipe.produce(pipe.writable(65536).length);
  pipe.queue.add(writer);
  for (let n = 0; n < 4095; n++) pipe.consume(1);
  expect(woken).toBe(0);
  pipe.consume(1);
  expect(woken).toBe(1);
  pipe.queue.add(writer);
  pipe.consume(1000);
  expect(woken).toBe(1);
});
