import { describe, expect, test } from 'vitest';
import { createRingBuffer, RingReader, RingWriter } from '../protocol/input-ring.ts';
import { encodeKey, encodePointer } from '../protocol/machine-messages.ts';
import { InputQueue } from './input-queue.ts';

describe('input queue', () => {
  test('E7: 256 scan codes in a burst through a small ring: none lost, order kept', async () => {
    const buffer = createRingBuffer(64);
    const reader = new RingReader(buffer);
    const queue = new InputQueue(new RingWriter(buffer));
    for (let code = 0; code < 256; code++) expect(queue.send(encodeKey([code]))).toBe(true);
    const received: number[] = [];
    while (received.length < 256) {
      for (let message = reader.next(); message; message = reader.next()) received.push(message[1]);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    expect(received).toEqual(Array.from({ length: 256 }, (_, code) => code));
  });

  test('E8: waiting pointer positions replace one another, buttons are kept', async () => {
    const buffer = createRingBuffer(64);
    const reader = new RingReader(buffer);
    const queue = new InputQueue(new RingWriter(buffer));
    for (let filler = 0; filler < 8; filler++) queue.send(encodeKey([filler]));
    for (let x = 0; x < 5000; x++) expect(queue.send(encodePointer(x, 1, 0, 0))).toBe(true);
    queue.send(encodePointer(4999, 1, 1, 0));
    const received: number[][] = [];
    while (received.at(-1)?.[5] !== 1) {
      for (let message = reader.next(); message; message = reader.next()) received.push(Array.from(message));
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    expect(received.length).toBe(10);
    expect(received[8]).toEqual(Array.from(encodePointer(4999, 1, 0, 0)));
    queue.stop();
  });

  test('E8: a button is pressed and released where it was, however long the machine does not read', async () => {
    const buffer = createRingBuffer(64);
    const reader = new RingReader(buffer);
    const queue = new InputQueue(new RingWriter(buffer));
    for (let filler = 0; filler < 8; filler++) queue.send(encodeKey([filler]));
    const sent = [
      encodePointer(10, 1, 0, 0),
      encodePointer(10, 1, 1, 0),
      encodePointer(11, 1, 1, 0),
      encodePointer(11, 1, 0, 0),
      encodePointer(900, 1, 0, 0),
    ];
    for (const message of sent) queue.send(message);
    queue.send(encodeKey([99]));
    const received: number[][] = [];
    while (received.at(-1)?.[1] !== 99) {
      for (let message = reader.next(); message; message = reader.next()) received.push(Array.from(message));
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    expect(received.slice(8, -1)).toEqual(sent.map((message) => Array.from(message)));
    queue.stop();
  });

  test('D2 E7: a machine that sleeps in poll is woken for each message, also for one that had to wait', async () => {
    const buffer = createRingBuffer(64);
    const reader = new RingReader(buffer);
    const queue = new InputQueue(new RingWriter(buffer));
    let wakes = 0;
    queue.wake = () => wakes++;
    for (let code = 0; code < 6; code++) queue.send(encodeKey([code]));
    const atOnce = wakes;
    expect(atOnce).toBeGreaterThan(0);
    expect(atOnce).toBeLessThan(7);
    for (let filler = 0; filler < 20; filler++) queue.send(encodeKey([filler]));
    const full = wakes;
    let received = 0;
    while (received < 26) {
      while (reader.next()) received++;
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    expect(wakes).toBeGreaterThan(full);
    queue.stop();
  });

  test('D1: a machine that never reads does not fill memory', () => {
    const queue = new InputQueue(new RingWriter(createRingBuffer(64)));
    let accepted = 0;
    for (let count = 0; count < 5000; count++) if (queue.send(encodeKey([1]))) accepted++;
    expect(accepted).toBeLessThan(1100);
    queue.stop();
  });
});
