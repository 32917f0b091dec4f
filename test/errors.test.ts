import { readFileSync } from 'node:fs'
import { inspect } from 'node:util'
import { runInNewContext } from 'node:vm'
import { describe, expect, it, vi } from 'vitest'
import { cleanThrown, reduceToName } from '../src/errors/thrown.js'
import * as errors from '../src/errors.js'
import {
  AccessTokenError,
  CallbackFailedError,
  DecryptionFailedError,
  DownloadFailedError,
  GraphApiError,
  GraphUnreachableError,
  HostRefusedError,
  IntegrityMismatchError,
  InvalidOptionError,
  InvalidSignatureError,
  JobTooLargeError,
  KeyConflictError,
  MediaGoneError,
  MediaIdsFailedError,
  MediaUnavailableError,
  MemoryLimitError,
  OutboundLimitError,
  OutboundTypeError,
  PayloadTooLargeError,
  QueueFailedError,
  QueueFullError,
  SendOutcomeUnknownError,
  SizeLimitError,
  StorageFailedError,
  StreamSpentError,
  TimeoutError,
  UnknownNumberError,
  WhatsAppMediaError,
  WrongAccountError,
} from '../src/errors.js'

const TOKEN = `EAA${'Gm0PX4ZCpsBA'.repeat(4)}`
const PHONE = '12025550143'
const KEY = 'whatsapp-media/acme/2026-11-22/image/5ef5e495-9ea6-59d7-91c6-d39ba4699239.jpg'
const [HASH, OTHER_HASH] = ['a'.repeat(64), 'b'.repeat(64)]

type Row = readonly [error: WhatsAppMediaError, form: Record<string, unknown>]

