import { createHmac } from 'node:crypto'
import { Readable } from 'node:stream'
import { type ArchiveOptions, archiveMedia } from '../../src/archive.js'
import { type DownloadOptions, downloadMediaFromWhatsApp } from '../../src/download.js'
import type { MediaEvent } from '../../src/events.js'
import { buildContentDisposition, encodeMetadata } from '../../src/file-type/filename.js'
import type { HttpClient } from '../../src/http/client.js'
import { createNodeHttpClient } from '../../src/http/node.js'
import { createMediaArchive } from '../../src/media-archive.js'
import type { MediaReference } from '../../src/media-reference.js'
import { createMemoryStorage } from '../../src/storage/memory.js'
import { createS3Storage } from '../../src/storage/s3.js'
import { serializeWebhook } from '../../src/testing/build-webhook.js'
import { createFakeCloudApi, type FakeMedia, type Fault } from '../../src/testing/fake-cloud-api.js'
import { createFaultProxy, type ProxyFault } from '../fault-proxy.js'
import type { FaultyWorld } from './lasting-faults.js'
import { createS3StandIn, s3Error } from './s3-stand-in.js'

/** What must never show, save the token: it comes in several forms. */
export const CANARIES = {
  'app secret': 'canary5ecret0a1b2c3d4e5f60718293',
  'phone number': '12025550177',
  'message id': `wamid.HBgL${Buffer.from('12025550177').toString('base64')}FQIAEhgUMkE0NDk1MUQ3RjRCNTZB`,
  'user id': 'US.31415926535897932384',
  'file name': 'Quimby Lohnzettel März.pdf',
  // Without what would hide it for another reason: blanks, accents, its own length.
  'plain file name': 'Lohnzettel-Quimby.pdf',
  caption: 'Hier singt der Kanarienvogel',
  'verify token': 'verify-Canary-7d1f',
  'secret access key': 'canaryAWSsecretKey/0123456789+abcdefghijk',
} as const

/** Hands over whatever a log could have got. */
export type Note = (from: string, value: unknown) => void

export interface Aviary extends FaultyWorld {
  note: Note
  token: string
  /** All canaries by name; scenes add those that are made for them. */
  canaries: Record<string, string>
  /** Everything that Meta gets or knows, and may repeat. */
  song: string
  /** The same for a store. */
  storeSong: string
  /** The options that every archive here has. */
  options: Omit<ArchiveOptions, 'storage'> & Required<Pick<ArchiveOptions, 'onEvent'>>
  close(): Promise<void>
}

export const MEDIA: Omit<FakeMedia, 'bytes'> = {
  mimeType: `application/pdf; name="${CANARIES['file name']}"`,
  mediaType: 'document',
  filename: CANARIES['file name'],
  caption: CANARIES.caption,
}

export async function createAviary(token: string, note: Note): Promise<Aviary> {
  const appSecret = CANARIES['app secret']
  const api = await createFakeCloudApi({ accessToken: token, appSecret, requireProof: true })
  const s3 = await createS3StandIn()
  const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: CANARIES['secret access key'] }
  return {
    ...{ api, s3, note, token, accountId: 'aviary', appSecret, media: MEDIA },
    store: { bucket: 'media', region: 'eu-central-1', credentials },
    canaries: { ...CANARIES, token, 'app secret proof': proofOf(token) },
    song: songOf(token),
    storeSong: STORE_SONG,
    options: {
      accountId: 'aviary',
      accessToken: async () => token,
      appSecret,
      cloudApi: api.cloudApi,
      attempts: 1,
      onEvent: (event: MediaEvent) => note(`event ${event.type}`, event),
    },
    async close() {
      await Promise.all([api.close(), s3.close()])
    },
  }
}

/** Those of an aviary's options that a download has, too. */
export function pickDownload(options: DownloadOptions): DownloadOptions {
  const { accessToken, appSecret, cloudApi, onEvent, timeouts } = options
  return { accessToken, appSecret, cloudApi, onEvent, timeouts }
}

/** Those that an archive for many accounts has. */
export function pickShared(
  options: Omit<ArchiveOptions, 'storage'>,
): Pick<ArchiveOptions, 'cloudApi' | 'attempts' | 'onEvent'> {
  const { cloudApi, attempts, onEvent } = options
  return { cloudApi, attempts, onEvent }
}

function proofOf(token: string): string {
  return createHmac('sha256', CANARIES['app secret']).update(token).digest('hex')
}

