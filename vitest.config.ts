import { configDefaults, defineConfig } from 'vitest/config'

// `unit` holds tables, properties and simulations: no process, no port. `int` starts real servers, one file at a time,
// because two cores cannot hold several clusters and keep their timers.
export default defineConfig({
  test: {
    exclude: [...configDefaults.exclude, '.cache/**', '.meridian/**'],
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: [
            'packages/*/src/**/*.test.ts',
            'chaos/src/**/*.test.ts',
            'bench/src/**/*.test.ts',
            'tools/**/*.test.ts',
          ],
          exclude: ['**/*.int.test.ts', '**/node_modules/**'],
          testTimeout: 30_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'int',
          include: ['packages/*/src/**/*.int.test.ts', 'chaos/src/**/*.int.test.ts', 'bench/src/**/*.int.test.ts'],
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
})