/** Each class with all its details and with as few as it takes; `form` is the whole of its JSON. */
const ROWS: readonly Row[] = [
  [
    new InvalidOptionError({ option: 'accountId', problem: "must be safe, got '..'" }),
    {
      ...{ name: 'InvalidOptionError', code: 'invalid-option', retryable: false },
      ...{ message: "accountId must be safe, got '..'", option: 'accountId' },
    },
  ],
  ...(
    [
      ['missing-header', /there is no X-Hub-Signature-256 header/],
      ['malformed-header', /not sha256= and 64 lowercase hex digits/],
      ['body-re-encoded', /give the raw body/],
      ['wrong-secret', /no app secret fits/],
    ] as const
  ).map(
    ([reason, problem]): Row => [
      new InvalidSignatureError({ reason }),
      {
        ...{ name: 'InvalidSignatureError', code: 'invalid-signature', retryable: false, reason },
        message: expect.stringMatching(new RegExp(`^The webhook's signature is refused: .*${problem.source}`)),
      },
    ],
  ),
  [
    new MemoryLimitError({ limitBytes: 67_108_864 }),
    {
      ...{ name: 'MemoryLimitError', code: 'memory-limit', retryable: true, limitBytes: 67_108_864 },
      message: expect.stringMatching(/more than maxUnsignedBytes, 67108864 bytes/),
    },
  ],
  [
    new PayloadTooLargeError({ limitBytes: 4_194_304 }),
    {
      ...{ name: 'PayloadTooLargeError', code: 'payload-too-large', retryable: false },
      ...{ message: "The webhook's body has more than maxBytes, 4194304 bytes", limitBytes: 4_194_304 },
    },
  ],
  [
    new AccessTokenError({ reason: 'missing' }),
    {
      ...{ name: 'AccessTokenError', code: 'access-token', retryable: false, reason: 'missing' },
      message: 'The access token is missing',
    },
  ],
  [
    new AccessTokenError({ reason: 'missing', account: 'acme' }),
    {
      ...{ name: 'AccessTokenError', code: 'access-token', retryable: false, reason: 'missing' },
      message: 'The access token of account acme is missing',
    },
  ],
  [
    new AccessTokenError({ reason: 'rejected' }),
    {
      ...{ name: 'AccessTokenError', code: 'access-token', retryable: true, reason: 'rejected' },
      message: 'Meta rejected the access token',
    },
  ],
  [
    new AccessTokenError({
      reason: 'rejected',
      account: 'acme',
      status: 401,
      graphCode: 190,
      cause: new Error('asked'),
    }),
    {
      ...{ name: 'AccessTokenError', code: 'access-token', retryable: true, reason: 'rejected' },
      ...{ message: 'Meta rejected the access token of account acme (Graph code 190)', status: 401, graphCode: 190 },
      cause: { name: 'Error', message: 'asked' },
    },
  ],
  [
    new AccessTokenError({ reason: 'unavailable', account: 'acme' }),
    {
      ...{ name: 'AccessTokenError', code: 'access-token', retryable: true, reason: 'unavailable' },
      message: 'The function that gives the access token of account acme failed',
    },
  ],
  [
    new CallbackFailedError({
      callback: 'onArchived',
      cause: Object.assign(new Error('no row for Jane'), { code: 'ECONNREFUSED' }),
    }),
    {
      ...{ name: 'CallbackFailedError', code: 'callback-failed', retryable: true },
      ...{ message: 'onArchived failed, and there is no more time to call it again', callback: 'onArchived' },
      cause: { name: 'Error', message: 'ECONNREFUSED' },
    },
  ],
  [
    new QueueFailedError({ operation: 'receive', reason: 'AccessDenied', retryable: false }),
    {
      ...{ name: 'QueueFailedError', code: 'queue-failed', retryable: false },
      ...{ message: 'The queue failed to receive: AccessDenied', operation: 'receive', reason: 'AccessDenied' },
    },
  ],
  [
    new QueueFailedError({
      operation: 'enqueue',
      reason: 'ECONNRESET',
      retryable: true,
      failed: 2,
      total: 3,
      cause: new Error('reset'),
    }),
    {
      ...{ name: 'QueueFailedError', code: 'queue-failed', retryable: true, failed: 2 },
      ...{ message: 'The queue failed to enqueue 2 of 3 jobs: ECONNRESET', operation: 'enqueue', reason: 'ECONNRESET' },
      cause: { name: 'Error', message: 'reset' },
    },
  ],
  [
    new JobTooLargeError({ jobs: 2, bytes: 300_000, limitBytes: 262_144 }),
    {
      ...{ name: 'JobTooLargeError', code: 'job-too-large', retryable: false, jobs: 2 },
      message: '2 jobs are larger than a message may be, 262144 bytes; the largest has 300000',
      ...{ bytes: 300_000, limitBytes: 262_144 },
    },
  ],
  [
    new UnknownNumberError({ phoneNumberId: '106540352242922' }),
    {
      ...{ name: 'UnknownNumberError', code: 'unknown-number', retryable: false },
      message: "No account is configured for phone number id '106540352242922'",
      phoneNumberId: '106540352242922',
    },
  ],
  [
    new GraphApiError({ status: 502, retryable: true }),
    {
      ...{ name: 'GraphApiError', code: 'graph-api', retryable: true, status: 502 },
      message: 'The Graph API answered HTTP 502',
    },
  ],
  [
    new GraphApiError({
      ...{ status: 400, retryable: false, graphCode: 100, subcode: 34, fbtraceId: 'AbC', retryAfterMs: 5 },
      text: 'no such field',
      cause: new TypeError('odd'),
    }),
    {
      ...{ name: 'GraphApiError', code: 'graph-api', retryable: false },
      message: 'The Graph API answered HTTP 400, Graph code 100: no such field',
      ...{ status: 400, graphCode: 100, subcode: 34, fbtraceId: 'AbC', retryAfterMs: 5 },
      cause: { name: 'TypeError', message: 'odd' },
    },
  ],
  [
    new MediaGoneError({ mediaId: '1013859600285441', status: 400 }),
    {
      ...{ name: 'MediaGoneError', code: 'media-gone', retryable: false, status: 400 },
      message: expect.stringMatching(/^Media '1013859600285441' is gone or not readable with this token: expired/),
      mediaId: '1013859600285441',
    },
  ],
  [
    new MediaGoneError({ mediaId: 'x y', status: 400, graphCode: 100, subcode: 33, fbtraceId: 'AbC' }),
    {
      ...{ name: 'MediaGoneError', code: 'media-gone', retryable: false, status: 400 },
      message: expect.stringContaining('Media a string of 3 characters is gone'),
      ...{ mediaId: 'x y', graphCode: 100, subcode: 33, fbtraceId: 'AbC' },
    },
  ],
  [
    new DownloadFailedError({ host: 'lookaside.fbsbx.com', problem: 'no answer' }),
    {
      ...{ name: 'DownloadFailedError', code: 'download-failed', retryable: true },
      ...{ message: 'The request to lookaside.fbsbx.com failed: no answer', host: 'lookaside.fbsbx.com' },
    },
  ],
  [
    new DownloadFailedError({
      ...{ host: 'graph.facebook.com', problem: 'HTTP 418', retryable: false },
      ...{ status: 418, retryAfterMs: 9 },
      cause: Object.assign(new Error('reset'), { code: 'ECONNRESET' }),
    }),
    {
      ...{ name: 'DownloadFailedError', code: 'download-failed', retryable: false },
      message: 'The request to graph.facebook.com failed: HTTP 418',
      ...{ host: 'graph.facebook.com', status: 418, retryAfterMs: 9 },
      cause: { name: 'Error', message: 'reset' },
    },
  ],
  [
    new HostRefusedError({ host: 'evil.example', problem: 'not configured' }),
    {
      ...{ name: 'HostRefusedError', code: 'host-refused', retryable: false },
      ...{ message: 'Refused to ask evil.example: not configured', host: 'evil.example' },
    },
  ],
  [
    new SizeLimitError({ limitBytes: 10, bytes: 11 }),
    {
      ...{ name: 'SizeLimitError', code: 'size-limit', retryable: false, limitBytes: 10, bytes: 11 },
      message: 'The body has 11 bytes or more; maxBytes is 10',
    },
  ],
  [
    new MediaGoneError({ mediaId: '1013859600285441', status: 410, host: 'mmg.whatsapp.net' }),
    {
      ...{ name: 'MediaGoneError', code: 'media-gone', retryable: false, status: 410 },
      ...{ mediaId: '1013859600285441', message: "Media '1013859600285441' is gone from mmg.whatsapp.net" },
    },
  ],
  [
    new DecryptionFailedError({ mediaId: '1013859600285441', problem: 'its padding is none' }),
    {
      ...{ name: 'DecryptionFailedError', code: 'decryption-failed', retryable: false, mediaId: '1013859600285441' },
      message: "Media '1013859600285441' can't be decrypted: its padding is none",
    },
  ],
  [
    new IntegrityMismatchError({ problem: 'A page came' }),
    {
      ...{ name: 'IntegrityMismatchError', code: 'integrity-mismatch', retryable: true },
      message: 'A page came',
    },
  ],
  [
    new IntegrityMismatchError({
      ...{ problem: 'Other bytes', expectedSize: 1, observedSize: 2 },
      ...{ expectedSha256: HASH, observedSha256: OTHER_HASH },
      cause: new Error('BadDigest'),
    }),
    {
      ...{ name: 'IntegrityMismatchError', code: 'integrity-mismatch', retryable: true },
      ...{ message: 'Other bytes', expectedSize: 1, observedSize: 2, expectedSha256: HASH, observedSha256: OTHER_HASH },
      cause: { name: 'Error', message: 'BadDigest' },
    },
  ],
  ...(['put', 'head', 'get', 'delete', 'sign'] as const).map(
    (operation): Row => [
      new StorageFailedError({ operation, key: KEY, reason: 'ECONNRESET', retryable: true }),
      {
        ...{ name: 'StorageFailedError', code: 'storage-failed', retryable: true, operation, key: KEY },
        ...{ message: `The storage failed to ${operation} ${KEY}: ECONNRESET`, reason: 'ECONNRESET' },
      },
    ],
  ),
  [
    new StorageFailedError({
      ...{ operation: 'put', key: KEY, reason: 'NoSuchBucket', retryable: false, status: 404 },
      advice: 'Create the bucket',
      cause: new Error('The specified bucket does not exist'),
    }),
    {
      ...{ name: 'StorageFailedError', code: 'storage-failed', retryable: false },
      ...{ operation: 'put', key: KEY, reason: 'NoSuchBucket', status: 404 },
      message: `The storage failed to put ${KEY}: NoSuchBucket (HTTP 404). Create the bucket`,
      cause: { name: 'Error', message: 'The specified bucket does not exist' },
    },
  ],
  [
    new KeyConflictError({ key: KEY, expectedSize: 1, foundSize: 2, expectedSha256: HASH, foundSha256: undefined }),
    {
      ...{ name: 'KeyConflictError', code: 'key-conflict', retryable: false },
      ...{ key: KEY, expectedSize: 1, foundSize: 2, expectedSha256: HASH },
      message: `${KEY} holds other bytes: expected 1 bytes with SHA-256 ${HASH}, found 2 bytes with no recorded hash`,
    },
  ],
  [
    new KeyConflictError({ key: KEY, expectedSize: 1, foundSize: 1, expectedSha256: HASH, foundSha256: OTHER_HASH }),
    {
      ...{ name: 'KeyConflictError', code: 'key-conflict', retryable: false },
      ...{ key: KEY, expectedSize: 1, foundSize: 1, expectedSha256: HASH, foundSha256: OTHER_HASH },
      message: expect.stringContaining(`found 1 bytes with ${OTHER_HASH}`),
    },
  ],
  [
    new WrongAccountError({ accountId: 'acme' }),
    {
      ...{ name: 'WrongAccountError', code: 'wrong-account', retryable: false, accountId: 'acme' },
      message: "The key does not belong to account 'acme'",
    },
  ],
  [
    new WrongAccountError({ accountId: 'pixels_internal' }),
    {
      ...{ name: 'WrongAccountError', code: 'wrong-account', retryable: false, accountId: 'pixels_internal' },
      message: "The key does not belong to account 'pixels_internal'",
    },
  ],
  [
    new UnknownNumberError({ phoneNumberId: '12025550143' }),
    {
      ...{ name: 'UnknownNumberError', code: 'unknown-number', retryable: false },
      message: 'No account is configured for phone number id a string of 11 characters',
      phoneNumberId: 'a string of 11 characters',
    },
  ],
  [
    new QueueFullError({ limit: 10, problem: 'is full' }),
    {
      ...{ name: 'QueueFullError', code: 'queue-full', retryable: true, limit: 10 },
      message: 'The queue is full',
    },
  ],
  [
    new MediaUnavailableError({ reason: 'too large' }),
    {
      ...{ name: 'MediaUnavailableError', code: 'media-unavailable', retryable: false },
      ...{ message: "The media can't be downloaded: too large", reason: 'too large' },
    },
  ],
  [
    new MediaUnavailableError({ reason: 'download error', errorCode: 131_052 }),
    {
      ...{ name: 'MediaUnavailableError', code: 'media-unavailable', retryable: false },
      message: "The media can't be downloaded: download error (Meta's code 131052)",
      ...{ reason: 'download error', errorCode: 131_052 },
    },
  ],
  ...(
    [
      ['headers', 'No answer came within 7 ms'],
      ['source', 'The source sent nothing within 7 ms'],
      ['store', 'The store took nothing within 7 ms'],
      ['total', 'The transfer did not end within 7 ms'],
      ['body', "The webhook's body did not end within 7 ms"],
    ] as const
  ).map(
    ([waitedFor, message]): Row => [
      new TimeoutError({ waitedFor, limitMs: 7 }),
      { name: 'TimeoutError', code: 'timeout', retryable: true, message, waitedFor, limitMs: 7 },
    ],
  ),
  [
    new TimeoutError({ waitedFor: 'callback', limitMs: 7, callback: 'onFailed' }),
    {
      ...{ name: 'TimeoutError', code: 'timeout', retryable: true, waitedFor: 'callback', limitMs: 7 },
      ...{ message: 'onFailed did not end within 7 ms', callback: 'onFailed' },
    },
  ],
  [
    new OutboundLimitError({ kind: 'image', limitBytes: 5_242_880, bytes: 5_242_881, wayOut: 'make it smaller' }),
    {
      ...{ name: 'OutboundLimitError', code: 'outbound-limit', retryable: false, kind: 'image' },
      ...{ limitBytes: 5_242_880, bytes: 5_242_881 },
      message: "WhatsApp's limit for the media type image is 5242880 bytes, got 5242881 or more; make it smaller",
    },
  ],
  [
    new OutboundTypeError({ kind: 'image', mimeType: 'image/heic', wayOut: 'convert it' }),
    {
      ...{ name: 'OutboundTypeError', code: 'outbound-type', retryable: false, kind: 'image', mimeType: 'image/heic' },
      message: 'WhatsApp takes no image/heic as image; convert it',
    },
  ],
  [
    new OutboundTypeError({ kind: 'image', mimeType: 'image/png', wayOut: 'convert it', problem: 'it has 16 bits' }),
    {
      ...{ name: 'OutboundTypeError', code: 'outbound-type', retryable: false, kind: 'image', mimeType: 'image/png' },
      message: 'WhatsApp takes no image/png as image: it has 16 bits; convert it',
    },
  ],
  [
    new StreamSpentError({ cause: new Error('reset') }),
    {
      ...{ name: 'StreamSpentError', code: 'stream-spent', retryable: false },
      message: 'The upload failed, and its stream can be read only once: open it again, or give a key, bytes or a Blob',
      cause: { name: 'Error', message: 'reset' },
    },
  ],
  [
    new SendOutcomeUnknownError({
      phoneNumberId: '106540352242922',
      mediaId: '1234567890123456',
      cause: new Error('x'),
    }),
    {
      ...{ name: 'SendOutcomeUnknownError', code: 'send-outcome-unknown', retryable: false },
      ...{ phoneNumberId: '106540352242922', mediaId: '1234567890123456', cause: { name: 'Error', message: 'x' } },
      message:
        'The message may be sent or not: Meta got it, and its answer did not come. It was not sent again; its status will tell',
    },
  ],
  [
    new MediaIdsFailedError({ operation: 'set', reason: 'ENOSPC', cause: new Error('disk full') }),
    {
      ...{ name: 'MediaIdsFailedError', code: 'media-ids-failed', retryable: true, operation: 'set', reason: 'ENOSPC' },
      message: 'The cache of media ids failed to set an id: ENOSPC',
      cause: { name: 'Error', message: 'disk full' },
    },
  ],
  [
    new GraphUnreachableError({ host: 'graph.facebook.com', problem: 'the connection broke' }),
    {
      ...{ name: 'GraphUnreachableError', code: 'graph-unreachable', retryable: true, host: 'graph.facebook.com' },
      message: 'The call to graph.facebook.com failed: the connection broke',
    },
  ],
]

