// Physical keys -> key messages. Nothing is left to the page: no scrolling, no find bar, no tab focus. A key that is held goes down
// again and again, as it does on the wire of a real keyboard, at the pace that the user has set on the host.

import type { RendererMessage } from '../../electron/protocol/renderer-messages.ts';

export function attachKeyboard(target: Window, send: (message: RendererMessage) => void): void {
  const report = (event: KeyboardEvent, down: boolean) => {
    event.preventDefault();
    if (event.code === '' || event.code.length > 32) return;
    send({ kind: 'key', code: event.code, down });
  };
  target.addEventListener('keydown', (event) => report(event, true));
  target.addEventListener('keyup', (event) => report(event, false));
  target.addEventListener('blur', () => send({ kind: 'blur' }));
}
