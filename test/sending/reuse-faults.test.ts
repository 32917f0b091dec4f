import { createHash } from 'node:crypto'
import { PassThrough } from 'node:stream'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { MediaIdsFailedError } from '../../src/errors.js'
import { type MediaEvent, uploadMediaToWhatsApp, uploadToS3 } from '../../src/index.js'
import { createMemoryMediaIds } from '../../src/media-ids/memory.js'
import type { MediaIdCache } from '../../src/media-ids.js'
import { runWithUpload } from '../../src/sending/run-with-upload.js'
import { createMemoryStorage } from '../../src/storage/memory.js'
import { BYTES, callOptions, catchError, createApis, phoneNumberId, streamInPieces } from './start-api.js'

const apis = createApis()
afterEach(async () => {
  vi.unstubAllGlobals()
  vi.useRealTimers()
  await apis.close()
})

const source = { body: BYTES, mimeType: 'image/jpeg' }
const PDF = { body: Buffer.from('%PDF-1.7 example'), mimeType: 'application/pdf' }
const CACHE_KEY = `${phoneNumberId}:image:image/jpeg:${createHash('sha256').update(BYTES).digest('hex')}`
const never = (): Promise<never> => new Promise(() => {})
const fail = (): never => {
  throw Object.assign(new Error('redis://user:secret@host is away'), { code: 'ECONNREFUSED' })
}
const DAY_MS = 86_400_000
const inDays = (days: number): string => new Date(Date.now() + days * DAY_MS).toISOString()

