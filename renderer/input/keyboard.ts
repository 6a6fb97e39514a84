// Physical keys -> key messages. Nothing is left to the page: no scrolling, no find bar, no tab focus. Repeats are not sent, the
// guest's keyboard makes its own.

import type { RendererMessage } from '../../electron/protocol/renderer-messages.ts';

export function attachKeyboard(target: Window, send: (message: RendererMessage) => void): void {
  const report = (event: KeyboardEvent, down: boolean) => {
    event.preventDefault();
    if (event.repeat || event.code === '' || event.code.length > 32) return;
    send({ kind: 'key', code: event.code, down });
  };
  target.addEventListener('keydown', (event) => report(event, true));
  target.addEventListener('keyup', (event) => report(event, false));
  target.addEventListener('blur', () => send({ kind: 'blur' }));
}
