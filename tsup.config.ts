import { transform } from 'esbuild'
import { defineConfig, type Options } from 'tsup'

/**
 * Turns each `import()` of the CommonJS files into a `require` that still runs late. Jest's sandboxes and bundlers load
 * CommonJS by `require` alone. What it gives has the form of a module namespace, with `default`, as `import()` has it.
 */
const requireLate: NonNullable<Options['plugins']>[number] = {
  name: 'require-late',
  async renderChunk(code, { path }) {
    if (this.format !== 'cjs' || !path.endsWith('.cjs')) return undefined
    return transform(code, { supported: { 'dynamic-import': false }, target: 'node20' })
  },
}

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
      'storage/r2': 'src/storage/r2.ts',
      'storage/file-system': 'src/storage/file-system.ts',
      'storage/memory': 'src/storage/memory.ts',
      'signers/cloudfront': 'src/signers/cloudfront.ts',
      queues: 'src/queues.ts',
      'queues/in-process': 'src/queues/in-process.ts',
      'queues/deferred': 'src/queues/deferred.ts',
      'queues/sqs': 'src/queues/sqs.ts',
      'queues/bullmq': 'src/queues/bullmq.ts',
      'media-ids': 'src/media-ids.ts',
      'media-ids/memory': 'src/media-ids/memory.ts',
      'media-ids/file': 'src/media-ids/file.ts',
      'media-ids/redis': 'src/media-ids/redis.ts',
      testing: 'src/testing.ts',
    },
    format: ['esm', 'cjs'],
    dts: { compilerOptions: { ignoreDeprecations: '6.0', isolatedDeclarations: true } },
    target: 'node20',
    platform: 'node',
    // Both together: with `splitting` alone, CommonJS goes through a rewrite that also takes modern syntax apart.
    splitting: true,
    treeshake: true,
    plugins: [requireLate],
    esbuildOptions(options, { format }) {
      // The polyfill for it would ask a `document` first, which Jest's jsdom has.
      if (format === 'cjs') options.define = { ...options.define, 'import.meta.url': '__filename' }
    },
    // The code is not minified, so a stack trace shows lines that can be read; maps were more than half of the package.
    sourcemap: false,
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
