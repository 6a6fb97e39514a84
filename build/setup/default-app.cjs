// Stands where Electron's default application stands: `electron [-r MODULE]… FOLDER [ARGUMENT…]` loads the main script that
// FOLDER/package.json names. Written for the fallback runtime (electron-runtime.mjs); the official one brings its own.
'use strict';
const { app } = require('electron');
const { existsSync, readFileSync } = require('node:fs');
const Module = require('node:module');
const path = require('node:path');

// Without a handler Electron opens a modal box, and nobody sits in front of a test.
process.on('uncaughtException', (error) => {
  console.error(error);
  process.exit(1);
});

const commandLine = process.argv.slice(1);
const preloads = [];
let position = 0;
while (position < commandLine.length && commandLine[position].startsWith('-')) {
  const option = commandLine[position++];
  if (option === '-v' || option === '--version') {
    console.log(`v${process.versions.electron}`);
    process.exit(0);
  }
  if (option === '-r' || option === '--require') preloads.push(commandLine[position++]);
}
const target = commandLine[position];
if (target === undefined) {
  console.error('usage: electron [options] FOLDER [ARGUMENT…]');
  process.exit(2);
}

process.defaultApp = true;
process.argv.splice(1, position); // [executable, FOLDER, …], as Electron itself leaves it
const folder = path.resolve(target);
const packageFile = path.join(folder, 'package.json');
let main = folder;
if (existsSync(packageFile)) {
  const description = JSON.parse(readFileSync(packageFile, 'utf8'));
  main = path.join(folder, description.main ?? 'index.js');
  if (description.version) app.setVersion(description.version);
  app.setName(description.productName ?? description.name ?? 'Electron');
  app.setAppPath(folder);
} else {
  app.setAppPath(path.dirname(folder));
}
for (const preload of preloads) require(path.resolve(preload));
Module._load(main, null, true);