describe('every error class', () => {
  it.each(ROWS.map(([error, form]) => [error.name, error.message, error, form] as const))('%s: %s', (...row) => {
    const [name, , error, form] = row
    // Strict: a detail that was not given is absent, not undefined.
    expect(error.toJSON()).toStrictEqual(form)
    expect(JSON.parse(JSON.stringify(error))).toEqual(form)
    expect(error).toMatchObject({ code: form['code'], retryable: form['retryable'] })
    expect(error).toBeInstanceOf(WhatsAppMediaError)
    expect(error).toBeInstanceOf(Error)
    expect(WhatsAppMediaError.is(error)).toBe(true)
    expect(String(error)).toBe(`${name}: ${error.message}`)
    const inspected = inspect(error)
    expect(inspected).toContain(`${name}: ${error.message}`)
    expect(inspected).toContain(`code: '${form['code']}'`)
    expect(inspected).not.toContain('undefined')
  })

  it('is as retryable as its description says', () => {
    const source = readFileSync(new URL('../src/errors.ts', import.meta.url), 'utf8')
    for (const { code } of ROWS.map(([error]) => error)) {
      const [, said] =
        new RegExp(`Retryable: (.*?)\\.(?:(?!Retryable:)[^])*?readonly code = '${code}'`).exec(source) ?? []
      const seen = new Set(ROWS.flatMap(([error]) => (error.code === code ? [error.retryable] : [])))
      const expected = seen.size > 1 ? expect.not.stringMatching(/^(?:yes|no)$/) : seen.has(true) ? 'yes' : 'no'
      expect([code, said]).toEqual([code, expected])
    }
  })

  it('is in the table above, under a code of its own', () => {
    const classes = Object.values(errors).filter(
      (value) => typeof value === 'function' && value.prototype instanceof WhatsAppMediaError,
    )
    const inTable = new Set(ROWS.map(([error]) => error.constructor))
    expect(classes.filter((value) => !inTable.has(value))).toEqual([])
    expect(new Set(ROWS.map(([error]) => error.code)).size).toBe(classes.length)
  })
})

