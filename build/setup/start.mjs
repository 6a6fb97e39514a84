// npm start: the set-up if it is needed, then the desktop.

import { spawn } from 'node:child_process';
import { runMain, setup } from './setup.mjs';
import { root, say } from './steps.mjs';

await runMain(async () => {
  const electron = await setup('start');
  const args = [root, ...process.argv.slice(2)];
  // Chromium refuses to run its sandbox as root; everyone else keeps it.
  if (process.getuid?.() === 0) args.unshift('--no-sandbox');
  const child = spawn(electron, args, { stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
  const { code, signal } = await new Promise((resolve) =>
    child.once('exit', (c, s) => resolve({ code: c, signal: s })),
  );
  if (signal === null && code === 0) return 0;
  if (signal !== 'SIGINT' && signal !== 'SIGTERM')
    say(
      `euroos: the window ended with ${signal ?? `status ${code}`}; without a display nothing can be shown: try npx euroos run`,
    );
  return code ?? 1;
});
