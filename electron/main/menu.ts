// The application's menu. Its shortcuts use Ctrl+Alt (Cmd+Option), which leaves every plain key and Ctrl combination to the guest.
// They are looked at before the page sees the key, because the page keeps all keys for the guest.

import { app, type BrowserWindow, dialog, Menu } from 'electron';

export interface MachineActions {
  start(): void;
  restart(force: boolean): void;
  powerOff(force: boolean): void;
  paste(): void;
  copy(): void;
  newTerminal(): void;
  closeTerminal(): void;
}

export function installMenu(window: BrowserWindow, actions: MachineActions): void {
  const shortcuts = new Map<string, () => void>();
  const item = (label: string, click: () => void, key?: string): Electron.MenuItemConstructorOptions => {
    if (key === undefined) return { label, click };
    shortcuts.set(/\d/.test(key) ? `Digit${key}` : `Key${key}`, click);
    // Shown only: the shortcut itself is handled below.
    return { label, click, accelerator: `CommandOrControl+Alt+${key}`, registerAccelerator: false };
  };
  /** A shortcut that the guest itself, or main on the way there, answers: only named here. */
  const guestItem = (label: string, click: () => void, key: string): Electron.MenuItemConstructorOptions => ({
    label,
    click,
    accelerator: `Control+Shift+${key}`,
    registerAccelerator: false,
  });
  const menu = Menu.buildFromTemplate([
    {
      label: 'Machine',
      submenu: [
        item('Start', () => actions.start()),
        item('Restart', () => actions.restart(false), 'R'),
        item('Power Off', () => actions.powerOff(false)),
        { type: 'separator' },
        item('Reset', () => actions.restart(true)),
        item('Switch Off at Once', () => actions.powerOff(true)),
        { type: 'separator' },
        item('Quit', () => app.quit()),
      ],
    },
    {
      label: 'Edit',
      submenu: [guestItem('Copy', () => actions.copy(), 'C'), guestItem('Paste', () => actions.paste(), 'V')],
    },
    {
      label: 'Terminal',
      submenu: [
        guestItem('New Terminal', () => actions.newTerminal(), 'N'),
        guestItem('Close Terminal', () => actions.closeTerminal(), 'W'),
      ],
    },
    {
      label: 'View',
      submenu: [
        item('Actual Size', () => window.setContentSize(1440, 900), '0'),
        item('Full Screen', () => window.setFullScreen(!window.isFullScreen()), 'F'),
        { type: 'separator' },
        item('Developer Tools', () => window.webContents.toggleDevTools(), 'I'),
      ],
    },
    {
      label: 'Help',
      submenu: [item('About EuroOS Workstation', () => about(window))],
    },
  ]);
  Menu.setApplicationMenu(menu);
  window.webContents.on('before-input-event', (event, input) => {
    const modifier = process.platform === 'darwin' ? input.meta : input.control;
    const action = modifier && input.alt && !input.shift ? shortcuts.get(input.code) : undefined;
    if (!action) return;
    event.preventDefault();
    if (input.type === 'keyDown' && !input.isAutoRepeat) action();
  });
}

function about(window: BrowserWindow): void {
  const { electron, chrome, node } = process.versions;
  void dialog.showMessageBox(window, {
    type: 'info',
    title: 'About EuroOS Workstation',
    message: 'EuroOS Workstation',
    detail: `A small sovereign operating system that runs for real.\nEUPL-1.2\n\nElectron ${electron}, Chromium ${chrome}, Node ${node}`,
  });
}
