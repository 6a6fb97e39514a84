// Desktop services as system tasks. terminal/ knows escape sequences, window-server/ knows windows; see the top of their files.

export { desktopTask } from './window-server/desktop-task.ts';
