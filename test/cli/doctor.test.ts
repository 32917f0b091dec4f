import { Agent } from 'node:http'
import { expect, it, onTestFinished, vi } from 'vitest'
import type { Finding } from '../../src/cli/doctor/finding.js'
import { type DoctorOptions, runDoctor, runDoctorCommand } from '../../src/cli/doctor.js'
import {
  createBucketStandIn,
  encryption,
  publicAccessBlock,
  type Question,
  type Scripted,
  xml,
} from './bucket-stand-in.js'
import { createContext } from './command-context.js'
import { allow, BUCKET, denied, examineBucket, missing, notThere, OBJECTS, SECRETS } from './doctor/examine-bucket.js'
import { CREDENTIALS, examine } from './doctor/run.js'

it('runDoctor finds nothing to fix in a bucket that is well set up, and leaves nothing there', async () => {
  const { findings, exitCode, store } = await examineBucket({})
  expect(findings.map(({ check, severity }) => [check, severity])).toEqual(
    [
      'bucket',
      'clock',
      'write',
      'read',
      'head',
      'signed URL',
      'delete',
      'public access',
      'default encryption',
      'block public access',
      'versioning',
      'lifecycle',
      'probe: write',
    ].map((check) => [check, 'ok']),
  )
  expect(exitCode).toBe(0)
  expect(store.objects).toEqual([])
})

