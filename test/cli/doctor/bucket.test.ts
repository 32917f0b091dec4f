import { expect, it, onTestFinished, vi } from 'vitest'
import { connectToBucket } from '../../../src/cli/doctor/bucket.js'
import { BUCKET } from './examine-bucket.js'
import { CREDENTIALS, examine } from './run.js'

const stubRegion = (region: string | undefined) => {
  for (const name of ['AWS_DEFAULT_REGION', 'AWS_PROFILE']) vi.stubEnv(name, undefined)
  vi.stubEnv('AWS_REGION', region)
  vi.stubEnv('AWS_CONFIG_FILE', '/nonexistent')
  vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', '/nonexistent')
}

it('runDoctor says when there is no region', async () => {
  stubRegion(undefined)
  const { findings, exitCode } = await examine({ bucket: BUCKET }, { credentials: CREDENTIALS })
  expect(findings.slice(1)).toMatchObject([
    {
      check: 'region',
      severity: 'error',
      finding: expect.stringMatching(/^There is no region/),
      fix: { command: 'export AWS_REGION=us-east-1' },
    },
  ])
  expect(exitCode).toBe(2)
})

it.each([
  ['with a space, of the environment', 'us east', undefined],
  ['that is empty, of the environment', '', undefined],
  ['that is a secret by mistake, given', undefined, CREDENTIALS.secretAccessKey.replaceAll('-', '/')],
])(
  'runDoctor distinguishes a region %s, from a missing one, and does not repeat it',
  async (_name, ofEnvironment, region) => {
    stubRegion(ofEnvironment)
    const settings = { bucket: BUCKET, ...(region === undefined ? {} : { region }) }
    const { findings, exitCode, text } = await examine(settings, { credentials: CREDENTIALS })
    expect(findings.slice(1)).toMatchObject([
      {
        check: 'region',
        severity: 'error',
        finding: "The region is not a region's name: the AWS SDK takes letters, digits and hyphens only",
        fix: { command: 'export AWS_REGION=us-east-1' },
      },
    ])
    expect(text).not.toMatch(/us east|canary/)
    expect(exitCode).toBe(2)
  },
)

it("runDoctor takes another fault of the region's for neither, and a region that an older SDK lets pass for malformed", async () => {
  const regions = [() => Promise.reject(new Error('canary')), async () => '-canary']
  vi.doMock('@aws-sdk/client-s3', () => ({
    S3Client: class {
      config = { region: regions.shift() }
      middlewareStack = { add() {} }
    },
  }))
  onTestFinished(() => void vi.doUnmock('@aws-sdk/client-s3'))
  const found = []
  for (const _ of [1, 2]) found.push((await examine({ bucket: BUCKET }, { credentials: CREDENTIALS })).findings[1])
  expect(found).toMatchObject([
    { check: 'bucket', finding: 'Not checked: the AWS SDK does not start (Error)' },
    { check: 'region', finding: expect.stringMatching(/^The region is not a region's name/) },
  ])
})

it.each([
  ['another fault by its code', Object.assign(new Error('canary'), { code: 'EACCES' }), 'EACCES'],
  ['another fault by its name', new TypeError('canary'), 'TypeError'],
])('runDoctor reports %s that keeps the AWS SDK from starting', async (_name, error, reason) => {
  vi.doMock('@aws-sdk/client-s3', () => ({
    S3Client: class {
      constructor() {
        throw error
      }
    },
  }))
  onTestFinished(() => void vi.doUnmock('@aws-sdk/client-s3'))
  const { findings, exitCode, text } = await examine(
    { bucket: BUCKET, region: 'eu-central-1' },
    { credentials: CREDENTIALS },
  )
  expect(findings.slice(1)).toMatchObject([
    { check: 'bucket', severity: 'error', finding: `Not checked: the AWS SDK does not start (${reason})` },
  ])
  expect(text).not.toContain('canary')
  expect(exitCode).toBe(2)
})

it('runDoctor says when the AWS SDK is not installed', async () => {
  vi.doMock('@aws-sdk/client-s3', () => {
    throw Object.assign(new Error('none'), { code: 'ERR_MODULE_NOT_FOUND' })
  })
  onTestFinished(() => void vi.doUnmock('@aws-sdk/client-s3'))
  const { findings } = await examine({ bucket: BUCKET }, { credentials: CREDENTIALS })
  expect(findings.slice(1)).toMatchObject([
    { check: 'bucket', severity: 'error', fix: { command: expect.stringContaining('npm install @aws-sdk/client-s3') } },
  ])
})

it('connectToBucket names AWS by its region, and commands without an endpoint', async () => {
  const connection = await connectToBucket(
    { bucket: BUCKET, region: 'eu-central-1', credentials: CREDENTIALS },
    { now: Date.now, timeoutMs: 1_000 },
  )
  expect(connection).toMatchObject({ place: 'AWS, eu-central-1', isAws: true, region: 'eu-central-1' })
  expect(connection.command('delete-bucket-policy')).toBe('aws s3api delete-bucket-policy --bucket archive')
  connection.close()
})

it('connectToBucket repeats no password of an endpoint', async () => {
  const connection = await connectToBucket(
    {
      bucket: BUCKET,
      region: 'eu-central-1',
      endpoint: 'https://user:canary@s3.example/base/',
      credentials: CREDENTIALS,
    },
    { now: Date.now, timeoutMs: 1_000 },
  )
  expect(connection).toMatchObject({ place: 's3.example', isAws: false })
  expect(connection.command('x', '--y z')).toBe(
    'aws s3api x --bucket archive --y z --endpoint-url https://s3.example/base',
  )
  connection.close()
})
