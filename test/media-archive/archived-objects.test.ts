import { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import type { MediaReference } from '../../src/media-reference.js'
import type { ObjectStorage, StoredObject } from '../../src/storage.js'
import { addPhoto, create, jpeg, OTHER_NUMBER, sha256, storage } from './archive-scene.js'

const OWN = { accountId: 'pixels' }

async function readAll(body: Readable): Promise<Buffer> {
  return Buffer.concat(await body.toArray())
}

/** The memory storage, with `changes` to each object that it gives out. */
function serving(changes: (found: StoredObject & { body: Readable }) => object): ObjectStorage {
  return {
    ...storage,
    async get(key, options) {
      const found = await storage.get(key, options)
      return found && { ...found, ...changes(found) }
    },
  }
}

async function putOwn(): Promise<string> {
  const { key } = await create().upload(jpeg, { ...OWN, mimeType: 'image/jpeg' })
  return key
}

describe('keyOf', () => {
  it.each(['image/jpeg', 'audio/ogg; codecs=opus', 'application/pdf', 'video/mp4', 'text/plain', 'image/webp'])(
    'names media of type %s as archive does',
    async (mimeType) => {
      const reference = { ...(await addPhoto()), mimeType }
      const archive = create({ prefix: (accountId) => `tenants/${accountId}/`, sniff: 'trust' })
      const key = await archive.keyOf(reference)
      expect(key).toBe((await archive.archive(reference)).key)
      expect(await archive.exists(key, OWN)).toBe(true)
    },
  )

  it.each<[string, Partial<MediaReference>]>([
    ['no MIME type', { mimeType: '' }],
    ['a malformed one', { mimeType: 'jpeg' }],
    ['a generic one of a photo', { mimeType: 'application/octet-stream' }],
    ['a generic one under an unknown type', { mimeType: 'application/octet-stream', unknownType: 'ptv' }],
  ])('refuses a reference with %s, and says what is missing', async (_name, changes) => {
    const error = await create()
      .keyOf({ ...(await addPhoto()), ...changes })
      .catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'invalid-option', option: 'reference.mimeType' })
    expect(String(error)).toContain('the look-up does')
  })

  it.each<[string, object, object]>([
    ['a time', { timestamp: undefined }, { option: 'reference.timestamp' }],
    ['a media id', { mediaId: '' }, { option: 'reference.mediaId' }],
    ['a number of the archive', { phoneNumberId: OTHER_NUMBER }, { code: 'unknown-number' }],
  ])('refuses a reference without %s', async (_name, changes, expected) => {
    const reference = { ...(await addPhoto()), ...changes } as MediaReference
    await expect(create().keyOf(reference)).rejects.toMatchObject(expected)
  })

  it("takes the layout that is the archive's own", async () => {
    const keyLayout = {
      build: ({ accountId, mediaId }: { accountId: string; mediaId?: string | undefined }) => `${accountId}/${mediaId}`,
      parse: (key: string) => ({ accountId: key.split('/')[0] ?? '' }),
    }
    const reference = await addPhoto()
    expect(await create({ keyLayout }).keyOf(reference)).toBe(`pixels/${reference.mediaId}`)
  })

  it('ends with the reason of its signal', async () => {
    const signal = AbortSignal.abort(new Error('enough'))
    await expect(create({ accounts: () => new Promise(() => {}) }).keyOf(await addPhoto(), { signal })).rejects.toThrow(
      'enough',
    )
  })
})