it('details that depend on each other are given together', () => {
  // @ts-expect-error: a callback's deadline names the callback
  expect(new TimeoutError({ waitedFor: 'callback', limitMs: 7 }).waitedFor).toBe('callback')
  // @ts-expect-error: no other deadline does
  expect(new TimeoutError({ waitedFor: 'headers', limitMs: 7, callback: 'prefix' }).waitedFor).toBe('headers')
  const failed = { operation: 'enqueue', reason: 'ECONNRESET', retryable: true } as const
  // @ts-expect-error: a number of failed jobs comes with the number of all
  expect(new QueueFailedError({ ...failed, failed: 2 }).failed).toBe(2)
  // @ts-expect-error: there is no answer of Meta's about a missing token
  expect(new AccessTokenError({ reason: 'missing', status: 401 }).reason).toBe('missing')
})

it('only the details that a class names become properties', () => {
  const details = { reason: 'expired', errorCode: 131_052, filename: 'Payslip.pdf', from: PHONE }
  expect(Object.keys(new MediaUnavailableError(details)).sort()).toEqual([
    ...['code', 'errorCode', 'name', 'reason', 'retryable'],
  ])
})

describe('WhatsAppMediaError.is', () => {
  it('knows errors of another copy of the package, which instanceof does not', async () => {
    vi.resetModules()
    const copy = await import('../src/errors.js')
    const error = new copy.SizeLimitError({ limitBytes: 1, bytes: 2 })
    expect(error).not.toBeInstanceOf(WhatsAppMediaError)
    expect(WhatsAppMediaError.is(error)).toBe(true)
    expect(copy.WhatsAppMediaError.is(new WrongAccountError({ accountId: 'acme' }))).toBe(true)
    // As a cause, too, it is kept whole.
    expect(new DownloadFailedError({ host: 'h', problem: 'p', cause: error }).cause).toBe(error)
  })

  it.each([
    ['an Error', new Error('x')],
    ['an object alike', { ...new WrongAccountError({ accountId: 'acme' }) }],
    ['its JSON', new WrongAccountError({ accountId: 'acme' }).toJSON()],
    ['null', null],
    ['undefined', undefined],
    ['a string', 'WhatsAppMediaError'],
    ['a function', WhatsAppMediaError],
  ])('is false for %s', (_name, value) => {
    expect(WhatsAppMediaError.is(value)).toBe(false)
  })

  it('leaves no trace among the fields', () => {
    const error = new WrongAccountError({ accountId: 'acme' })
    expect(Object.getOwnPropertySymbols({ ...error })).toEqual([])
    expect(Object.keys(error).sort()).toEqual(['accountId', 'code', 'name', 'retryable'])
  })
})

