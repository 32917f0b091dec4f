import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { StorageFailedError } from '../../src/errors.js'
import type { ArchiveMessage } from '../../src/media-archive/send-media.js'
import { createMemoryMediaIds } from '../../src/media-ids/memory.js'
import { createMemoryStorage } from '../../src/storage/memory.js'
import type { ObjectStorage } from '../../src/storage.js'
import { api, buildAccount, create, events, NUMBER, OTHER_NUMBER, storage } from './archive-scene.js'

const OWN = { phoneNumberId: NUMBER }
const TO = { to: '+15550002222' }
const PDF = Buffer.from('%PDF-1.7 the contract')
const BYTES = { body: PDF, mimeType: 'application/pdf', filename: 'Contract.pdf' }
const today = new Date().toISOString().slice(0, 10)

let folder: string
let path: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'send-media-'))
  path = join(folder, 'Verträge 2026.pdf')
  await writeFile(path, PDF)
})

afterAll(() => rm(folder, { recursive: true }))

async function listKeys(): Promise<string[]> {
  const keys: string[] = []
  for await (const { key } of storage.list?.('') ?? []) keys.push(key)
  return keys
}

const send = (media: object, more: object = {}, options: object = {}): Promise<unknown> =>
  // Wrong messages are given on purpose.
  create().send({ ...TO, media, ...more } as ArchiveMessage, { ...OWN, ...options })

