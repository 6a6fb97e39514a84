import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { fileOfAddress } from './app-files.ts';

const folder = join('/opt', 'euroos', 'renderer');

describe('addresses of the application', () => {
  test('D1: a file of the application is found', () => {
    expect(fileOfAddress(folder, 'euroos://app/index.html')).toBe(join(folder, 'index.html'));
    expect(fileOfAddress(folder, 'euroos://app/assets/page-1.js?x#y')).toBe(join(folder, 'assets', 'page-1.js'));
  });

  test('D1: another host, another scheme and unknown kinds of file are refused', () => {
    for (const address of [
      'euroos://other/index.html',
      'https://app/index.html',
      'euroos://app/main.cjs',
      'euroos://app/',
    ]) {
      expect(fileOfAddress(folder, address)).toBeNull();
    }
  });

  test.each([
    'euroos://other/index.html',
    'https://app/index.html',
    'file:///opt/euroos/renderer/index.html',
    'euroos://app/../secret.json',
    'euroos://app/%2e%2e/%2e%2e/secret.json',
    'euroos://app/..%2f..%2fsecret.json',
    'euroos://app/assets/..%5c..%5csecret%00.json',
    'euroos://app/%',
    'euroos://app/',
    'euroos://app/main.cjs',
    'euroos://app/../renderer-of-another/index.html',
    'not an address',
  ])('D1: %s names no file outside', (address) => {
    const file = fileOfAddress(folder, address);
    expect(file === null || file.startsWith(`${folder}/`)).toBe(true);
  });
});
