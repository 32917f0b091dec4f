import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { archiveMedia } from '../../src/archive.js'
import { downloadMediaFromWhatsApp } from '../../src/download.js'
import { buildMediaKey } from '../../src/key.js'
import { createMediaArchive } from '../../src/media-archive.js'
import { createInProcessQueue } from '../../src/queues/in-process.js'
import { getSignedUrl, signUrls } from '../../src/signed-url.js'
import { createFileSystemStorage } from '../../src/storage/file-system.js'
import { createMemoryStorage } from '../../src/storage/memory.js'
import { createS3Storage } from '../../src/storage/s3.js'
import { buildWebhook, signWebhook } from '../../src/testing/build-webhook.js'
import { uploadToS3 } from '../../src/upload.js'
import { extractMedia } from '../../src/webhook/extract.js'
import { signPayload, verifySignature } from '../../src/webhook/signature.js'
import { createWebhookHandler, type WebhookHandlerOptions } from '../../src/webhook.js'
import { type Aviary, CANARIES, MEDIA, personal, pickDownload, pickShared } from './canary-scenes.js'
import { createLastingFaults } from './lasting-faults.js'

const { 'phone number': phone, 'message id': messageId, 'file name': filename } = CANARIES
const { 'app secret': appSecret, 'verify token': verifyToken, 'user id': userId, caption } = CANARIES

/** Every fault of the matrix. */
export async function hearEveryFault(aviary: Aviary): Promise<void> {
  const { faults, close } = await createLastingFaults(aviary)
  const hear = async ({ name, media, endpoint, timeouts }: (typeof faults)[number]): Promise<void> => {
    const storage = createS3Storage({ ...aviary.store, endpoint })
    const options = { ...aviary.options, storage, timeouts }
    const note = (error: unknown): void => aviary.note(name, error)
    await archiveMedia(personal(media), options).catch(note)
    await downloadMediaFromWhatsApp(personal(media), pickDownload(options))
      .then((downloaded) => downloaded.bytes())
      .catch(note)
    await storage.close?.()
  }
  const left = [...faults]
  const work = async (): Promise<void> => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) await hear(next)
  }
  await Promise.all(Array.from({ length: 8 }, work))
  await close()
}

