import { expect, it, onTestFinished, vi } from 'vitest'
import { createFetch } from '../../../src/cli/doctor/ask.js'
import { examineObjects } from '../../../src/cli/doctor/objects.js'
import { createMemoryStorage } from '../../../src/storage/memory.js'
import { createS3Storage } from '../../../src/storage/s3.js'
import { createLyingStore } from '../../storage/lying-store.js'
import { createBucketStandIn, encryption, type Question, xml } from '../bucket-stand-in.js'
import { allow, BUCKET, denied, examineBucket, OBJECTS } from './examine-bucket.js'
import { CREDENTIALS } from './run.js'

const connection = { bucket: 'b', region: 'eu-central-1', isAws: false }
const fetch = createFetch(undefined)
const context = { connection, prefix: 'p/', kmsKeyId: undefined, timeoutMs: 5_000, cors: undefined, fetch }

it('examineObjects says when nothing can be signed', async () => {
  const { findings, anyoneReads, anyoneLists } = await examineObjects({ ...context, storage: createMemoryStorage() })
  expect(findings.find(({ check }) => check === 'signed URL')).toMatchObject({
    severity: 'error',
    finding: 'No URL could be signed (invalid-option)',
  })
  expect({ anyoneReads, anyoneLists }).toEqual({})
})

it('examineObjects says when a page of another origin could not be played', async () => {
  const store = await createLyingStore()
  const storage = createS3Storage({
    bucket: 'b',
    region: 'us-east-1',
    endpoint: store.endpoint,
    credentials: CREDENTIALS,
  })
  const { findings, leavesNothing } = await examineObjects({
    ...context,
    storage,
    cors: () => Promise.reject(new TypeError('fetch failed', { cause: { code: 'ECONNRESET' } })),
  })
  await storage.close?.()
  await store.close()
  expect(findings.find(({ check }) => check === 'CORS')).toEqual({
    check: 'CORS',
    severity: 'note',
    finding: 'Could not be checked (ECONNRESET)',
  })
  expect(leavesNothing).toBe(true)
})

it('examineObjects reports a store that went away', async () => {
  const store = await createLyingStore()
  await store.close()
  const storage = createS3Storage({
    bucket: 'b',
    region: 'us-east-1',
    endpoint: store.endpoint,
    credentials: CREDENTIALS,
  })
  const { findings, leavesNothing } = await examineObjects({ ...context, storage })
  await storage.close?.()
  expect(findings).toMatchObject([
    { check: 'write', severity: 'error', finding: 's3:PutObject failed: ECONNREFUSED' },
    { check: 'read', severity: 'note' },
  ])
  expect(leavesNothing).toBe(false)
})

it('examineObjects says of a body that stalls that there was no answer in time', async () => {
  const store = await createBucketStandIn({
    'GET object': { status: 200, headers: { etag: '"1"' }, body: 'Written', stalls: true },
  })
  onTestFinished(() => store.close())
  const storage = createS3Storage({
    bucket: 'b',
    region: 'us-east-1',
    endpoint: store.endpoint,
    credentials: CREDENTIALS,
  })
  // Time is up once the body has begun, and not before.
  let deadline = new AbortController()
  vi.spyOn(AbortSignal, 'timeout').mockImplementation(() => {
    deadline = new AbortController()
    return deadline.signal
  })
  const get: typeof storage.get = async (key, options) => {
    const found = await storage.get(key, options)
    deadline.abort(new DOMException('The operation was aborted due to timeout', 'TimeoutError'))
    return found
  }
  const { findings } = await examineObjects({ ...context, storage: { ...storage, get } })
  await storage.close?.()
  expect(findings.find(({ check }) => check === 'read')).toMatchObject({
    severity: 'error',
    finding: 's3:GetObject failed: no answer in time',
  })
})

