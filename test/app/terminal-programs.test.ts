// Full-screen programs of other people and a shell with job control in the real window, also while it changes its size. What they
// draw is compared with Linux cell by cell in test/terminal; here the window's own part is seen: keys, size, screen.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ownerSeed } from '../../electron/backends/owner-key.ts';
import { addToVolume } from '../../electron/machine-host/additions.ts';
import { openUserDisk } from '../../electron/machine-host/user-disk.ts';
import { dist } from '../support/euroos.ts';
import { missingPrograms, programFile, terminalPrograms } from '../terminal/programs.ts';
import { MachineDesktop, makeUserFolder, topWindow } from './machine.ts';

if (missingPrograms !== '') console.log(`skipped: ${missingPrograms}`);

const line = (number: number): string => `${number} the quick brown fox`;

describe.skipIf(missingPrograms !== '')('programs in a terminal window', () => {
  let desktop: MachineDesktop;
  beforeAll(async () => {
    const userFolder = makeUserFolder({ network: 'none' });
    const text = join(userFolder, 'text.txt');
    writeFileSync(text, Array.from({ length: 60 }, (_, i) => `${line(i + 1)}\n`).join(''));
    const disk = openUserDisk(join(userFolder, 'machine/disk.img'), join(dist, 'system.img'));
    const additions = terminalPrograms.map((name) => ({ host: programFile(name), guest: `/opt/${name}` }));
    addToVolume(
      disk,
      [...additions, { host: text, guest: '/home/user/text.txt' }],
      ownerSeed(join(userFolder, 'machine')),
      Date.now(),
    );
    disk.close();
    desktop = await MachineDesktop.start(userFolder);
    await desktop.untilPrompt();
    await desktop.run('PATH=/opt:/bin PS1="$ " exec dash -i');
    await desktop.untilText(/\n\$$/);
  });
  afterAll(async () => {
    await desktop?.close();
  });
  const zoom = async (): Promise<void> => {
    const { x, y } = topWindow(await desktop.shown());
    await desktop.click(x + 62, y + 22);
  };

  test('D1 E28: busybox vi edits, and redraws when the window gets another size', async () => {
    await desktop.run('busybox vi text.txt');
    await desktop.untilText(/^1 the quick brown fox\n/);
    await desktop.type('jjddowritten in the window');
    await desktop.page.keyboard.press('Escape');
    await desktop.untilText(/\n4 the quick brown fox\nwritten in the window\n5 the/);
    const before = (await desktop.untilText(/\[Modified\]/)).split('\n').length;
    await zoom();
    const zoomed = await desktop.untilText(/\n40 the quick brown fox\n- text\.txt \[Modified\] 4\/60/);
    expect(zoomed.split('\n').length).toBeGreaterThan(before);
    await zoom();
    await desktop.until('the old size', (shown) => {
      const text = shown.texts[topWindow(shown).surface];
      return text.length === before && /\[Modified\]/.test(text[before - 1]);
    });
  });

  test('D1 E14: Ctrl-Z, jobs, bg, fg and Ctrl-C', async () => {
    await desktop.page.keyboard.press('Control+z');
    await desktop.untilText(/\[1\] \+ Stopped \(signal\) +busybox vi text\.txt\n\$$/);
    await desktop.run('busybox sleep 500');
    await desktop.untilText(/sleep 500$/);
    await desktop.page.keyboard.press('Control+z');
    await desktop.untilText(/\[2\] \+ Stopped +busybox sleep 500\n\$$/);
    await desktop.run('bg');
    await desktop.untilText(/\[2\] busybox sleep 500\n\$$/);
    await desktop.run('jobs');
    await desktop.untilText(/\[1\] \+ Stopped \(signal\) +busybox vi[^\n]*\n\[2\] - Running +busybox sleep 500\n\$$/);
    await desktop.run('fg %2');
    await desktop.untilText(/fg %2\nbusybox sleep 500$/);
    await desktop.page.keyboard.press('Control+c');
    await desktop.untilText(/\^C\n\$$/);
    await desktop.run('fg %1');
    await desktop.untilText(/written in the window\n/);
    await desktop.type(':q!');
    await desktop.page.keyboard.press('Enter');
    await desktop.untilText(/\n\$$/);
  });

  test('D1 E28: less pages and searches on a screen of its own', async () => {
    await desktop.run('clear; echo before; less -M text.txt');
    await desktop.untilText(/^1 the[\s\S]*text\.txt lines 1-/);
    await desktop.type('/33 the');
    await desktop.page.keyboard.press('Enter');
    await desktop.untilText(/^33 the/);
    await zoom();
    await desktop.untilText(/\n60 the quick brown fox[\s\S]*lines \d+-60\/60 \(END\)/);
    await desktop.page.keyboard.press('b');
    await desktop.untilText(/^1 the/);
    await desktop.type('q');
    await desktop.untilText(/(^|\n)before\n\$$/);
  });

  test('D1 E28: busybox top and our own top', async () => {
    await desktop.run('busybox top -d 1');
    await desktop.untilText(
      /^Mem: \d+K used[\s\S]*\nLoad average: [\d. ]+\d\/\d+ \d+\n +PID +PPID USER[\s\S]*\/bin\/desktop/,
    );
    await desktop.type('q');
    await desktop.untilText(/\n\$$/);
    await desktop.run('top -d 1');
    await desktop.untilText(/^up 0:0\d:\d\d, load average: [\s\S]*\/bin\/desktop/);
    await desktop.type('q');
    await desktop.untilText(/\n\$$/);
  });
});