const BROKEN: readonly (readonly [
  name: string,
  scripted: Partial<Record<Question, Scripted>>,
  expected: Omit<Partial<Finding>, 'finding'> & { finding: RegExp; exitCode: number },
])[] = [
  [
    'no public access block',
    { publicAccessBlock: missing('NoSuchPublicAccessBlockConfiguration') },
    {
      check: 'block public access',
      severity: 'warning',
      finding: /^It is off$/,
      fix: {
        advice: expect.stringMatching(/^Turn all of it on; with Ceph 16 leave BlockPublicAcls out/),
        command: expect.stringMatching(
          /^aws s3api put-public-access-block --bucket archive --public-access-block-configuration BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=true --endpoint-url http:\/\/127\.0\.0\.1:\d+$/,
        ),
      },
      exitCode: 1,
    },
  ],
  [
    'a public access block with one setting off',
    {
      publicAccessBlock: {
        status: 200,
        body: publicAccessBlock('BlockPublicAcls', 'IgnorePublicAcls', 'BlockPublicPolicy'),
      },
    },
    { check: 'block public access', severity: 'warning', finding: /^Off: RestrictPublicBuckets$/, exitCode: 1 },
  ],
  [
    'a public policy',
    { policyStatus: { status: 200, body: xml('PolicyStatus', '<IsPublic>true</IsPublic>') } },
    {
      check: 'public access',
      severity: 'error',
      finding: /open to everyone: the bucket policy, or its access control list, is public/,
      fix: expect.objectContaining({ command: expect.stringContaining('put-public-access-block') }),
      exitCode: 2,
    },
  ],
  [
    'objects that anyone reads',
    { 'unsigned GET': { status: 200, body: 'Written by the doctor, to be removed at once.' } },
    {
      check: 'public access',
      severity: 'error',
      finding: /read without a signature: look at access control lists/,
      exitCode: 2,
    },
  ],
  [
    'a bucket that anyone lists',
    { 'unsigned list': { status: 200, body: xml('ListBucketResult', '<KeyCount>0</KeyCount>') } },
    {
      check: 'public access',
      severity: 'error',
      finding: /^The bucket was listed without a signature .*: look at access control lists and the policy$/,
      fix: {
        advice: expect.stringMatching(
          /^Block public access, make the bucket's access control list private, .*; with Ceph 16 leave BlockPublicAcls out/,
        ),
        command: expect.stringMatching(
          /^aws s3api put-public-access-block --bucket archive .*\naws s3api put-bucket-acl --bucket archive --acl private --endpoint-url \S+$/,
        ),
      },
      exitCode: 2,
    },
  ],
  [
    'a store that does not say whether anyone lists',
    { 'unsigned list': { status: 503, code: 'SlowDown' } },
    {
      check: 'public access',
      severity: 'note',
      finding: /^Without a signature, reading is refused; listing could not be checked$/,
      exitCode: 0,
    },
  ],
  [
    'no default encryption',
    { encryption: missing('ServerSideEncryptionConfigurationNotFoundError') },
    {
      check: 'default encryption',
      severity: 'warning',
      finding: /no default encryption/,
      fix: expect.objectContaining({
        command: expect.stringContaining(
          `'{"Rules":[{"ApplyServerSideEncryptionByDefault":{"SSEAlgorithm":"AES256"}}]}'`,
        ),
      }),
      exitCode: 1,
    },
  ],
  [
    'SSE-KMS without a bucket key',
    { encryption: { status: 200, body: encryption('aws:kms', { key: 'alias/media' }) } },
    {
      check: 'default encryption',
      severity: 'note',
      finding: /without a bucket key/,
      fix: expect.objectContaining({
        command: expect.stringContaining(
          `{"SSEAlgorithm":"aws:kms","KMSMasterKeyID":"alias/media"},"BucketKeyEnabled":true`,
        ),
      }),
      exitCode: 0,
    },
  ],
  [
    "SSE-KMS with AWS's own key, without a bucket key",
    { encryption: { status: 200, body: encryption('aws:kms') } },
    {
      check: 'default encryption',
      severity: 'note',
      finding: /without a bucket key/,
      fix: expect.objectContaining({
        command: expect.stringContaining(`{"SSEAlgorithm":"aws:kms"},"BucketKeyEnabled":true`),
      }),
      exitCode: 0,
    },
  ],
  [
    'no lifecycle',
    { lifecycle: missing('NoSuchLifecycleConfiguration') },
    {
      check: 'lifecycle',
      severity: 'note',
      finding: /^No rule removes uploads that were never completed$/,
      fix: expect.objectContaining({
        lifecycle: {
          Rules: [
            {
              ID: 'abort-multipart',
              Status: 'Enabled',
              Filter: { Prefix: '' },
              AbortIncompleteMultipartUpload: { DaysAfterInitiation: 7 },
            },
          ],
        },
        command: expect.stringContaining('put-bucket-lifecycle-configuration --bucket archive'),
      }),
      exitCode: 0,
    },
  ],
  [
    'no permission to list',
    { 'HEAD bucket': { status: 403, headers: { 'x-amz-bucket-region': 'eu-central-1' } }, 'list-type': denied },
    {
      check: 'bucket',
      severity: 'note',
      finding: /listing it is denied \(AccessDenied\)/,
      fix: expect.objectContaining(allow('s3:ListBucket')),
      exitCode: 0,
    },
  ],
  [
    'no permission to see the encryption',
    { encryption: denied },
    {
      check: 'default encryption',
      severity: 'note',
      finding: /^Not checked: s3:GetEncryptionConfiguration is denied$/,
      fix: expect.objectContaining(allow('s3:GetEncryptionConfiguration')),
      exitCode: 0,
    },
  ],
  [
    'a server without versioning',
    { versioning: notThere },
    { check: 'versioning', severity: 'note', finding: /^Not on this server \(NotImplemented\)$/, exitCode: 0 },
  ],
  [
    'a server that refuses a method',
    { lifecycle: { status: 405, code: 'MethodNotAllowed' } },
    { check: 'lifecycle', severity: 'note', finding: /^Not on this server/, exitCode: 0 },
  ],
  [
    'a server at fault',
    { versioning: { status: 500, code: 'InternalError' } },
    { check: 'versioning', severity: 'note', finding: /^Could not be read \(InternalError\)$/, exitCode: 0 },
  ],
  [
    'no permission to read',
    { 'GET object': denied },
    {
      check: 'read',
      severity: 'error',
      finding: /^s3:GetObject is denied below whatsapp-media\/ \(AccessDenied\)$/,
      fix: expect.objectContaining(allow('s3:GetObject', OBJECTS)),
      exitCode: 2,
    },
  ],
  [
    'a store that answers reads with a fault',
    { 'GET object': { status: 400, code: 'InvalidRequest' } },
    { check: 'read', severity: 'error', finding: /answers s3:GetObject with InvalidRequest, HTTP 400/, exitCode: 2 },
  ],
  [
    'a store that loses what it took',
    { 'GET object': missing('NoSuchKey') },
    { check: 'read', severity: 'error', finding: /not there/, exitCode: 2 },
  ],
  [
    'a store that changes bytes',
    { 'GET object': { status: 200, body: 'other' } },
    { check: 'read', severity: 'error', finding: /Other bytes/, exitCode: 2 },
  ],
  [
    'a proxy that forbids HEAD',
    { 'HEAD object': { status: 403 } },
    {
      check: 'head',
      severity: 'error',
      finding: /^HEAD is refused although GET is not/,
      fix: expect.objectContaining(allow('s3:GetObject', OBJECTS)),
      exitCode: 2,
    },
  ],
  [
    'a proxy without HEAD',
    { 'HEAD object': { status: 405 } },
    { check: 'head', severity: 'error', finding: /^HEAD answers with .*HTTP 405/, exitCode: 2 },
  ],
  [
    'a HEAD that finds nothing',
    { 'HEAD object': { status: 404 } },
    { check: 'head', severity: 'error', finding: /another object, or none/, exitCode: 2 },
  ],
  [
    'a HEAD with another size',
    { 'HEAD object': { status: 200, headers: { 'content-length': 7 } } },
    { check: 'head', severity: 'error', finding: /another object, or none/, exitCode: 2 },
  ],
  [
    'signed URLs that are refused',
    { 'signed GET': denied },
    {
      check: 'signed URL',
      severity: 'error',
      finding: /^A signed URL is answered with HTTP 403 \(127\.0\.0\.1:\d+\), although/,
      exitCode: 2,
    },
  ],
]

