// The desktop's window, and everything that its page may not do.

import { BrowserWindow, type Session, session, type WebContents } from 'electron';
import { windowBackground } from '../protocol/window-colour.ts';
import { APP_ORIGIN, PAGE_ADDRESS } from './app-files.ts';

const DESKTOP = { width: 1440, height: 900 } as const;

export function createWindow(preload: string): BrowserWindow {
  const window = new BrowserWindow({
    ...DESKTOP,
    useContentSize: true,
    minWidth: 720,
    minHeight: 480,
    title: 'EuroOS Workstation',
    backgroundColor: windowBackground,
    webPreferences: {
      preload,
      sandbox: true,
      contextIsolation: true,
      nodeIntegration: false,
      webviewTag: false,
      webgl: true,
      spellcheck: false,
      // The machine waits for the page's acknowledgement; a covered window must not stop it.
      backgroundThrottling: false,
    },
  });
  lockDown(window.webContents);
  window.on('page-title-updated', (event) => event.preventDefault());
  void window.loadURL(PAGE_ADDRESS);
  return window;
}

function lockDown(contents: WebContents): void {
  contents.setWindowOpenHandler(() => ({ action: 'deny' }));
  contents.on('will-navigate', (event) => {
    if (event.url !== PAGE_ADDRESS) event.preventDefault();
  });
  contents.on('will-attach-webview', (event) => event.preventDefault());
}

/** No permission is ever granted, and the page reaches nothing but the application's own files. */
export function lockDownSession(target: Session = session.defaultSession): void {
  target.setPermissionRequestHandler((_contents, _permission, answer) => answer(false));
  target.setPermissionCheckHandler(() => false);
  target.setDevicePermissionHandler(() => false);
  target.webRequest.onBeforeRequest((details, answer) => {
    const own = details.url.startsWith(`${APP_ORIGIN}/`) || details.url.startsWith(`blob:${APP_ORIGIN}/`);
    answer({ cancel: !own && !details.url.startsWith('devtools://') });
  });
  target.on('will-download', (event) => event.preventDefault());
}
