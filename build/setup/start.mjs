// npm start: the set-up if it is needed, then the desktop.

import { spawn } from 'node:child_process';
import { runMain, setup } from './setup.mjs';
import { root } from './steps.mjs';

await runMain(async () => {
  const electron = await setup('start');
  const args = [root, ...process.argv.slice(2)];
  // Chromium refuses to run its sandbox as root; everyone else keeps it.
  if (process.getuid?.() === 0) args.unshift('--no-sandbox');
  const child = spawn(electron, args, { stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
  return await new Promise((resolve) => child.once('exit', (code, signal) => resolve(signal === null ? code : 1)));
});