it.each([
  ['a page of a proxy', 200, '<html>ListBucketResult</html>', false],
  ['a list', 200, '<?xml version="1.0"?><ListBucketResult></ListBucketResult>', true],
  ['a refusal', 401, '', false],
  ['a redirect', 307, '', undefined],
  ['a fault', 500, '', undefined],
])(
  'examineObjects takes %s, HTTP %i, for what it is when it asks for a list unsigned',
  async (_name, status, body, lists) => {
    const store = await createBucketStandIn({ 'unsigned list': { status, body } })
    onTestFinished(() => store.close())
    const storage = createS3Storage({
      bucket: 'b',
      region: 'us-east-1',
      endpoint: store.endpoint,
      credentials: CREDENTIALS,
    })
    const { anyoneLists, anyoneReads } = await examineObjects({ ...context, storage })
    await storage.close?.()
    expect({ anyoneLists, anyoneReads }).toEqual({ anyoneLists: lists, anyoneReads: false })
  },
)

it('examineObjects gives a list that stalls its time, and no more', async () => {
  const store = await createBucketStandIn({ 'unsigned list': { status: 200, body: '<ListBucketResult', stalls: true } })
  onTestFinished(() => store.close())
  const storage = createS3Storage({
    bucket: 'b',
    region: 'us-east-1',
    endpoint: store.endpoint,
    credentials: CREDENTIALS,
  })
  const deadlines: AbortController[] = []
  vi.spyOn(AbortSignal, 'timeout').mockImplementation(() => {
    const deadline = new AbortController()
    deadlines.push(deadline)
    return deadline.signal
  })
  const examined = examineObjects({ ...context, storage })
  await vi.waitFor(() => expect(store.questions).toContain('unsigned list'), { timeout: 30_000 })
  deadlines.at(-1)?.abort(new DOMException('The operation was aborted due to timeout', 'TimeoutError'))
  expect(await examined).not.toHaveProperty('anyoneLists')
  await storage.close?.()
})

it.each([
  [true, /bucket policy$/],
  [false, /bucket policy; Ceph 16 denies every write while BlockPublicAcls is on$/],
])('examineObjects says of a denied write what to look at: AWS %s', async (isAws, advice) => {
  const store = await createLyingStore('forbids PUT')
  const storage = createS3Storage({
    bucket: 'b',
    region: 'us-east-1',
    endpoint: store.endpoint,
    credentials: CREDENTIALS,
  })
  const { findings } = await examineObjects({ ...context, connection: { ...connection, isAws }, storage })
  await storage.close?.()
  await store.close()
  expect(findings[0]).toMatchObject({ check: 'write', fix: { advice: expect.stringMatching(advice) } })
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

it('runDoctor names the key too when SSE-KMS may be what denies', async () => {
  const key = 'arn:aws:kms:eu-central-1:111122223333:key/0a'
  const { worse: found } = await examineBucket({
    encryption: { status: 200, body: encryption('aws:kms', { key, bucketKey: true }) },
    'GET object': denied,
  })
  expect(found.map(({ fix }) => fix?.statements)).toEqual([
    [
      { Effect: 'Allow', Action: ['s3:GetObject'], Resource: OBJECTS },
      { Effect: 'Allow', Action: ['kms:Decrypt'], Resource: key },
    ],
  ])
})

it('runDoctor reports a denied write once, and that nothing else could be tried', async () => {
  const { worse: found, exitCode } = await examineBucket({ 'PUT object': denied, 'GET object': denied })
  expect(found.map(({ check, severity }) => [check, severity])).toEqual([
    ['write', 'error'],
    ['read', 'note'],
    ['probe', 'note'],
  ])
  expect(found[0]?.finding).toBe('s3:PutObject is denied below whatsapp-media/ (AccessDenied)')
  expect(found[0]?.fix).toMatchObject(allow('s3:PutObject', OBJECTS))
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

it('runDoctor says when signed URLs lead to a place that cannot be reached', async () => {
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

it('runDoctor says when signed URLs expire with the credentials', async () => {
  const expiration = new Date(Date.now() + 600_000)
  const { worse: found } = await examineBucket(
    {},
    { credentials: { ...CREDENTIALS, sessionToken: 'canary', expiration } },
  )
  expect(found).toMatchObject([{ check: 'signed URL', severity: 'note' }])
  expect(found[0]?.finding).toContain(expiration.toISOString())
})
