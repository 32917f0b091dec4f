import * as sdk from '@aws-sdk/client-s3'
import { expect, it } from 'vitest'
import type { BucketAnswer, BucketConnection } from '../../../src/cli/doctor/bucket.js'
import { examineEncryption, findKmsKey } from '../../../src/cli/doctor/encryption.js'
import { examineSettings } from '../../../src/cli/doctor/settings.js'
import { ABORT, lifecycle, type Scripted, xml } from '../bucket-stand-in.js'
import { examineBucket } from './examine-bucket.js'

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

const VERSIONED: Scripted = { status: 200, body: xml('VersioningConfiguration', '<Status>Enabled</Status>') }

it('runDoctor warns of versions that nothing removes, and keeps the rules that there are', async () => {
  const { worse: found, exitCode } = await examineBucket({ versioning: VERSIONED })
  expect(found).toMatchObject([
    { check: 'versioning', severity: 'note' },
    { check: 'lifecycle', severity: 'warning', finding: 'No rule removes older versions' },
  ])
  expect(found[1]?.fix?.lifecycle).toEqual({
    Rules: [
      {
        ID: 'abort',
        Status: 'Enabled',
        Filter: { Prefix: '' },
        AbortIncompleteMultipartUpload: { DaysAfterInitiation: 3 },
      },
      {
        ID: 'older-versions',
        Status: 'Enabled',
        Filter: { Prefix: 'whatsapp-media/' },
        NoncurrentVersionExpiration: { NoncurrentDays: 1 },
      },
    ],
  })
  expect(exitCode).toBe(1)
})

it('runDoctor keeps the smallest size for transitions that the bucket answers with its rules', async () => {
  const { worse: found } = await examineBucket({
    versioning: VERSIONED,
    lifecycle: {
      status: 200,
      headers: { 'x-amz-transition-default-minimum-object-size': 'varies_by_storage_class' },
      body: lifecycle(ABORT),
    },
  })
  expect(found[1]?.fix?.command).toContain(' --transition-default-minimum-object-size varies_by_storage_class ')
})

it('runDoctor knows that suspended versioning keeps the older versions that there are', async () => {
  const { worse: found } = await examineBucket({
    versioning: { status: 200, body: xml('VersioningConfiguration', '<Status>Suspended</Status>') },
  })
  expect(found).toMatchObject([
    { check: 'versioning', severity: 'note', finding: expect.stringMatching(/^Suspended: older versions/) },
    { check: 'lifecycle', severity: 'warning', finding: 'No rule removes older versions' },
  ])
})

it('runDoctor is content with versions that a rule removes', async () => {
  const rule =
    '<ID>old</ID><Prefix>whatsapp-media/</Prefix><NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration>'
  const { worse: found } = await examineBucket({
    versioning: VERSIONED,
    lifecycle: { status: 200, body: lifecycle(ABORT, rule) },
  })
  expect(found).toMatchObject([{ check: 'versioning', severity: 'note' }])
})
