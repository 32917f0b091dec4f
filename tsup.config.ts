import { defineConfig } from 'tsup'

export default defineConfig([
  {
    // One config for all library entries: two would share no chunk, and `instanceof` across entries would fail.
    entry: {
      index: 'src/index.ts',
      webhook: 'src/webhook.ts',
      errors: 'src/errors.ts',
      http: 'src/http.ts',
      storage: 'src/storage.ts',
      'storage/s3': 'src/storage/s3.ts',
      'storage/file-system': 'src/storage/file-system.ts',
      'storage/memory': 'src/storage/memory.ts',
      'signers/cloudfront': 'src/signers/cloudfront.ts',
      queues: 'src/queues.ts',
      'queues/in-process': 'src/queues/in-process.ts',
      'queues/sqs': 'src/queues/sqs.ts',
      'queues/bullmq': 'src/queues/bullmq.ts',
      testing: 'src/testing.ts',
    },
    format: ['esm', 'cjs'],
    dts: { compilerOptions: { ignoreDeprecations: '6.0', isolatedDeclarations: true } },
    target: 'node20',
    platform: 'node',
    // Without both, CommonJS goes through a rewrite that turns `await import()` into `require()`.
    splitting: true,
    treeshake: true,
    sourcemap: true,
    clean: false,
    removeNodeProtocol: false,
    outDir: 'dist',
  },
  {
    entry: { cli: 'src/cli.ts' },
    format: ['esm'],
    dts: false,
    target: 'node20',
    platform: 'node',
    splitting: false,
    sourcemap: false,
    clean: false,
    removeNodeProtocol: false,
    outDir: 'dist',
  },
])
