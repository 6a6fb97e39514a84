import { describe, expect, it } from 'vitest';
import { InterruptController, SharedInterruptLine } from './interrupt-controller.ts';

function start(masks: readonly [number, number] = [0, 0]): InterruptController {
  const pair = new InterruptController();
  for (const [ports, base, cascade, mask] of [
    [pair.primaryPorts, 0x20, 4, masks[0]],
    [pair.secondaryPorts, 0x28, 2, masks[1]],
  ] as const) {
    ports.portWrite(0, 1, 0x11);
    ports.portWrite(1, 1, base);
    ports.portWrite(1, 1, cascade);
    ports.portWrite(1, 1, 1);
    ports.portWrite(1, 1, mask);
  }
  return pair;
}
const EOI = 0x20;

describe('8259A pair', () => {
  it('delivers by priority, and nothing lower until EOI', () => {
    const pair = start();
    pair.setIrq(4, true);
    pair.setIrq(1, true);
    expect(pair.acknowledge()).toBe(0x21);
    expect(pair.pending()).toBe(false);
    pair.setIrq(0, true);
    expect(pair.acknowledge()).toBe(0x20);
    pair.primaryPorts.portWrite(0, 1, EOI);
    expect(pair.pending()).toBe(false);
    pair.primaryPorts.portWrite(0, 1, EOI);
    expect(pair.acknowledge()).toBe(0x24);
  });

  it('an edge is latched once; a level comes again after EOI while it lasts', () => {
    const pair = start();
    pair.setIrq(5, true);
    expect(pair.acknowledge()).toBe(0x25);
    pair.primaryPorts.portWrite(0, 1, EOI);
    expect(pair.pending()).toBe(false);
    pair.setIrq(5, false);
    pair.edgeLevelControl.portWrite(0, 1, 0x20);
    pair.setIrq(5, true);
    for (let n = 0; n < 3; n++) {
      expect(pair.acknowledge()).toBe(0x25);
      pair.primaryPorts.portWrite(0, 1, EOI);
    }
    pair.setIrq(5, false);
    expect(pair.pending()).toBe(false);
  });

  it('cascades: IRQ 10 through the primary, both EOIs needed', () => {
    const pair = start();
    pair.setIrq(10, true);
    pair.setIrq(12, true);
    expect(pair.acknowledge()).toBe(0x2a);
    expect(pair.pending()).toBe(false);
    pair.secondaryPorts.portWrite(0, 1, EOI);
    pair.primaryPorts.portWrite(0, 1, EOI);
    expect(pair.acknowledge()).toBe(0x2c);
  });

  it('a request that goes away before INTA is a spurious 7 or 15, which is not in service', () => {
    const pair = start();
    pair.setIrq(3, true);
    pair.setIrq(3, false);
    expect(pair.acknowledge()).toBe(0x27);
    expect(pair.primary.isInService(7)).toBe(false);
    pair.edgeLevelControl.portWrite(1, 1, 4);
    pair.setIrq(10, true);
    pair.secondary.setLine(2, false); // falls while the cascade line is still up
    expect(pair.acknowledge()).toBe(0x2f);
    expect(pair.secondary.isInService(7)).toBe(false);
    expect(pair.primary.isInService(2)).toBe(true);
  });

  it('masks, reads IRR and ISR, polls, and ends specifically', () => {
    const pair = start([0x08, 0]);
    pair.setIrq(3, true);
    expect(pair.pending()).toBe(false);
    expect(pair.primaryPorts.portRead(0, 1)).toBe(8);
    pair.primaryPorts.portWrite(1, 1, 0);
    pair.primaryPorts.portWrite(0, 1, 0x0c); // poll
    expect(pair.primaryPorts.portRead(0, 1)).toBe(0x83);
    pair.primaryPorts.portWrite(0, 1, 0x0b);
    expect(pair.primaryPorts.portRead(0, 1)).toBe(8);
    pair.primaryPorts.portWrite(0, 1, 0x63);
    expect(pair.primaryPorts.portRead(0, 1)).toBe(0);
  });

  it('rotates priority, and ends by itself with AEOI', () => {
    const pair = start();
    pair.setIrq(0, true);
    pair.acknowledge();
    pair.primaryPorts.portWrite(0, 1, 0xa0); // rotate on non-specific EOI: 0 is lowest now
    pair.setIrq(0, false);
    pair.setIrq(0, true);
    pair.setIrq(6, true);
    expect(pair.acknowledge()).toBe(0x26);
    const automatic = new InterruptController();
    for (const value of [0x11]) automatic.primaryPorts.portWrite(0, 1, value);
    for (const value of [0x20, 4, 3, 0]) automatic.primaryPorts.portWrite(1, 1, value);
    automatic.setIrq(1, true);
    expect(automatic.acknowledge()).toBe(0x21);
    expect(automatic.primary.isInService(1)).toBe(false);
  });

  it('a shared line is up while any source is', () => {
    const levels: boolean[] = [];
    const shared = new SharedInterruptLine({ set: (level) => levels.push(level) });
    const [a, b] = [shared.source(), shared.source()];
    a.set(true);
    b.set(true);
    a.set(false);
    b.set(false);
    expect(levels).toEqual([true, false]);
  });

  it('goes on from a snapshot in the middle of a service', () => {
    const pair = start();
    pair.setIrq(10, true);
    pair.setIrq(1, true);
    pair.acknowledge();
    const copy = new InterruptController();
    copy.primary.restore(pair.primary.snapshot());
    copy.secondary.restore(pair.secondary.snapshot());
    for (const each of [pair, copy]) {
      each.primaryPorts.portWrite(0, 1, EOI);
      expect(each.acknowledge()).toBe(0x2a);
    }
    expect(copy.primary.snapshot()).toEqual(pair.primary.snapshot());
  });
});
