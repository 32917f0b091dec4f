import { defineConfig } from 'vitest/config'
import unit from './vitest.config.js'

/** The tests that need a real server: the one that `S3_ENDPOINT` names. */
export default defineConfig({
  ...unit,
  test: {
    ...unit.test,
    include: ['test/integration/**/*.test.ts'],
    exclude: [],
    globalSetup: ['test/integration/require-server.ts'],
    testTimeout: 120_000,
    hookTimeout: 60_000,
  },
})
