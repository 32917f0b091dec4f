import { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { createS3Storage } from '../../src/storage/s3.js'
import { storageConformance } from '../../src/testing/storage-conformance.js'
import { toRows } from '../conformance-rows.js'
import { createBucket, isSecure, KINDS, lacks, openStorage } from './bucket.js'

const bucket = await createBucket()

describe.each(KINDS)('createS3Storage with %s', (kind) => {
  const storage = openStorage(bucket, kind)
  const cases = storageConformance({ storage: () => storage, lacks, limitMs: 30_000 })
  it.concurrent.each(toRows(cases))('%s', (_name, run) => run())
})

// The front that speaks https has bad certificates and a busy server beside the good one.
if (isSecure) {
  describe('createS3Storage over https', () => {
    it.each([
      ['an expired certificate', 'S3_ENDPOINT_EXPIRED', { reason: 'CERT_HAS_EXPIRED' }],
      ['another host’s certificate', 'S3_ENDPOINT_OTHER_HOST', { reason: 'ERR_TLS_CERT_ALTNAME_INVALID' }],
      [
        'a store that asks for a wait',
        'S3_ENDPOINT_SLOW_DOWN',
        { reason: 'SlowDown', status: 503, retryAfterMs: 1_000 },
      ],
    ])('stores nothing at %s', async (_name, variable, error) => {
      const storage = createS3Storage({ bucket, endpoint: process.env[variable] ?? '' })
      const put = storage.put('a/b.jpg', Readable.from(['hello']), {
        size: 5,
        sha256: '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824',
        contentType: 'image/jpeg',
        contentDisposition: 'inline',
        ifAbsent: true,
      })
      await expect(put).rejects.toMatchObject({ code: 'storage-failed', ...error })
      await storage.close?.()
    })
  })
}
