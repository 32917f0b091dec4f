import { afterEach, describe, expect, it } from 'vitest'
import { type OutboundSource, uploadMediaToWhatsApp, uploadToS3 } from '../../src/index.js'
import { createMemoryMediaIds } from '../../src/media-ids/memory.js'
import type { MediaIdCache } from '../../src/media-ids.js'
import { runWithUpload } from '../../src/sending/run-with-upload.js'
import { createMemoryStorage } from '../../src/storage/memory.js'
import { BYTES, callOptions, createApis, phoneNumberId, streamInPieces } from './start-api.js'

const apis = createApis()
afterEach(() => apis.close())

const JPEG = 'image/jpeg'

/** The forms in which the same bytes come. */
const FORMS: [string, () => OutboundSource | Promise<OutboundSource>][] = [
  ['a Buffer', () => ({ body: BYTES, mimeType: JPEG })],
  ['a Uint8Array', () => ({ body: Uint8Array.from(BYTES), mimeType: 'image/jpg' })],
  ['a Blob', () => ({ body: new Blob([Uint8Array.from(BYTES)]), mimeType: JPEG })],
  ['a stream', () => ({ body: streamInPieces(BYTES), mimeType: JPEG, filename: 'other.jpg' })],
  ['a stream of known size', () => ({ body: streamInPieces(BYTES), size: BYTES.length, mimeType: JPEG })],
  ['an object', () => store({})],
  ['an object whose hash no one recorded', () => store({ forgetsHash: true })],
]

async function store({ forgetsHash = false }: { forgetsHash?: boolean }): Promise<OutboundSource> {
  const storage = createMemoryStorage()
  const { key } = await uploadToS3(BYTES, { storage, key: 'a/b.jpg', mimeType: JPEG, sniff: 'trust' })
  if (!forgetsHash) return { storage, key }
  const { head, get } = storage
  storage.head = async (name, options) => withoutHash(await head(name, options))
  storage.get = async (name, options) => withoutHash(await get(name, options))
  return { storage, key }
}

function withoutHash<T extends { sha256?: string | undefined }>(found: T | null): T | null {
  if (found !== null) delete found.sha256
  return found
}

describe('uploadMediaToWhatsApp with mediaIds', () => {
  it.each(FORMS)('uploads %s once', async (_name, make) => {
    const api = await apis.start()
    const options = { phoneNumberId, mediaIds: createMemoryMediaIds(), ...callOptions(api) }
    const first = await uploadMediaToWhatsApp(await make(), options)
    expect(first.reused).toBe(false)
    for (const [, again] of FORMS) {
      expect(await uploadMediaToWhatsApp(await again(), options)).toEqual({ ...first, reused: true })
    }
    expect(api.uploads).toHaveLength(1)
    expect(BYTES.equals(api.uploads[0]?.bytes ?? Buffer.alloc(0))).toBe(true)
  })

  it('uploads once for a hundred calls at once', async () => {
    const api = await apis.start()
    const source = await store({})
    const options = { phoneNumberId, mediaIds: createMemoryMediaIds(), ...callOptions(api) }
    const all = await Promise.all(Array.from({ length: 100 }, () => uploadMediaToWhatsApp(source, options)))
    expect(api.uploads).toHaveLength(1)
    expect(new Set(all.map(({ mediaId }) => mediaId)).size).toBe(1)
    expect(all.filter(({ reused }) => !reused)).toHaveLength(1)
  })

  it('renews a stale id once for all who hold it, and leaves a newer one alone', async () => {
    const api = await apis.start()
    const mediaIds: MediaIdCache = createMemoryMediaIds()
    const options = { phoneNumberId, mediaIds, ...callOptions(api) }
    const source = await store({})
    const stale = await uploadMediaToWhatsApp(source, options)
    const renew = () =>
      runWithUpload(source, options, async (upload) => {
        await upload()
        return upload({ staleMediaId: stale.mediaId })
      })
    const all = await Promise.all(Array.from({ length: 20 }, renew))
    all.push(await renew())
    expect(api.uploads).toHaveLength(2)
    expect(new Set(all.map(({ mediaId }) => mediaId))).toEqual(new Set([api.uploads[1]?.mediaId]))
    expect(await mediaIds.get(stale.cacheKey ?? '')).toMatchObject({ mediaId: api.uploads[1]?.mediaId })
  })
})
