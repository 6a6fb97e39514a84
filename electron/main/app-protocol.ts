// euroos://app/… serves the renderer's files from the application and nothing else, with a strict content security policy.

import { readFile } from 'node:fs/promises';
import { protocol } from 'electron';
import { APP_SCHEME, fileOfAddress, mediaTypeOf } from './app-files.ts';

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

/** Must run before the app is ready. */
export function registerAppScheme(): void {
  protocol.registerSchemesAsPrivileged([
    { scheme: APP_SCHEME, privileges: { standard: true, secure: true, supportFetchAPI: true } },
  ]);
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
      return new Response(body, { headers: { ...headers, 'content-type': mediaTypeOf(file) } });
    } catch {
      return new Response('Not found', { status: 404, headers });
    }
  });
}
