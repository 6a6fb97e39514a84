// Electron side of generate.mjs: runs draw.js in an empty page with the fonts of the job and writes what it returns.
'use strict';
const { app, BrowserWindow } = require('electron');
const { readFileSync, writeFileSync } = require('node:fs');
const path = require('node:path');

process.on('uncaughtException', (error) => {
  console.error(error);
  process.exit(1);
});
app.commandLine.appendSwitch('force-color-profile', 'srgb');
app.commandLine.appendSwitch('disable-gpu');
const work = process.argv[process.argv.length - 1];

app.whenReady().then(async () => {
  const window = new BrowserWindow({ show: false, width: 320, height: 240 });
  await window.loadURL('about:blank');
  const job = readFileSync(path.join(work, 'job.json'), 'utf8');
  const code = readFileSync(path.join(__dirname, 'draw.js'), 'utf8');
  const results = await window.webContents.executeJavaScript(`${code}\ndrawAll(${job})`);
  for (const name of ['interface', 'terminal']) {
    const { coverage, ...layout } = results[name];
    writeFileSync(path.join(work, `${name}.bin`), Buffer.from(coverage, 'base64'));
    writeFileSync(path.join(work, `${name}.json`), JSON.stringify(layout));
  }
  app.exit(0);
});
