import { Readable } from 'node:stream'
import { afterEach, describe, expect, it } from 'vitest'
import { fromFetch } from '../../src/http.js'
import { type OutboundSource, uploadMediaToWhatsApp } from '../../src/index.js'
import type { WhatsAppUploadOptions } from '../../src/sending.js'
import { createMemoryStorage } from '../../src/storage/memory.js'
import { createFakeCloudApi, type FakeCloudApi } from '../../src/testing.js'

const PDF = Buffer.from('%PDF-1.7 example')
const pdf: OutboundSource = { body: PDF, mimeType: 'application/pdf' }

const open: FakeCloudApi[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((api) => api.close()))
})

async function startApi(): Promise<FakeCloudApi> {
  const api = await createFakeCloudApi()
  open.push(api)
  return api
}

function upload(api: FakeCloudApi, source: OutboundSource, more: Partial<WhatsAppUploadOptions> = {}) {
  const { accessToken, cloudApi } = api
  const options = { phoneNumberId: '106540352242922', accessToken, cloudApi, waitScale: 0.001, ...more }
  return uploadMediaToWhatsApp(source, options)
}

async function* failAfter(piece: Buffer, error: Error): AsyncGenerator<Buffer> {
  yield piece
  throw error
}

describe('before anything is sent', () => {
  it.each<[string, OutboundSource, Partial<WhatsAppUploadOptions>, object]>([
    ['the number itself', pdf, { phoneNumberId: '+15550001234' }, { option: 'phoneNumberId' }],
    ['a time that is too short', pdf, { ttlMinutes: 59 }, { option: 'ttlMinutes' }],
    ['another kind', pdf, { mediaType: 'image' }, { code: 'outbound-type', kind: 'image' }],
    ['a size that is not its own', { ...pdf, size: 3 }, {}, { option: 'source.size' }],
    ['no bytes', { ...pdf, body: Buffer.alloc(0) }, {}, { code: 'outbound-type' }],
    [
      'a size over the limit',
      { body: Readable.from([PDF]), size: 5_242_881, mimeType: 'image/png' },
      {},
      { code: 'outbound-limit', bytes: 5_242_881 },
    ],
    [
      'a stream over the limit',
      { body: Readable.from([Buffer.alloc(5_242_881)]), mimeType: 'image/png' },
      {},
      { code: 'outbound-limit', limitBytes: 5_242_880 },
    ],
    ['a missing object', { storage: createMemoryStorage(), key: 'a/b.pdf' }, {}, { code: 'storage-failed' }],
  ])('refuses %s', async (_name, source, options, form) => {
    const api = await startApi()
    await expect(upload(api, source, options)).rejects.toMatchObject(form)
    expect(api.uploads).toEqual([])
  })

  it.each([
    ['of unknown size', {}],
    ['of known size', { size: 100 }],
  ])("throws a stream's own error: %s", async (_name, size) => {
    const api = await startApi()
    const error = new Error('the disk is gone')
    const body = Readable.from(failAfter(PDF, error))
    await expect(upload(api, { body, mimeType: 'application/pdf', ...size })).rejects.toBe(error)
    expect(api.uploads).toEqual([])
  })

  it('tells of a stream that was closed', async () => {
    const api = await startApi()
    const body = new Readable({ read() {} })
    body.destroy()
    await expect(upload(api, { body, mimeType: 'application/pdf' })).rejects.toMatchObject({ option: 'source.body' })
  })
})

describe('a stream that was sent', () => {
  it('is not sent again', async () => {
    const api = await startApi()
    api.fail({ on: 'upload', kind: 'status', status: 503, times: 1 })
    const body = Readable.from([PDF])
    const sent = upload(api, { body, size: PDF.length, mimeType: 'application/pdf' })
    await expect(sent).rejects.toMatchObject({ code: 'stream-spent', cause: { code: 'graph-api' } })
  })

  it('is not sent again with a second token', async () => {
    const api = await startApi()
    let asked = 0
    const accessToken = (): string => {
      asked += 1
      return asked === 1 ? 'dead-token' : api.accessToken
    }
    const source = { body: Readable.from([PDF]), size: PDF.length, mimeType: 'application/pdf' }
    await expect(upload(api, source, { accessToken })).rejects.toMatchObject({ code: 'stream-spent' })
  })
})

describe('a token function', () => {
  it('that fails once is asked again', async () => {
    const api = await startApi()
    let asked = 0
    const accessToken = (): string => {
      asked += 1
      if (asked === 1) throw new Error('the vault is closed')
      return api.accessToken
    }
    const source = { body: PDF, mimeType: 'application/pdf' }
    expect(await upload(api, source, { accessToken })).toMatchObject({ mediaId: expect.any(String) })
    expect(asked).toBe(2)
  })
})

describe('an object of a storage', () => {
  it.each([
    ['a/b.pdf', { mimeType: 'application/pdf' }],
    ['a/b.xyzw', { code: 'outbound-type' }],
    ['a/b', { code: 'outbound-type' }],
  ])('that is served as octet-stream has the type of its key: %s', async (key, form) => {
    const api = await startApi()
    const storage = {
      ...createMemoryStorage(),
      get: async () => ({
        ...{ key, metadata: {}, body: Readable.from([PDF]), size: PDF.length },
        contentType: 'application/octet-stream',
      }),
    }
    const result = await upload(api, { storage, key }).catch((error: unknown) => error)
    expect([result, ...api.uploads]).toContainEqual(expect.objectContaining(form))
  })

  it('that breaks off is read again', async () => {
    const api = await startApi()
    let reads = 0
    const storage = {
      ...createMemoryStorage(),
      async get() {
        reads += 1
        const body = Readable.from(reads === 1 ? failAfter(PDF.subarray(0, 3), new Error('reset')) : [PDF])
        return { key: 'a/b.pdf', metadata: {}, body, size: PDF.length, contentType: 'application/pdf' }
      },
    }
    await upload(api, { storage, key: 'a/b.pdf' })
    expect([reads, api.uploads.length]).toEqual([2, 1])
  })
})

it('keeps the media as long as it is told', async () => {
  const api = await startApi()
  const before = Date.now()
  const { expiresAt } = await upload(api, pdf, { ttlMinutes: 60, mediaType: 'document' })
  expect(api.uploads[0]?.fields).toMatchObject({ ttl_minutes: '60' })
  expect(expiresAt.getTime() - before).toBeLessThan(3_700_000)
})

it('takes no answer without an id', async () => {
  const api = await startApi()
  const http = fromFetch(async () => Response.json({}))
  await expect(upload(api, pdf, { http, attempts: 1 })).rejects.toMatchObject({ code: 'graph-unreachable' })
})
