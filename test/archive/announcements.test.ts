import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { beforeEach, describe, expect, it } from 'vitest'
import { type ArchivedMedia, type ArchiveOptions, archiveMedia } from '../../src/archive.js'
import { downloadMediaFromWhatsApp } from '../../src/download.js'
import type { MediaEvent } from '../../src/events.js'
import type { HttpClient } from '../../src/http/client.js'
import type { MediaReference } from '../../src/media-reference.js'
import { createMemoryStorage } from '../../src/storage/memory.js'

/* What the webhook, the look-up and the media host say of one file, and where they contradict each other. */

const ORIGIN = 'http://127.0.0.1:1'
const hashOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
const jpeg = Buffer.concat([Buffer.from([0xff, 0xd8, 0xff, 0xe0]), Buffer.alloc(500, 'jpeg')])

let storage: ReturnType<typeof createMemoryStorage>
let events: MediaEvent[]
let downloads: number

beforeEach(() => {
  storage = createMemoryStorage()
  events = []
  downloads = 0
})

interface Said {
  bytes?: Buffer
  /** What the look-up adds or leaves out. */
  info?: Record<string, unknown>
  /** The media host's headers; `content-length` is the true one unless it is here. */
  headers?: Record<string, string | undefined>
}

/** A Graph API and media host of one file. */
function answer({ bytes = jpeg, info = {}, headers = {} }: Said): HttpClient {
  return async ({ url }) => {
    if (!url.includes('/bytes')) {
      const looked = { url: `${ORIGIN}/bytes`, mime_type: 'image/jpeg', sha256: hashOf(bytes), file_size: bytes.length }
      return { status: 200, headers: {}, body: Readable.from([Buffer.from(JSON.stringify({ ...looked, ...info }))]) }
    }
    downloads++
    const sent = Object.entries({ 'content-length': String(bytes.length), ...headers })
    const known = sent.filter((entry): entry is [string, string] => entry[1] !== undefined)
    return { status: 200, headers: Object.fromEntries(known), body: Readable.from([bytes]) }
  }
}

function refer(more: Partial<MediaReference> = {}): MediaReference {
  const now = new Date().toISOString()
  return {
    ...{ mediaId: '100', mediaType: 'image', mimeType: 'image/jpeg', messageId: 'wamid.A', timestamp: now },
    ...{ receivedAt: now, phoneNumberId: '1', businessAccountId: '2', direction: 'inbound', origin: 'message' },
    ...more,
  }
}

function archive(said: Said, more: Partial<ArchiveOptions> = {}, media = refer()): Promise<ArchivedMedia> {
  return archiveMedia(media, {
    ...{ storage, accountId: 'pixels', accessToken: 'EAAtoken', http: answer(said), attempts: 2, waitScale: 0.0001 },
    cloudApi: { baseUrl: ORIGIN, mediaHosts: [ORIGIN] },
    onEvent: (event) => events.push(event),
    ...more,
  })
}

const tell = (): string[] => events.map(({ type }) => type)

