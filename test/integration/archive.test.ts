import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type ArchiveOptions, archiveMedia } from '../../src/archive.js'
import { signUrl } from '../../src/signed-url.js'
import { createS3Storage } from '../../src/storage/s3.js'
import { createFakeCloudApi, type FakeCloudApi } from '../../src/testing/fake-cloud-api.js'
import { createGeneratedBytes } from '../../src/testing/generated-bytes.js'
import { uploadToS3 } from '../../src/upload.js'
import { createFaultProxy, type FaultProxy } from '../fault-proxy.js'
import { expectNothingStored, SOURCE_FAULTS, STORE_FAULTS } from '../transfer-faults.js'
import { createBucket, lacks, openStorage, target } from './bucket.js'

const bucket = await createBucket()
const storage = openStorage(bucket, 'own client')
let api: FakeCloudApi
let proxy: FaultProxy

beforeAll(async () => {
  api = await createFakeCloudApi()
  proxy = await createFaultProxy(target)
})
afterAll(async () => {
  await api.close()
  await proxy.close()
  await storage.close?.()
})

const options = (more: Partial<ArchiveOptions> = {}): ArchiveOptions => ({
  storage,
  accountId: 'pixels',
  accessToken: api.accessToken,
  cloudApi: api.cloudApi,
  ...more,
})

const document = (size: number) =>
  api.addMedia({
    bytes: createGeneratedBytes({ size, seed: size }),
    mimeType: 'application/octet-stream',
    mediaType: 'document',
  })

describe('archiveMedia into a real store', () => {
  it.each([0, 1, 4_096, 300_000, 20_000_000])('archives %i bytes, and gives them back by signed URL', async (size) => {
    const { reference, sha256 } = await document(size)
    const archived = await archiveMedia(reference, options())
    expect(archived).toMatchObject({ size, sha256, alreadyStored: false, integrity: 'announced', bucket })
    const { url } = await signUrl(archived.key, { storage, accountId: 'pixels', filename: 'Maße ✓.bin' })
    const response = await fetch(url)
    expect(response.headers.get('content-type')).toBe('application/octet-stream')
    expect(response.headers.get('content-disposition')).toContain("filename*=UTF-8''Ma%C3%9Fe%20%E2%9C%93.bin")
    const bytes = Buffer.from(await response.arrayBuffer())
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(sha256)
    expect(await archiveMedia(reference, options())).toMatchObject({ key: archived.key, alreadyStored: true })
  })

  it('stores 50 archives of the same media once, and all succeed', async () => {
    const { reference } = await document(70_001)
    const all = await Promise.all(Array.from({ length: 50 }, () => archiveMedia(reference, options({ attempts: 5 }))))
    expect(new Set(all.map(({ key }) => key)).size).toBe(1)
    const stored = all.filter(({ alreadyStored }) => !alreadyStored).length
    // A store without atomic conditions may take more than one of the equal bodies; the object is the same.
    if (lacks.includes('conditional-create')) expect(stored).toBeGreaterThanOrEqual(1)
    else expect(stored).toBe(1)
  })

  it('never overwrites other bytes under the key', async () => {
    const key = 'conflict/photo.jpg'
    await uploadToS3(Buffer.from('the first'), { storage, key })
    await expect(uploadToS3(Buffer.from('another'), { storage, key })).rejects.toMatchObject({ code: 'key-conflict' })
    await expect(uploadToS3(Buffer.from('the firsT'), { storage, key })).rejects.toMatchObject({ code: 'key-conflict' })
    expect(await uploadToS3(Buffer.from('the first'), { storage, key })).toMatchObject({ alreadyStored: true })
  })

  it('names a missing bucket', async () => {
    const nowhere = createS3Storage({ bucket: 'never-created', endpoint: process.env['S3_ENDPOINT'] ?? '' })
    const { reference } = await document(5)
    await expect(archiveMedia(reference, options({ storage: nowhere }))).rejects.toMatchObject({
      code: 'storage-failed',
      reason: 'NoSuchBucket',
      retryable: false,
    })
    await nowhere.close?.()
  })
})

describe.concurrent('archiveMedia from a bad source', () => {
  it.each([...SOURCE_FAULTS, ...STORE_FAULTS])('ends $name in the right error, and stores nothing', (fault) =>
    expectNothingStored(fault, storage, `${fault.name.replaceAll(/\W/g, '-')}/`),
  )
})

describe('archiveMedia through a bad connection to the store', () => {
  const timeouts = { headersMs: 2_000, idleMs: 2_000, storageMs: 1_000, totalMs: 10_000 }
  const through = () => createS3Storage({ bucket, endpoint: proxy.origin })

  it('ends in success when only the answer to the put is lost', async () => {
    const { reference, sha256 } = await document(300_000)
    const unsteady = through()
    proxy.next({ cut: 'answer', how: 'reset', times: 1 })
    const archived = await archiveMedia(reference, options({ storage: unsteady, timeouts, attempts: 1 }))
    expect(archived).toMatchObject({ alreadyStored: true, sha256 })
    await unsteady.close?.()
  })

  it.each([
    ['resets', { cut: 'request', after: 100_000, how: 'reset' }, { code: 'storage-failed', retryable: true }],
    ['closes', { cut: 'request', after: 100_000, how: 'close' }, { code: 'storage-failed', retryable: true }],
    ['stalls', { cut: 'request', after: 100_000, how: 'stall' }, { code: 'timeout', waitedFor: 'store' }],
    ['never answers', { cut: 'answer', how: 'stall' }, { code: 'timeout', waitedFor: 'store' }],
    [
      'answers 500',
      { answer: 'HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\nconnection: close\r\n\r\n', early: true },
      { code: 'storage-failed', status: 500 },
    ],
    ['refuses', { cut: 'request', how: 'reset' }, { code: 'storage-failed', retryable: true }],
  ] as const)('settles with the cause when the store %s, and stores it the next time', async (_name, fault, error) => {
    const { reference, sha256 } = await document(5_000_000)
    const unsteady = through()
    proxy.next(fault)
    await expect(archiveMedia(reference, options({ storage: unsteady, timeouts, attempts: 1 }))).rejects.toMatchObject(
      error,
    )
    proxy.next(undefined)
    expect(await archiveMedia(reference, options({ storage: unsteady, timeouts }))).toMatchObject({ sha256 })
    await unsteady.close?.()
  })

  it('archives by itself when the connection broke once', async () => {
    const { reference, sha256 } = await document(5_000_000)
    const unsteady = through()
    proxy.next({ cut: 'request', after: 1_000_000, how: 'reset', times: 1 })
    expect(await archiveMedia(reference, options({ storage: unsteady, timeouts }))).toMatchObject({
      sha256,
      alreadyStored: false,
    })
    await unsteady.close?.()
  })
})
