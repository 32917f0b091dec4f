import * as sdk from '@aws-sdk/client-s3'
import { expect, it } from 'vitest'
import type { BucketAnswer, BucketConnection } from '../../../src/cli/doctor/bucket.js'
import { examineEncryption, findKmsKey } from '../../../src/cli/doctor/encryption.js'
import { examineSettings } from '../../../src/cli/doctor/settings.js'

/** A bucket at AWS where nothing is configured. It counts what it is asked. */
function createUnsetBucket() {
  const asked: unknown[] = []
  const absent: BucketAnswer<never> = { kind: 'absent', reason: 'NotThere', status: 404 }
  const connection: BucketConnection = {
    sdk,
    bucket: 'media',
    region: 'eu-central-1',
    place: 'AWS, eu-central-1',
    isAws: true,
    command: (name, rest) => `${name} ${rest}`,
    ask: async (send) => {
      asked.push(send)
      return absent
    },
    lastAnswer: () => undefined,
    close() {},
  }
  return { connection, asked, absent }
}

it('examineSettings prescribes what AWS has: the whole public access block, and a cheaper storage class', async () => {
  const { connection } = createUnsetBucket()
  const { findings } = await examineSettings(connection, { prefix: 'p/' })
  expect(findings).toMatchObject([
    { check: 'block public access', severity: 'warning', fix: { advice: 'Turn all of it on' } },
    { check: 'versioning', severity: 'ok' },
    { check: 'lifecycle', severity: 'note', finding: expect.stringContaining('cheaper storage class') },
  ])
})

it('examineEncryption prescribes default encryption for AWS without a try', async () => {
  const { connection, asked, absent } = createUnsetBucket()
  const finding = await examineEncryption(connection, { prefix: 'p/', answer: absent, mayTry: true })
  expect(finding).toMatchObject({
    check: 'default encryption',
    severity: 'warning',
    fix: { command: expect.stringContaining('put-bucket-encryption') },
  })
  expect(asked).toEqual([])
  expect(findKmsKey(absent)).toBeUndefined()
})

it('examineEncryption is content with SSE-KMS and a bucket key', async () => {
  const { connection } = createUnsetBucket()
  const rule = { ApplyServerSideEncryptionByDefault: { SSEAlgorithm: 'aws:kms' as const }, BucketKeyEnabled: true }
  const finding = await examineEncryption(connection, {
    prefix: 'p/',
    answer: { kind: 'answer', value: { ServerSideEncryptionConfiguration: { Rules: [rule] } } },
    mayTry: true,
  })
  expect(finding).toEqual({ check: 'default encryption', severity: 'ok', finding: 'aws:kms' })
})
