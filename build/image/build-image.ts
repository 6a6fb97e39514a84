// Builds the system image: a EuroFS volume with the programs, task images and settings of EuroOS, signed with the development key.
// Usage: build-image OUTPUT USERLAND_FOLDER. The same inputs give the same bytes.

import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { DiskImage } from '../../electron/backends/disk-image.ts';
import { signInVolume } from '../../electron/machine-host/additions.ts';
import { BackendBlockStore } from '../../electron/machine-host/volume-store.ts';
import { type Owner, VolumeTool } from '../../os-core/eurofs/index.ts';

/** Size of the volume; the file is sparse. */
const IMAGE_BYTES = 512 * 1024 * 1024;
/** Time stamps of all files: 2026-01-01 00:00 UTC. */
const BUILD_SECONDS = 1_767_225_600;
const USER: Owner = { user: 1000, group: 1000 };

/** Programs that are TypeScript in the kernel's process: execve of the image turns a process into the task. */
const taskImages: Readonly<Record<string, string>> = { init: 'init', sh: 'shell', desktop: 'desktop' };

const settings: Readonly<Record<string, string>> = {
  '/etc/passwd': 'root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:EuroOS user:/home/user:/bin/sh\n',
  '/etc/group': 'root:x:0:\nuser:x:1000:\n',
  '/etc/hosts': '127.0.0.1 localhost\n127.0.1.1 euroos\n',
  '/etc/hostname': 'euroos\n',
  '/etc/os-release': 'NAME=EuroOS\nID=euroos\nPRETTY_NAME="EuroOS Workstation"\n',
  '/etc/motd': 'Welcome to EuroOS. Type help for the commands of the shell.\n',
};

function addProgram(volume: VolumeTool, file: string, contents: Uint8Array, seed: Uint8Array): void {
  volume.writeFile(file, contents, 0o755);
  signInVolume(volume, file, contents, seed);
}

function build(output: string, userland: string, seed: Uint8Array): void {
  const temporary = `${output}.new`;
  fs.rmSync(temporary, { force: true });
  fs.closeSync(fs.openSync(temporary, 'w'));
  fs.truncateSync(temporary, IMAGE_BYTES);
  const disk = new DiskImage(temporary, { readOnly: false });
  const uuid = createHash('sha256').update('EuroOS system volume').digest().subarray(0, 16);
  const volume = VolumeTool.format(new BackendBlockStore(disk), {
    uuid: new Uint8Array(uuid),
    label: 'EuroOS',
    nowSeconds: BUILD_SECONDS,
  });
  for (const folder of ['/bin', '/dev', '/etc', '/home', '/proc', '/root', '/run', '/sys', '/tmp', '/usr', '/var/log'])
    volume.makeFolders(folder);
  volume.makeFolder('/home/user', 0o755, USER);
  volume.setMode('/root', 0o700);
  volume.makeSymbolicLink('/usr/bin', '/bin');
  for (const name of fs.readdirSync(userland).sort())
    addProgram(volume, `/bin/${name}`, new Uint8Array(fs.readFileSync(path.join(userland, name))), seed);
  for (const [file, task] of Object.entries(taskImages))
    addProgram(volume, `/bin/${file}`, new TextEncoder().encode(`EUROTASK\n${task}\n`), seed);
  for (const [file, text] of Object.entries(settings)) volume.writeFile(file, new TextEncoder().encode(text));
  volume.commit();
  disk.close();
  fs.renameSync(temporary, output);
}

const [output, userland] = process.argv.slice(2);
if (output === undefined || userland === undefined) {
  console.error('usage: build-image OUTPUT USERLAND_FOLDER');
  process.exit(2);
}
build(output, userland, new Uint8Array(fs.readFileSync(path.join(path.dirname(output), 'keys/development.seed'))));
