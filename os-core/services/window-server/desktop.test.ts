// The window server in a world of records: a display that notes what it is told, a keyboard, a mouse and ptys without programs.

import { describe, expect, it } from 'vitest';
import { decodeGraph, encodeGraph } from '../../../devices/base/object-graph.ts';
import { CELL_BYTES, DisplayCommand } from '../../abi/display.ts';
import type { Scene } from '../../abi/scene.ts';
import { SystemCall } from '../../abi/system-call-numbers.ts';
import type { TaskRequest } from '../../sdk/system-task.ts';
import { desktopTask } from './desktop-task.ts';
import { dateText } from './layout.ts';
import { securityStatus } from './panel.ts';
import { pasteBytes } from './selection.ts';
import type { DesktopState } from './state.ts';

const files: Readonly<Record<string, string>> = {
  '/proc/meminfo': 'MemTotal:  524288 kB\nMemFree: 425984 kB\nMemAvailable: 425984 kB\n',
  '/proc/uptime': '848.20 800.00\n',
  '/run/euromonitor': '2481\n',
  '/proc/euroos/security': 'started: 9\nrefused: 1\ndenied: 2\nrunning: 5\nunverified: 0\n',
};
type Fake = { kind: string; input: number[]; output: number[]; text: string; read: boolean };

class World {
  state: DesktopState = desktopTask.create();
  readonly descriptors = new Map<number, Fake>();
  readonly surfaces = new Map<number, { columns: number; rows: number; cells: DataView }>();
  scene: Scene | null = null;
  cursor = -1;
  seconds = 1000;
  private next = 3;
  private request: TaskRequest;

  constructor() {
    this.request = desktopTask.step(this.state, {
      kind: 'start',
      arguments: ['desktop'],
      environment: ['HOME=/home/user'],
    });
    this.settle();
  }
  /** Runs until it waits with nothing to report. */
  settle(): void {
    for (let calls = 0; calls < 20000; calls++) {
      const [value, data] = this.call(this.request);
      if (this.request.call === SystemCall.poll && value === 0) return;
      this.request = desktopTask.step(this.state, { kind: 'result', value, data });
    }
    throw new Error('the window server never waits');
  }
  /** The poll that waits ends by its timeout. */
  tick(): void {
    this.seconds++;
    this.request = desktopTask.step(this.state, { kind: 'result', value: 0, data: new Uint8Array(0) });
    this.settle();
  }
  device(kind: string): Fake {
    for (const fake of this.descriptors.values()) if (fake.kind === kind) return fake;
    throw new Error(`${kind} is not open`);
  }
  private call(request: TaskRequest): [number, Uint8Array] {
    const nothing = new Uint8Array(0);
    const a = request.arguments.map((value) => (typeof value === 'number' ? value : value.at));
    const payload = request.payload ?? nothing;
    const fake = this.descriptors.get(a[0]);
    switch (request.call) {
      case SystemCall.open: {
        const path = new TextDecoder().decode(payload.subarray(0, payload.indexOf(0)));
        if (!path.startsWith('/dev/') && files[path] === undefined) return [-2, nothing];
        this.descriptors.set(this.next, { kind: path, input: [], output: [], text: files[path] ?? '', read: false });
        return [this.next++, nothing];
      }
      case SystemCall.close:
        this.descriptors.delete(a[0]);
        return [0, nothing];
      case SystemCall.read: {
        if (fake === undefined) return [-9, nothing];
        if (fake.kind === '/dev/display') return [8, new Uint8Array(new Uint32Array([1440, 900]).buffer)];
        if (files[fake.kind] !== undefined) return [fake.text.length, new TextEncoder().encode(fake.text)];
        const part = new Uint8Array(fake.input.splice(0, a[2]));
        return part.length === 0 ? [-11, nothing] : [part.length, part];
      }
      case SystemCall.write:
        if (fake?.kind === '/dev/display') return [this.display(payload), nothing];
        fake?.output.push(...payload);
        return [payload.length, nothing];
      case SystemCall.poll: {
        const data = payload.slice();
        const view = new DataView(data.buffer);
        let ready = 0;
        for (let at = 0; at < data.length; at += 8) {
          const polled = this.descriptors.get(view.getInt32(at, true));
          if (polled === undefined || polled.input.length === 0) continue;
          view.setUint16(at + 6, 1, true);
          ready++;
        }
        return [ready, data];
      }
      case SystemCall.clock_gettime: {
        const time = new Uint8Array(16);
        new DataView(time.buffer).setUint32(0, a[0] === 0 ? 1_795_340_460 + this.seconds - 1000 : this.seconds, true);
        return [0, time];
      }
      case SystemCall.fork:
        return [77, nothing];
      case SystemCall.wait4:
        return [-10, nothing];
      default:
        return [0, new Uint8Array(4)];
    }
  }
  private display(bytes: Uint8Array): number {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const [command, surface, a, b] = [0, 4, 8, 12].map((at) => view.getUint32(at, true));
    if (command === DisplayCommand.createSurface) {
      const [columns, rows] = [a & 0xffff, a >>> 16];
      this.surfaces.set(surface, { columns, rows, cells: new DataView(new ArrayBuffer(columns * rows * CELL_BYTES)) });
    }
    if (command === DisplayCommand.destroySurface) {
      expect(this.scene?.windows.some((window) => window.surface === surface)).toBe(false);
      this.surfaces.delete(surface);
    }
    if (command === DisplayCommand.updateSurface) {
      const target = this.surfaces.get(surface);
      if (target === undefined) return -22;
      const [row, columns, rows] = [a >>> 16, b & 0xffff, b >>> 16];
      expect(columns).toBe(target.columns);
      expect(row + rows).toBeLessThanOrEqual(target.rows);
      const start = row * columns * CELL_BYTES;
      for (let i = 0; i < columns * rows * CELL_BYTES; i++) target.cells.setUint8(start + i, bytes[16 + i]);
    }
    if (command === DisplayCommand.scene)
      this.scene = JSON.parse(new TextDecoder().decode(bytes.subarray(16))) as Scene;
    if (command === DisplayCommand.cursor) this.cursor = a;
    return bytes.length;
  }
  mouse(x: number, y: number, buttons: number): void {
    this.device('/dev/input/mouse').input.push(...new Uint8Array(new Uint32Array([2, x, y, buttons]).buffer));
    this.settle();
  }
  key(code: number, character: number, modifiers = 0): void {
    const record = new Uint32Array([1, code, 1, character | (modifiers << 24)]);
    this.device('/dev/input/keyboard').input.push(...new Uint8Array(record.buffer));
    this.settle();
  }
  row(surface: number, row: number): string {
    const target = this.surfaces.get(surface);
    let text = '';
    for (let column = 0; column < (target?.columns ?? 0); column++)
      text += String.fromCodePoint(
        (target?.cells.getUint32((row * target.columns + column) * CELL_BYTES, true) ?? 0) & 0x1fffff,
      );
    return text.trimEnd();
  }
  get windows(): Scene['windows'] {
    return this.scene?.windows ?? [];
  }
}

