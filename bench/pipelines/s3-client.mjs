// The AWS SDK's client as a careful service sets it up, and its PUT of a whole buffer.
import { createHash } from 'node:crypto'
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { CREDENTIALS, REGION } from '../sigv4.mjs'

export const BUCKET = 'bench'

/**
 * @param options `sink`: its origin. `concurrency`: uploads at once. `sdk`: `tuned`, the best it can do (a connection
 * for each upload, no `Expect: 100-continue`, which would open one more for each body over 2 MB), or `defaults`.
 */
export function createS3Client({ sink, concurrency, sdk = 'tuned', ...more }) {
  const agent = { keepAlive: true, maxSockets: Math.max(50, concurrency) }
  const tuned =
    sdk === 'tuned' ? { expectContinueHeader: false, requestHandler: { httpAgent: agent, httpsAgent: agent } } : {}
  return new S3Client({
    endpoint: sink,
    forcePathStyle: true,
    region: REGION,
    credentials: CREDENTIALS,
    ...tuned,
    ...more,
  })
}

/** Proves the bytes, then stores them once, with their hash as the checksum. */
export async function putProven(client, { id, body, mimeType, sha256 }) {
  const digest = createHash('sha256').update(body).digest()
  if (digest.toString('hex') !== sha256) throw new Error('not the bytes announced')
  await client.send(
    new PutObjectCommand({
      Bucket: BUCKET,
      Key: `bench/${id}`,
      Body: body,
      ContentType: mimeType,
      ChecksumSHA256: digest.toString('base64'),
      IfNoneMatch: '*',
    }),
  )
}
