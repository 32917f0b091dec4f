import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import type { HttpClient } from '../../src/http/client.js'
import { createNodeHttpClient } from '../../src/http/node.js'
import { createMediaArchive, type MediaArchive } from '../../src/media-archive.js'
import type { MediaIdCache } from '../../src/media-ids.js'
import {
  deleteMediaFromWhatsApp,
  type OutboundMessage,
  type SendMessageOptions,
  sendMediaMessage,
  uploadMediaToWhatsApp,
  uploadTemplateMedia,
} from '../../src/sending.js'
import { createMemoryStorage } from '../../src/storage/memory.js'
import type { ObjectStorage } from '../../src/storage.js'
import type { Fault } from '../../src/testing/fake-cloud-api.js'
import { uploadToS3 } from '../../src/upload.js'
import { quoting, spoken } from './canary-callbacks.js'
import { NOTATIONS } from './canary-notes.js'
import { type Aviary, CANARIES, pickDownload, pickShared } from './canary-scenes.js'

const { 'phone number': phone, 'message id': messageId, 'file name': filename } = CANARIES
const { 'app secret': appSecret, 'user id': userId, caption } = CANARIES

const NUMBER = '106540352242922'
const CALLBACK_DATA = 'row 7731: Quimby, canary'
const LINK = `https://files.example/${encodeURIComponent(caption)}.pdf?sig=canary-link-signature`

/** What only the way out has. */
export const SENDING_CANARIES = { 'callback data': CALLBACK_DATA, 'a link': LINK } as const

const PDF = Buffer.from('%PDF-1.7 canary')
const SOURCE = { body: PDF, mimeType: 'application/pdf', filename }
const PARTS = { caption, filename, replyTo: messageId, callbackData: CALLBACK_DATA }

/** Every way out, by name: each call of the library that sends something to Meta. */
interface WaysOut {
  calls: Readonly<Record<string, () => Promise<unknown>>>
  close(): Promise<void>
}

interface Changes {
  http?: HttpClient
  storage?: ObjectStorage
  mediaIds?: MediaIdCache
}

async function openWaysOut(aviary: Aviary, { http, storage, mediaIds }: Changes = {}): Promise<WaysOut> {
  const { options, token } = aviary
  const folder = await mkdtemp(join(tmpdir(), 'canary-'))
  const path = join(folder, filename)
  await writeFile(path, PDF)
  const kept = createMemoryStorage({ baseUrl: 'https://files.example', secret: 'a secret of the fake store' })
  const { key } = await uploadToS3(PDF, { storage: kept, accountId: 'aviary', mimeType: 'application/pdf', filename })
  const stored = { storage: storage ?? kept, key, filename }
  const more = { attempts: 1, waitScale: 0.001, ...(http === undefined ? {} : { http }) }
  const connection = { ...pickDownload(options), ...more }
  const cached = mediaIds === undefined ? {} : { mediaIds }
  const sending: SendMessageOptions = { ...connection, phoneNumberId: NUMBER, ...cached }
  const archive: MediaArchive = createMediaArchive({
    ...{ ...pickShared(options), ...more, ...cached, storage: storage ?? kept },
    accounts: () => ({ accountId: 'aviary', accessToken: token, appSecret }),
    onFailed: (failure) => aviary.note('failure', failure),
  })
  const send = (message: OutboundMessage): Promise<unknown> => sendMediaMessage(message, sending)
  const document = { mediaId: '1000000000000001', mediaType: 'document' } as const
  const own = { phoneNumberId: NUMBER }
  const to = `+${phone}`
  return {
    calls: {
      'upload, bytes': () => uploadMediaToWhatsApp(SOURCE, sending),
      'upload, a stream': () => uploadMediaToWhatsApp({ ...SOURCE, body: Readable.from([PDF]) }, sending),
      'upload, an object': () => uploadMediaToWhatsApp(stored, sending),
      'template, bytes': () =>
        uploadTemplateMedia(SOURCE, { ...connection, appId: '670843887433847', header: 'document' }),
      'template, an object': () =>
        uploadTemplateMedia(stored, { ...connection, appId: '670843887433847', header: 'document' }),
      delete: () => deleteMediaFromWhatsApp('1000000000000001', { ...connection, ...own }),
      'send, bytes': () => send({ ...PARTS, to, media: SOURCE }),
      'send, an object': () => send({ ...PARTS, to: '+1 (202) 555-0177', media: stored }),
      'send, an object by link': () => send({ ...PARTS, to, media: { ...stored, by: 'link' } }),
      'send, an id': () => send({ ...PARTS, recipient: userId, media: document }),
      'send, a link': () =>
        send({ ...PARTS, group: `${phone}-canary@g.us`, media: { link: LINK, mediaType: 'document' } }),
      'archive.send, bytes': () => archive.send({ ...PARTS, to, media: SOURCE }, own),
      'archive.send, a file': () => archive.send({ ...PARTS, to, media: { path } }, own),
      'archive.send, an object': () => archive.send({ ...PARTS, recipient: userId, media: { key } }, own),
    },
    async close() {
      await archive.close()
      await rm(folder, { recursive: true })
    },
  }
}

