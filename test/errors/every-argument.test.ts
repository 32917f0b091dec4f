import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import * as errors from '../../src/errors.js'

type Classes = Omit<typeof errors, 'WhatsAppMediaError'>
type KeysOfAny<Union> = Union extends unknown ? keyof Union : never
type Details<Name extends keyof Classes> = ConstructorParameters<Classes[Name]>[0]

const KEY = 'whatsapp-media/acme/2026-11-22/image/12345678-9012-5345-9678-901234567890.jpg'
const HASH = '1234567890'.repeat(6).concat('abcd')

/** Every argument of every class, each valid and of a form that may show. A class or an argument left out is a type error. */
const ARGUMENTS: { [Name in keyof Classes]: Record<KeysOfAny<Details<Name>>, unknown> } = {
  InvalidOptionError: {
    option: 'cloudApi.baseUrl',
    problem: "must be a whole number of seconds from 1 to 2147483647, got '106540352242922'",
    isUnknown: false,
  },
  InvalidSignatureError: { reason: 'body-re-encoded', form: 'base64: a gateway has encoded it, and its flag was lost' },
  PayloadTooLargeError: { limitBytes: 10_737_418_240 },
  MemoryLimitError: { limitBytes: 67_108_864 },
  AccessTokenError: {
    ...{ reason: 'rejected', account: 'acme', status: 401, graphCode: 190, cause: new Error('refused') },
    problem: 'what was given starts with Bearer; give the token alone',
  },
  UnknownNumberError: { phoneNumberId: '106540352242922' },
  GraphApiError: {
    ...{ status: 400, retryable: true, graphCode: 100, subcode: 2_494_055, fbtraceId: 'AbCdEf-12_Gh' },
    ...{ retryAfterMs: 86_400_000, text: 'no such field', cause: new TypeError('odd') },
  },
  MediaGoneError: {
    ...{ mediaId: '1013859600285441', status: 400, graphCode: 100, subcode: 33, fbtraceId: 'AbCdEf' },
    host: 'mmg.whatsapp.net',
  },
  DownloadFailedError: {
    ...{ host: 'scontent-fra3-1.xx.fbcdn.net:8443', problem: 'it has 10737418240 bytes', retryable: true },
    ...{ status: 500, retryAfterMs: 86_400_000, cause: new Error('reset') },
  },
  HostRefusedError: { host: 'evil.example', problem: 'https://evil.example is not among cloudApi.mediaHosts' },
  SizeLimitError: { limitBytes: 10_737_418_240, bytes: 10_737_418_241 },
  DecryptionFailedError: { mediaId: '1013859600285441', problem: 'its HMAC is another than its keys make' },
  IntegrityMismatchError: {
    ...{ problem: `The SHA-256 is ${HASH}`, expectedSize: 10_737_418_240, observedSize: 10_737_418_241 },
    ...{ expectedSha256: HASH, observedSha256: HASH, cause: new Error('BadDigest') },
  },
  StorageFailedError: {
    ...{ operation: 'put', key: KEY, reason: 'NoSuchBucket', retryable: false, status: 404, retryAfterMs: 1_000 },
    ...{ bucket: 'media-123456789012', region: 'eu-west-1', advice: 'Create it', cause: new Error('gone') },
  },
  KeyConflictError: { key: KEY, expectedSize: 1, foundSize: 2, expectedSha256: HASH, foundSha256: HASH },
  WrongAccountError: { accountId: 'acme' },
  CallbackFailedError: { callback: 'onArchived', cause: new errors.WrongAccountError({ accountId: 'acme' }) },
  QueueFullError: { limit: 10_000, problem: 'holds 12345678 jobs' },
  QueueFailedError: {
    ...{ operation: 'enqueue', reason: 'AWS.SimpleQueueService.NonExistentQueue', retryable: true },
    ...{ failed: 2, total: 3, advice: 'Create the queue', cause: new Error('reset') },
  },
  JobTooLargeError: { jobs: 2, bytes: 300_000, limitBytes: 262_144 },
  MediaUnavailableError: { reason: 'unsupported on 2026-11-22T08:00:00.000Z', errorCode: 131_052 },
  OutboundLimitError: { kind: 'image', limitBytes: 5_242_880, bytes: 5_242_881, wayOut: 'send it as a document' },
  OutboundTypeError: {
    ...{ kind: 'audio', mimeType: 'audio/ogg', problem: 'it holds no Opus', wayOut: 'send it as a document' },
  },
  StreamSpentError: { cause: new Error('reset') },
  MediaIdsFailedError: { operation: 'get', reason: 'ECONNREFUSED', cause: new Error('reset') },
  SendOutcomeUnknownError: { phoneNumberId: '106540352242922', mediaId: '1234567890123456', cause: new Error('reset') },
  GraphUnreachableError: { host: 'graph.facebook.com', problem: 'no answer', cause: new Error('reset') },
  TimeoutError: {
    ...{ waitedFor: 'callback', callback: 'accessToken', limitMs: 2_147_483_647 },
    ...{ work: 'jobs in the queue: 2, the first until 2026-11-22T08:00:00.000Z', cause: new Error('reset') },
  },
}