function songOf(token: string): string {
  const { 'phone number': phone, 'message id': messageId, 'user id': userId, 'file name': name } = CANARIES
  const url = `https://graph.facebook.com/v25.0/1?access_token=${token}&appsecret_proof=${proofOf(token)}`
  return [
    `invalid key ${token}`,
    url,
    `authorization: Bearer ${token}`,
    JSON.stringify({ access_token: token, d360: token }).replaceAll('/', '\\/'),
    ...[phone, '+1 (202) 555-0177', messageId, userId, ...spellings(name)],
  ].join(' ; ')
}

function spellings(name: string): string[] {
  return [name, encodeURIComponent(name), serializeWebhook({ name })]
}

const STORE_SONG = [
  ...spellings(CANARIES['file name']),
  `x-amz-meta-filename:${encodeMetadata(CANARIES['file name'])}`,
  buildContentDisposition('attachment', CANARIES['file name']),
].join(' ; ')

/** A reference as a webhook brings it, with the personal values in it. */
export function personal(reference: MediaReference): MediaReference {
  const { 'message id': messageId, 'phone number': from, 'user id': fromUserId } = CANARIES
  const contact = { phone: from, userId: fromUserId, parentUserId: fromUserId }
  return { ...reference, messageId, from, fromUserId, contact, group: fromUserId }
}

/** The singing servers: what each answers, wherever it stands. */
export function echoes({
  song,
  storeSong,
}: Pick<Aviary, 'song' | 'storeSong'>): { name: string; fault: Fault | ProxyFault }[] {
  const graph = (code: number): string =>
    JSON.stringify({
      error: {
        message: song,
        type: song,
        code,
        error_subcode: song,
        error_user_title: song,
        error_user_msg: song,
        error_data: { messaging_product: 'whatsapp', details: song },
        fbtrace_id: song,
      },
    })
  const page = `<!DOCTYPE html><title>${song}</title><p>${song}`
  const info = (url: string, more: object = {}): string =>
    JSON.stringify({ url, mime_type: MEDIA.mimeType, file_size: 5, id: song, messaging_product: song, ...more })
  const status = (on: Fault['on'], code: number, body: string, headers: Record<string, string> = {}): Fault => ({
    ...{ on, kind: 'status', status: code, body },
    headers: { 'www-authenticate': encodeURI(song), 'retry-after': encodeURI(song), ...headers },
  })
  const wire = (head: string, body: string): string =>
    `HTTP/1.1 ${head}\r\nconnection: close\r\nx-amz-request-id: ${encodeURI(storeSong)}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
  const at = (name: string, fault: Fault | ProxyFault): { name: string; fault: Fault | ProxyFault } => ({ name, fault })
  return [
    ...[100, 190, 10, 131000, 424242].map((code) => at(`look-up, code ${code}`, status('look-up', 400, graph(code)))),
    at('look-up, page', status('look-up', 500, page, { 'content-type': 'text/html' })),
    at('look-up, text', status('look-up', 403, song)),
    at('look-up, text 401', status('look-up', 401, song)),
    at('look-up, no JSON', status('look-up', 200, song)),
    at('look-up, foreign URL', status('look-up', 200, info(`https://evil.example/?${encodeURI(song)}`))),
    at('look-up, URL with user', status('look-up', 200, info(`https://${encodeURIComponent(song)}@evil.example/`))),
    at('look-up, no URL', status('look-up', 200, info(song))),
    at('look-up, other type', status('look-up', 200, info('https://evil.example/', { mime_type: song, sha256: song }))),
    at('look-up, redirect', status('look-up', 302, page, { location: `https://evil.example/?${encodeURI(song)}` })),
    at('download, page', status('download', 404, page, { 'content-type': 'text/html' })),
    at('download, Graph error', status('download', 401, graph(190))),
    at('download, 200 page', status('download', 200, page, { 'content-type': `text/html; name="${encodeURI(song)}"` })),
    at('download, encoding', status('download', 200, song, { 'content-encoding': encodeURI(song) })),
    at('download, redirect', status('download', 302, '', { location: `https://evil.example/?${encodeURI(song)}` })),
    at('download, no redirect', status('download', 302, '', { location: encodeURI(song) })),
    ...(['InvalidArgument', 'AccessDenied', 'SignatureDoesNotMatch', 'InternalError'] as const).map((code) => {
      const echo = `<CanonicalRequest>${storeSong}</CanonicalRequest><ArgumentValue>${storeSong}</ArgumentValue>`
      const body = s3Error(code, echo).replace('Refused for a test.', storeSong)
      return at(`put, ${code}`, { method: 'PUT', answer: wire('400 Bad Request', body) })
    }),
    at('put, code', { method: 'PUT', answer: wire('400 Bad Request', s3Error(storeSong)) }),
    at('put, page', { method: 'PUT', answer: wire('500 Internal Server Error', page) }),
    at('put, text', { method: 'PUT', answer: wire('403 Forbidden', storeSong) }),
    at('put, 200 page', { method: 'PUT', answer: wire('200 OK', page) }),
    at('put, reason phrase', { method: 'PUT', answer: wire(`500 ${encodeURI(storeSong)}`, '') }),
    at('put, no HTTP', { method: 'PUT', answer: storeSong }),
    at('head, reason phrase', { method: 'HEAD', answer: wire(`400 ${encodeURI(storeSong)}`, '') }),
    at('head, no HTTP', { method: 'HEAD', answer: storeSong }),
  ]
}

