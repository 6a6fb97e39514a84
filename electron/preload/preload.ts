// The only thing the page gets besides the web platform: two functions, frozen.

import { contextBridge, ipcRenderer } from 'electron';
import {
  CHANNEL_TO_MAIN,
  CHANNEL_TO_RENDERER,
  type MainMessage,
  type RendererBridge,
} from '../protocol/renderer-messages.ts';

let listener: ((message: MainMessage) => void) | null = null;
ipcRenderer.on(CHANNEL_TO_RENDERER, (_event, message: MainMessage) => listener?.(message));

const bridge: RendererBridge = {
  send: (message) => ipcRenderer.send(CHANNEL_TO_MAIN, message),
  listen: (next) => {
    listener = next;
  },
};
contextBridge.exposeInMainWorld('euroos', Object.freeze(bridge));