describe('the cause of an error', () => {
  const causeOf = (cause: unknown) => new DownloadFailedError({ host: 'h', problem: 'p', cause }).cause

  it('is absent when there is none', () => {
    expect(new DownloadFailedError({ host: 'h', problem: 'p' })).not.toHaveProperty('cause')
  })

  it("is kept whole when it is one of this library's", () => {
    const cause = new HostRefusedError({ host: 'evil.example', problem: 'not configured' })
    expect(causeOf(cause)).toBe(cause)
  })

  it('keeps name, code and message of a foreign error, and nothing else', () => {
    const url = `https://lookaside.fbsbx.com/x/?mid=1&ext=2&hash=${'k'.repeat(20)}`
    const headers = { authorization: `Bearer ${TOKEN}` }
    const cause = Object.assign(new TypeError(`GET ${url} for ${PHONE} with Bearer ${TOKEN}: reset`), {
      ...{ code: 'ECONNRESET', config: { url, headers }, request: { headers }, filename: 'Payslip Jane.pdf' },
      cause: new Error(`nested ${TOKEN}`),
    })
    const error = new DownloadFailedError({ host: 'h', problem: 'p', cause })
    expect(error.cause).not.toBe(cause)
    expect(error.cause).toMatchObject({
      ...{ name: 'TypeError', code: 'ECONNRESET' },
      message: 'GET https://lookaside.fbsbx.com/x/?[removed] for [number] with Bearer [removed]: reset',
    })
    const shown = [
      ...[JSON.stringify(error), inspect(error, { depth: null, showHidden: true }), String(error.stack)],
      JSON.stringify(error.cause, Object.getOwnPropertyNames(error.cause)),
    ].join('\n')
    for (const secret of [TOKEN, PHONE, 'hash=', 'Payslip', 'nested']) expect(shown).not.toContain(secret)
  })

  it('leaves out a name and a code that are none', () => {
    const cause = causeOf(Object.assign(new Error('refused'), { name: `Error for ${TOKEN}`, code: `E_${TOKEN}` }))
    expect(cause).toMatchObject({ name: 'Error', message: 'refused' })
    expect(cause).not.toHaveProperty('code')
  })

  it('leaves out a code that is no string', () => {
    expect(causeOf(Object.assign(new Error('x'), { code: { token: TOKEN } }))).not.toHaveProperty('code')
  })

  it('copes with an error whose fields are no strings', () => {
    const odd = Object.assign(new Error(), { message: undefined, name: { token: TOKEN } })
    expect(causeOf(odd)).toMatchObject({ message: '', name: 'Error' })
  })

  it.each([
    ['a string', TOKEN, `a string of ${TOKEN.length} characters`],
    ['an object', { token: TOKEN }, 'a value of type object'],
    ['null', null, 'a value of type object'],
    ['a number', 12_025_550_143, 'a value of type number'],
  ])('shows type and length alone for %s', (_name, cause, message) => {
    const { cause: kept } = new DownloadFailedError({ host: 'h', problem: 'p', cause })
    expect(kept).toBeInstanceOf(Error)
    expect(kept).toMatchObject({ message })
  })
})

