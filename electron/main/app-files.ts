// Which file of the application an address names. No Electron here, so that hostile addresses can be tried in a unit test.

import { extname, join, normalize, sep } from 'node:path';

export const APP_SCHEME = 'euroos';
export const APP_ORIGIN = `${APP_SCHEME}://app`;
export const PAGE_ADDRESS = `${APP_ORIGIN}/index.html`;

const MEDIA_TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.png': 'image/png',
  '.json': 'application/json',
};

/** @param file one that fileOfAddress has let pass. */
export function mediaTypeOf(file: string): string {
  return MEDIA_TYPES[extname(file)];
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