/** Values in the wrong places, and bodies that are not what was said. */
export async function hearWrongCalls({ api, options, store, note, token }: Aviary): Promise<void> {
  const storage = createMemoryStorage()
  const s3 = createS3Storage({ ...store, endpoint: 'http://127.0.0.1:1' })
  const { reference } = await api.addMedia({ ...MEDIA, bytes: Buffer.from('%PDF-wrong') })
  const media = personal(reference)
  const { downloadUrl, ...looked } = media
  const forged = `https://evil.example/?access_token=${token}&name=${encodeURIComponent(filename)}`
  const key = `whatsapp-media/aviary/2026-11-22/document/5ef5e495-9ea6-59d7-91c6-d39ba4699239.pdf`
  const url = `https://${encodeURIComponent(token)}@graph.example/?access_token=${token}`
  const upload = { storage, accountId: 'aviary', filename }
  const bytes = Buffer.from('%PDF')
  // Whatever a call is given, none of it may come back in its error; `as never` lets the wrong types through.
  const calls: Record<string, () => unknown> = {
    'message id for media id': () => archiveMedia(messageId, { ...options, storage }),
    'number for account': () => archiveMedia(media, { ...options, storage, accountId: `+${phone}` }),
    'file name for account': () => archiveMedia(media, { ...options, storage, accountId: filename }),
    'file name for hash': () => archiveMedia({ ...media, sha256: filename }, { ...options, storage }),
    'file name for time': () => archiveMedia({ ...media, timestamp: filename }, { ...options, storage }),
    'token with a line end': () => archiveMedia(media, { ...options, storage, accessToken: `${token}\n` }),
    'base URL with a token': () => archiveMedia(media, { ...options, storage, cloudApi: { baseUrl: url } }),
    'media host with a token': () => archiveMedia(media, { ...options, storage, cloudApi: { mediaHosts: [url] } }),
    'header for version': () => archiveMedia(media, { ...options, storage, cloudApi: { version: `Bearer ${token}` } }),
    'headers for a function': () =>
      archiveMedia(media, { ...options, storage, cloudApi: { authorization: `Bearer ${token}` as never } }),
    'file name for integrity': () => archiveMedia(media, { ...options, storage, integrity: filename as never }),
    'file name for sniff': () => archiveMedia(media, { ...options, storage, sniff: filename as never }),
    'forged URL': () =>
      archiveMedia(
        { ...media, downloadUrl: forged },
        { ...options, storage, cloudApi: { ...options.cloudApi, baseUrl: 'https://127.0.0.1:1' } },
      ),
    'type with a name': () =>
      archiveMedia(
        { ...looked, mimeType: `text/html; name="${filename}"`, mediaType: filename as never },
        { ...options, storage },
      ),
    'wrong token': () => archiveMedia(looked, { ...options, storage, accessToken: `${token}x` }),
    'wrong app secret': () => archiveMedia(looked, { ...options, storage, appSecret: `${appSecret}x` }),
    'too large': () => archiveMedia(looked, { ...options, storage, maxBytes: 3 }),
    'wrong hash': () => archiveMedia({ ...looked, sha256: 'ab'.repeat(32) }, { ...options, storage }),
    'no store': () => archiveMedia(looked, { ...options, storage: s3 }),
    'upload, number for account': () => uploadToS3(bytes, { ...upload, accountId: `+${phone}` }),
    'upload, wrong size': () => uploadToS3(Readable.from([bytes]), { ...upload, size: 3 }),
    'upload, wrong hash': () => uploadToS3(bytes, { ...upload, sha256: 'ab'.repeat(32) }),
    'upload, conflict': async () => {
      await uploadToS3(bytes, { ...upload, key })
      await uploadToS3(Buffer.from('%PDX'), { ...upload, key })
    },
    'upload, file name for body': () => uploadToS3(filename as never, upload),
    'upload, no store': () => uploadToS3(bytes, { ...upload, storage: s3 }),
    'sign, other account': () => getSignedUrl(key, { storage: s3, accountId: 'another', filename }),
    'sign, number for account': () => getSignedUrl(key, { storage: s3, accountId: `+${phone}`, filename }),
    'sign, file name for key': () => getSignedUrl(filename, { storage: s3, accountId: 'aviary', filename }),
    'sign, file name for disposition': () =>
      signUrls([key], { storage: s3, anyAccount: true, filename, disposition: filename as never }),
    'sign, file name for seconds': () =>
      signUrls([key], { storage: s3, anyAccount: true, filename, expiresIn: filename as never }),
    'sign, no credentials': () =>
      getSignedUrl(key, {
        storage: createS3Storage({ ...store, credentials: {} as never }),
        anyAccount: true,
        filename,
      }),
    'key, number for account': () =>
      buildMediaKey({ accountId: `+${phone}`, mediaType: 'image', mimeType: 'image/png' }),
    'signature, number for header': () => verifySignature(phone, `sha256=${phone}`, { appSecret }),
    'signature, other body': () => verifySignature(caption, signPayload(phone, { appSecret }), { appSecret }),
    'signature, white space': () => verifySignature(phone, '', { appSecret: `${appSecret}\n` }),
    'handler, white space': () => createWebhookHandler({ appSecret: [`${appSecret} `], verifyToken }),
    'handler, no verify token': () => createWebhookHandler({ appSecret, verifyToken: [verifyToken] as never }),
  }
  for (const [name, call] of Object.entries(calls)) {
    await (async () => call())().then(
      () => note(`${name}: went well`, ''),
      (error: unknown) => note(name, error),
    )
  }
  await s3.close?.()
}

/**
 * Each canary in each place that tells what it got. Most of them look like what belongs there: letters, digits and a few
 * marks.
 */
