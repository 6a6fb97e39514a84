import { describe, expect, it } from 'vitest';
import { Errno } from '../../abi/errno.ts';
import { RecordLocks } from './record-locks.ts';

const owners = { a: {}, b: {}, c: {} };
const lock = (owner: keyof typeof owners, start: number, end: number, exclusive = true) => ({
  owner: owners[owner],
  process: 1,
  start,
  end,
  exclusive,
});

describe('locks on ranges', () => {
  it('E28: agree with a model of single bytes on random work', () => {
    const locks = new RecordLocks();
    const model = new Map<object, ('read' | 'write' | undefined)[]>(Object.values(owners).map((owner) => [owner, []]));
    let seed = 1;
    const random = (below: number): number => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
      return Math.floor((seed / 2 ** 32) * below);
    };
    for (let step = 0; step < 3000; step++) {
      const name = (['a', 'b', 'c'] as const)[random(3)];
      const start = random(40);
      const wanted = lock(name, start, start + random(10), random(2) === 0);
      const own = model.get(owners[name]) ?? [];
      if (random(3) === 0) {
        locks.unlock('f', owners[name], wanted);
        for (let byte = wanted.start; byte <= wanted.end; byte++) own[byte] = undefined;
        continue;
      }
      let free = true;
      for (const [owner, bytes] of model)
        for (let byte = wanted.start; byte <= wanted.end; byte++)
          if (owner !== owners[name] && bytes[byte] !== undefined && (wanted.exclusive || bytes[byte] === 'write'))
            free = false;
      expect(locks.conflict('f', wanted) === null, `step ${step}`).toBe(free);
      if (!free) continue;
      expect(locks.lock('f', wanted)).toBe(0);
      for (let byte = wanted.start; byte <= wanted.end; byte++) own[byte] = wanted.exclusive ? 'write' : 'read';
    }
    for (const owner of Object.values(owners)) locks.release('f', owner);
    expect(locks.conflict('f', { ...lock('a', 0, Infinity), owner: {} })).toBeNull();
  });

  it('E28: their number is bounded', () => {
    const locks = new RecordLocks();
    let given = 0;
    while (given < 20_000 && locks.lock(`file ${given % 50}`, lock('a', 2 * given, 2 * given)) === 0) given++;
    expect(given).toBeGreaterThan(16_000);
    expect(locks.lock('f', lock('a', 0, 0))).toBe(-Errno.ENOLCK);
    expect(locks.unlock('file 0', owners.a, { start: 0, end: Infinity })).toBe(0);
    expect(locks.lock('f', lock('a', 0, 0))).toBe(0);
  });

  it('E28: a circle of waiting owners is found', () => {
    const locks = new RecordLocks();
    const [one, two, three] = [{}, {}, {}];
    expect(locks.wait(one, owners.a, owners.b)).toBe(true);
    expect(locks.wait(two, owners.b, owners.c)).toBe(true);
    expect(locks.wait(three, owners.c, owners.a)).toBe(false);
    locks.endWait(two);
    expect(locks.wait(three, owners.c, owners.a)).toBe(true);
  });
});
