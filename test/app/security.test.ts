// What the page of the desktop must not be able to do, tried from inside the page of the running app.

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Desktop } from './desktop.ts';

let desktop: Desktop;
let server: Server;
let requests = 0;
let serverAddress = '';
beforeAll(async () => {
  server = createServer((_request, response) => {
    requests++;
    response.setHeader('access-control-allow-origin', '*');
    response.end('reached');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  serverAddress = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  desktop = await Desktop.start({ asOrdinaryUser: true });
});
afterAll(async () => {
  await desktop?.close();
  server.close();
});

describe('the page of the desktop', () => {
  test('D1: runs in Chromium’s sandbox, with a context of its own', async () => {
    const preferences = await desktop.app.evaluate(({ BrowserWindow }) => {
      const contents = BrowserWindow.getAllWindows()[0].webContents as unknown as {
        getLastWebPreferences(): Record<string, unknown>;
      };
      const { sandbox, contextIsolation, nodeIntegration, webviewTag } = contents.getLastWebPreferences();
      return { sandbox, contextIsolation, nodeIntegration, webviewTag };
    });
    expect(preferences).toEqual({ sandbox: true, contextIsolation: true, nodeIntegration: false, webviewTag: false });
    // Seccomp 2 = a filter is active (proc_pid_status(5)).
    const seccomp = await desktop.app.evaluate(async ({ BrowserWindow }) => {
      const pid = BrowserWindow.getAllWindows()[0].webContents.getOSProcessId();
      const { readFileSync } = process.mainModule!.require('node:fs') as typeof import('node:fs');
      return /Seccomp:\s*(\d)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    });
    expect(seccomp).toBe('2');
  });

  test('D1: has no Node, and a bridge of two frozen functions', async () => {
    const found = await desktop.page.evaluate(() => ({
      node: ['require', 'process', 'module', 'Buffer', 'global', '__dirname'].filter((name) => name in window),
      bridge: Object.keys(window.euroos).sort(),
      frozen: Object.isFrozen(window.euroos),
    }));
    expect(found).toEqual({ node: [], bridge: ['listen', 'send'], frozen: true });
  });

  test('D1: is served with a strict content security policy', async () => {
    const policy = await desktop.page.evaluate(async () =>
      (await fetch('euroos://app/index.html')).headers.get('content-security-policy'),
    );
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self' 'wasm-unsafe-eval'");
    expect(policy).not.toMatch(/'unsafe-(eval|inline)'/);
  });

  test('D1: cannot run code from strings or inline scripts', async () => {
    const result = await desktop.page.evaluate(
      () =>
        new Promise<string[]>((resolve) => {
          const events: string[] = [];
          document.addEventListener('securitypolicyviolation', (event) => events.push(event.effectiveDirective));
          const script = document.createElement('script');
          script.textContent = 'window.inlineRan = true';
          document.body.append(script);
          setTimeout('window.stringRan = true', 0);
          setTimeout(() => {
            for (const name of ['inlineRan', 'stringRan']) if (name in window) events.push(name);
            resolve(events);
          }, 200);
        }),
    );
    expect(result.length).toBeGreaterThanOrEqual(2);
    expect(result.every((directive) => directive.startsWith('script-src'))).toBe(true);
  });

  test('D1: cannot open windows or go elsewhere', async () => {
    const before = desktop.page.url();
    const opened = await desktop.page.evaluate(() => window.open('https://example.org/') === null);
    expect(opened).toBe(true);
    await desktop.page.evaluate((address) => {
      location.href = address;
    }, serverAddress);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(desktop.page.url()).toBe(before);
    expect(await desktop.app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows().length)).toBe(1);
    expect(requests).toBe(0);
  });

  test('D1: reaches neither the network nor files', async () => {
    const answers = await desktop.page.evaluate(async (address) => {
      const attempt = async (target: string) => {
        try {
          return `${(await fetch(target)).status}`;
        } catch {
          return 'refused';
        }
      };
      const image = await new Promise<string>((resolve) => {
        const element = new Image();
        element.onload = () => resolve('loaded');
        element.onerror = () => resolve('refused');
        element.src = `${address}image.png`;
      });
      return [
        await attempt(address),
        await attempt('file:///etc/passwd'),
        await attempt('euroos://other/index.html'),
        await attempt('euroos://app/%2e%2e/main.cjs'),
        await attempt('euroos://app/..%2fmain.cjs'),
        await attempt('euroos://app/../../../etc/passwd'),
        image,
      ];
    }, serverAddress);
    expect(answers).toEqual(['refused', 'refused', 'refused', '404', '404', '404', 'refused']);
    expect(requests).toBe(0);
  });

  test('D1: gets no permission', async () => {
    const answers = await desktop.page.evaluate(async () => {
      const refused = (promise: Promise<unknown>) => promise.then(() => 'granted').catch(() => 'refused');
      return [
        await Notification.requestPermission(),
        await refused(navigator.mediaDevices.getUserMedia({ audio: true })),
        await refused(navigator.clipboard.readText()),
      ];
    });
    expect(answers).toEqual(['denied', 'refused', 'refused']);
  });

  test('D1: sends only what the protocol knows', async () => {
    const before = desktop.eventsOf('key').length;
    await desktop.page.evaluate(() => {
      const send = window.euroos.send as (message: unknown) => void;
      for (const message of [
        null,
        'x',
        { kind: 'power' },
        { kind: 'key', code: 'KeyA' },
        { kind: 'key', code: '__proto__', down: true },
      ]) {
        send(message);
      }
      send({ kind: 'key', code: 'KeyB', down: true });
    });
    await desktop.until(() => desktop.eventsOf('key').length > before);
    expect(desktop.eventsOf('key').slice(before)).toEqual([{ event: 'key', scancodes: [0x30] }]);
    expect(desktop.terminal.match(/a message was refused/g)).toHaveLength(1);
    expect(desktop.eventsOf('power')).toEqual([]);
  });

  test('D1: a crashed page comes back and is told everything', async () => {
    await desktop.play([
      { kind: 'surfaceCreated', id: 1, surfaceKind: 'pixels', width: 8, height: 8 },
      { kind: 'framebuffer', x: 0, y: 0, width: 1, height: 1, rgba: Uint8Array.of(9, 8, 7, 255) },
    ]);
    const before = desktop.eventsOf('windowSize').length;
    await desktop.app.evaluate(({ BrowserWindow }) =>
      BrowserWindow.getAllWindows()[0].webContents.forcefullyCrashRenderer(),
    );
    await desktop.until(() => desktop.eventsOf('windowSize').length > before);
    await desktop.play([{ kind: 'framebuffer', x: 1, y: 0, width: 1, height: 1, rgba: Uint8Array.of(6, 5, 4, 255) }]);
    const size = await desktop.app.evaluate(async ({ BrowserWindow }) => {
      const image = await BrowserWindow.getAllWindows()[0].webContents.executeJavaScript(
        'const c = document.querySelector("canvas"); const g = c.getContext("webgl2"); const p = new Uint8Array(8); g.readPixels(0, c.height - 1, 2, 1, g.RGBA, g.UNSIGNED_BYTE, p); Array.from(p)',
      );
      return image as number[];
    });
    expect(size).toEqual([9, 8, 7, 255, 6, 5, 4, 255]);
  });
});
