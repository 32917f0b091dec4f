import { defineConfig } from 'vitest/config'
import unit from './vitest.config.js'

/** The tests that need a real browser, Chromium, and a real S3 server: the Ceph that `S3_ENDPOINT` names. */
export default defineConfig({
  ...unit,
  test: {
    ...unit.test,
    include: ['test/browser/**/*.test.ts'],
    exclude: [],
    globalSetup: ['test/browser/require-browser.ts'],
    // A browser each: two at once are enough for any machine.
    maxWorkers: 2,
    testTimeout: 120_000,
    hookTimeout: 60_000,
  },
})
