import { createHash } from 'node:crypto'
import { S3Client } from '@aws-sdk/client-s3'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type ArchiveOptions, archiveMedia } from '../../../src/archive.js'
import type { MediaEvent } from '../../../src/events.js'
import { createS3Storage, type S3ObjectOptions } from '../../../src/storage/s3.js'
import type { ObjectStorage } from '../../../src/storage.js'
import { createFakeCloudApi, type FakeCloudApi } from '../../../src/testing/fake-cloud-api.js'
import { createGeneratedBytes } from '../../../src/testing/generated-bytes.js'
import { uploadToS3 } from '../../../src/upload.js'
import { createLyingStore, type Lie, type LyingStore } from '../lying-store.js'

const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'example-secret' }
const region = 'eu-central-1'
const logger = { debug() {}, info() {}, warn() {}, error() {} }

let api: FakeCloudApi
let store: LyingStore
let storage: ObjectStorage
let events: MediaEvent[]

beforeEach(async () => {
  api = await createFakeCloudApi()
  events = []
})
afterEach(async () => {
  await storage.close?.()
  await Promise.all([api.close(), store.close()])
})

type Kind = 'own client' | 'given client with the SDK’s defaults'
const KINDS: readonly Kind[] = ['own client', 'given client with the SDK’s defaults']

async function open(kind: Kind, lies: readonly Lie[], options: S3ObjectOptions = {}): Promise<void> {
  // No back-off: what is tested is that attempts follow each other, not how long they wait.
  vi.spyOn(Math, 'random').mockReturnValue(0)
  store = await createLyingStore(...lies)
  const { endpoint } = store
  storage =
    kind === 'own client'
      ? createS3Storage({ bucket: 'media', region, endpoint, credentials, ...options })
      : createS3Storage({
          bucket: 'media',
          client: new S3Client({ region, endpoint, credentials, forcePathStyle: true, logger }),
          ...options,
        })
}

const onEvent = (event: MediaEvent) => events.push(event)
const eventsOf = (type: MediaEvent['type']) => events.filter((event) => event.type === type)
const options = (): ArchiveOptions => ({
  storage,
  accountId: 'pixels',
  accessToken: api.accessToken,
  cloudApi: api.cloudApi,
  onEvent,
})
const media = () =>
  api.addMedia({
    bytes: createGeneratedBytes({ size: 200_000, seed: 5 }),
    mimeType: 'application/octet-stream',
    mediaType: 'document',
  })
const upload = (body: string) => uploadToS3(Buffer.from(body), { storage, key: 'a/letter.txt', onEvent })
const hashOf = (bytes: Buffer | undefined) =>
  createHash('sha256')
    .update(bytes ?? '')
    .digest('hex')
const onlyObject = () => {
  expect(store.objects.size).toBe(1)
  return [...store.objects.values()][0]
}

/** Lies that cost nothing: all is proven, repeats find the object, and other bytes are never written over it. */
const HARMLESS: readonly (readonly Lie[])[] = [
  [],
  ['ignores checksums'],
  ['ignores checksums', 'forgets checksums'],
  ['knows no checksum header', 'forgets checksums'],
  ['stores chunk framing'],
  ['refuses chunked bodies'],
  ['forgets metadata'],
  ['forgets metadata', 'forgets checksums'],
  ['forgets types'],
  ['answers 501 to the condition'],
  ['answers 501 to the condition', 'forgets metadata', 'forgets checksums'],
]

