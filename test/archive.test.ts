import { createHash } from 'node:crypto'
import { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { inspect } from 'node:util'
import { describe, expect, it, vi } from 'vitest'
import { type ArchiveOptions, archiveMedia } from '../src/archive.js'
import { StorageFailedError } from '../src/errors.js'
import type { MediaEvent } from '../src/events.js'
import type { MediaReference } from '../src/media-reference.js'
import { createMemoryStorage } from '../src/storage/memory.js'
import type { ObjectStorage } from '../src/storage.js'
import { api, asked, events, freshPhoto, jpeg, options, photo, sha256, storage, without } from './archive/scene.js'

describe('archiveMedia', () => {
  it('takes the MIME type from the look-up where only the media id was kept, and finds the same key', async () => {
    const reference = await photo()
    const archived = await archiveMedia({ ...reference, mimeType: '' }, options())
    expect(archived).toMatchObject({ mimeType: 'image/jpeg', keyIsStable: false, alreadyStored: false })
    expect(asked()).toEqual(['look-up', 'download'])
    const again = await archiveMedia(reference, options({ attempts: 1 }))
    expect(again).toMatchObject({ key: archived.key, alreadyStored: true })
  })

  it('takes no object for the media whose hash only the look-up tells, but one with that hash', async () => {
    const other = Buffer.alloc(jpeg.length, 'other')
    const fresh = {
      ...without(await photo(), 'sha256'),
      mimeType: '',
      timestamp: new Date(Date.now() - 600_000).toISOString(),
    }
    const found = (bytes: Buffer): ObjectStorage => ({
      ...storage,
      head: async (key) => ({
        ...{ key, contentType: 'image/jpeg', metadata: {} },
        ...{ size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') },
      }),
      put: async () => ({ outcome: 'exists' }),
    })
    await expect(archiveMedia(fresh, options({ storage: found(other) }))).rejects.toMatchObject({
      ...{ code: 'key-conflict', expectedSha256: sha256 },
    })
    expect(await archiveMedia(fresh, options({ storage: found(jpeg) }))).toMatchObject({
      ...{ alreadyStored: true, integrity: 'announced', sha256 },
    })
  })

  it('puts where the store does not say whether the object is there, and looks no further on other failures', async () => {
    const old = { ...(await photo()), timestamp: new Date(Date.now() - 600_000).toISOString() }
    const refusing = (status: number): ObjectStorage => ({
      ...storage,
      async head(key) {
        throw new StorageFailedError({ operation: 'head', key, reason: 'AccessDenied', status, retryable: false })
      },
    })
    await expect(archiveMedia(old, options({ storage: refusing(501) }))).rejects.toMatchObject({ status: 501 })
    expect(storage.keys()).toHaveLength(0)
    // Without a body, none of these says whether it is about the credentials, the region or the object.
    for (const status of [301, 307, 400, 403, 405]) {
      const archived = await archiveMedia(old, options({ storage: refusing(status) }))
      expect(archived.alreadyStored).toBe(false)
      expect(storage.keys()).toEqual([archived.key])
      await storage.delete(archived.key)
    }
  })

  it('archives what a webhook announced, and tells what its message told', async () => {
    const reference = await photo({ caption: 'Our roof' })
    const archived = await archiveMedia(reference, options())
    expect(archived).toMatchObject({
      mediaId: reference.mediaId,
      messageId: reference.messageId,
      mediaType: 'image',
      mimeType: 'image/jpeg',
      accountId: 'pixels',
      caption: 'Our roof',
      size: jpeg.length,
      sha256,
      integrity: 'announced',
      alreadyStored: false,
      keyIsStable: true,
    })
    expect(archived).not.toHaveProperty('downloadUrl')
    expect(storage.keys()).toEqual([archived.key])
    expect(await storage.head(archived.key)).toMatchObject({ size: jpeg.length, sha256, contentType: 'image/jpeg' })
    expect(events).toMatchObject([
      { type: 'archived', key: archived.key, bytes: jpeg.length, attempt: 1, accountId: 'pixels' },
    ])
    expect(JSON.stringify(events)).not.toContain(reference.messageId)
  })

  it('uses the webhook’s own URL while it lives, and then needs no look-up', async () => {
    await archiveMedia(await photo(), options())
    expect(asked()).toEqual(['download'])
  })

  it.each([
    [
      'is about to die',
      (r: MediaReference) => ({ ...r, downloadUrlExpiresAt: new Date(Date.now() + 9_000).toISOString() }),
    ],
    ['has no known expiry', (r: MediaReference) => without(r, 'downloadUrlExpiresAt')],
    ['comes without a hash', (r: MediaReference) => without(r, 'sha256')],
    ['is absent', (r: MediaReference) => without(r, 'downloadUrl')],
  ])('looks the media id up when the webhook’s URL %s', async (_name, change) => {
    const archived = await archiveMedia(change(await photo()), options())
    expect(asked()).toEqual(['look-up', 'download'])
    expect(archived).toMatchObject({ size: jpeg.length, sha256 })
  })

  it('looks the media id up when the webhook’s URL is refused or has no length', async () => {
    api.fail({ on: 'download', kind: 'status', status: 404, times: 1 })
    await archiveMedia(await photo(), options())
    expect(asked()).toEqual(['download', 'look-up', 'download'])
    api.fail({ on: 'download', kind: 'chunked', times: 1 })
    await archiveMedia(await photo(), options())
    expect(asked().slice(3)).toEqual(['download', 'look-up', 'download'])
  })

  it('sends the token to no other host, says so, and still archives by look-up', async () => {
    const reference = { ...(await photo()), downloadUrl: 'https://evil.example/whatsapp_business/attachments/?mid=1' }
    const archived = await archiveMedia(reference, options())
    expect(archived.sha256).toBe(sha256)
    expect(events[0]).toMatchObject({ type: 'host-refused', host: 'evil.example' })
  })

  it('keeps the size limit on the webhook’s URL', async () => {
    await expect(archiveMedia(await photo(), options({ maxBytes: 1_000 }))).rejects.toMatchObject({
      code: 'size-limit',
      limitBytes: 1_000,
      bytes: jpeg.length,
    })
    expect(asked()).toEqual(['download'])
    expect(storage.keys()).toEqual([])
  })

  it('gives a redelivery the same key, tomorrow too, without a download', async () => {
    const reference = await photo()
    const first = await archiveMedia(reference, options())
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 86_400_000 })
    const second = await archiveMedia(reference, options())
    expect(second).toMatchObject({ key: first.key, alreadyStored: true, integrity: 'announced', size: jpeg.length })
    expect(asked()).toEqual(['download'])
    expect(events.map(({ type }) => type)).toEqual(['archived', 'already-stored'])
  })

  it('finds an object that was stored in the meantime', async () => {
    const reference = await photo()
    const first = await archiveMedia(reference, options())
    expect(await archiveMedia(reference, options())).toMatchObject({ key: first.key, alreadyStored: true })
  })

  it('stores 50 archives of the same media once, and all succeed', async () => {
    const reference = await photo()
    const all = await Promise.all(Array.from({ length: 50 }, () => archiveMedia(reference, options())))
    expect(all.filter(({ alreadyStored }) => !alreadyStored)).toHaveLength(1)
    expect(storage.keys()).toHaveLength(1)
  })

  it('keeps accounts apart', async () => {
    const reference = await photo()
    await archiveMedia(reference, options())
    await archiveMedia(reference, options({ accountId: 'other' }))
    expect(storage.keys()).toHaveLength(2)
  })

  it('never overwrites other bytes under the key', async () => {
    const reference = await photo()
    const { key } = await archiveMedia(reference, options())
    const other = await api.addMedia({ bytes: Buffer.concat([jpeg, jpeg]), mimeType: 'image/jpeg', mediaType: 'image' })
    const forged = { ...other.reference, mediaId: reference.mediaId, timestamp: reference.timestamp }
    await expect(archiveMedia(forged, options())).rejects.toMatchObject({
      code: 'key-conflict',
      key,
      foundSize: jpeg.length,
    })
    expect(await storage.head(key)).toMatchObject({ size: jpeg.length })
  })

  it('archives a bare media id, and says whether its key is stable', async () => {
    const { mediaId } = await photo()
    const timestamp = '2026-11-20T10:00:00.000Z'
    const stable = await archiveMedia(mediaId, options({ mediaType: 'sticker', timestamp }))
    expect(stable).toMatchObject({ mediaType: 'sticker', keyIsStable: true, integrity: 'announced', timestamp })
    expect(stable.key).toMatch(/\/pixels\/2026-11-20\/sticker\/.*\.jpg$/)
    const unstable = await archiveMedia(mediaId, options({ filename: 'roof.jpg' }))
    expect(unstable).toMatchObject({ mediaType: 'image', keyIsStable: false, filename: 'roof.jpg' })
    expect(unstable).not.toHaveProperty('timestamp')
  })

  it('tries again after a storage of one’s own broke off, by whatever error it ended the body with', async () => {
    let puts = 0
    const reset = Object.assign(new Error('reset by peer'), { code: 'ECONNRESET' })
    const flaky: ObjectStorage = {
      ...storage,
      put(key, body, how) {
        if (++puts > 1) return storage.put(key, body, how)
        return pipeline(body, new Writable({ write: (_chunk, _encoding, done) => done(reset) })) as Promise<never>
      },
    }
    expect(await archiveMedia(await photo(), options({ storage: flaky }))).toMatchObject({ sha256 })
    expect(events).toMatchObject([
      { type: 'attempt-failed', error: { code: 'storage-failed', reason: 'ECONNRESET' } },
      { type: 'archived', attempt: 2 },
    ])
  })

  it('starts again from the look-up after a failed attempt', async () => {
    api.fail({ on: 'download', kind: 'close-early', times: 1, afterBytes: 70_000 })
    const archived = await archiveMedia(await freshPhoto(), options())
    expect(archived.sha256).toBe(sha256)
    expect(asked()).toEqual(['look-up', 'download', 'look-up', 'download'])
    expect(events).toMatchObject([
      { type: 'attempt-failed', attempt: 1, error: { code: 'download-failed' }, retryInMs: expect.any(Number) },
      { type: 'archived', attempt: 2 },
    ])
  })

  it.each([{ kind: 'stall', afterBytes: 1_000 } as const, { kind: 'flip-bit' } as const])(
    'does not ask a webhook’s URL again that failed once ($kind)',
    async (fault) => {
      const reference = await photo()
      api.fail({ on: 'download', times: 1, ...fault })
      expect(await archiveMedia(reference, options({ timeouts: { idleMs: 50 } }))).toMatchObject({ sha256 })
      expect(asked()).toEqual(['download', 'look-up', 'download'])
    },
  )

  it.each([
    ['a client', { http: () => new Promise<never>(() => {}) }],
    ['a token function', { accessToken: () => new Promise<string>(() => {}) }],
  ])('leaves %s behind that heeds no signal', async (_name, hanging) => {
    const reason = new Error('shutting down')
    const controller = new AbortController()
    setTimeout(() => controller.abort(reason), 20)
    await expect(archiveMedia(await photo(), options({ ...hanging, signal: controller.signal }))).rejects.toBe(reason)
  })

  it('ends in success when only the answer to the put was lost', async () => {
    const lossy = {
      ...storage,
      async put(...args: Parameters<typeof storage.put>) {
        await storage.put(...args)
        throw new StorageFailedError({ operation: 'put', key: args[0], reason: 'ECONNRESET', retryable: true })
      },
    }
    expect(await archiveMedia(await photo(), options({ storage: lossy }))).toMatchObject({
      alreadyStored: true,
      sha256,
    })
    expect(storage.keys()).toHaveLength(1)
  })

  it('tells that media is gone, and does not ask again', async () => {
    await expect(archiveMedia('404404', options())).rejects.toMatchObject({ code: 'media-gone', mediaId: '404404' })
    expect(asked()).toEqual(['look-up'])
  })

  it('makes the first attempt whatever the age, and no other past the deadline', async () => {
    api.fail({ on: 'look-up', kind: 'status', status: 503 })
    const old = { ...(await freshPhoto()), timestamp: '2020-01-01T00:00:00.000Z' }
    await expect(archiveMedia(old, options())).rejects.toMatchObject({ code: 'graph-api', retryable: true })
    expect(asked()).toEqual(['look-up'])
    await expect(archiveMedia({ ...old, origin: 'history' }, options({ attempts: 2 }))).rejects.toMatchObject({
      status: 503,
    })
    expect(asked()).toHaveLength(3)
    const recent = { ...old, timestamp: new Date(Date.now() - 60_000).toISOString() }
    await expect(archiveMedia(recent, options({ mediaLifetimeMs: 1_000 }))).rejects.toMatchObject({ status: 503 })
    expect(asked()).toHaveLength(4)
  })

  it('rejects with the caller’s own reason when aborted, before, during and between attempts', async () => {
    const reason = new Error('shutting down')
    await expect(archiveMedia(await photo(), options({ signal: AbortSignal.abort(reason) }))).rejects.toBe(reason)

    api.fail({ on: 'download', kind: 'stall', times: 1 })
    const during = new AbortController()
    setTimeout(() => during.abort(reason), 30)
    await expect(archiveMedia(await photo(), options({ signal: during.signal }))).rejects.toBe(reason)

    api.fail({ on: 'download', kind: 'status', status: 503, times: 2 })
    const between = new AbortController()
    const onEvent = (event: MediaEvent): void => {
      if (event.type === 'attempt-failed') between.abort('a reason that is no error')
    }
    await expect(archiveMedia(await photo(), options({ signal: between.signal, onEvent }))).rejects.toBe(
      'a reason that is no error',
    )
    expect(storage.keys()).toEqual([])
  })

  it.each([
    ['accountId', {}, { accountId: '../other' }],
    ['media.mediaId', { mediaId: '' }, {}],
    ['mediaId', { mediaId: '..' }, {}],
    ['media.sha256', { sha256: 'not a hash' }, {}],
    ['media.timestamp', { timestamp: 'yesterday' }, {}],
    ['media.mediaType', { mediaType: 'podcast' as 'image' }, {}],
    ['mediaLifetimeMs', {}, { mediaLifetimeMs: 0 }],
    ['attempts', {}, { attempts: 0 }],
    ['sniff', {}, { sniff: 'Safe' as 'safe' }],
    ['integrity', {}, { integrity: 'Report' as 'report' }],
    ['storage', {}, { storage: undefined as never }],
    ['media.timestamp', { timestamp: '2026-11-22T23:30:00' }, {}],
    ['media.mediaId', { mediaId: undefined as never }, {}],
    ['maxBytes', {}, { maxBytes: 1.5 }],
    ['prefix', {}, { prefix: '../' }],
    ['timeouts.idleMs', {}, { timeouts: { idleMs: -1 } }],
  ])('refuses a bad %s before anything is asked', async (option, wrong, more) => {
    const reference = { ...(await freshPhoto()), ...wrong }
    await expect(archiveMedia(reference, options(more))).rejects.toMatchObject({ code: 'invalid-option', option })
    expect(asked()).toEqual([])
  })

  it.each<[string, ObjectStorage['put'], string]>([
    [
      'swallows the body’s error',
      async (_key, body) => {
        await body.toArray().catch(() => {})
        return { outcome: 'stored' }
      },
      'integrity-mismatch',
    ],
    ['reads nothing', async () => ({ outcome: 'stored' }), 'storage-failed'],
    ['answers nothing', async () => undefined as never, 'storage-failed'],
    ['rejects with nothing', () => Promise.reject(null), 'storage-failed'],
  ])('does not believe a storage that %s', async (_name, put, code) => {
    const media = { ...(await freshPhoto()), sha256: 'ab'.repeat(32) }
    api.fail({ on: 'look-up', kind: 'no-sha256' })
    const claimed = archiveMedia(media, options({ storage: { ...createMemoryStorage(), put }, attempts: 1 }))
    await expect(claimed).rejects.toMatchObject({ code })
  })

  it.each<[string, Partial<ArchiveOptions>]>([
    [
      'throws',
      {
        http: ({ headers }) => {
          throw new Error(JSON.stringify(headers))
        },
      },
    ],
    ['answers nothing', { http: async () => undefined as never }],
    ['answers without a stream', { http: async () => ({ status: 200, headers: {}, body: 'x' }) as never }],
    ['throws a name that is none', { http: () => Promise.reject(Object.assign(new Error('x'), { name: 5 })) }],
  ])('types the failure of an HTTP client that %s, and shows no token', async (_name, more) => {
    const failure: unknown = await archiveMedia(await photo(), options({ ...more, attempts: 1 })).catch(
      (error: unknown) => error,
    )
    expect(failure).toMatchObject({ code: 'download-failed', retryable: true })
    expect(inspect(failure, { depth: null, showHidden: true })).not.toContain(api.accessToken)
  })

  it.each([undefined, null, 7, []])('refuses %j in place of media', async (media) => {
    await expect(archiveMedia(media as never, options())).rejects.toMatchObject({
      code: 'invalid-option',
      option: 'media',
    })
    expect(asked()).toEqual([])
  })

  const FILENAME = 'Lohnzettel Quimby.pdf'
  it('tries again what a storage of the user’s own throws, and types it', async () => {
    const memory = createMemoryStorage()
    let calls = 0
    const storage: ObjectStorage = {
      ...memory,
      put: (...call) => {
        if (++calls < 3) throw Object.assign(new Error(`can not write ${FILENAME}`), { code: 'EDISK' })
        return memory.put(...call)
      },
    }
    const reference = { ...(await freshPhoto()), filename: FILENAME }
    expect(await archiveMedia(reference, options({ storage }))).toMatchObject({ alreadyStored: false })
    calls = -10
    await memory.delete(memory.keys()[0] ?? '')
    const failure: unknown = await archiveMedia(reference, options({ storage })).catch((error: unknown) => error)
    expect(failure).toMatchObject({ ...{ code: 'storage-failed', reason: 'EDISK', operation: 'put', retryable: true } })
    expect(inspect(failure, { depth: null, showHidden: true })).not.toContain(FILENAME)
  })

  it('has a cap for each media type', async () => {
    const small = { maxBytes: { image: 1_000 } }
    await expect(archiveMedia(await photo(), options(small))).rejects.toMatchObject({
      code: 'size-limit',
      limitBytes: 1_000,
    })
    const { mediaId } = await photo()
    await expect(archiveMedia(mediaId, options(small))).rejects.toMatchObject({ code: 'size-limit' })
    expect(await archiveMedia(mediaId, options({ ...small, mediaType: 'sticker' }))).toMatchObject({ sha256 })
  })
})
