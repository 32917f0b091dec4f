import { describe, it } from 'vitest'
import { storageConformance } from '../../src/testing/storage-conformance.js'
import { createBucket, KINDS, lacks, openStorage } from './bucket.js'

const bucket = await createBucket()

describe.each(KINDS)('createS3Storage with %s', (kind) => {
  const storage = openStorage(bucket, kind)
  for (const { name, run } of storageConformance({ storage: () => storage, lacks, limitMs: 30_000 })) {
    it.concurrent(name, run)
  }
})
