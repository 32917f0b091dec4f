import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { runInNewContext } from 'node:vm'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import {
  archiveMedia,
  buildMediaKey,
  createMediaArchive,
  downloadMediaFromWhatsApp,
  type MediaReference,
  signUrls,
  uploadToS3,
  WhatsAppMediaError,
} from 'whatsapp-media-archive'
import { createNodeHttpClient, type HttpClient } from 'whatsapp-media-archive/http'
import { createInProcessQueue } from 'whatsapp-media-archive/queues/in-process'
import type { ObjectStorage } from 'whatsapp-media-archive/storage'
import { createMemoryStorage } from 'whatsapp-media-archive/storage/memory'
import { buildWebhook, createFakeCloudApi, serializeWebhook, storageConformance } from 'whatsapp-media-archive/testing'
import {
  createWebhookHandler,
  extractMedia,
  signPayload,
  toNodeHandler,
  verifySignature,
} from 'whatsapp-media-archive/webhook'
import { startLoopback } from '../loopback.js'
import { readSources } from './sources.js'

/*
 * Jest, vitest's `vmThreads` and `node:vm` run code in a realm of its own: its `Uint8Array`, `Error`, `Date` and `Map` are
 * other classes than those of Node's modules. Each value here comes from another realm than the library.
 */

const TEXT = 'a contract'

/** A value of another realm. */
const foreign = <T>(code: string, names: Record<string, unknown> = {}): T => runInNewContext(`(${code})`, names) as T

const bytes = (): Uint8Array =>
  foreign<Uint8Array>('new Uint8Array(codes)', { codes: [...TEXT].map((each) => each.charCodeAt(0)) })

const api = await createFakeCloudApi()
beforeAll(() => expect(bytes()).not.toBeInstanceOf(Uint8Array))
afterAll(() => api.close())

const { accessToken, cloudApi } = api
const credentials = { accountId: 'acme', accessToken, cloudApi }
const addPdf = () => api.addMedia({ bytes: Buffer.from(TEXT), mimeType: 'application/pdf', mediaType: 'document' })

async function readText(storage: ObjectStorage, key: string): Promise<string> {
  const found = await storage.get(key)
  return Buffer.concat((await found?.body.toArray()) ?? []).toString()
}

