import { describe, expect, it } from 'vitest';
import { MemoryBlockStore, VolumeTool } from './index.ts';

const uuid = Uint8Array.from({ length: 16 }, (_, i) => i + 1);
const format = (blocks: number): { store: MemoryBlockStore; tool: VolumeTool } => {
  const store = new MemoryBlockStore(new Uint8Array(blocks * 4096));
  return { store, tool: VolumeTool.format(store, { uuid, nowSeconds: 1_700_000_000, label: 'test' }) };
};
const pattern = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 31 + (i >> 8)) & 255);

describe('EuroFS by tools', () => {
  it('E19: files, folders, links and attributes survive a mount', () => {
    const { store, tool } = format(2048);
    tool.makeFolders('/usr/share/ä ö');
    tool.writeFile('/usr/small', new TextEncoder().encode('hello'), 0o755, { user: 1000, group: 100 });
    const large = pattern(1_000_000);
    tool.writeFile('/usr/large', large);
    tool.link('/usr/large', '/usr/share/again');
    tool.makeSymbolicLink('/link', 'usr/small');
    tool.setAttribute('/usr/small', 'security.euroos', pattern(200));
    tool.commit();
    const again = VolumeTool.mount(store);
    expect(again.list('/')).toEqual(['link', 'usr']);
    expect(again.list('/usr/share')).toEqual(['again', 'ä ö'].sort());
    expect(new TextDecoder().decode(again.readFile('/usr/small'))).toBe('hello');
    expect(Buffer.compare(again.readFile('/usr/share/again'), large)).toBe(0);
    expect(again.stat('/usr/large').links).toBe(2);
    expect(again.stat('/usr/small').user).toBe(1000);
    expect(again.readSymbolicLink('/link')).toBe('usr/small');
    expect(again.getAttribute('/usr/small', 'security.euroos')).toEqual(pattern(200));
    expect(again.getAttribute('/usr/small', 'user.none')).toBeNull();
    expect(again.volume.readOnly).toBe(false);
    again.rename('/usr/share', '/share');
    again.remove('/usr/large');
    again.commit();
    expect(Buffer.compare(VolumeTool.mount(store).readFile('/share/again'), large)).toBe(0);
  });

  it('E19: 10,000 files in one directory, names of 255 bytes', () => {
    const { store, tool } = format(16384);
    tool.makeFolder('/d');
    const name = (i: number): string => (i % 100 === 0 ? `${i}`.padEnd(255, 'x') : `file${i}`);
    for (let i = 0; i < 10_000; i++) tool.writeFile(`/d/${name(i)}`, pattern(i % 300));
    tool.commit();
    const again = VolumeTool.mount(store);
    expect(again.list('/d').length).toBe(10_000);
    for (let i = 0; i < 10_000; i += 97) expect(again.readFile(`/d/${name(i)}`)).toEqual(pattern(i % 300));
    for (let i = 0; i < 10_000; i++) again.remove(`/d/${name(i)}`);
    again.remove('/d');
    again.commit();
    again.commit();
    again.commit();
    const end = VolumeTool.mount(store);
    expect(end.list('/')).toEqual([]);
    expect(end.volume.freeBlocks).toBe(16384 - 3 - 2);
    expect(end.volume.tree.height).toBe(1);
  });
});
