import { defineConfig } from 'vitest/config'
import unit from './vitest.config.js'

/**
 * The tests that need a MongoDB-compatible server: the one that `MONGODB_URL` names. Without one the run fails. One file
 * after the other: on DocumentDB, two that make indexes at once can wait for each other.
 */
export default defineConfig({
  ...unit,
  test: {
    ...unit.test,
    include: ['test/integration-mongo/**/*.test.ts'],
    exclude: [],
    fileParallelism: false,
    testTimeout: 60_000,
    // After a deadlock the server keeps its locks for a while.
    hookTimeout: 60_000,
  },
})
