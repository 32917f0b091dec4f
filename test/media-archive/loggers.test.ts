import { createRequire } from 'node:module'
import { inspect } from 'node:util'
import { deserialize, serialize } from 'node:v8'
import { describe, expect, it } from 'vitest'
import { type AnyWhatsAppMediaError, GraphApiError, StorageFailedError } from '../../src/errors.js'
import { emit, hashMessageId, type MediaEvent } from '../../src/events.js'
import { createMediaFailure } from '../../src/media-archive/media-failure.js'
import { MEDIA_REDACT_PATHS, redactMedia } from '../../src/media-archive/redact-media.js'
import type { MediaReference } from '../../src/media-reference.js'
import type { MediaJob } from '../../src/queues.js'
import type { UnavailableMedia } from '../../src/webhook/extract.js'
import { reference as whole } from '../whole-reference.js'

type Log = (entry: unknown) => string

const PERSONAL = {
  messageId: 'wamid.HBgLMTIwMjU1NTAxNDMVAgA=',
  from: '12025550143',
  fromUserId: 'US.13491208655302741918',
  group: 'Y2FwaV9ncm91cDox',
  filename: 'zebrafinches.pdf',
  caption: 'a private word',
  downloadUrl: 'https://lookaside.fbsbx.com/x/?hash=signed-for-a-test',
  mimeType: 'application/pdf; name="zebrafinches.pdf"',
}
const contact = { phone: PERSONAL.from, userId: PERSONAL.fromUserId }
const KEYS = {
  encryptedSha256: 'f3966a791cf69bccc387b0cfc0d742'.padEnd(64, 'e'),
  encryptionKey: 'wuxITdX/pjPK2J+R0mDLrMesIhr879tBhlkkuDUXRf0=',
  iv: 'EAkY1FlSrvg/JS/8LaX5sg==',
  hmacKey: 'RRYR0UqVKprIP1kgh4OzMpVJtaHsZ8P4twbn1Nt3QFU=',
}
const reference: MediaReference = { ...whole, ...PERSONAL, contact, encryption: KEYS }
const job: MediaJob = { version: 1, accountId: 'acme', media: reference }
const unavailable: UnavailableMedia = {
  ...{ reason: 'media-error', errorCode: 131_052, messageId: PERSONAL.messageId, from: PERSONAL.from },
  ...{ receivedAt: whole.receivedAt, phoneNumberId: whole.phoneNumberId, businessAccountId: '102290129340398' },
}
const SECRETS = [...Object.values(PERSONAL), ...Object.values(KEYS), 'zebra', '2025550143', 'signed-for']

/** Fastify's pino. Its entries go to `write`. */
const pino = createRequire(createRequire(import.meta.url).resolve('fastify'))('pino')

function logWithPino(options: object = {}): Log {
  return (entry) => {
    const lines: string[] = []
    const log = pino({ base: null, ...options }, { write: (line: string) => lines.push(line) })
    log.error(entry, 'not archived')
    log.child({ entry }).info({ err: entry, list: [entry], in: { it: entry } })
    return lines.join('')
  }
}

/** The standard serializer of errors in bunyan and pino: the error's name, message, stack and enumerable fields. */
function serializeError(error: unknown): object | undefined {
  if (!(error instanceof Object)) return undefined
  const { name, message, stack, cause } = error as Error
  return { name, message, stack, cause: serializeError(cause), ...error }
}

const walk = (value: unknown): unknown => {
  if (typeof value !== 'object' || value === null) return value
  const seen: Record<string, unknown> = {}
  for (const name in value) seen[name] = walk(Reflect.get(value, name))
  return seen
}

const WAYS: Readonly<Record<string, Log>> = {
  pino: logWithPino(),
  'pino, with a serializer of errors': logWithPino({ serializers: { error: pino.stdSerializers.err } }),
  JSON: (entry) => JSON.stringify({ entry, list: [entry] }),
  'the console': (entry) => inspect({ entry }, { depth: null }),
  'console.dir': (entry) => inspect(entry, { customInspect: false, depth: null }),
  'the console with hidden properties': (entry) => inspect(entry, { customInspect: false, depth: 3, showHidden: true }),
  'a spread': (entry) => inspect({ ...Object(entry) }, { customInspect: false, depth: null }),
  'a spread of a spread in JSON': (entry) => JSON.stringify({ ...Object(entry), media: { ...Object(entry).media } }),
  'Object.assign, as winston adds meta data': (entry) => JSON.stringify(Object.assign({ level: 'error' }, entry)),
  'a serializer of errors, as in bunyan': (entry) => JSON.stringify(serializeError(entry)),
  'a structured clone': (entry) => inspect(structuredClone(entry), { showHidden: true, depth: null }),
  'a clone of v8': (entry) => inspect(deserialize(serialize(entry)), { showHidden: true, depth: null }),
  'a walk over what is enumerable': (entry) => JSON.stringify(walk(entry)),
  'Object.entries': (entry) => JSON.stringify(Object.entries(Object(entry))),
  'a template': (entry) => `${entry} ${Object(entry).error}`,
}