it('a cause of another realm is one as any other', () => {
  const cause: unknown = runInNewContext("Object.assign(new TypeError('reset'), { code: 'ECONNRESET' })")
  const error = new DownloadFailedError({ host: 'h', problem: 'p', cause })
  expect(error.cause).toMatchObject({ name: 'TypeError', message: 'reset', code: 'ECONNRESET' })
})

it('a cause that throws when it is looked at leaves a clean error', () => {
  const throwing = (target: object): unknown =>
    new Proxy(target, {
      get: () => {
        throw new Error(TOKEN)
      },
      has: () => {
        throw new Error(TOKEN)
      },
    })
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  const circular = new AggregateError([], 'all')
  circular.errors.push(circular)
  circular.cause = circular
  for (const cause of [throwing(new Error(TOKEN)), throwing({}), proxy, Object.create(null), Symbol(TOKEN), circular]) {
    expect(WhatsAppMediaError.is(cause)).toBe(false)
    const error = new DownloadFailedError({ host: 'h', problem: 'p', cause })
    expect(error.cause).toBeInstanceOf(Error)
    expect(`${JSON.stringify(error)} ${inspect(error, { showHidden: true, depth: null })}`).not.toContain(TOKEN)
  }
})

it('hosts that others have named show without what may be a secret', () => {
  const error = new DownloadFailedError({ host: `${TOKEN.toLowerCase()}.fbsbx.com`, problem: 'HTTP 500' })
  expect(error.host).toBe(`[${TOKEN.length} characters].fbsbx.com`)
  expect(error.message).toBe(`The request to [${TOKEN.length} characters].fbsbx.com failed: HTTP 500`)
})