describe('exists, open and delete', () => {
  it('tell, read and remove an object of the account', async () => {
    const archive = create()
    const key = await putOwn()
    const opened = await archive.open(key, OWN)
    expect(opened).toMatchObject({ key, size: jpeg.length, sha256, contentType: 'image/jpeg' })
    expect(await readAll(opened?.body ?? Readable.from([]))).toEqual(jpeg)
    await archive.delete(key, OWN)
    expect([await archive.exists(key, OWN), await archive.open(key, OWN)]).toEqual([false, null])
    await archive.delete(key, OWN)
  })

  it.each(['exists', 'open', 'delete', 'signUrl'] as const)("%s refuses another account's key", async (name) => {
    const key = await putOwn()
    await expect(create()[name](key, { accountId: 'other' })).rejects.toMatchObject({ code: 'wrong-account' })
    await expect(create()[name]('elsewhere/key', OWN)).rejects.toMatchObject({ code: 'invalid-option', option: 'key' })
    await expect(create()[name](key, {} as never)).rejects.toMatchObject({ option: 'accountId' })
    expect(await create().exists(key, OWN)).toBe(true)
  })

  it.each(['exists', 'open', 'delete'] as const)('%s is refused once the archive is closed', async (name) => {
    const [archive, key] = [create(), await putOwn()]
    await archive.close()
    await expect(archive[name](key, OWN)).rejects.toMatchObject({ option: 'archive' })
  })

  it.each<[string, (found: StoredObject & { body: Readable }) => object, object]>([
    ['other bytes', () => ({ body: Readable.from([Buffer.alloc(jpeg.length)]) }), { code: 'integrity-mismatch' }],
    ['fewer bytes', () => ({ body: Readable.from([jpeg.subarray(1)]) }), { code: 'integrity-mismatch' }],
    ['more bytes', () => ({ body: Readable.from([jpeg, Buffer.from('x')]) }), { code: 'integrity-mismatch' }],
    [
      'fewer bytes of no recorded hash',
      () => ({ body: Readable.from([jpeg.subarray(1)]), sha256: undefined }),
      { code: 'integrity-mismatch' },
    ],
    ['no bytes', () => ({ body: Readable.from([]) }), { code: 'integrity-mismatch' }],
    [
      'a body that breaks off',
      ({ body }) => {
        process.nextTick(() => body.destroy(new Error('ECONNRESET at 10.0.0.1')))
        return { body }
      },
      { code: 'storage-failed', operation: 'get', retryable: true, reason: 'the body broke off' },
    ],
  ])('open errors before the last chunk of %s', async (_name, changes, expected) => {
    const key = await putOwn()
    const opened = await create({ storage: serving(changes) }).open(key, OWN)
    const chunks: Buffer[] = []
    const reading = (async () => {
      for await (const chunk of opened?.body ?? []) chunks.push(chunk)
    })()
    await expect(reading).rejects.toMatchObject(expected)
    expect(Buffer.concat(chunks).equals(jpeg)).toBe(false)
  })

  it('open reads an object of no recorded hash', async () => {
    const key = await putOwn()
    const opened = await create({ storage: serving(() => ({ sha256: undefined })) }).open(key, OWN)
    expect(await readAll(opened?.body ?? Readable.from([]))).toEqual(jpeg)
  })

  it('the signal of open ends the reading, too', async () => {
    const leaving = new AbortController()
    const opened = await create({ storage: serving(() => ({ body: new Readable({ read() {} }) })) }).open(
      await putOwn(),
      { ...OWN, signal: leaving.signal },
    )
    const reading = readAll(opened?.body ?? Readable.from([]))
    leaving.abort(new Error('enough'))
    await expect(reading).rejects.toThrow('enough')
  })

  it('open leaves a storage that hangs, and destroys the body that comes too late', async () => {
    const key = await putOwn()
    let bring = (_found: StoredObject & { body: Readable }): void => {}
    const get: ObjectStorage['get'] = () =>
      new Promise((resolve) => {
        bring = resolve
      })
    const archive = create({ storage: { ...storage, get }, timeouts: { storageMs: 20 } })
    await expect(archive.open(key, OWN)).rejects.toMatchObject({ code: 'timeout', waitedFor: 'store' })
    const found = await storage.get(key)
    if (found !== null) bring(found)
    await new Promise((resolve) => found?.body.once('close', resolve))
    expect(found?.body.destroyed).toBe(true)
  })

  it.each([
    ['exists', 'head'],
    ['open', 'get'],
    ['delete', 'delete'],
  ] as const)("%s types a storage's own failure", async (name, operation) => {
    const failing: ObjectStorage = { ...storage, [operation]: () => Promise.reject(new Error('secret words')) }
    const error = await create({ storage: failing })
      [name](await putOwn(), OWN)
      .catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'storage-failed', operation })
    expect(String(error)).not.toContain('secret words')
  })
})

describe('signUrls', () => {
  const signing = { ...OWN, expiresIn: 60 }
  const site = (): ObjectStorage => ({
    ...storage,
    signedUrl: async (key) => ({ url: `https://files.test/${key}`, expiresAt: new Date(Date.now() + 60_000) }),
  })

  it('signs in the order of the keys, and asks for the storage once', async () => {
    let asked = 0
    const archive = create({
      storage: () => {
        asked++
        return site()
      },
    })
    const keys = [1, 2, 3].map((day) => `whatsapp-media/pixels/2026-11-0${day}/image/${crypto.randomUUID()}.jpg`)
    const signed = await archive.signUrls(keys, signing)
    expect(signed.map(({ key, url }) => [key, url])).toEqual(keys.map((key) => [key, `https://files.test/${key}`]))
    expect(asked).toBe(1)
    expect(await archive.signUrls([], signing)).toEqual([])
  })

  it("refuses all when one key is another account's, and what is no list", async () => {
    const own = await putOwn()
    const archive = create({ storage: site() })
    const other = own.replace('/pixels/', '/other/')
    await expect(archive.signUrls([own, other], signing)).rejects.toMatchObject({ code: 'wrong-account' })
    await expect(archive.signUrls(own as never, signing)).rejects.toMatchObject({ option: 'keys' })
  })
})