describe('window server', () => {
  it('E50 E53: opens a terminal, shows dock and panel', () => {
    const world = new World();
    expect(world.windows).toHaveLength(1);
    expect(world.windows[0]).toMatchObject({
      x: 120,
      y: 90,
      width: 720,
      height: 424,
      focused: true,
      badges: ['system'],
    });
    expect(world.scene?.panel.cards[0].rows[0]).toMatchObject({ label: 'Memory', value: '96 of 512 MB' });
    expect(JSON.stringify(world.scene?.panel)).toContain('beat 2 481');
    expect(world.scene?.panel.date).toBe('Sunday, 22 November');
    expect(JSON.stringify(world.scene?.panel)).toContain('14 min');
    const safe = {
      tone: 'verified',
      title: 'Your device is safe',
      text: '5 programs run, all verified. 1 refused, 2 denied so far.',
    };
    expect(world.scene?.panel.status).toEqual(safe);
    const { panel } = world.state;
    panel.security.unverified = 1;
    expect(securityStatus(panel).tone).toBe('compromised');
    panel.security.running = -1;
    expect(securityStatus(panel).tone).toBe('attention');
    expect(dateText(951_782_400)).toBe('Tuesday, 29 February');
  });

  it('shows what a program prints and types to it', () => {
    const world = new World();
    const master = world.device('/dev/ptmx');
    master.input.push(...new TextEncoder().encode('hello \x1b[31mred\r\nnext\x1b[6n'));
    world.settle();
    const { surface } = world.windows[0];
    expect(world.row(surface, 0)).toBe('hello red');
    expect(world.row(surface, 1)).toBe('next');
    expect(Buffer.from(master.output).toString()).toBe('\x1b[2;5R');
    world.key(35, 0x68);
    world.key(46, 0x63, 2);
    expect(Buffer.from(master.output).toString()).toBe('\x1b[2;5Rh\x03');
  });

  it('E51: click to focus, drag to move, resize, close', () => {
    const world = new World();
    world.key(20, 0x74, 6);
    expect(world.windows.map((window) => window.id)).toEqual([1, 2]);
    world.mouse(130, 300, 0);
    expect(world.cursor).toBe(130 | (300 << 16));
    world.mouse(130, 300, 1);
    world.mouse(130, 300, 0);
    expect(world.windows.map((window) => [window.id, window.focused])).toEqual([
      [2, false],
      [1, true],
    ]);
    world.mouse(300, 100, 1);
    world.mouse(400, 250, 1);
    world.mouse(400, 250, 0);
    expect(world.windows[1]).toMatchObject({ id: 1, x: 220, y: 240 });
    world.mouse(220 + 715, 240 + 420, 1);
    world.mouse(220 + 815, 240 + 520, 1);
    world.mouse(220 + 815, 240 + 520, 0);
    expect(world.windows[1]).toMatchObject({ width: 820, height: 524 });
    expect(world.surfaces.get(world.windows[1].surface)?.columns).toBe(97);
    expect(world.surfaces.size).toBe(2);
    world.mouse(220 + 20, 240 + 22, 1);
    world.mouse(220 + 20, 240 + 22, 0);
    expect(world.windows.map((window) => window.id)).toEqual([2]);
    expect(world.surfaces.size).toBe(1);
  });

  it('ends a window whose program has gone, and opens one from the dock', () => {
    const world = new World();
    const tile = world.scene?.dock.tiles[0];
    world.mouse(0, 500, 0);
    for (const window of [...world.windows]) {
      world.mouse(window.x + 20, window.y + 22, 1);
      world.mouse(window.x + 20, window.y + 22, 0);
    }
    expect(world.windows).toHaveLength(0);
    world.mouse((tile?.x ?? 0) + 5, (tile?.y ?? 0) + 5, 1);
    world.mouse((tile?.x ?? 0) + 5, (tile?.y ?? 0) + 5, 0);
    expect(world.windows).toHaveLength(1);
  });

  it('E53: a middle or right click on the dock, or Ctrl+Shift+N, opens another terminal', () => {
    const world = new World();
    const tile = world.scene?.dock.tiles[0];
    for (const button of [2, 4]) {
      world.mouse((tile?.x ?? 0) + 5, (tile?.y ?? 0) + 5, button);
      world.mouse((tile?.x ?? 0) + 5, (tile?.y ?? 0) + 5, 0);
    }
    expect(world.windows).toHaveLength(3);
    world.key(49, 0x4e, 3);
    expect(world.windows).toHaveLength(4);
    world.key(17, 0x57, 3);
    expect(world.windows).toHaveLength(3);
  });

  it('selects with the mouse, copies, and pastes without harm', () => {
    const world = new World();
    const master = world.device('/dev/ptmx');
    const port = world.device('/dev/virtio-ports/clipboard');
    master.input.push(...new TextEncoder().encode('first line\r\nsecond wörd here\r\n'));
    world.settle();
    const [window] = world.windows;
    const at = (column: number, row: number) => [window.x + 20 + column * 8, window.y + 60 + row * 20 + 10] as const;
    const drag = (from: readonly [number, number], to: readonly [number, number]) => {
      world.mouse(...from, 1);
      world.mouse(...to, 1);
      world.mouse(...to, 0);
    };
    const copied = () => {
      world.key(46, 0x43, 3);
      const bytes = Buffer.from(port.output.splice(0));
      if (bytes.length === 0) return null;
      expect(bytes.readUInt32LE(0)).toBe(bytes.length - 4);
      return bytes.subarray(4).toString();
    };
    expect(copied()).toBe(null);
    drag(at(6, 0), at(6, 1));
    expect(copied()).toBe('line\nsecond');
    drag(at(6, 1), at(6, 0));
    expect(copied()).toBe('line\nsecond');
    const marked = world.surfaces.get(window.surface)?.cells.getUint32(6 * CELL_BYTES + 8, true);
    expect(marked).toBe(0x1e4fb0);
    // More output scrolls nothing away; a click ends the selection; a double click takes a word.
    master.input.push(...new TextEncoder().encode('more\r\n'.repeat(40)));
    world.settle();
    expect(copied()).toBe('line\nsecond');
    world.key(104, 0, 1);
    world.key(104, 0, 1);
    world.tick();
    drag(at(9, 1), at(9, 1));
    expect(copied()).toBe(null);
    drag(at(9, 1), at(9, 1));
    expect(copied()).toBe('wörd');

    world.key(30, 0x61);
    master.output.splice(0);
    drag(at(0, 0), at(4, 0));
    expect(copied()).toBe('more');
    master.input.push(...new TextEncoder().encode('\x1b[2J'));
    world.settle();
    expect(world.state.selection).toBe(null);

    const paste = (text: string) => {
      const bytes = new TextEncoder().encode(text);
      port.input.push(bytes.length & 255, bytes.length >> 8, 0, 0, ...bytes);
      world.settle();
      return Buffer.from(master.output.splice(0)).toString();
    };
    expect(paste('echo ä\nls\x1b[A\x03')).toBe('echo ä\rls[A');
    master.input.push(...new TextEncoder().encode('\x1b[?2004h'));
    world.settle();
    expect(paste('a\r\nb\x1b[201~c')).toBe('\x1b[200~a\rb[201~c\x1b[201~');
    expect(paste('')).toBe('');
    expect(paste('y'.repeat(50_000))).toHaveLength(50_012);
    expect(pasteBytes('\t\u009b\u0007', false)).toBe('\t');
    port.input.push(255, 255, 255, 255, 1, 2, 3);
    world.settle();
    expect(world.state.clipboard).toBe(-1);
    expect(copied()).toBe(null);
  });

  it('what one looks at while scrolled back stays in place', () => {
    const world = new World();
    const master = world.device('/dev/ptmx');
    const line = (i: number) => new TextEncoder().encode(`line ${i}\r\n`);
    for (let i = 0; i < 60; i++) master.input.push(...line(i));
    world.settle();
    world.key(104, 0, 1);
    const { surface } = world.windows[0];
    const before = world.row(surface, 0);
    for (let i = 60; i < 70; i++) master.input.push(...line(i));
    world.settle();
    expect(world.row(surface, 0)).toBe(before);
    world.key(30, 0x61);
    expect(world.row(surface, 0)).not.toBe(before);
  });

  it('E8: the wheel scrolls the terminal under the pointer', () => {
    const world = new World();
    const master = world.device('/dev/ptmx');
    for (let i = 0; i < 60; i++) master.input.push(...new TextEncoder().encode(`line ${i}\r\n`));
    world.settle();
    const wheel = (steps: number) => {
      world.device('/dev/input/mouse').input.push(...new Uint8Array(new Int32Array([4, steps, 0, 0]).buffer));
      world.settle();
    };
    const { surface } = world.windows[0];
    const first = () => Number(/line (\d+)/.exec(world.row(surface, 0))?.[1]);
    const before = first();
    world.mouse(1400, 800, 0);
    wheel(-2);
    expect(first()).toBe(before);
    world.mouse(300, 300, 0);
    wheel(-2);
    expect(first()).toBe(before - 6);
    wheel(1);
    expect(first()).toBe(before - 3);
    wheel(-2147483648);
    expect(first()).toBe(0);
    wheel(127);
    expect(first()).toBe(before);
    master.input.push(...new TextEncoder().encode('\x1b[?1049h'));
    world.settle();
    wheel(1);
    expect(Buffer.from(master.output).toString()).toBe('\x1b[B\x1b[B\x1b[B');
  });

  it('an idle desktop sends nothing but a changed clock', () => {
    const world = new World();
    const { scene } = world;
    world.tick();
    expect(world.scene).toBe(scene);
    for (let i = 0; i < 60; i++) world.tick();
    expect(world.scene).not.toBe(scene);
  });

  it('takes any records, and its state can be written down', () => {
    const world = new World();
    const records = [3, 0xffffffff, 2, 0, 1, 7, 0xffff, 0xffffff, 9, 1, 1, 1];
    world.device('/dev/input/mouse').input.push(...new Uint8Array(new Uint32Array(records).buffer));
    world.device('/dev/input/keyboard').input.push(...new Uint8Array(new Uint32Array(records).buffer), 1, 2, 3);
    world.settle();
    const bytes = encodeGraph(world.state);
    expect(encodeGraph(decodeGraph(bytes))).toEqual(bytes);
  });
});