describe('values of another realm', () => {
  const bodies: Record<string, () => unknown> = {
    'a Uint8Array': bytes,
    'an async iterable of bytes': () => foreign('(async function* () { yield bytes })()', { bytes: bytes() }),
    'an async iterable of strings': () => foreign('(async function* () { yield text })()', { text: TEXT }),
    'a Readable of bytes': () => Readable.from([bytes()]),
    'a ReadableStream of bytes': () => ReadableStream.from([bytes()]),
    'a Blob': () =>
      foreign('new class Blob { size = bytes.length; async *stream() { yield bytes } }', { bytes: bytes() }),
    'a File': () =>
      foreign('new class File { size = bytes.length; name = "a.pdf"; async *stream() { yield bytes } }', {
        bytes: bytes(),
      }),
  }
  it.each(Object.entries(bodies))('%s is uploaded', async (_, makeBody) => {
    const storage = createMemoryStorage()
    const sha256 = createHash('sha256').update(TEXT).digest('hex')
    const stored = await uploadToS3(makeBody() as Uint8Array, { storage, key: 'a.pdf', mimeType: 'application/pdf' })
    expect(stored).toMatchObject({ size: TEXT.length, sha256, alreadyStored: false })
    expect(await readText(storage, 'a.pdf')).toBe(TEXT)
  })

  it('a Date is a time of a message', () => {
    const media = { accountId: 'acme', mediaType: 'image', mimeType: 'image/png', mediaId: '1' } as const
    const time = '2026-11-22T10:00:00Z'
    expect(buildMediaKey({ ...media, timestamp: foreign<Date>(`new Date('${time}')`) })).toBe(
      buildMediaKey({ ...media, timestamp: time }),
    )
  })

  it('a Uint8Array is signed, and its signature is verified with an array of secrets', () => {
    const header = signPayload(bytes(), { appSecret: 'secret' })
    expect(header).toBe(signPayload(TEXT, { appSecret: 'secret' }))
    verifySignature(bytes(), header, { appSecret: foreign<string[]>("['other', 'secret']") })
  })

  it.each(['body', 'rawBody'])("a Uint8Array that a framework kept as %s is a webhook's body", async (name) => {
    const kept = runInNewContext('Uint8Array').from(Buffer.from(serializeWebhook(buildWebhook([{ text: 'hi' }]))))
    const onPayload = vi.fn()
    const handle = toNodeHandler(
      createWebhookHandler({ appSecret: 'secret', verifyToken: 'token', onMedia: () => {}, onPayload }),
    )
    const server = await startLoopback((request, response) => {
      request.resume().on('end', () => handle(Object.assign(request, { [name]: kept }), response))
    })
    const headers = {
      'content-type': 'application/json',
      'x-hub-signature-256': signPayload(kept, { appSecret: 'secret' }),
    }
    expect((await fetch(server.origin, { method: 'POST', headers, body: kept })).status).toBe(200)
    await server.close()
    expect(onPayload).toHaveBeenCalledOnce()
  })

  it('a payload that was parsed there is read for its media', async () => {
    const { mediaObject, mediaId } = await addPdf()
    const payload = buildWebhook([{ media: { type: 'document', object: mediaObject } }])
    const parsed = foreign<unknown>('JSON.parse(text)', { text: JSON.stringify(payload) })
    expect(extractMedia(parsed).media.map((media) => media.mediaId)).toEqual([mediaId])
  })

  it("bytes are the fake API's media, and a Map holds a client's headers", async () => {
    const { reference } = await api.addMedia({ bytes: bytes(), mimeType: 'application/pdf', mediaType: 'document' })
    const storage = createMemoryStorage()
    const send = createNodeHttpClient()
    const http: HttpClient = async (request) => {
      const response = await send(request)
      const headers = foreign<Record<string, string>>('new Map(entries)', { entries: Object.entries(response.headers) })
      return { ...response, headers }
    }
    const archived = await archiveMedia(reference, { ...credentials, storage, http })
    expect(await readText(storage, archived.key)).toBe(TEXT)
  })

  it.each(['new Uint8Array(bytes)', 'new Uint8Array(bytes).buffer'])('an answer is made of %s', async (code) => {
    const { mediaId, sha256 } = await addPdf()
    const send = createNodeHttpClient()
    const http: HttpClient = async (request) => {
      const response = await send(request)
      // The look-up's answer; that of the media host is bytes or strings.
      if (!request.url.startsWith(`${api.origin}/v`)) return response
      const whole = Buffer.concat(await response.body.toArray())
      return { ...response, body: Readable.from([foreign(code, { bytes: whole })]) }
    }
    const media = await downloadMediaFromWhatsApp(mediaId, { accessToken, cloudApi, http })
    expect(
      createHash('sha256')
        .update(await media.bytes())
        .digest('hex'),
    ).toBe(sha256)
  })

  it('a promise is the answer of a token function, and a Date that of a signer', async () => {
    const { reference } = await addPdf()
    const storage = createMemoryStorage()
    const accessToken = () => foreign<Promise<string>>('Promise.resolve(token)', { token: api.accessToken })
    await archiveMedia(reference, { ...credentials, storage, accessToken })
    const signing: ObjectStorage = {
      ...storage,
      signedUrl: async (key) =>
        foreign("({ url: 'https://cdn.example/' + key, expiresAt: new Date('2030-01-01') })", { key }),
    }
    const [signed] = await signUrls(storage.keys(), { storage: signing, accountId: 'acme' })
    expect(signed?.expiresAt.toISOString()).toBe('2030-01-01T00:00:00.000Z')
  })

  it("an error is a storage's fault, told by its name and code", async () => {
    const storage: ObjectStorage = {
      ...createMemoryStorage(),
      put: () => foreign<Promise<never>>("Promise.reject(Object.assign(new Error('down'), { code: 'ECONNRESET' }))"),
    }
    const upload = uploadToS3(Buffer.from(TEXT), { storage, key: 'a.pdf' })
    await expect(upload).rejects.toMatchObject({ code: 'storage-failed', reason: 'ECONNRESET' })
  })

  it('an error is the reason of a signal', async () => {
    const reason = foreign<Error>("new Error('enough')")
    const signal = AbortSignal.abort(reason)
    const upload = uploadToS3(Buffer.from(TEXT), { storage: createMemoryStorage(), key: 'a.pdf', signal })
    expect(await upload.catch((error: unknown) => error)).toBe(reason)
  })

  it('an error that a callback threw is reported as its own', async () => {
    const { reference } = await addPdf()
    const failures: unknown[] = []
    const archive = createMediaArchive({
      storage: createMemoryStorage(),
      accounts: () => credentials,
      onArchived: () => foreign("(() => { throw new TypeError('no database') })()"),
      queue: createInProcessQueue(),
      cloudApi: api.cloudApi,
      onEvent: (event) => void failures.push(event),
    })
    await archive.enqueue(foreign<MediaReference[]>('JSON.parse(text)', { text: JSON.stringify([reference]) }))
    await vi.waitFor(() => expect(JSON.stringify(failures)).toContain('TypeError'), { timeout: 60_000 })
    await archive.close({ timeoutMs: 0 })
  })

  it('a storage whose errors and bytes are of another realm passes the conformance suite', async () => {
    const memory = createMemoryStorage()
    const { Error: ForeignError, Uint8Array: ForeignBytes } = runInNewContext('({ Error, Uint8Array })')
    const storage: ObjectStorage = {
      ...memory,
      async put(key, body, options) {
        try {
          return await memory.put(key, body, options)
        } catch (error) {
          if (WhatsAppMediaError.is(error)) throw error
          if (error === options.signal?.reason || error === body.errored) throw error
          throw new ForeignError(String(error))
        }
      },
      async get(key, options) {
        const found = await memory.get(key, options)
        if (found === null) return null
        const pieces = (await found.body.toArray()).map((piece) => ForeignBytes.from(piece))
        return { ...found, body: Readable.from(pieces) }
      },
    }
    for (const { run } of storageConformance({ storage: () => storage })) await run()
  })
})

describe('src/', () => {
  it('asks no value whether it is an instance of a class that every realm has for itself', () => {
    const realmBound =
      /instanceof (?:Array|ArrayBuffer|Blob|Date|Error|File|Headers|Map|Object|Promise|ReadableStream|RegExp|Request|Response|Set|Uint8Array|URL)\b/
    // In `isError` the class is one of three ways.
    const found = [...readSources()].filter(([path, text]) => path !== 'errors/thrown.ts' && realmBound.test(text))
    expect(found.map(([path]) => path)).toEqual(['http/headers.ts'])
  })
})
