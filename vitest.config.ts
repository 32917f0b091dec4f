import { defineConfig } from 'vitest/config'

const { pathname: src } = new URL('./src', import.meta.url)

/** Every project runs by name: `npm test` is `vitest run --project unit`. A path of a test file finds its project. */
export default defineConfig({
  resolve: {
    alias: [
      { find: /^whatsapp-media-archive$/, replacement: `${src}/index.ts` },
      { find: /^whatsapp-media-archive\/(.*)$/, replacement: `${src}/$1.ts` },
    ],
  },
  test: {
    setupFiles: ['test/setup.ts'],
    restoreMocks: true,
    unstubEnvs: true,
    // Against tests that hang, not slow machines.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // The thresholds are enforced on the merged report of all runs: npm run coverage:merged.
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
      // The command line's edge: run as a process by the demo and by the tarball's consumers.
      exclude: ['src/cli.ts'],
      reporter: [['text', { skipFull: true }], 'json-summary'],
    },
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: [
            ...['test/integration*/**', 'test/backfill/**', 'test/browser/**', 'test/kill-run/**'],
            'test/package/consumers/**',
          ],
        },
      },
      // The back-fill of 10,000 files takes a minute or two; the unit tests have a smaller one.
      { extends: true, test: { name: 'backfill', include: ['test/backfill/**/*.test.ts'], testTimeout: 900_000 } },
      // Needs the S3 server that S3_ENDPOINT names.
      {
        extends: true,
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          globalSetup: ['test/integration/require-server.ts'],
          testTimeout: 120_000,
        },
      },
      // Needs Chromium and a real S3 server: the Ceph that S3_ENDPOINT names.
      {
        extends: true,
        test: {
          name: 'browser',
          include: ['test/browser/**/*.test.ts'],
          globalSetup: ['test/browser/require-browser.ts'],
          // A browser each: two at once are enough for any machine.
          maxWorkers: 2,
          // Projects with different numbers of workers run one after the other.
          sequence: { groupOrder: 1 },
          testTimeout: 120_000,
        },
      },
      // Needs the MongoDB-compatible server that MONGODB_URL names. One file after the other: on DocumentDB, two files
      // that make indexes at once can wait for each other. After a deadlock the server keeps its locks for a while.
      {
        extends: true,
        test: { name: 'mongo', include: ['test/integration-mongo/**/*.test.ts'], fileParallelism: false },
      },
      // Needs the Redis that REDIS_URL names. One file after the other: killed workers need the machine to themselves.
      {
        extends: true,
        test: { name: 'redis', include: ['test/integration-redis/**/*.test.ts'], fileParallelism: false },
      },
      // Needs the pair of Redis servers that REDIS_PAIR_URLS names, a Ceph that S3_ENDPOINT names, and root, or sudo, to
      // rotate the Ceph's keys and to mount a small disk.
      { extends: true, test: { name: 'kill-run', include: ['test/kill-run/**/*.test.ts'] } },
      // Needs the SQS server that SQS_ENDPOINT names and, for the Lambda example, an S3 server. One file after the other:
      // the kill run needs the machine to itself.
      {
        extends: true,
        test: { name: 'sqs', include: ['test/integration-sqs/**/*.test.ts'], fileParallelism: false },
      },
    ],
  },
})