function findShown(text: string): string[] {
  return SECRETS.filter((secret) => text.includes(secret))
}

const ERRORS: readonly AnyWhatsAppMediaError[] = [
  new GraphApiError({ status: 400, retryable: false, text: `no such file: ${PERSONAL.filename} of +${PERSONAL.from}` }),
  new StorageFailedError({
    ...{ operation: 'put', reason: 'AccessDenied', retryable: false, key: 'a/b' },
    cause: Object.assign(new Error(`Denied to "${PERSONAL.filename}", ${PERSONAL.messageId}`), { request: PERSONAL }),
  }),
]

function collectEvents(): MediaEvent[] {
  const left: MediaEvent[] = []
  for (const error of ERRORS) {
    emit((event) => left.push(event), { type: 'attempt-failed', attempt: 1, error, mediaId: '1', accountId: 'acme' })
    emit((event) => left.push(event), { type: 'dead-letter', error, messageIdHash: hashMessageId(PERSONAL.messageId) })
  }
  return left
}

const ENTRIES: readonly (readonly [string, unknown])[] = [
  ...ERRORS.map((error) => [`an error, ${error.name}`, error] as const),
  ...ERRORS.map(
    (error) => [`a failure of ${error.name}`, createMediaFailure(reference, { error, accountId: 'acme' })] as const,
  ),
  ...ERRORS.map(
    (error) => [`a failure’s media, ${error.name}`, createMediaFailure(reference, { error }).media] as const,
  ),
  ...ERRORS.map(
    (error) => [`a failure of what is unavailable, ${error.name}`, createMediaFailure(unavailable, { error })] as const,
  ),
  ...collectEvents().map(
    (event) => [`the event ${event.type} of ${'error' in event && event.error.name}`, event] as const,
  ),
]

describe.each(Object.entries(WAYS))('%s shows no personal value', (way, log) => {
  it.each(ENTRIES)('of %s', (_name, entry) => {
    const text = log(entry)
    expect(text).not.toBe('')
    expect(findShown(text)).toEqual([])
  })

  it('of what redactMedia made of a reference, a job and media that is unavailable', () => {
    for (const media of [reference, job, unavailable]) expect(findShown(log(redactMedia(media)))).toEqual([])
  })

  it('that hides no reference and no job: these stay plain for queues', () => {
    const text = way === 'a template' ? JSON.stringify(job) : log(job)
    expect(findShown(text)).toContain(PERSONAL.from)
  })
})

describe('redactMedia', () => {
  const shown = {
    ...{ mediaId: whole.mediaId, mediaType: 'document', timestamp: whole.timestamp, receivedAt: whole.receivedAt },
    ...{ phoneNumberId: whole.phoneNumberId, direction: 'inbound', origin: 'message' },
    messageIdHash: hashMessageId(PERSONAL.messageId),
  }

  it('keeps ids, kinds, times and the hash of the message id', () => {
    expect(redactMedia(reference)).toEqual(shown)
    expect(redactMedia(job)).toEqual({ accountId: 'acme', media: shown })
    expect(redactMedia({ ...reference, unknownType: 'video_note' })).toEqual({ ...shown, unknownType: 'video_note' })
  })

  it.each([[undefined], [null], [7], ['text'], [[]], [{}]])('makes an empty object of %j', (given) => {
    expect(redactMedia(given as never)).toEqual({})
  })

  it('describes what has another form than it should', () => {
    const odd = { mediaId: PERSONAL.messageId, mediaType: PERSONAL.from, timestamp: PERSONAL.from, messageId: 7 }
    const text = JSON.stringify(redactMedia({ accountId: PERSONAL.filename, media: { ...odd, origin: {} } } as never))
    expect(findShown(text)).toEqual([])
    expect(text).toContain('a string of 11 characters')
    expect(text).toContain('a value of type number')
  })
})

describe('MEDIA_REDACT_PATHS', () => {
  it.each<[string, unknown]>([
    ['a reference', reference],
    ['a reference in a field', { media: reference }],
    ['a reference in another field', { item: reference }],
    ['what extractMedia found', { media: [reference, reference], unavailable: [unavailable], revoked: [] }],
    ['a job', job],
    ['a job in a field', { job }],
    ['a list of jobs', { jobs: [job, job] }],
  ])('hide the personal fields of %s from pino', (_name, entry) => {
    const lines: string[] = []
    pino({ redact: [...MEDIA_REDACT_PATHS] }, { write: (line: string) => lines.push(line) }).info(entry)
    expect(findShown(lines.join(''))).toEqual([])
    expect(lines.join('')).toContain(whole.phoneNumberId)
  })

  it('have one wildcard at most: older versions of pino take no more', () => {
    for (const path of MEDIA_REDACT_PATHS) expect(path.split('*').length).toBeLessThanOrEqual(2)
  })
})