async function hearAll(aviary: Aviary, name: string, { calls, close }: WaysOut): Promise<void> {
  for (const [what, call] of Object.entries(calls)) {
    await call().then(
      () => aviary.note(`${name}, ${what}: went well`, ''),
      (error: unknown) => aviary.note(`${name}, ${what}`, error),
    )
  }
  await close()
}

const STEPS = ['upload', 'template-begin', 'template', 'template-offset', 'delete', 'send'] as const

type Step = (typeof STEPS)[number]

/** What each step brings to the server, which may repeat that. */
function listHeard({ token, canaries }: Aviary): Readonly<Record<Step, readonly string[]>> {
  const call = [token, canaries['app secret proof'] ?? '']
  const message = [`+${phone}`, phone, userId, caption, filename, messageId, CALLBACK_DATA, LINK]
  return {
    ...{ upload: [...call, filename], send: [...call, ...message], delete: call },
    ...{ 'template-begin': [...call, filename], template: call, 'template-offset': call },
  }
}

/** One refusal of each of Meta's kinds, and answers that are none of Meta's. */
function refusals(on: Step, song: string): readonly Fault[] {
  const graph = (code: number): string => {
    const error = { message: song, type: song, code, error_subcode: song, error_data: { details: song } }
    return JSON.stringify({ error: { ...error, error_user_title: song, error_user_msg: song, fbtrace_id: song } })
  }
  const headers = { 'retry-after': encodeURI(song), 'www-authenticate': encodeURI(song) }
  const answers: readonly (readonly [number, string])[] = [
    ...[10, 100, 131_026, 131_053, Number(phone)].map((code) => [400, graph(code)] as const),
    ...([
      [401, graph(190)],
      [429, graph(130_429)],
      [500, graph(131_000)],
    ] as const),
    ...([
      [500, `<!DOCTYPE html><title>${song}</title>`],
      [403, song],
      [200, song],
      [200, '{}'],
    ] as const),
    [200, JSON.stringify({ id: song, h: song, messages: song, contacts: [{ wa_id: song }], file_offset: song })],
  ]
  return answers.map(([status, body]) => ({ on, kind: 'status', status, body, headers }) as const)
}

/** The same words in a notation, one after the other: texts are cut. */
function refuseIn(write: (text: string) => string, { on, words }: { on: Step; words: readonly string[] }): Fault[] {
  return words.map((word) => {
    const error = { message: write(word), code: 131_026, error_data: { details: write(word) } }
    return { on, kind: 'status', status: 400, body: JSON.stringify({ error }) }
  })
}

