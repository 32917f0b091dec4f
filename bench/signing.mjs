// Signed URLs in a process of its own. WAY is `ours` (signUrls) or `sdk` (getSignedUrl of s3-request-presigner with one
// client for all). `{ run: n }` signs all keys n times and answers what that took.
import { buildMediaKey, signUrls } from '../dist/index.js'
import { createS3Storage } from '../dist/storage/s3.js'
import { CREDENTIALS, REGION } from './sigv4.mjs'

const KEYS = Array.from({ length: Number(process.env.URLS) }, (_, n) =>
  buildMediaKey({
    accountId: 'bench',
    mediaId: String(1_761_000_000_000_000 + n),
    mediaType: 'image',
    mimeType: 'image/jpeg',
    timestamp: '2026-11-22T10:00:00Z',
  }),
)

async function open() {
  if (process.env.WAY === 'ours') {
    const storage = createS3Storage({ bucket: 'bench', region: REGION, credentials: CREDENTIALS })
    return () => signUrls(KEYS, { storage, accountId: 'bench' })
  }
  const { GetObjectCommand, S3Client } = await import('@aws-sdk/client-s3')
  const { getSignedUrl } = await import('@aws-sdk/s3-request-presigner')
  const client = new S3Client({ region: REGION, credentials: CREDENTIALS })
  const served = { ResponseContentType: 'image/jpeg', ResponseContentDisposition: 'inline' }
  const sign = (Key) =>
    getSignedUrl(client, new GetObjectCommand({ Bucket: 'bench', Key, ...served }), { expiresIn: 3_600 })
  return () => Promise.all(KEYS.map(sign))
}

const sign = await open()

process.on('message', async ({ run: times }) => {
  globalThis.gc()
  const before = process.cpuUsage()
  for (let time = 0; time < times; time++) await sign()
  const { user, system } = process.cpuUsage(before)
  process.send({ microsPerUrl: (user + system) / times / KEYS.length })
})
process.on('disconnect', () => process.exit())
process.send({ ready: true })
