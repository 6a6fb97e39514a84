// Preloaded into the app by the tests (`electron -r`): holds it before its first window until Playwright has attached, so that the window
// is new to Playwright from the first moment. Attaching to a window that is just loading may never end on a busy host. Playwright calls
// __playwright_run when it is ready; its own loader, which it leaves out for a runtime given by path, waits for the same.
'use strict';
const { app } = require('electron');

const ready = app.whenReady();
const attached = new Promise((resolve) => {
  globalThis.__playwright_run = () => resolve();
});
app.whenReady = () => attached.then(() => ready);
