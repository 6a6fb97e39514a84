// euroos://app/… serves the renderer's files from the application and nothing else, with a strict content security policy.

import { readFile } from 'node:fs/promises';
import { extname, join, normalize, sep } from 'node:path';
import { protocol } from 'electron';

export const APP_SCHEME = 'euroos';
export const APP_ORIGIN = `${APP_SCHEME}://app`;
export const PAGE_ADDRESS = `${APP_ORIGIN}/index.html`;

const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "style-src 'self'",
  "img-src 'self' blob:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const MEDIA_TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.png': 'image/png',
  '.json': 'application/json',
};

/** Must run before the app is ready. */
export function registerAppScheme(): void {
  protocol.registerSchemesAsPrivileged([
    { scheme: APP_SCHEME, privileges: { standard: true, secure: true, supportFetchAPI: true } },
  ]);
}

/** The file that a URL names below `folder`, or null: another host, another folder, an unknown kind of file. */
export function fileOfAddress(folder: string, address: string): string | null {
  let url: URL;
  let path: string;
  try {
    url = new URL(address);
    path = decodeURIComponent(url.pathname);
  } catch {
    return null; // malformed addresses and escapes name no file
  }
  if (url.protocol !== `${APP_SCHEME}:` || url.host !== 'app' || path.includes('\0')) return null;
  const file = normalize(join(folder, path));
  if (!file.startsWith(folder + sep) || MEDIA_TYPES[extname(file)] === undefined) return null;
  return file;
}

export function serveApp(folder: string): void {
  protocol.handle(APP_SCHEME, async (request) => {
    const file = request.method === 'GET' ? fileOfAddress(folder, request.url) : null;
    const headers = {
      'content-security-policy': CONTENT_SECURITY_POLICY,
      'x-content-type-options': 'nosniff',
      'cross-origin-opener-policy': 'same-origin',
    };
    try {
      if (!file) return new Response('Not found', { status: 404, headers });
      const body = await readFile(file);
      return new Response(body, { headers: { ...headers, 'content-type': MEDIA_TYPES[extname(file)] } });
    } catch {
      return new Response('Not found', { status: 404, headers });
    }
  });
}