describe('an announced size that is wrong, with the right hash', () => {
  const wrong: [string, Said][] = [0, '0', 1, jpeg.length - 1, jpeg.length + 1, String(jpeg.length * 2)].map((size) => [
    JSON.stringify(size),
    { info: { file_size: size } },
  ])

  it.each(wrong)('of %s is taken in report, with an event', async (_size, said) => {
    const announcedSize = Number(said.info?.['file_size'])
    const archived = await archive(said, { integrity: 'report' })
    expect(archived).toMatchObject({ integrity: 'announced', size: jpeg.length, alreadyStored: false })
    expect(tell()).toEqual(['size-mismatch-reported', 'archived'])
    expect(events[0]).toMatchObject({ announcedSize, observedSize: jpeg.length, key: archived.key, mediaId: '100' })
    expect(downloads).toBe(1)
  })

  it.each(wrong)('of %s is told by the message in strict, and nothing is stored', async (_size, said) => {
    const announced = Number(said.info?.['file_size'])
    await expect(archive(said)).rejects.toMatchObject({
      ...{ code: 'integrity-mismatch', expectedSize: announced, observedSize: jpeg.length },
      ...{ expectedSha256: hashOf(jpeg), observedSha256: hashOf(jpeg) },
      message: `The body has the announced SHA-256, but ${jpeg.length} bytes and not the announced ${announced}. With integrity 'report' the hash decides`,
    })
    expect(storage.keys()).toEqual([])
  })

  it.each([jpeg.length - 1, jpeg.length + 1])(
    'of %d is taken in report without a Content-Length, too',
    async (size) => {
      const said = { info: { file_size: size }, headers: { 'content-length': undefined } }
      expect(await archive(said, { integrity: 'report' })).toMatchObject({ integrity: 'announced', size: jpeg.length })
      expect(tell()).toEqual(['size-mismatch-reported', 'archived'])
    },
  )

  it('is found again in report', async () => {
    const old = refer({ timestamp: new Date(Date.now() - 300_000).toISOString() })
    const said = { info: { file_size: 7 } }
    await archive(said, { integrity: 'report' }, old)
    expect(await archive(said, { integrity: 'report' }, old)).toMatchObject({ alreadyStored: true })
    expect(downloads).toBe(1)
  })

  it('is refused for a reader before the body', async () => {
    const http = answer({ info: { file_size: 7 } })
    const options = { accessToken: 'EAAtoken', http, cloudApi: { baseUrl: ORIGIN, mediaHosts: [ORIGIN] } }
    await expect(downloadMediaFromWhatsApp('100', options)).rejects.toMatchObject({
      ...{ code: 'integrity-mismatch', message: 'Content-Length is not the announced size' },
      ...{ expectedSize: 7, observedSize: jpeg.length },
    })
  })

  it('is refused in both modes where no hash was announced', async () => {
    for (const integrity of ['strict', 'report'] as const) {
      const said = { info: { file_size: 7, sha256: undefined } }
      await expect(archive(said, { integrity })).rejects.toMatchObject({
        message: 'Content-Length is not the announced size',
      })
    }
  })

  it('is refused with both sizes and hashes when the hash is wrong, too', async () => {
    for (const integrity of ['strict', 'report'] as const) {
      const said = { info: { file_size: 7, sha256: 'ab'.repeat(32) } }
      await expect(archive(said, { integrity })).rejects.toMatchObject({
        message: 'The body has another SHA-256 and another size than announced',
        ...{ expectedSize: 7, observedSize: jpeg.length },
        ...{ expectedSha256: 'ab'.repeat(32), observedSha256: hashOf(jpeg) },
      })
    }
  })

  it('lets two downloads decide in report when only the hash is wrong, also without a Content-Length', async () => {
    const said = { info: { sha256: 'ab'.repeat(32) }, headers: { 'content-length': undefined } }
    expect(await archive(said, { integrity: 'report' })).toMatchObject({ integrity: 'mismatch-reported' })
    expect(tell()).toEqual(['attempt-failed', 'mismatch-reported', 'archived'])
  })
})