describe('archive.send', () => {
  const MP3 = { body: Buffer.from('ID3 a song'), mimeType: 'audio/mpeg' }
  it.each<[string, object, object, object]>([
    ['a voice note that is none', MP3, { voice: true }, { code: 'outbound-type', kind: 'voice note' }],
    ['a voice note of AAC', { ...MP3, mimeType: 'audio/aac' }, { voice: true }, { code: 'outbound-type' }],
    ['a voice note in MP4', { ...MP3, mimeType: 'audio/mp4' }, { voice: true }, { code: 'outbound-type' }],
    ['a voice note as AMR', { ...MP3, mimeType: 'audio/amr' }, { voice: true }, { code: 'outbound-type' }],
    ['a stream as a voice note', { ...MP3, body: Readable.from(['ID3']) }, { voice: true }, { code: 'outbound-type' }],
    ['a document as a voice note', BYTES, { voice: true }, { option: 'message.voice' }],
    ['bytes by a link', { ...BYTES, by: 'link' }, {}, { option: 'message.media.by' }],
    ['bytes by something else', { ...BYTES, by: 'post' }, {}, { option: 'message.media.by' }],
    ['bytes for a time', { ...BYTES, expiresIn: 900 }, {}, { option: 'message.media.expiresIn' }],
    ['a file by a link', { path: 'a.pdf', by: 'link' }, {}, { option: 'message.media.by' }],
    ['fewer bytes than announced', { ...BYTES, size: PDF.length + 1 }, {}, { option: 'message.media.size' }],
    ['more bytes than announced', { ...BYTES, size: 1 }, {}, { option: 'message.media.size' }],
    ['a size that is none', { ...BYTES, size: '21' }, {}, { option: 'message.media.size' }],
    ['a smaller Blob', { ...BYTES, body: new Blob([PDF]), size: 99 }, {}, { option: 'message.media.size' }],
  ])('stores nothing of what it would refuse to send: %s', async (_name, media, more, form) => {
    await expect(send(media, more)).rejects.toMatchObject({ retryable: false, ...form })
    expect([await listKeys(), api.requests]).toEqual([[], []])
  })

  it.each<[string, () => object, object]>([
    ['a file of this machine', () => ({ path }), { filename: 'Verträge 2026.pdf' }],
    ['a file with a name of its own', () => ({ path, filename: 'Offer.pdf' }), { filename: 'Offer.pdf' }],
    ['bytes', () => BYTES, { filename: 'Contract.pdf' }],
    ['a Blob', () => ({ ...BYTES, body: new Blob([PDF]) }), { filename: 'Contract.pdf' }],
    ['a stream', () => ({ ...BYTES, body: Readable.from([PDF]) }), { filename: 'Contract.pdf' }],
    ['a stream of known size', () => ({ ...BYTES, body: Readable.from([PDF]), size: PDF.length }), {}],
  ])('stores %s first, and sends the object', async (_name, media, shown) => {
    const archive = create()
    const sent = await archive.send({ ...TO, caption: 'Please sign', media: media() } as ArchiveMessage, OWN)
    expect(sent).toMatchObject({ mediaType: 'document', alreadyStored: false, contact: { phone: '15550002222' } })
    expect(await listKeys()).toEqual([sent.key])
    expect(sent.key).toMatch(new RegExp(`^whatsapp-media/pixels/${today}/document/[0-9a-f-]{36}\\.pdf$`))
    expect(await storage.head(sent.key)).toMatchObject({ size: PDF.length, contentType: 'application/pdf' })
    expect(api.uploads.map(({ bytes }) => Buffer.from(bytes))).toEqual([PDF])
    expect(api.messages).toMatchObject([
      { messageId: sent.messageId, body: { document: { id: sent.mediaId, caption: 'Please sign', ...shown } } },
    ])
  })

  it('sends an object by its key, with a name of its own', async () => {
    const archive = create()
    const { key } = await archive.upload(PDF, { accountId: 'pixels', mimeType: 'application/pdf' })
    const sent = await archive.send({ ...TO, media: { key }, filename: 'Copy.pdf' }, OWN)
    expect(sent).toMatchObject({ key, alreadyStored: true, mediaType: 'document' })
    expect(api.uploads).toHaveLength(1)
    expect(api.messages).toMatchObject([{ body: { document: { filename: 'Copy.pdf' } } }])
  })

  it.each<[string, () => object]>([
    ['a file', () => ({ path })],
    ['bytes', () => BYTES],
    ['a Blob', () => ({ ...BYTES, body: new Blob([PDF]) })],
  ])('stores the same bytes once a day, and uploads them once for all: %s', async (_name, media) => {
    const archive = create({ mediaIds: createMemoryMediaIds() })
    const recipients = Array.from({ length: 12 }, (_, n) => `+155500020${n + 10}`)
    const sent = await Promise.all(recipients.map((to) => archive.send({ to, media: media() } as ArchiveMessage, OWN)))
    expect(new Set(sent.map(({ key }) => key)).size).toBe(1)
    expect(await listKeys()).toHaveLength(1)
    expect([api.uploads.length, api.messages.length]).toEqual([1, 12])
    expect(await archive.send({ ...TO, media: { path } }, OWN)).toMatchObject({ alreadyStored: true })
    expect(api.uploads).toHaveLength(1)
  })

  it('sends a link to the object, where it is told to', async () => {
    const signing = createMemoryStorage({ baseUrl: 'https://app.example/media', secret: 'a secret of a test' })
    const archive = create({ storage: signing })
    const { key } = await archive.upload(PDF, { accountId: 'pixels', mimeType: 'application/pdf' })
    await archive.send({ ...TO, media: { key, by: 'link', expiresIn: 900 } }, OWN)
    expect(api.uploads).toHaveLength(0)
    expect(api.messages).toMatchObject([{ body: { document: { link: expect.stringContaining('app.example') } } }])
  })

  it("takes the account's token, app secret, storage and prefix", async () => {
    const reasons: string[] = []
    const accessToken = (reason: string): string => {
      reasons.push(reason)
      return api.accessToken
    }
    const own = createMemoryStorage()
    const archive = create({
      accounts: () => buildAccount({ accountId: 'acme', accessToken, appSecret: 'an app secret of a test' }),
      storage: (accountId) => (accountId === 'acme' ? own : storage),
      prefix: 'sent/',
    })
    const { key } = await archive.send({ ...TO, media: BYTES }, OWN)
    expect(key).toMatch(/^sent\/acme\//)
    expect(await own.head(key)).not.toBeNull()
    expect(reasons).toContain('first')
  })

  it.each<[string, object, object, object]>([
    ["another account's key", { key: `whatsapp-media/other/${today}/image/x.jpg` }, {}, { code: 'invalid-option' }],
    [
      "another account's whole key",
      { key: 'whatsapp-media/other/2026-11-22/image/7734c83f-df97-57a3-b464-52dcabe5105a.jpg' },
      {},
      { code: 'wrong-account' },
    ],
    ['no media', {}, {}, { option: 'message.media' }],
    ['two media', { path: '/x.pdf', body: PDF }, {}, { option: 'message.media' }],
    ['an option of another name', { file: '/x.pdf' }, {}, { code: 'invalid-option' }],
    ['a path that is no text', { path: 7 }, {}, { option: 'message.media.path' }],
    ['a type that is none', { body: PDF, mimeType: 7 }, {}, { option: 'message.media.mimeType' }],
    ['bytes without a type', { body: PDF }, {}, { option: 'message.media.mimeType' }],
    ['a name that is no text', { path: '/x.pdf', filename: 7 }, {}, { option: 'message.media.filename' }],
    ['a body that is none', { body: 7, mimeType: 'application/pdf' }, {}, { option: 'body' }],
    ['a path without a known type', { path: '/tmp/person.name' }, {}, { option: 'message.media.mimeType' }],
    ['a file that is not there', { path: '/nowhere/person.pdf' }, {}, { option: 'message.media.path' }],
    ['a kind that is none', { ...BYTES, mediaType: 'film' }, {}, { option: 'message.media.mediaType' }],
    ['a type that WhatsApp does not take', { body: PDF, mimeType: 'image/tiff' }, {}, { code: 'outbound-type' }],
    [
      'a photo that is too large',
      { body: Buffer.alloc(5_242_881), mimeType: 'image/jpeg' },
      {},
      { code: 'outbound-limit', limitBytes: 5_242_880 },
    ],
    ['a stream that is announced as too large', { ...BYTES, body: Readable.from([PDF]), size: 2 ** 30 }, {}, {}],
    ['no bytes', { body: new Uint8Array(), mimeType: 'image/jpeg' }, {}, { code: 'outbound-type' }],
    ['a caption of a sound', { body: PDF, mimeType: 'audio/mpeg' }, { caption: 'x' }, { option: 'message.caption' }],
    ['a long caption', BYTES, { caption: 'x'.repeat(1_025) }, { option: 'message.caption' }],
    ['two recipients', BYTES, { group: 'abc' }, { option: 'message.to' }],
  ])('refuses %s, and neither stores nor sends', async (_name, media, more, expected) => {
    const error = await send(media, more).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ retryable: false, ...expected })
    expect(String(error)).not.toMatch(/person/)
    expect([await listKeys(), api.uploads.length, api.messages.length]).toEqual([[], 0, 0])
  })

  it.each<[string, object, object]>([
    ['a number of no account', { phoneNumberId: OTHER_NUMBER }, { code: 'unknown-number' }],
    ['no number', { phoneNumberId: undefined }, { option: 'phoneNumberId' }],
    ['a signal that is none', { signal: {} }, { option: 'signal' }],
    ['an option of another name', { phoneNumber: NUMBER }, { code: 'invalid-option' }],
  ])('refuses %s', async (_name, options, expected) => {
    await expect(send(BYTES, {}, options)).rejects.toMatchObject(expected)
    expect(api.messages).toHaveLength(0)
  })

  it('refuses a folder', async () => {
    const inner = join(folder, 'inner.pdf')
    await mkdir(inner)
    await expect(send({ path: inner })).rejects.toMatchObject({ option: 'message.media.path' })
  })

  it('ends with the reason of its signal, also while it reads the file', async () => {
    const leaving = new AbortController()
    const archive = create({
      storage: () => {
        leaving.abort(new Error('enough'))
        return storage
      },
    })
    const sending = archive.send({ ...TO, media: { path } }, { ...OWN, signal: leaving.signal })
    await expect(sending).rejects.toThrow('enough')
    expect(await listKeys()).toEqual([])
  })

  it('stores again what failed to be stored, where the bytes can be read again', async () => {
    let puts = 0
    const flaky: ObjectStorage = {
      ...storage,
      put(key, body, options) {
        if (puts++ > 0) return storage.put(key, body, options)
        body.destroy()
        return Promise.reject(new StorageFailedError({ operation: 'put', key, reason: 'SlowDown', retryable: true }))
      },
    }
    const archive = create({ storage: flaky, attempts: 2, waitScale: 0.001 })
    expect(await archive.send({ ...TO, media: { path } }, OWN)).toMatchObject({ alreadyStored: false })
    expect(puts).toBe(2)
    expect(events).toContainEqual(
      expect.objectContaining({ type: 'attempt-failed', attempt: 1, accountId: 'pixels', mediaType: 'document' }),
    )
  })

  it('finds the object again when the send has failed', async () => {
    api.fail({
      on: 'send',
      kind: 'status',
      status: 400,
      times: 1,
      body: JSON.stringify({ error: { code: 131_009, message: 'no' } }),
    })
    const archive = create()
    await expect(archive.send({ ...TO, media: { path } }, OWN)).rejects.toMatchObject({ code: 'graph-api' })
    expect(await archive.send({ ...TO, media: { path } }, OWN)).toMatchObject({ alreadyStored: true })
    expect(await listKeys()).toHaveLength(1)
  })

  it('shows no number, name or caption in errors and events', async () => {
    const secrets = ['15550002222', 'Verträge 2026.pdf', 'Please sign']
    api.fail({
      on: 'send',
      kind: 'status',
      status: 400,
      times: 1,
      body: `{"error":{"code":131009,"message":"${secrets.join(' ')}"}}`,
    })
    const error = await create()
      .send({ ...TO, caption: 'Please sign', media: { path } }, OWN)
      .catch((thrown: unknown) => thrown)
    const shown = JSON.stringify([events, error, String(error)])
    for (const secret of secrets) expect(shown).not.toContain(secret)
  })

  it('names the hash of what it stored', async () => {
    const { key } = await create().send({ ...TO, media: { path } }, OWN)
    const sha256 = createHash('sha256').update(PDF).digest('hex')
    expect(await storage.head(key)).toMatchObject({ sha256 })
  })
})