it.each(BROKEN)('runDoctor names %s once, with its fix', async (_name, scripted, expected) => {
  const { worse: found, exitCode } = await examineBucket(scripted)
  const { exitCode: expectedCode, finding, ...rest } = expected
  expect(found).toEqual([
    { ...('fix' in rest ? {} : { fix: found[0]?.fix }), ...rest, finding: expect.stringMatching(finding) },
  ])
  expect(exitCode).toBe(expectedCode)
})

it('runDoctor leaves the probe out when asked to', async () => {
  const { findings } = await examineBucket({}, { settings: { probe: false } })
  expect(findings.filter(({ check }) => check.startsWith('probe'))).toEqual([])
})

it('runDoctor gives the probe its own prefix, and says when it broke off', async () => {
  const probe = vi.fn(() => Promise.reject(Object.assign(new Error('canary'), { code: 'ECONNRESET' })))
  const { worse: found, store } = await examineBucket({}, { probe, settings: { prefix: 'media/' } })
  expect(probe).toHaveBeenCalledExactlyOnceWith(
    { bucket: BUCKET, region: 'eu-central-1', endpoint: store.endpoint, credentials: CREDENTIALS },
    { prefix: 'media/doctor/', timeoutMs: 15_000 },
  )
  expect(found).toEqual([{ check: 'probe', severity: 'warning', finding: 'The probe stopped: ECONNRESET' }])
})

it('runDoctor ends with its signal once the probe has ended with it, and prints nothing', async () => {
  const interrupts = new AbortController()
  const reason = new Error('interrupted')
  const probe = vi.fn<DoctorOptions['probe']>(async (_options, { signal }) => {
    interrupts.abort(reason)
    throw signal?.reason
  })
  await expect(examineBucket({}, { probe, signal: interrupts.signal })).rejects.toBe(reason)
  expect(probe).toHaveBeenCalledOnce()
})

it('runDoctor refuses a prefix that no key may have', async () => {
  await expect(examineBucket({}, { settings: { prefix: 'no-slash' } })).rejects.toMatchObject({ option: 'prefix' })
})

it('runDoctor prints for people, with region and credentials from the environment', async () => {
  const store = await createBucketStandIn()
  onTestFinished(() => store.close())
  vi.stubEnv('AWS_REGION', 'eu-central-1')
  vi.stubEnv('AWS_ACCESS_KEY_ID', CREDENTIALS.accessKeyId)
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', CREDENTIALS.secretAccessKey)
  const written: string[] = []
  const exitCode = await runDoctor({
    settings: { origins: [], json: false, probe: false, bucket: BUCKET, endpoint: store.endpoint },
    output: { write: (text) => written.push(text) },
    probe: () => Promise.reject(new Error('not asked for')),
  })
  expect(written.join('')).toMatch(/^note {5}access token .*\nok {7}bucket .*\n(?:.*\n)*\n1 note\.\n$/)
  expect(written.join('')).not.toMatch(SECRETS)
  expect(exitCode).toBe(0)
})

it('runDoctor says so when there is nothing to check', async () => {
  const { findings, exitCode } = await examine({})
  expect(findings.map(({ check, severity }) => [check, severity])).toEqual([
    ['access token', 'note'],
    ['bucket', 'note'],
    ['settings', 'error'],
  ])
  expect(exitCode).toBe(2)
})

it('runDoctorCommand ends with 130 when it is interrupted, and prints no report', async () => {
  const context = createContext()
  context.interrupt()
  expect(await runDoctorCommand({}, context)).toBe(130)
  expect({ out: context.out(), err: context.err() }).toEqual({ out: '', err: 'Interrupted.\n' })
})

it('runDoctorCommand throws what makes the doctor unable to begin', async () => {
  await expect(runDoctorCommand({ prefix: 'no-slash' }, createContext())).rejects.toMatchObject({ option: 'prefix' })
})

it('runDoctor tells the proxy, and lets the probe read through its agent', async () => {
  const agent = new Agent()
  const proxies = {
    proxies: [{ protocol: 'http', variable: 'http_proxy', url: 'http://u:s3cret@proxy.test' }],
  } as const
  const given: unknown[] = []
  const { findings, text } = await examineBucket(
    {},
    {
      settings: { agent: { http: agent }, proxies },
      async probe(_options, { fetch } = {}) {
        given.push(typeof fetch)
        return { bucket: BUCKET, checks: [] }
      },
    },
  )
  expect(findings[0]).toMatchObject({ check: 'proxy', severity: 'ok' })
  expect(text).not.toContain('s3cret')
  expect(given).toEqual(['function'])
})