describe('a document that looks like an error page', () => {
  const documents: [string, string, string, string][] = [
    ['JSON', '{"a":1}', '', 'application/json'],
    ['JSON of no type', '{"a":1}', 'application/octet-stream', 'application/json; charset=utf-8'],
    ['JSON as text', '[{"a":1}]', 'text/plain', 'application/json'],
    ['JSON by another name', '{"a":1}', 'text/json', 'application/json'],
    ['a problem', '{"title":"x"}', 'application/json', 'application/problem+json'],
    ['GeoJSON', '{"type":"FeatureCollection"}', 'application/geo+json', 'application/json'],
    ['a notebook', '{"cells":[]}', 'application/x-ipynb+json', 'application/json'],
    ['a spreadsheet that is HTML', '<html><table></table></html>', 'application/vnd.ms-excel', 'text/html'],
    ['a page', '<!doctype html><p>x', '', 'text/html; charset=utf-8'],
    ['a page as XHTML', '<html xmlns="x"></html>', 'text/html', 'application/xhtml+xml'],
    ['a statement', '<html></html>', 'application/pdf', 'text/html'],
    ['a text about JSON', '{}', 'text/csv', 'application/json'],
  ]
  const sent = (text: string, served: string, mimeType: string): Said => ({
    bytes: Buffer.from(text),
    info: { mime_type: mimeType || served },
    headers: { 'content-type': served },
  })
  const referTo = (text: string, mimeType: string): MediaReference =>
    refer({ mediaType: 'document', mimeType, sha256: hashOf(Buffer.from(text)) })

  it.each(documents)('passes by its hash: %s', async (_name, text, mimeType, served) => {
    const said = sent(text, served, mimeType)
    expect(await archive(said, { attempts: 1 }, referTo(text, mimeType))).toMatchObject({ integrity: 'announced' })
    const chunked = { ...said, headers: { ...said.headers, 'content-length': undefined } }
    const again = { ...referTo(text, mimeType), mediaId: '101' }
    expect(await archive(chunked, { attempts: 1 }, again)).toMatchObject({ integrity: 'announced' })
  })

  it.each(documents)('passes by its size where no hash was announced: %s', async (_name, text, mimeType, served) => {
    const said = sent(text, served, mimeType)
    const unannounced = { ...said, info: { ...said.info, sha256: undefined } }
    const media = { ...referTo(text, mimeType), sha256: undefined }
    expect(await archive(unannounced, { attempts: 1 }, media)).toMatchObject({ integrity: 'unannounced' })
  })

  it.each(documents)('passes for a reader: %s', async (_name, text, mimeType, served) => {
    const cloudApi = { baseUrl: ORIGIN, mediaHosts: [ORIGIN] }
    const http = answer(sent(text, served, mimeType))
    const media = await downloadMediaFromWhatsApp(referTo(text, mimeType), { accessToken: 'EAAtoken', http, cloudApi })
    expect(Buffer.from(await media.bytes()).toString()).toBe(text)
  })

  it('passes where neither hash nor size was announced, if its type may well begin so', async () => {
    const said = sent('{"a":1}', 'text/plain', 'text/plain')
    const unannounced = { ...said, info: { ...said.info, sha256: undefined, file_size: undefined } }
    const media = { ...referTo('{"a":1}', 'text/plain'), sha256: undefined }
    expect(await archive(unannounced, { attempts: 1 }, media)).toMatchObject({ integrity: 'unannounced' })
  })

  it('passes in report although its announced size is wrong', async () => {
    const said = sent('{"a":1}', 'application/json', 'text/plain')
    const media = referTo('{"a":1}', 'text/plain')
    const wrong = { ...said, info: { ...said.info, file_size: 3 } }
    expect(await archive(wrong, { integrity: 'report' }, media)).toMatchObject({ integrity: 'announced' })
  })

  it('passes for a photo, too, when size and hash fit', async () => {
    expect(await archive({ headers: { 'content-type': 'text/html' } })).toMatchObject({ integrity: 'announced' })
  })
})

describe('an error page', () => {
  const page = Buffer.from('<!doctype html><title>Sorry</title>')
  const announced = { mime_type: 'image/jpeg', sha256: hashOf(jpeg), file_size: jpeg.length }

  it.each([
    ['with a length', String(page.length)],
    ['without a length', undefined],
  ])('%s is refused in place of a photo before it is read', async (_name, length) => {
    const headers = { 'content-type': 'text/html', 'content-length': length }
    await expect(archive({ bytes: page, info: announced, headers })).rejects.toMatchObject({
      message: "The media host sent text/html in place of 'image/jpeg'",
    })
  })

  it('is refused in place of a document of another length before it is read', async () => {
    const headers = { 'content-type': 'text/html' }
    const media = refer({ mediaType: 'document', mimeType: 'application/pdf' })
    await expect(archive({ bytes: page, info: announced, headers }, {}, media)).rejects.toMatchObject({
      message: "The media host sent text/html in place of 'application/pdf'",
    })
  })

  it('is refused by its bytes at the end where its head says nothing', async () => {
    const headers = { 'content-type': 'text/html', 'content-length': undefined }
    const media = refer({ mediaType: 'document', mimeType: 'application/pdf' })
    await expect(archive({ bytes: page, info: announced, headers }, {}, media)).rejects.toMatchObject({
      code: 'integrity-mismatch',
      message: 'The body is shorter than announced',
    })
  })

  it('is refused in place of a document of which neither size nor hash is known', async () => {
    const headers = { 'content-type': 'text/html', 'content-length': undefined }
    const media = refer({ mediaType: 'document', mimeType: 'application/pdf' })
    const said = { bytes: page, info: { sha256: undefined, file_size: undefined }, headers }
    await expect(archive(said, {}, media)).rejects.toMatchObject({ code: 'integrity-mismatch' })
    const unnamed = { ...said, headers: { 'content-length': undefined } }
    await expect(archive(unnamed, {}, media)).rejects.toMatchObject({
      message: "The media host sent text/html in place of 'application/pdf'",
    })
  })
})
