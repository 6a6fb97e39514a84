import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: [
      'devices/**/*.test.ts',
      'os-core/**/*.test.ts',
      'electron/**/*.test.ts',
      'renderer/**/*.test.ts',
      'build/**/*.test.ts',
      'test/**/*.test.ts',
    ],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    pool: 'forks',
    maxWorkers: 2,
  },
});
