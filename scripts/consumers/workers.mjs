// Cloudflare Workers: a Worker that wrangler bundles from the tarball, run in workerd by miniflare, at the oldest
// compatibility date that docs/runtimes.md names and at a new one. R2Bucket of Cloudflare's types fits the R2 storage.
import { join } from 'node:path'
import { at, NO_BINARY, twoAtATime } from './tools.mjs'

const NODE_VERSION = '22.23.3'
const WRANGLER = 'wrangler@4.164.0'
const TYPES = '@cloudflare/workers-types@5.20261117.1'
const DATES = ['2025-09-01', '2026-11-01']

export async function checkWorkers({ check, must, node, project, skip }) {
  const bin = await node(NODE_VERSION)
  const sdk = at('@aws-sdk/client-s3', '@aws-sdk/s3-request-presigner')
  const cwd = await project('workers', [WRANGLER, TYPES, ...sdk, ...at('@types/node', 'typescript')], {
    programs: ['workers'],
  })
  const wrangler = join('node_modules', 'wrangler', 'bin', 'wrangler.js')
  const env = { CI: 'true', WRANGLER_SEND_METRICS: 'false', WRANGLER_LOG_PATH: join(cwd, 'logs') }
  await check("R2Bucket of Cloudflare's types is an R2Binding", process.execPath, ['node_modules/typescript/bin/tsc'], {
    cwd,
  })
  if (bin === undefined) return skip(`Cloudflare Workers by Node ${NODE_VERSION}`, NO_BINARY)
  await twoAtATime(
    DATES.map((date) => async () => {
      const target = ['--dry-run', '--outdir', `bundle-${date}`, '--compatibility-date', date]
      await must(bin, [wrangler, 'deploy', ...target], { cwd, env })
      await check(`Cloudflare Workers of ${date}`, bin, ['run.mjs', date], { cwd, timeoutMs: 120_000 })
    }),
  )
}