describe('reduceToName', () => {
  it.each([
    [Object.assign(new TypeError('secret'), { code: 'ESEALED' }), 'TypeError', 'ESEALED'],
    [new TypeError('secret'), 'TypeError', 'TypeError'],
    [Object.assign(new Error('secret'), { name: 'my secret', code: 7 }), 'Error', 'Error'],
    ['secret', 'Error', 'a string of 6 characters'],
  ])('of %o says no more than a name', (thrown, name, message) => {
    const named = reduceToName(thrown)
    expect({ name: named.name, message: named.message }).toEqual({ name, message })
    expect(inspect(named, { showHidden: true })).not.toMatch(/(?:my|: ) ?secret/)
  })
})

describe('cleanThrown', () => {
  it('keeps name, message and code of an error, without the secrets', () => {
    const thrown = Object.assign(new Error('no k-0815'), { name: 'k-0815', code: 'k-0815', config: 'k-0815' })
    const clean = cleanThrown(thrown, ['k-0815'])
    expect(clean).toMatchObject({ name: '[removed]', message: 'no [removed]', code: '[removed]' })
    expect(inspect(clean, { showHidden: true })).not.toContain('0815')
  })

  it('keeps what is no error, and errors of this library', () => {
    const own = new InvalidOptionError({ option: 'a', problem: 'b' })
    expect(cleanThrown(own, ['a'])).toBe(own)
    expect(cleanThrown('a', ['a'])).toBe('a')
  })
})
