import { defineConfig } from 'vitest/config'
import unit from './vitest.config.js'

/**
 * The tests that need a real SQS server, the one that `SQS_ENDPOINT` names, and for the Lambda example a real S3 server as
 * the integration tests do. Without one the run fails. One file after the other: the kill run needs the machine to itself.
 */
export default defineConfig({
  ...unit,
  test: {
    ...unit.test,
    include: ['test/integration-sqs/**/*.test.ts'],
    exclude: [],
    fileParallelism: false,
    testTimeout: 60_000,
  },
})
