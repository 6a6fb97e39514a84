// Mouse and pen of the host -> pointer messages in desktop pixels. The host's own cursor is hidden over the desktop.

import type { RendererMessage } from '../../electron/protocol/renderer-messages.ts';

/** DOM `buttons` bits are left 1, right 2, middle 4: the protocol's own order. */
const BUTTON_MASK = 7;
/** Pixels of a smooth wheel that count as one step; Chromium reports 100 or 120 for one notch. */
const PIXELS_PER_STEP = 100;

/** A point of the page -> the desktop pixel under it, clamped to the desktop. */
export function desktopPoint(
  clientX: number,
  clientY: number,
  canvas: { readonly left: number; readonly top: number; readonly width: number; readonly height: number },
  desktop: { readonly width: number; readonly height: number },
): { x: number; y: number } {
  const clamp = (value: number, size: number) => Math.max(0, Math.min(size - 1, Math.floor(value)));
  return {
    x: clamp(((clientX - canvas.left) / canvas.width) * desktop.width, desktop.width),
    y: clamp(((clientY - canvas.top) / canvas.height) * desktop.height, desktop.height),
  };
}

export function attachPointer(
  canvas: HTMLCanvasElement,
  desktopSize: () => { readonly width: number; readonly height: number },
  send: (message: RendererMessage) => void,
): void {
  let wheelPixels = 0;
  const report = (event: MouseEvent, wheel: number) => {
    const { x, y } = desktopPoint(event.clientX, event.clientY, canvas.getBoundingClientRect(), desktopSize());
    send({ kind: 'pointer', x, y, buttons: event.buttons & BUTTON_MASK, wheel });
  };
  canvas.addEventListener('pointermove', (event) => report(event, 0));
  canvas.addEventListener('pointerdown', (event) => {
    // A drag that leaves the window still ends here.
    canvas.setPointerCapture(event.pointerId);
    report(event, 0);
  });
  canvas.addEventListener('pointerup', (event) => report(event, 0));
  canvas.addEventListener('contextmenu', (event) => event.preventDefault());
  canvas.addEventListener(
    'wheel',
    (event) => {
      event.preventDefault();
      wheelPixels += event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? event.deltaY : event.deltaY * PIXELS_PER_STEP;
      const steps = Math.trunc(wheelPixels / PIXELS_PER_STEP);
      if (steps === 0) return;
      wheelPixels -= steps * PIXELS_PER_STEP;
      report(event, Math.max(-127, Math.min(127, steps)));
    },
    { passive: false },
  );
}