const CASES = Object.entries(ARGUMENTS).flatMap(([name, details]) =>
  Object.keys(details).map((argument) => [name as keyof Classes, argument] as const),
)

const { WhatsAppMediaError: _base, ...CLASSES } = errors

/** Made as JavaScript may make it, with anything in place of an argument. */
function make(name: keyof Classes, replaced: Record<string, unknown> = {}): errors.AnyWhatsAppMediaError {
  return Reflect.construct(CLASSES[name], [{ ...ARGUMENTS[name], ...replaced }])
}

const TOKEN = `EAA${'Gm0PX4ZCpsBA'.repeat(4)}`
const PHONE = '12025550143'
const MESSAGE_ID = 'wamid.HBgLMTIwMjU1NTAxNDMVAgASGBQzQTdCRDY='

interface Canary {
  name: string
  value: unknown
  /** What must not show of it. */
  secrets: readonly string[]
}

const escapeAll = (text: string, write: (code: string) => string): string =>
  [...text].map((letter) => write(letter.charCodeAt(0).toString(16).padStart(2, '0'))).join('')

const TOKENS: readonly Canary[] = [
  ...[TOKEN, `x_${TOKEN}_y`, `Bearer ${TOKEN}`, `{"access_token":"${TOKEN}"}`, `refused ${TOKEN}.`],
  ...[escapeAll(TOKEN, (code) => `%${code}`), escapeAll(TOKEN, (code) => `\\u00${code}`), `a/${TOKEN}/b`],
].map((value) => ({ name: `a token in ${value.slice(0, 24)}`, value, secrets: [TOKEN.slice(3, 21), value] }))

const PHONES: readonly Canary[] = [
  ...[PHONE, `+${PHONE}`, '+1 202 555 0143', '1-202-555-0143', '+1 (202) 555-0143', `wa_${PHONE}@c.us`, `a/${PHONE}/b`],
  ...[escapeAll(PHONE, (code) => `%${code}`), `to-${PHONE}`],
].map((value) => ({ name: `a phone number as ${value}`, value, secrets: [PHONE, '555-0143', '555 0143', value] }))

const QUERY = 'X-Amz-Signature=5ecret0a1b2c3d4e5f'
const OTHERS: readonly Canary[] = [
  ...[`https://media.example/k?${QUERY}`, `https:\\/\\/lookaside.fbsbx.com\\/?mid=1&hash=5ecret0a1b2c3d4e5f`],
  ...[`%3Fhash%3D5ecret0a1b2c3d4e5f`, `https://user:5ecret0a1b2c3d4e5f@proxy.example/`, `k?${QUERY}`],
]
  .map((value): Canary => ({ name: `a signed query in ${value}`, value, secrets: ['5ecret0a1b2c3d4e5f'] }))
  .concat(
    [MESSAGE_ID, MESSAGE_ID.slice(6), `re ${MESSAGE_ID}`].map((value) => ({
      name: `a message id as ${value}`,
      value,
      secrets: [MESSAGE_ID.slice(6, 24)],
    })),
    [{ token: TOKEN }, [TOKEN], Symbol(TOKEN), () => TOKEN, new Map([[PHONE, TOKEN]])].map((value) => ({
      name: `a secret in a ${typeof value}`,
      value,
      secrets: [TOKEN, PHONE],
    })),
  )