describe('a cache of media ids that fails', () => {
  const faults: [string, Partial<Record<keyof MediaIdCache, unknown>>, { operation: string; reason: string }][] = [
    ['get throws', { get: fail }, { operation: 'get', reason: 'ECONNREFUSED' }],
    ['get rejects', { get: async () => fail() }, { operation: 'get', reason: 'ECONNREFUSED' }],
    [
      'get rejects with a text',
      { get: () => Promise.reject('secret') },
      { operation: 'get', reason: expect.any(String) },
    ],
    [
      'get rejects with an error of this library',
      { get: () => Promise.reject(new MediaIdsFailedError({ operation: 'get', reason: 'EIO' })) },
      { operation: 'get', reason: 'EIO' },
    ],
    ['get hangs', { get: never }, { operation: 'get', reason: 'timeout' }],
    ['get gives a text', { get: async () => '5' }, { operation: 'get', reason: 'invalid' }],
    ['get gives a number', { get: () => 5 }, { operation: 'get', reason: 'invalid' }],
    ['get gives no end', { get: async () => ({ mediaId: '5' }) }, { operation: 'get', reason: 'invalid' }],
    [
      'get gives an end that is none',
      { get: async () => ({ mediaId: '5', expiresAt: 'soon' }) },
      { operation: 'get', reason: 'invalid' },
    ],
    [
      'get gives an id that is a number',
      { get: async () => ({ mediaId: 5, expiresAt: inDays(5) }) },
      { operation: 'get', reason: 'invalid' },
    ],
    [
      'get gives a message id',
      { get: async () => ({ mediaId: 'wamid.x', expiresAt: inDays(5) }) },
      { operation: 'get', reason: 'invalid' },
    ],
    ['set throws', { set: fail }, { operation: 'set', reason: 'ECONNREFUSED' }],
    ['set hangs', { set: never }, { operation: 'set', reason: 'timeout' }],
  ]
  it.each(faults)('%s: the file is uploaded, and an event tells it', async (_name, fault, told) => {
    const api = await apis.start()
    const events: MediaEvent[] = []
    const mediaIds = { ...createMemoryMediaIds(), ...fault } as MediaIdCache
    const media = await uploadMediaToWhatsApp(source, {
      ...{ phoneNumberId, mediaIds, mediaIdsTimeoutMs: 20, accountId: 'acme', ...callOptions(api) },
      onEvent: (event) => events.push(event),
    })
    expect(media).toMatchObject({ mediaId: api.uploads[0]?.mediaId, reused: false })
    expect(events).toMatchObject([
      { type: 'media-ids-failed', accountId: 'acme', error: { code: 'media-ids-failed', ...told } },
    ])
    expect(JSON.stringify(events)).not.toContain('secret')
  })

  it.each([
    ['bytes', () => source],
    ['a stream', () => ({ body: streamInPieces(BYTES), mimeType: 'image/jpeg' })],
  ])('delete hangs: %s are uploaded anew all the same', async (_name, make) => {
    const api = await apis.start()
    const onEvent = vi.fn()
    const mediaIds = { ...createMemoryMediaIds(), delete: never }
    await mediaIds.set(CACHE_KEY, { mediaId: 'stale', expiresAt: inDays(5) })
    const options = { phoneNumberId, mediaIds, mediaIdsTimeoutMs: 20, onEvent, ...callOptions(api) }
    const both = await runWithUpload(make(), options, async (upload) => {
      const { mediaId } = await upload()
      return [mediaId, (await upload({ staleMediaId: mediaId })).mediaId]
    })
    expect(both).toEqual(['stale', api.uploads[0]?.mediaId])
    expect(onEvent.mock.calls).toMatchObject([[{ error: { operation: 'delete', reason: 'timeout' } }]])
    expect(await uploadMediaToWhatsApp(make(), options)).toMatchObject({ mediaId: both[1], reused: true })
  })

  const misses: [string, unknown][] = [
    ['undefined', undefined],
    ['null', null],
    ['what has expired', { mediaId: '5', expiresAt: inDays(-1) }],
    ['what expires in ten minutes', { mediaId: '5', expiresAt: inDays(10 / 1_440) }],
  ]
  it.each(misses)('%s is a miss without an event', async (_name, found) => {
    const api = await apis.start()
    const onEvent = vi.fn()
    const mediaIds = { ...createMemoryMediaIds(), get: async () => found } as MediaIdCache
    const options = { phoneNumberId, mediaIds, onEvent, ...callOptions(api) }
    expect(await uploadMediaToWhatsApp(source, options)).toMatchObject({ reused: false })
    expect(onEvent).not.toHaveBeenCalled()
  })

  const wrong: [string, unknown][] = [
    ['null', null],
    ['a function', createMemoryMediaIds],
    ['a Map', new Map()],
    ['no get', { ...createMemoryMediaIds(), get: undefined }],
    ['no set', { ...createMemoryMediaIds(), set: 5 }],
    ['no delete', { get: fail, set: fail }],
    ['a promise', Promise.resolve(createMemoryMediaIds())],
    ['a text', 'memory'],
    ['a list', []],
    ['true', true],
  ]
  it.each(wrong)('%s is refused as mediaIds', async (name, mediaIds) => {
    const api = await apis.start()
    const upload = Reflect.apply(uploadMediaToWhatsApp, undefined, [
      source,
      { phoneNumberId, mediaIds, ...callOptions(api) },
    ])
    // A Map has get, set and delete.
    if (name === 'a Map') await expect(upload).resolves.toMatchObject({ reused: false })
    else await expect(upload).rejects.toMatchObject({ code: 'invalid-option', option: 'mediaIds' })
  })

  it('an id is kept for 30 days, or its own ttl', async () => {
    const api = await apis.start()
    const mediaIds = createMemoryMediaIds()
    const options = { phoneNumberId, mediaIds, ...callOptions(api) }
    vi.useFakeTimers({ toFake: ['Date'] })
    await uploadMediaToWhatsApp(source, options)
    await uploadMediaToWhatsApp(PDF, { ...options, ttlMinutes: 60 })
    const reuse = async (minutes: number) => {
      vi.setSystemTime(Date.now() + minutes * 60_000)
      return [await uploadMediaToWhatsApp(source, options), await uploadMediaToWhatsApp(PDF, options)].map(
        ({ reused }) => reused,
      )
    }
    expect(await reuse(44)).toEqual([true, true])
    expect(await reuse(2)).toEqual([true, false])
    expect(await reuse(43_200 - 46 - 16)).toEqual([true, true])
    expect(await reuse(2)).toEqual([false, true])
  })

  const parts: [string, object, object][] = [
    ['number', {}, { phoneNumberId: '106540352242923' }],
    ['bytes', { body: Buffer.from('%PDF-1.7 other') }, {}],
    ['MIME type', { mimeType: 'text/plain' }, {}],
  ]
  it.each(parts)('another %s is another upload', async (_name, other, options) => {
    const phoneNumberIds = [phoneNumberId, '106540352242923']
    const api = await apis.start({ phoneNumberIds })
    const common = { phoneNumberId, mediaIds: createMemoryMediaIds(), ...callOptions(api) }
    await uploadMediaToWhatsApp(PDF, common)
    expect(await uploadMediaToWhatsApp({ ...PDF, ...other }, { ...common, ...options })).toMatchObject({
      reused: false,
    })
  })

  it('limits hold for what Meta already has as another kind', async () => {
    const api = await apis.start()
    const head = Buffer.concat([Buffer.from('RIFF....WEBPVP8 '), Buffer.alloc(200_000)])
    const sticker = { body: head, mimeType: 'image/webp' }
    const options = { phoneNumberId, mediaIds: createMemoryMediaIds(), ...callOptions(api) }
    await uploadMediaToWhatsApp(sticker, { ...options, mediaType: 'document' })
    await expect(uploadMediaToWhatsApp(sticker, options)).rejects.toMatchObject({ code: 'outbound-limit' })
    const storage = createMemoryStorage()
    for (const [key, bytes] of Object.entries({ large: 6_000_000, none: 0 })) {
      await uploadToS3(Buffer.alloc(bytes), { storage, key, mimeType: 'image/jpeg', sniff: 'trust' })
    }
    const get = vi.spyOn(storage, 'get')
    await expect(uploadMediaToWhatsApp({ storage, key: 'large' }, options)).rejects.toMatchObject({
      code: 'outbound-limit',
    })
    await expect(uploadMediaToWhatsApp({ storage, key: 'none' }, options)).rejects.toMatchObject({
      code: 'outbound-type',
    })
    await expect(uploadMediaToWhatsApp({ storage, key: 'absent' }, options)).rejects.toMatchObject({
      ...{ code: 'storage-failed', operation: 'head' },
    })
    expect(get).not.toHaveBeenCalled()
    expect(api.uploads).toHaveLength(1)
  })

  it('an object that was replaced in between is not sent as what it was', async () => {
    const api = await apis.start()
    const storage = createMemoryStorage()
    await uploadToS3(BYTES, { storage, key: 'a.jpg', mimeType: 'image/jpeg', sniff: 'trust' })
    const options = { phoneNumberId, mediaIds: createMemoryMediaIds(), ...callOptions(api) }
    const { get } = storage
    storage.get = async (key, call) => {
      await storage.delete(key)
      await uploadToS3(BYTES.toReversed(), { storage, key, mimeType: 'image/jpeg', sniff: 'trust' })
      return get(key, call)
    }
    await expect(uploadMediaToWhatsApp({ storage, key: 'a.jpg' }, options)).rejects.toMatchObject({
      code: 'integrity-mismatch',
    })
    expect(api.uploads).toHaveLength(0)
  })

  it('a failed upload is forgotten', async () => {
    const api = await apis.start()
    const options = { phoneNumberId, mediaIds: createMemoryMediaIds(), attempts: 1, ...callOptions(api) }
    api.fail({ on: 'upload', kind: 'status', status: 503, times: 1 })
    const both = await Promise.allSettled([
      uploadMediaToWhatsApp(source, options),
      uploadMediaToWhatsApp(source, options),
    ])
    expect(both).toMatchObject([1, 2].map(() => ({ status: 'rejected', reason: { code: 'graph-api', status: 503 } })))
    expect(await uploadMediaToWhatsApp(source, options)).toMatchObject({ reused: false })
  })

  it('a stream that broke off says so', async () => {
    const api = await apis.start()
    const options = { phoneNumberId, mediaIds: createMemoryMediaIds(), ...callOptions(api) }
    const broken = new PassThrough().on('error', () => {})
    broken.write('%PDF')
    broken.destroy(new Error('broken'))
    const mimeType = 'application/pdf'
    await expect(uploadMediaToWhatsApp({ body: broken, mimeType }, options)).rejects.toThrow('broken')
    const long = { body: streamInPieces(Buffer.alloc(6_000_000)), mimeType: 'image/jpeg' }
    await expect(uploadMediaToWhatsApp(long, options)).rejects.toMatchObject({ code: 'outbound-limit' })
    await expect(uploadMediaToWhatsApp({ ...long, size: 6_000_000 }, options)).rejects.toMatchObject({
      code: 'outbound-limit',
    })
  })
})