/** Meta's refusals of each step, in each notation. */
export async function hearRefusals(aviary: Aviary): Promise<void> {
  const { api, note } = aviary
  const heard = listHeard(aviary)
  const { calls, close } = await openWaysOut(aviary)
  const hear = async (name: string, fault: Fault, call: () => Promise<unknown>): Promise<void> => {
    api.clearFaults()
    if (fault.on === 'template-offset') api.fail({ on: 'template', kind: 'status', status: 503, times: 1 })
    api.fail(fault)
    await call().catch((error: unknown) => note(name, error))
  }
  for (const on of STEPS) {
    const ways = Object.entries(calls).filter(([way]) => isHit(way, on))
    for (const fault of refusals(on, heard[on].join(' ; '))) {
      for (const [way, call] of ways) await hear(`${on}, ${way}`, fault, call)
    }
    for (const [notation, write] of NOTATIONS) {
      const faults = refuseIn(write, { on, words: heard[on] })
      for (const [at, fault] of faults.entries()) {
        const [way, call] = ways[at % ways.length] ?? []
        if (way !== undefined && call !== undefined) await hear(`${notation}, ${on}, ${way}`, fault, call)
      }
    }
  }
  api.clearFaults()
  await close()
}

/** Which ways out make a step. */
function isHit(way: string, step: Step): boolean {
  const [kind = ''] = way.split(', ')
  if (step === 'upload') return kind === 'upload' || way === 'send, bytes' || way === 'archive.send, a file'
  if (step === 'send') return kind === 'send' || kind === 'archive.send'
  return step.startsWith(kind)
}

/** HTTP clients, storages and caches of the user's own that throw. */
export async function hearForeignSending(aviary: Aviary): Promise<void> {
  const asked = createNodeHttpClient()
  // One canary at a time, in the place of a name, is heard beside archives.
  const named = new Set(Object.keys(aviary.canaries).map((name) => `a ${name}`))
  const all = Object.entries(quoting(aviary.canaries)).filter(([what]) => !named.has(what))
  for (const [what, make] of all) {
    const fail = (): Promise<never> => Promise.reject(make())
    await hearAll(aviary, `client, ${what}`, await openWaysOut(aviary, { http: fail }))
    for (const method of ['head', 'get', 'put', 'signedUrl'] as const) {
      const storage: ObjectStorage = { ...createMemoryStorage(), [method]: fail }
      await hearAll(aviary, `storage, ${method}, ${what}`, await openWaysOut(aviary, { storage }))
    }
    const mediaIds: MediaIdCache = { get: fail, set: fail, delete: fail }
    await hearAll(aviary, `cache, ${what}`, await openWaysOut(aviary, { mediaIds }))
  }
  const inBody: HttpClient = async (request) => {
    const response = await asked(request)
    response.body.once('resume', () => response.body.destroy(spoken()))
    return response
  }
  await hearAll(aviary, 'client, in the body', await openWaysOut(aviary, { http: inBody }))
  asked.close()
}

