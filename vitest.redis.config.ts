import { defineConfig } from 'vitest/config'
import unit from './vitest.config.js'

/**
 * The tests that need Redis: the one that `REDIS_URL` names. Without one the run fails.
 * One file after the other: the workers that are killed need the machine for themselves.
 */
export default defineConfig({
  ...unit,
  test: {
    ...unit.test,
    include: ['test/integration-redis/**/*.test.ts'],
    exclude: [],
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})