const LONG_AGO = new Date(Date.now() - 600_000).toISOString()

/** Archives and downloads from a singing server, in every way there is. */
export async function hearEcho(aviary: Aviary, name: string, fault: Fault | ProxyFault): Promise<void> {
  const { api, s3, store, options, note } = aviary
  const proxy = await createFaultProxy(s3)
  const storage = createS3Storage({ ...store, endpoint: proxy.origin })
  const { reference, mediaId } = await api.addMedia({ ...MEDIA, bytes: Buffer.from(`%PDF-${name}`) })
  // An old message, so that the store is asked first; with the URL, so that the download comes first.
  const media = personal({ ...reference, timestamp: LONG_AGO })
  if ('on' in fault) api.fail({ ...fault, mediaId })
  else proxy.next(fault)
  const archive = createMediaArchive({
    ...pickShared(options),
    storage,
    accounts: () => ({ accountId: 'aviary', accessToken: aviary.token, appSecret: CANARIES['app secret'] }),
    onFailed: (failure) => note(`${name}: failure`, failure),
  })
  const { downloadUrl, ...withoutUrl } = media
  const hear = async (what: string, call: Promise<unknown>): Promise<void> => {
    await call.catch((error: unknown) => note(`${name}: ${what}`, error))
  }
  await hear('archiveMedia', archiveMedia(withoutUrl, { ...options, storage }))
  await hear('archiveMedia, direct', archiveMedia(media, { ...options, storage }))
  await hear('archiveMedia, bare id', archiveMedia(mediaId, { ...options, storage, filename: CANARIES['file name'] }))
  await hear('archive', archive.archive(withoutUrl))
  await hear(
    'download',
    downloadMediaFromWhatsApp(withoutUrl, pickDownload(options)).then((downloaded) => downloaded.bytes()),
  )
  const job = { version: 1, accountId: 'aviary', media } as const
  const outcome = await archive.processJob(job, { attempt: 1 })
  if ('error' in outcome) note(`${name}: outcome`, outcome.error)
  await hear(
    'upload',
    archive.upload(Buffer.from('%PDF'), {
      accountId: 'aviary',
      filename: CANARIES['file name'],
      mimeType: 'application/pdf',
    }),
  )
  await archive.close()
  await proxy.close()
}

/** An HTTP client of the user's own, as they come: its errors hold the whole request, and say so. */
export async function hearOwnClients({ api, options, note, song, canaries }: Aviary): Promise<void> {
  const { reference } = await api.addMedia({ ...MEDIA, bytes: Buffer.from('%PDF-own') })
  const media = personal(reference)
  const lookUp = createNodeHttpClient()
  const failing: Record<string, HttpClient> = {
    axios: async (request) => {
      throw Object.assign(
        new Error(`${request.method} ${request.url} with ${request.headers['authorization']} failed`),
        {
          name: 'AxiosError',
          code: song,
          config: request,
          response: { data: song, headers: { 'x-echo': song } },
          cause: new Error(song),
        },
      )
    },
    'axios, at the download': async (request) => {
      const signature = new URL(request.url).searchParams.get('hash')
      if (signature === null) return lookUp(request)
      canaries['signed query'] = signature
      throw Object.assign(new Error(`GET ${request.url} failed`), { code: request.url, config: request })
    },
    'a name': async () => {
      throw Object.assign(new Error(song), { name: song })
    },
    'no error': async () => {
      throw { request: song }
    },
    'a text': async () => {
      throw song
    },
    'a body that breaks off': async () => ({
      status: 200,
      headers: { 'content-type': 'application/json' },
      body: Readable.from(brokenBy(song)),
    }),
  }
  for (const [name, http] of Object.entries(failing)) {
    const storage = createMemoryStorage()
    await archiveMedia(media, { ...options, storage, http }).catch((error: unknown) => note(`client, ${name}`, error))
    await downloadMediaFromWhatsApp(media, { ...pickDownload(options), http }).catch((error: unknown) =>
      note(`client, ${name}`, error),
    )
  }
  lookUp.close()
}

async function* brokenBy(song: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from('{"url":')
  throw Object.assign(new Error(song), { request: song })
}