export async function hearMisplaced({ api, options, store, note, canaries }: Aviary): Promise<void> {
  const storage = createMemoryStorage()
  const { reference } = await api.addMedia({ ...MEDIA, bytes: Buffer.from('%PDF-misplaced') })
  const media = personal(reference)
  const { downloadUrl, ...looked } = media
  const archive = createMediaArchive({
    ...{ ...pickShared(options), storage, accounts: () => undefined },
    onFailed: (failure) => note('misplaced: failure', failure),
  })
  const job = { version: 1, accountId: 'aviary', media } as const
  const run = async (odd: unknown): Promise<never> => {
    const outcome = await archive.processJob(odd as never, { attempt: 1 })
    throw 'error' in outcome ? outcome.error : new Error('went well')
  }
  const key = 'whatsapp-media/aviary/2026-11-22/document/5ef5e495-9ea6-59d7-91c6-d39ba4699239.pdf'
  const places: Record<string, (value: never) => unknown> = {
    timestamp: (value) => archiveMedia({ ...media, timestamp: value }, { ...options, storage }),
    sha256: (value) => archiveMedia({ ...media, sha256: value }, { ...options, storage }),
    mediaType: (value) => archiveMedia({ ...looked, mediaType: value }, { ...options, storage }),
    attempts: (attempts) => archiveMedia(media, { ...options, storage, attempts }),
    maxBytes: (maxBytes) => archiveMedia(media, { ...options, storage, maxBytes }),
    integrity: (integrity) => archiveMedia(media, { ...options, storage, integrity }),
    sniff: (sniff) => archiveMedia(media, { ...options, storage, sniff }),
    mediaLifetimeMs: (mediaLifetimeMs) => archiveMedia(media, { ...options, storage, mediaLifetimeMs }),
    'timeouts.totalMs': (totalMs) => archiveMedia(media, { ...options, storage, timeouts: { totalMs } }),
    'cloudApi.version': (version) => archiveMedia(media, { ...options, storage, cloudApi: { version } }),
    'cloudApi.baseUrl': (baseUrl) => archiveMedia(media, { ...options, storage, cloudApi: { baseUrl } }),
    'cloudApi.mediaHosts': (host) => archiveMedia(media, { ...options, storage, cloudApi: { mediaHosts: [host, ''] } }),
    'a host': (value) =>
      downloadMediaFromWhatsApp(
        // What may be a host's name is known for a secret by its value alone.
        { ...media, ...(isFileName(value) ? { filename: value } : {}), downloadUrl: `https://${value}/${value}` },
        { ...pickDownload(options), cloudApi: { ...options.cloudApi, baseUrl: 'https://127.0.0.1:1' } },
      ),
    'job.version': (version) => run({ ...job, version }),
    'job.accountId': (value) => run({ ...job, accountId: `/${value}` }),
    'job.media': (value) => run({ ...job, media: value }),
    'job.media.timestamp': (timestamp) => run({ ...job, media: { ...media, timestamp } }),
    size: (size) => uploadToS3(Readable.from(['x']), { storage, accountId: 'aviary', size }),
    'upload sha256': (sha256) => uploadToS3(Buffer.from('x'), { storage, accountId: 'aviary', sha256 }),
    body: (body) => uploadToS3(body, { storage, accountId: 'aviary' }),
    expiresIn: (expiresIn) => getSignedUrl(key, { storage: createS3Storage(store), anyAccount: true, expiresIn }),
    disposition: (disposition) => getSignedUrl(key, { storage: createS3Storage(store), anyAccount: true, disposition }),
    'a key': (value) => getSignedUrl(`/${value}`, { storage: createS3Storage(store), accountId: 'aviary' }),
    'a prefix': (value) => buildMediaKey({ ...media, accountId: 'aviary' }, { prefix: value }),
    appSecret: (value) => archiveMedia(media, { ...options, storage, appSecret: [value] as never }),
    accessToken: (value) => archiveMedia(looked, { ...options, storage, accessToken: { value } as never }),
  }
  const values: Record<string, unknown> = {
    ...canaries,
    'a number': Number(phone),
    'a message id’s body': messageId.slice(messageId.indexOf('.') + 1),
    'a list': [phone],
    'an object': { phone },
    'a symbol': Symbol(phone),
    'a bigint': BigInt(phone),
  }
  const takesAny = /^(?:a host|job\.|body|a key|appSecret|accessToken)/
  for (const [place, call] of Object.entries(places)) {
    for (const [what, value] of Object.entries(values)) {
      if (place === 'a host' && typeof value !== 'string') continue
      // What is no mistake.
      if (what === 'a number' && ['attempts', 'mediaLifetimeMs', 'timeouts.totalMs', 'size'].includes(place)) continue
      // A proof is a SHA-256, too, and nobody can tell it from the file's.
      if (place.endsWith('sha256') && what === 'app secret proof') continue
      await (async () => call(value as never))().then(
        () => note(takesAny.test(place) ? 'misplaced' : `${what} for ${place}: went well`, ''),
        (error: unknown) => note(`${what} for ${place}`, error),
      )
    }
  }
  await archive.close()
}

function isFileName(value: unknown): boolean {
  return String(value).endsWith('.pdf')
}

