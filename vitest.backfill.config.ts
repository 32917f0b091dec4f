import { defineConfig } from 'vitest/config'
import unit from './vitest.config.js'

/** The back-fill of 10,000 files: a minute or two, too long for every run of the unit tests, where a smaller one is. */
export default defineConfig({
  ...unit,
  test: {
    ...unit.test,
    include: ['test/backfill/**/*.test.ts'],
    exclude: [],
    testTimeout: 900_000,
  },
})
