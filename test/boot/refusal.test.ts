// The firmware starts only the os-core bundle that the signed manifest pins, and nothing calls it after ExitBootServices.

import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { dist, euroosRun, execute, root, temporaryFolder } from '../support/euroos.ts';

/** A checkout with the files of this one, but for `changed` in dist/. */
function checkoutWith(name: string, changed: Readonly<Record<string, (bytes: Buffer) => Buffer>>): string {
  const folder = temporaryFolder(name);
  fs.mkdirSync(path.join(folder, 'electron/cli'), { recursive: true });
  fs.copyFileSync(path.join(root, 'electron/cli/euroos.mjs'), path.join(folder, 'electron/cli/euroos.mjs'));
  fs.copyFileSync(path.join(root, 'package.json'), path.join(folder, 'package.json'));
  fs.symlinkSync(path.join(root, 'node_modules'), path.join(folder, 'node_modules'));
  fs.mkdirSync(path.join(folder, 'dist'));
  for (const entry of fs.readdirSync(dist)) {
    const change = changed[entry];
    const target = path.join(folder, 'dist', entry);
    if (change === undefined) fs.symlinkSync(path.join(dist, entry), target);
    else fs.writeFileSync(target, change(fs.readFileSync(path.join(dist, entry))));
  }
  return folder;
}

async function run(folder: string) {
  const args = [path.join(folder, 'electron/cli/euroos.mjs'), 'run', '--net', 'none', '--', 'echo', 'started'];
  return await execute(process.execPath, args, { environment: { ...process.env, XDG_CONFIG_HOME: folder } });
}

function flip(bytes: Buffer, at: number): Buffer {
  bytes[at] ^= 1;
  return bytes;
}

describe('secure boot', () => {
  it('E1: an unchanged copy boots', async () => {
    expect(await run(checkoutWith('same', { 'os-core.cjs': (bytes) => bytes }))).toEqual({
      status: 0,
      stdout: 'started\n',
      stderr: '',
    });
  });

  for (const [what, changed, reason] of [
    [
      'a changed os-core bundle',
      { 'os-core.cjs': (bytes: Buffer) => Buffer.concat([bytes, Buffer.from('\n// more\n')]) },
      'os-core differs from the hash that the boot manifest pins',
    ],
    [
      'a bundle that is no program any more',
      { 'os-core.cjs': () => Buffer.from('}{ this would not even parse') },
      'os-core differs from the hash that the boot manifest pins',
    ],
    [
      'a bundle that would act before the check',
      { 'os-core.cjs': (bytes: Buffer) => Buffer.concat([Buffer.from('process.stdout.write("too late");'), bytes]) },
      'os-core differs from the hash that the boot manifest pins',
    ],
    [
      'a changed manifest',
      { 'boot-manifest.toml': (bytes: Buffer) => Buffer.concat([bytes, Buffer.from('# more\n')]) },
      'no platform key signed the boot manifest',
    ],
    [
      'a wrong signature',
      { 'boot-manifest.sig': (bytes: Buffer) => flip(bytes, 40) },
      'no platform key signed the boot manifest',
    ],
    [
      'a signature that is cut',
      { 'boot-manifest.sig': (bytes: Buffer) => bytes.subarray(1) },
      'the signature of the boot manifest has a wrong length',
    ],
  ] as const)
    it(`E1: ${what} is refused with one line and status 125`, async () => {
      const result = await run(checkoutWith('refused', changed));
      expect(result).toEqual({ status: 125, stdout: '', stderr: `euroos: boot refused: ${reason}\n` });
    });

  it('E2 E6: no boot service is called after ExitBootServices; the log runs from the first line to the power-off', async () => {
    const { serial, stats } = await euroosRun(
      [],
      ['sh', '-c', 'ls -lR /bin > /dev/null; echo x > /tmp/x; sync; cat /proc/kmsg'],
    );
    expect(stats.bootServiceCallsAfterExit).toBe(0);
    const lines = serial.split(/\r?\n/).filter((line) => line !== '');
    expect(lines[0]).toMatch(/^EuroOS .* loader: UEFI 2\.\d+/);
    expect(lines.at(-1)).toBe('[kernel] power off');
    const exit = lines.findIndex((line) => line.startsWith('[boot] ExitBootServices OK'));
    expect(exit).toBeGreaterThan(0);
    // Lines of the kernel's own driver come after the firmware has gone.
    expect(lines.findIndex((line) => line.startsWith('[pci]'))).toBeGreaterThan(exit);
    for (const part of ['[boot] GOP', '[boot] memory map', '[blk] virtio-blk OK', '[eurofs]'])
      expect(lines.filter((line) => line.startsWith(part))).toHaveLength(1);
  });
});
