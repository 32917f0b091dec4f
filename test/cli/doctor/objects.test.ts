import { expect, it, onTestFinished, vi } from 'vitest'
import { examineObjects } from '../../../src/cli/doctor/objects.js'
import { createMemoryStorage } from '../../../src/storage/memory.js'
import { createS3Storage } from '../../../src/storage/s3.js'
import { createLyingStore } from '../../storage/lying-store.js'
import { createBucketStandIn } from '../bucket-stand-in.js'
import { CREDENTIALS } from './run.js'

const connection = { bucket: 'b', region: 'eu-central-1', isAws: false }
const context = { connection, prefix: 'p/', kmsKeyId: undefined, timeoutMs: 5_000, cors: undefined }

it('examineObjects tells when nothing can be signed', async () => {
  const { findings, anyoneReads, anyoneLists } = await examineObjects({ ...context, storage: createMemoryStorage() })
  expect(findings.find(({ check }) => check === 'signed URL')).toMatchObject({
    severity: 'error',
    finding: 'No URL could be signed (invalid-option)',
  })
  expect({ anyoneReads, anyoneLists }).toEqual({})
})

it('examineObjects tells when a page of another origin could not be played', async () => {
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
    finding: 'Could not be asked (ECONNRESET)',
  })
  expect(leavesNothing).toBe(true)
})

it('examineObjects tells of a store that went away', async () => {
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
    { check: 'write', severity: 'error', finding: 's3:PutObject came to nothing: ECONNREFUSED' },
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
    finding: 's3:GetObject came to nothing: no answer in time',
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
