import { describe, expect, test } from 'vitest';
import type { RawDisplayBatch } from '../protocol/display-messages.ts';
import { MAX_BATCH_COMMANDS } from '../protocol/limits.ts';
import { DisplayBatches } from './display-batches.ts';

describe('display batches', () => {
  test('D3: one batch is under way at a time; the device goes on when all that waited has been shown', () => {
    const posted: RawDisplayBatch[] = [];
    const batches = new DisplayBatches((batch) => posted.push(batch));
    batches.flush();
    expect(posted).toEqual([]);
    for (let id = 0; id < MAX_BATCH_COMMANDS + 10; id++) batches.surfaceDestroyed(id);
    batches.flush();
    batches.flush();
    expect(posted.map(({ sequence, commands }) => [sequence, commands.length])).toEqual([[1, MAX_BATCH_COMMANDS]]);
    expect(batches.acknowledge(7)).toBe(false);
    expect(batches.busy).toBe(true);
    // Shown, but ten more wait.
    expect(batches.acknowledge(1)).toBe(false);
    expect(batches.busy).toBe(false);
    batches.flush();
    expect(posted.map(({ commands }) => commands.length)).toEqual([MAX_BATCH_COMMANDS, 10]);
    expect(batches.acknowledge(2)).toBe(true);
    expect(batches.acknowledge(2)).toBe(false);
  });

  test('E52: of scenes and cursors in a row only the last one goes out', () => {
    const posted: RawDisplayBatch[] = [];
    const batches = new DisplayBatches((batch) => posted.push(batch));
    for (let x = 0; x < 10; x++) batches.cursor(x, 1, 0);
    batches.flush();
    expect(posted[0].commands).toEqual([{ kind: 'cursor', x: 9, y: 1, shape: 0 }]);
    expect(batches.cursorPosition).toEqual({ x: 9, y: 1 });
  });
});
