import { defineConfig } from 'vitest/config'

const { pathname: src } = new URL('./src', import.meta.url)

export default defineConfig({
  resolve: {
    alias: [
      { find: /^whatsapp-media-archive$/, replacement: `${src}/index.ts` },
      { find: /^whatsapp-media-archive\/(.*)$/, replacement: `${src}/$1.ts` },
    ],
  },
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/integration*/**', 'test/backfill/**', 'test/browser/**', 'test/package/consumers/**'],
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
  },
})
