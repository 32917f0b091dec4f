import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { afterEach, describe, expect, it } from 'vitest'
import { type MediaEvent, type OutboundSource, uploadMediaToWhatsApp, uploadToS3 } from '../../src/index.js'
import type { WhatsAppUploadOptions } from '../../src/sending.js'
import { createMemoryStorage } from '../../src/storage/memory.js'
import { createFakeCloudApi, type FakeCloudApi, type FakeCloudApiOptions } from '../../src/testing.js'

const phoneNumberId = '106540352242922'
const PDF = Buffer.from('%PDF-1.7 example')
const bytes = createHash('shake256', { outputLength: 400_000 }).update('bytes').digest()

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function startApi(options: FakeCloudApiOptions = {}): Promise<FakeCloudApi> {
  const api = await createFakeCloudApi(options)
  closing.push(() => api.close())
  return api
}

function upload(api: FakeCloudApi, source: OutboundSource, more: Partial<WhatsAppUploadOptions> = {}) {
  const { accessToken, cloudApi } = api
  return uploadMediaToWhatsApp(source, { phoneNumberId, accessToken, cloudApi, waitScale: 0.001, ...more })
}

function streamInPieces(data: Uint8Array, pieceBytes = 7_000): Readable {
  const pieces = Array.from({ length: Math.ceil(data.length / pieceBytes) }, (_, at) =>
    data.subarray(at * pieceBytes, (at + 1) * pieceBytes),
  )
  return Readable.from(pieces)
}

describe('uploadMediaToWhatsApp', () => {
  it('sends the form that Meta wants, and tells the id and when it ends', async () => {
    const api = await startApi()
    const before = Date.now()
    const { mediaId, expiresAt } = await upload(api, {
      body: PDF,
      mimeType: 'application/pdf',
      filename: 'Über "x".pdf',
    })
    expect(api.uploads).toMatchObject([
      {
        ...{ mediaId, phoneNumberId, filename: 'Über _x_.pdf', mimeType: 'application/pdf', bytes: PDF },
        fields: { messaging_product: 'whatsapp', type: 'application/pdf' },
      },
    ])
    expect(expiresAt.getTime() - before).toBeGreaterThanOrEqual(30 * 86_400_000)
    const [request] = api.requests
    expect(request).toMatchObject({ kind: 'upload', method: 'POST', url: `/v25.0/${phoneNumberId}/media` })
    expect(Number(request?.headers['content-length'])).toBeGreaterThan(PDF.length)
    expect(request?.headers['transfer-encoding']).toBeUndefined()
  })

  const forms: [string, (data: Buffer) => OutboundSource | Promise<OutboundSource>][] = [
    ['a Buffer', (body) => ({ body, mimeType: 'image/jpeg' })],
    ['a Uint8Array', (data) => ({ body: Uint8Array.from(data), mimeType: 'image/jpeg' })],
    ['a Blob', (data) => ({ body: new Blob([Uint8Array.from(data)]), mimeType: 'image/jpeg' })],
    ['a stream', (data) => ({ body: streamInPieces(data), mimeType: 'image/jpeg' })],
    ['a stream of known size', (data) => ({ body: streamInPieces(data), size: data.length, mimeType: 'image/jpeg' })],
    ['a web stream', (data) => ({ body: new Blob([Uint8Array.from(data)]).stream(), mimeType: 'image/jpeg' })],
    [
      'an object of a storage',
      async (data) => {
        const storage = createMemoryStorage()
        const { key } = await uploadToS3(data, { storage, key: 'a/b.jpg', mimeType: 'image/jpeg', sniff: 'trust' })
        return { storage, key }
      },
    ],
  ]
  it.each(forms)('sends %s byte for byte', async (_name, toSource) => {
    const api = await startApi()
    const { mediaId } = await upload(api, await toSource(bytes))
    expect(api.uploads).toHaveLength(1)
    expect(api.uploads[0]).toMatchObject({ mediaId, mimeType: 'image/jpeg', filename: 'file.jpg' })
    expect(bytes.equals(api.uploads[0]?.bytes ?? Buffer.alloc(0))).toBe(true)
  })

  it('lets what was uploaded be read again', async () => {
    const api = await startApi()
    const { mediaId } = await upload(api, { body: PDF, mimeType: 'application/pdf' })
    const { downloadMediaFromWhatsApp } = await import('../../src/index.js')
    const media = await downloadMediaFromWhatsApp(mediaId, { accessToken: api.accessToken, cloudApi: api.cloudApi })
    expect(Buffer.from(await media.bytes()).equals(PDF)).toBe(true)
  })

  it('tells events of failed tries, and sends again what can be read again', async () => {
    const api = await startApi()
    const events: MediaEvent[] = []
    api.fail({ on: 'upload', kind: 'reset', afterBytes: 100_000, times: 1 })
    api.fail({ on: 'upload', kind: 'status', status: 503, times: 1 })
    await upload(
      api,
      { body: bytes, mimeType: 'image/jpeg' },
      { onEvent: (event) => events.push(event), accountId: 'acme' },
    )
    expect(api.uploads).toHaveLength(1)
    expect(bytes.equals(api.uploads[0]?.bytes ?? Buffer.alloc(0))).toBe(true)
    expect(events).toMatchObject([
      { type: 'attempt-failed', attempt: 1, accountId: 'acme', error: { code: 'graph-unreachable' } },
      { type: 'attempt-failed', attempt: 2, accountId: 'acme', error: { code: 'graph-api', status: 503 } },
    ])
  })
})