/** Each canary in each place of a call that tells what it got. */
export async function hearMisplacedSending(aviary: Aviary): Promise<void> {
  const { options, note, canaries, token } = aviary
  const connection = { ...pickDownload(options), attempts: 1, http: () => Promise.reject(new Error('not sent')) }
  const sending = { ...connection, phoneNumberId: NUMBER }
  const storage = createMemoryStorage()
  const media = { mediaId: '1', mediaType: 'document' } as const
  const archive = createMediaArchive({
    ...{ ...pickShared(options), storage, attempts: 1, http: connection.http },
    accounts: () => ({ accountId: 'aviary', accessToken: token, appSecret }),
    onFailed: (failure) => note('failure', failure),
  })
  const send = (change: object, more: object = {}): Promise<unknown> =>
    sendMediaMessage({ to: `+${phone}`, media, ...change } as OutboundMessage, { ...sending, ...more })
  const places: Record<string, (value: never) => unknown> = {
    to: (to) => send({ to }),
    recipient: (recipient) => send({ to: undefined, recipient }),
    group: (group) => send({ to: undefined, group }),
    'two recipients': (recipient) => send({ recipient }),
    caption: (value) => send({ caption: value, media: { ...media, mediaType: 'audio' } }),
    'a long caption': (value) => send({ caption: `${String(value)} `.repeat(200) }),
    filename: (value) => send({ filename: value, media: { ...media, mediaType: 'image' } }),
    voice: (voice) => send({ voice }),
    replyTo: (value) => send({ replyTo: ` ${String(value)}` }),
    callbackData: (value) => send({ callbackData: `ä${String(value)}` }),
    media: (value) => send({ media: value }),
    'media.mediaType': (mediaType) => send({ media: { ...media, mediaType } }),
    'media.link': (value) => send({ media: { link: `ftp://${String(value)}@a.example/`, mediaType: 'image' } }),
    'media.by': (by) => send({ media: { storage, key: 'a/b.pdf', by } }),
    'media.expiresIn': (expiresIn) => send({ media: { storage, key: 'a/b.pdf', by: 'link', expiresIn } }),
    'media.storage': (value) => send({ media: { storage: value, key: 'a/b.pdf' } }),
    'media.mimeType': (mimeType) => send({ media: { ...SOURCE, mimeType } }),
    'media.size': (size) => send({ media: { ...SOURCE, size } }),
    'media.body': (body) => send({ media: { ...SOURCE, body } }),
    'media.filename': (name) => uploadMediaToWhatsApp({ ...SOURCE, filename: [name] as never }, sending),
    phoneNumberId: (value) => send({}, { phoneNumberId: `${String(value)}/` }),
    ttlMinutes: (ttlMinutes) => send({}, { ttlMinutes }),
    mediaIds: (mediaIds) => send({}, { mediaIds }),
    mediaIdsTimeoutMs: (mediaIdsTimeoutMs) => send({}, { mediaIdsTimeoutMs }),
    accountId: (value) => send({}, { accountId: `/${String(value)}` }),
    attempts: (attempts) => send({}, { attempts }),
    'a token': (value) => send({}, { accessToken: { value } }),
    appId: (value) => uploadTemplateMedia(SOURCE, { ...connection, appId: `${String(value)}/`, header: 'document' }),
    header: (header) => uploadTemplateMedia(SOURCE, { ...connection, appId: '1', header }),
    'id to delete': (mediaId) => deleteMediaFromWhatsApp(mediaId, connection),
    'archive.send, path': (value) => archive.send({ to: `+${phone}`, media: { path: `/${String(value)}` } }, sending),
    'archive.send, media': (value) => archive.send({ to: `+${phone}`, media: value }, { phoneNumberId: NUMBER }),
    'archive.send, number': (value) => archive.send({ to: `+${phone}`, media: SOURCE }, { phoneNumberId: value }),
  }
  const values = { ...canaries, 'a number': Number(phone), 'a list': [phone], 'an object': { phone } }
  for (const [place, call] of Object.entries(places)) {
    for (const [what, value] of Object.entries(values)) {
      await (async () => call(value as never))().then(
        () => note(`${what} for ${place}: went well`, ''),
        (error: unknown) => note(`${what} for ${place}`, error),
      )
    }
  }
  await archive.close()
}

/** What goes well, and what is lost on the way. */
export async function hearSent(aviary: Aviary): Promise<void> {
  await hearAll(aviary, 'sent', await openWaysOut(aviary))
  for (const on of STEPS) {
    for (const fault of [{ kind: 'reset' }, { kind: 'html-page' }, { kind: 'malformed-json' }] as const) {
      aviary.api.fail({ on, ...fault })
      await hearAll(aviary, `${on}, ${fault.kind}`, await openWaysOut(aviary))
      aviary.api.clearFaults()
    }
  }
}
