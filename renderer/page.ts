// The page of the desktop: a canvas that fills the window, and the bridge to the main process.

// Must come first: Pixi would compile code from strings, which the content security policy forbids.
import 'pixi.js/unsafe-eval';
import { ImageSource, Texture } from 'pixi.js';
import type { MainMessage, RendererBridge } from '../electron/protocol/renderer-messages.ts';
import { colour } from '../os-core/design-tokens/tokens.ts';
import { Compositor } from './compositor/compositor.ts';
import { Stage } from './compositor/stage.ts';
import interfaceImage from './design-system/glyphs/interface.png';
import terminalImage from './design-system/glyphs/terminal.png';
import { attachKeyboard } from './input/keyboard.ts';
import { attachPointer } from './input/pointer.ts';

declare global {
  interface Window {
    readonly euroos: RendererBridge;
    /** Frame counters, for tests and the frame-cost benchmark. */
    desktopStatistics?: Compositor['statistics'];
  }
}

async function loadImage(url: string): Promise<Texture> {
  const answer = await fetch(url);
  const bitmap = await createImageBitmap(await answer.blob(), {
    premultiplyAlpha: 'none',
    colorSpaceConversion: 'none',
  });
  const source = new ImageSource({ resource: bitmap, scaleMode: 'nearest', alphaMode: 'no-premultiply-alpha' });
  return new Texture({ source });
}

const NOTICES = {
  starting: null,
  running: null,
  panic: null, // the guest's own red screen
  off: { title: 'EuroOS is switched off', text: 'Machine › Start switches it on again.' },
  failed: { title: 'EuroOS could not be started', text: '' },
} as const;

function cssColour(value: number): string {
  return `#${value.toString(16).padStart(6, '0')}`;
}

/** Fits the canvas into the window: whole, centred, in the desktop's proportions. */
function fit(canvas: HTMLCanvasElement, size: { readonly width: number; readonly height: number }): void {
  const scale = Math.min(window.innerWidth / size.width, window.innerHeight / size.height);
  const width = Math.round(size.width * scale);
  const height = Math.round(size.height * scale);
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  canvas.style.left = `${Math.floor((window.innerWidth - width) / 2)}px`;
  canvas.style.top = `${Math.floor((window.innerHeight - height) / 2)}px`;
  // Whole multiples of a device pixel stay sharp; other scales are smoothed.
  const deviceScale = scale * window.devicePixelRatio;
  canvas.style.imageRendering = Number.isInteger(deviceScale) ? 'pixelated' : 'auto';
}

async function start(): Promise<void> {
  const canvas = document.querySelector('canvas');
  if (!canvas) throw new Error('the page has no canvas');
  document.body.style.backgroundColor = cssColour(colour.terminal);
  const { euroos } = window;
  const [interfaceGlyphs, terminalGlyphs] = await Promise.all([loadImage(interfaceImage), loadImage(terminalImage)]);
  const stage = await Stage.create(canvas, { interface: interfaceGlyphs, terminal: terminalGlyphs }, colour.terminal);
  const compositor = new Compositor(stage, {
    resized: (width, height) => fit(canvas, { width, height }),
    shown: (sequence) => euroos.send({ kind: 'acknowledge', sequence }),
    requestFrame: (frame) => requestAnimationFrame(frame),
  });
  window.desktopStatistics = compositor.statistics;
  compositor.showNotice(null);

  euroos.listen((message: MainMessage) => {
    if (message.kind === 'display') {
      compositor.apply(message);
    } else {
      const notice = NOTICES[message.status];
      compositor.showNotice(notice && { title: notice.title, text: message.text || notice.text });
    }
  });
  const reportSize = () => {
    fit(canvas, compositor.size);
    euroos.send({
      kind: 'windowSize',
      width: Math.min(8192, Math.round(window.innerWidth * window.devicePixelRatio)),
      height: Math.min(8192, Math.round(window.innerHeight * window.devicePixelRatio)),
    });
  };
  window.addEventListener('resize', reportSize);
  attachPointer(canvas, () => compositor.size, euroos.send);
  attachKeyboard(window, euroos.send);
  // A lost context (GPU reset, driver update) takes every cached picture with it: load the page anew, main sends everything again.
  canvas.addEventListener('webglcontextlost', () => location.reload());
  euroos.send({ kind: 'ready' });
  reportSize();
}

void start();