const FILE_NAMES: readonly Canary[] = [
  ...['Payslip-Quimby.pdf', 'no such file: Quimby.PDF', "open '/tmp/Payslip Quimby.pdf'", '"Payslip of Quimby.docx"'],
  ...['Payslip%20Quimby.pdf', 'https://media.example/Quimby.jpg'],
].map((value) => ({ name: `a file name in ${value}`, value, secrets: ['Quimby'] }))

/** A key is the app's own and is what one looks for in the bucket: its last segment may end as a file's name does. */
function canariesFor(argument: string): readonly Canary[] {
  if (argument === 'cause') return CAUSES
  return [...TOKENS, ...PHONES, ...OTHERS, ...(argument === 'key' ? [] : FILE_NAMES)]
}

const CAUSES: readonly Canary[] = [...TOKENS, ...PHONES, ...OTHERS, ...FILE_NAMES].flatMap(
  ({ name, value, secrets }) => [
    { name, value, secrets },
    ...(typeof value !== 'string'
      ? []
      : [
          { name: `the message of an error, ${name}`, value: new Error(value), secrets },
          {
            name: `name and code, ${name}`,
            value: Object.assign(new Error('x'), { name: value, code: value }),
            secrets,
          },
          { name: `the cause's cause, ${name}`, value: new Error('x', { cause: new Error(value) }), secrets },
          { name: `one of many errors, ${name}`, value: new AggregateError([new Error(value)], value), secrets },
          { name: `a request, ${name}`, value: Object.assign(new Error('x'), { request: { body: value } }), secrets },
          {
            name: `the cause of an own error, ${name}`,
            value: new errors.DownloadFailedError({ host: 'h', problem: value, cause: new Error(value) }),
            secrets,
          },
        ]),
  ],
)

/** Every way in which errors come into logs. */
function show(error: Error): string {
  const walked: unknown[] = []
  for (const name in error) walked.push(name, Reflect.get(error, name))
  const deeply = { depth: null, showHidden: true, getters: true } as const
  return [
    ...[error.message, String(error), error.stack, JSON.stringify(error), JSON.stringify({ ...error })],
    ...[inspect(error, deeply), inspect(Object.entries(error), deeply), inspect(walked, deeply)],
    ...[inspect(structuredClone(error), deeply), inspect(error.cause, deeply)],
    JSON.stringify(error, Object.getOwnPropertyNames(error)),
  ].join('\n')
}

describe.each(CASES)('%s, whatever its %s is', (name, argument) => {
  it('shows no token, signed query, phone number, message id and file name', () => {
    const seen = canariesFor(argument).flatMap((canary) => {
      const shown = show(make(name, { [argument]: canary.value }))
      return canary.secrets.some((secret) => shown.includes(secret)) ? [`${canary.name}: ${shown.slice(0, 300)}`] : []
    })
    expect(seen).toEqual([])
  })
})

describe.each(Object.keys(ARGUMENTS) as (keyof Classes)[])('%s', (name) => {
  it('keeps ids, keys, hosts, hashes, times, counts and limits as they are', () => {
    const error = make(name)
    const unlike = Object.entries(ARGUMENTS[name]).filter(([argument, value]) => {
      const isField = Object.hasOwn(error, argument) && argument !== 'cause'
      return isField
        ? Reflect.get(error, argument) !== value
        : typeof value === 'string' && !error.message.includes(value)
    })
    expect(unlike).toEqual([])
    expect(error.message).not.toContain('undefined')
  })

  it('has the name of its code', () => {
    const words = make(name).code.split('-')
    expect(`${words.map((word) => word[0]?.toUpperCase() + word.slice(1)).join('')}Error`).toBe(name)
  })
})

it.each(['graphCode', 'subcode'] as const)('a %s that is longer than any of Meta’s is left out', (code) => {
  const shown = show(new errors.GraphApiError({ status: 400, retryable: false, [code]: Number(PHONE) }))
  expect(shown).not.toContain(PHONE)
})

it('an errorCode that is longer than any of Meta’s is left out', () => {
  expect(show(new errors.MediaUnavailableError({ reason: 'x', errorCode: Number(PHONE) }))).not.toContain(PHONE)
})