describe.each(KINDS)('createS3Storage, %s', (kind) => {
  describe.each(HARMLESS.map((lies) => ({ lies, name: lies.join(' and ') || 'is honest' })))(
    'on a store that $name',
    ({ lies }) => {
      it('archives proven bytes once, and leaves them alone', async () => {
        await open(kind, lies)
        const { reference, sha256 } = await media()
        expect(await archiveMedia(reference, options())).toMatchObject({ sha256, integrity: 'announced' })
        expect(await archiveMedia(reference, options())).toMatchObject({ sha256, alreadyStored: true })
        expect(hashOf(onlyObject())).toBe(sha256)
        expect(eventsOf('condition-unsupported')).toEqual(
          lies.includes('answers 501 to the condition')
            ? [{ type: 'condition-unsupported', storage: 's3', how: 'refused' }]
            : [],
        )
      })

      it('stores nothing of a source that lies', async () => {
        await open(kind, lies)
        const { reference } = await media()
        api.fail({ on: 'download', kind: 'flip-bit' })
        await expect(archiveMedia(reference, options())).rejects.toMatchObject({ code: 'integrity-mismatch' })
        expect(store.objects.size).toBe(0)
      })

      it('finds other bytes under the key, and keeps them', async () => {
        await open(kind, lies)
        await upload('the first')
        await expect(upload('another')).rejects.toMatchObject({ code: 'key-conflict' })
        await expect(upload('the firsT')).rejects.toMatchObject({ code: 'key-conflict' })
        expect(await upload('the first')).toMatchObject({ alreadyStored: true })
        expect(onlyObject()?.toString()).toBe('the first')
      })
    },
  )

  it.each<[readonly Lie[]]>([[['ignores the condition']], [['answers success and keeps the first']]])(
    'reports a store that %s, from the second put on, and looks first then',
    async (lies) => {
      await open(kind, lies)
      const { reference, sha256 } = await media()
      const all = await Promise.all(Array.from({ length: 10 }, () => archiveMedia(reference, options())))
      expect(new Set(all.map(({ key }) => key)).size).toBe(1)
      expect(hashOf(onlyObject())).toBe(sha256)
      expect(eventsOf('condition-unsupported')).toEqual([
        { type: 'condition-unsupported', storage: 's3', how: 'ignored' },
      ])
      await upload('the first')
      await expect(upload('another')).rejects.toMatchObject({ code: 'key-conflict' })
    },
  )

  it('can not save an object that a store overwrites, but reports it at once', async () => {
    await open(kind, ['ignores the condition'])
    await upload('the first')
    await upload('another')
    expect(eventsOf('condition-unsupported')).toHaveLength(1)
    await expect(upload('a third')).rejects.toMatchObject({ code: 'key-conflict' })
    expect(onlyObject()?.toString()).toBe('another')
  })

  it('saves it where conditionalWrites is false', async () => {
    await open(kind, ['ignores the condition'], { conditionalWrites: false })
    await upload('the first')
    await expect(upload('another')).rejects.toMatchObject({ code: 'key-conflict' })
    expect(await upload('the first')).toMatchObject({ alreadyStored: true })
    expect(onlyObject()?.toString()).toBe('the first')
    expect(events).toEqual([])
  })

  it.each<[Lie, object]>([
    ['forbids HEAD', { status: 403, message: expect.stringContaining('s3:GetObject'), retryable: false }],
    ['knows no HEAD', { operation: 'head', status: 405, retryable: false }],
    ['finds nothing by HEAD', { reason: 'the object came and went', retryable: true }],
  ])('fails each repeat, and never silently, on a store that %s', async (lie, error) => {
    await open(kind, [lie])
    await upload('the first')
    await expect(upload('the first')).rejects.toMatchObject({ code: 'storage-failed', ...error })
    await expect(upload('another')).rejects.toMatchObject({ code: 'storage-failed', ...error })
    expect(onlyObject()?.toString()).toBe('the first')
  })

  it('puts nothing where it may neither ask for absence nor look', async () => {
    await open(kind, ['answers 501 to the condition', 'forbids HEAD'])
    await expect(upload('the first')).rejects.toMatchObject({
      status: 403,
      message: expect.stringContaining('s3:GetObject'),
    })
    expect(store.objects.size).toBe(0)
  })

  it('archives nothing that a store acknowledges under another hash', async () => {
    await open(kind, ['acknowledges another checksum'])
    const { reference } = await media()
    await expect(archiveMedia(reference, options())).rejects.toMatchObject({
      code: 'storage-failed',
      reason: 'acknowledged another SHA-256',
      retryable: false,
    })
    expect(eventsOf('attempt-failed')).toHaveLength(1)
  })

  it('fails where a conflict answer stays, and keeps the first', async () => {
    await open(kind, ['answers 409 to the condition'])
    await upload('the first')
    await expect(upload('another')).rejects.toMatchObject({ status: 409, retryable: true })
    expect(onlyObject()?.toString()).toBe('the first')
    expect(await upload('the first')).toMatchObject({ alreadyStored: true })
  })
})
