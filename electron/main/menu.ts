// The application's menu. Its shortcuts use Ctrl+Alt (Cmd+Option), which leaves every plain key and Ctrl combination to the guest.

import { type BrowserWindow, dialog, Menu, shell } from 'electron';

export interface MachineActions {
  start(): void;
  restart(force: boolean): void;
  powerOff(force: boolean): void;
  paste(): void;
  copy(): void;
}

const HOME_PAGE = 'https://www.euroos.eu/';

export function installMenu(window: BrowserWindow, actions: MachineActions): void {
  const item = (label: string, click: () => void, accelerator?: string): Electron.MenuItemConstructorOptions => ({
    label,
    click,
    ...(accelerator ? { accelerator } : {}),
  });
  const menu = Menu.buildFromTemplate([
    {
      label: 'Machine',
      submenu: [
        item('Start', () => actions.start()),
        item('Restart', () => actions.restart(false), 'CommandOrControl+Alt+R'),
        item('Power Off', () => actions.powerOff(false)),
        { type: 'separator' },
        item('Reset', () => actions.restart(true)),
        item('Switch Off at Once', () => actions.powerOff(true)),
        { type: 'separator' },
        { role: 'quit', label: 'Quit' },
      ],
    },
    {
      label: 'Edit',
      submenu: [
        item('Copy from EuroOS', () => actions.copy(), 'CommandOrControl+Alt+C'),
        item('Paste into EuroOS', () => actions.paste(), 'CommandOrControl+Alt+V'),
      ],
    },
    {
      label: 'View',
      submenu: [
        item('Actual Size', () => window.setContentSize(1440, 900), 'CommandOrControl+Alt+0'),
        item('Full Screen', () => window.setFullScreen(!window.isFullScreen()), 'CommandOrControl+Alt+F'),
        { type: 'separator' },
        item('Developer Tools', () => window.webContents.toggleDevTools(), 'CommandOrControl+Alt+I'),
      ],
    },
    {
      label: 'Help',
      submenu: [
        item('EuroOS on the Web', () => void shell.openExternal(HOME_PAGE)),
        item('About EuroOS Workstation', () => about(window)),
      ],
    },
  ]);
  Menu.setApplicationMenu(menu);
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