describe('calls that wait for one upload', () => {
  /** An upload that waits until it is let go. */
  async function startHeld() {
    const api = await apis.start()
    let letGo = (): void => {}
    const held = new Promise<void>((resolve) => {
      letGo = resolve
    })
    let noteBegun = (): void => {}
    const begun = new Promise<void>((resolve) => {
      noteBegun = resolve
    })
    const cache = createMemoryMediaIds()
    const get: MediaIdCache['get'] = async (key) => {
      noteBegun()
      await held
      return cache.get(key)
    }
    const mediaIds = { ...cache, get }
    return { api, letGo, begun, options: { phoneNumberId, mediaIds, mediaIdsTimeoutMs: 60_000, ...callOptions(api) } }
  }

  it('go on when the one that began it leaves, also from its stream', async () => {
    const { api, letGo, begun, options } = await startHeld()
    // Larger than what is spooled to memory: the temporary file must stay until the upload has read it.
    const large = Buffer.alloc(3_000_000, 7)
    const mimeType = 'application/pdf'
    const leaving = new AbortController()
    const first = uploadMediaToWhatsApp(
      { body: streamInPieces(large, 100_000), mimeType },
      { ...options, signal: leaving.signal },
    )
    await begun
    const second = uploadMediaToWhatsApp({ body: large, mimeType }, options)
    // Hashing takes a turn for each piece.
    for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate)
    leaving.abort(new Error('left'))
    expect(await catchError(first)).toMatchObject({ message: 'left' })
    letGo()
    expect(await second).toMatchObject({ reused: true, mediaId: api.uploads[0]?.mediaId })
    expect(api.uploads).toHaveLength(1)
    expect(large.equals(api.uploads[0]?.bytes ?? Buffer.alloc(0))).toBe(true)
  })

  it('begin anew where the one under way found the id that is stale', async () => {
    const { api, letGo, begun, options } = await startHeld()
    await options.mediaIds.set(CACHE_KEY, { mediaId: 'stale', expiresAt: inDays(5) })
    const first = uploadMediaToWhatsApp(source, options)
    await begun
    const renewed = runWithUpload(source, options, (upload) => upload({ staleMediaId: 'stale' }))
    for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate)
    letGo()
    expect(await first).toMatchObject({ mediaId: 'stale', reused: true, cacheKey: CACHE_KEY })
    expect(await renewed).toMatchObject({ mediaId: api.uploads[0]?.mediaId, reused: false })
    expect(api.uploads).toHaveLength(1)
  })

  it('end it when all have left, and the next begins anew', async () => {
    const { api, letGo, begun, options } = await startHeld()
    const leaving = new AbortController()
    const first = uploadMediaToWhatsApp(source, { ...options, signal: leaving.signal })
    await begun
    leaving.abort(new Error('left'))
    expect(await catchError(first)).toMatchObject({ message: 'left' })
    letGo()
    expect(await uploadMediaToWhatsApp(source, options)).toMatchObject({ reused: false })
    expect(api.uploads).toHaveLength(1)
  })

  it('upload each for itself on Cloudflare Workers, where requests share nothing', async () => {
    const api = await apis.start()
    vi.stubGlobal('navigator', { userAgent: 'Cloudflare-Workers' })
    const options = { phoneNumberId, mediaIds: createMemoryMediaIds(), ...callOptions(api) }
    const { signal } = new AbortController()
    await Promise.all([options, { ...options, signal }].map((each) => uploadMediaToWhatsApp(PDF, each)))
    expect(api.uploads).toHaveLength(2)
    expect(await uploadMediaToWhatsApp(PDF, options)).toMatchObject({ reused: true })
  })
})