/** Webhooks, good and bad, and what becomes of their media. */
export async function hearWebhooks({ api, options, note, token, song }: Aviary): Promise<void> {
  const { mediaObject } = await api.addMedia({ ...MEDIA, bytes: Buffer.from('%PDF-webhook') })
  const queue = createInProcessQueue()
  const archive = createMediaArchive({
    ...pickShared(options),
    storage: createMemoryStorage(),
    queue,
    accounts: (id) => (id === '999' ? undefined : { accountId: 'aviary', accessToken: token, appSecret }),
    onFailed: (failure) => note('failure', failure),
  })
  const rejecting = (more: Partial<WebhookHandlerOptions>): ((request: Request) => Promise<Response>) =>
    createWebhookHandler({
      appSecret,
      verifyToken,
      onMedia: archive.enqueue,
      onRejected: (rejection) => {
        note('rejection', rejection)
        note('rejection', rejection.error)
      },
      ...more,
    })
  const ask = async (handler: (request: Request) => Promise<Response>, request: Request): Promise<void> => {
    const response = await handler(request)
    note('answer', `${response.status} ${await response.text()} ${JSON.stringify([...response.headers])}`)
  }
  const post = (payload: unknown, more: { secret?: string; body?: string; headers?: Record<string, string> } = {}) => {
    const { body, headers } = signWebhook(payload, { appSecret: more.secret ?? appSecret })
    const sent = more.body ?? new Uint8Array(body)
    return new Request('http://app.test/webhook', {
      method: 'POST',
      body: sent,
      headers: { ...headers, ...more.headers },
    })
  }
  const good = buildWebhook([{ media: { type: 'document', object: mediaObject }, from: phone, messageId }])
  const notJson = `{"from":"${phone}","name":"${filename}",}`
  const handler = rejecting({})
  await ask(handler, post(good))
  await ask(handler, post(webhookOf('1', song)))
  await ask(handler, post(webhookOf('999', song)))
  await ask(handler, post(good, { secret: `${appSecret}x` }))
  await ask(handler, post(good, { body: JSON.stringify(good) }))
  await ask(handler, post(good, { headers: { 'x-hub-signature-256': `sha256=${phone}` } }))
  await ask(handler, post(good, { headers: { 'content-type': `text/${token}` } }))
  const signed = { 'x-hub-signature-256': signPayload(notJson, { appSecret }) }
  await ask(handler, post(good, { body: notJson, headers: signed }))
  await ask(rejecting({ maxBytes: 10 }), post(good))
  await ask(
    rejecting({
      onMedia: createMediaArchive({ ...pickShared(options), storage: createMemoryStorage(), accounts: () => undefined })
        .enqueue,
    }),
    post(good),
  )
  const used = post(good)
  await used.text()
  await ask(handler, used)
  const handshake = `http://app.test/webhook?hub.mode=subscribe&hub.challenge=1&hub.verify_token=${verifyToken}`
  await ask(handler, new Request(`${handshake}x`))
  await ask(handler, new Request(handshake))
  await ask(handler, new Request(handshake, { method: 'DELETE' }))
  await archive.close()
  await ask(handler, post(good))
}

/** What can't be downloaded, and what was deleted. */
function webhookOf(phoneNumberId: string, song: string): unknown {
  const common = { from: phone, id: messageId, timestamp: '1760540395' }
  const errors = [{ code: 131_052, title: song, message: song, error_data: { details: song } }]
  const messages = [
    { ...common, type: 'unsupported', errors: [{ code: 131_051, title: song }], unsupported: { type: filename } },
    { ...common, type: 'document', document: { filename, caption, mime_type: filename } },
    { ...common, type: 'document', document: { filename, caption, id: '3000000000000027' } },
    { ...common, type: 'image', errors, image: { caption, id: '3000000000000028' } },
    { ...common, type: 'revoke', revoke: { original_message_id: messageId } },
  ]
  const contacts = [{ profile: { name: filename }, wa_id: phone, user_id: userId }]
  const metadata = { display_phone_number: phone, phone_number_id: phoneNumberId }
  const value = { messaging_product: 'whatsapp', metadata, contacts, messages }
  return { object: 'whatsapp_business_account', entry: [{ id: '1', changes: [{ field: 'messages', value }] }] }
}

/** What goes well tells its events, too. */
export async function hearSuccesses({ api, s3, options, store, note }: Aviary): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'aviary-'))
  const endpoint = `http://${s3.host}:${s3.port}`
  const s3Storage = createS3Storage({ ...store, endpoint })
  const expiring = async () => ({ ...store.credentials, expiration: new Date(Date.now() + 60_000) })
  const short = createS3Storage({ ...store, endpoint, credentials: expiring })
  for (const storage of [createMemoryStorage(), createFileSystemStorage({ directory }), s3Storage]) {
    // A PDF, and a page that says it is one.
    for (const text of ['%PDF-1.7', '<!DOCTYPE html>']) {
      const { reference } = await api.addMedia({ ...MEDIA, bytes: Buffer.from(text) })
      await archiveMedia(personal(reference), { ...options, storage })
      await archiveMedia(personal(reference), { ...options, storage })
    }
    const { reference } = await api.addMedia({ ...MEDIA, bytes: Buffer.from('%PDF'), announceSha256: 'ab'.repeat(32) })
    await archiveMedia(personal(reference), { ...options, storage, attempts: 3, integrity: 'report' })
    const { key } = await uploadToS3(Buffer.from('%PDF'), {
      storage,
      accountId: 'aviary',
      filename,
      onEvent: options.onEvent,
    })
    await getSignedUrl(key, { storage: short, anyAccount: true, filename, onEvent: options.onEvent })
  }
  note('extracted', Object.keys(extractMedia(webhookOf('1', ''))))
  await Promise.all([s3Storage.close?.(), short.close?.(), rm(directory, { recursive: true })])
}
