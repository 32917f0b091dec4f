import { getEventListeners } from 'node:events'
import { Readable } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { ArchivedMessageMedia } from '../../src/archive.js'
import { InvalidOptionError, MediaGoneError, StorageFailedError, TimeoutError } from '../../src/errors.js'
import type { MediaEvent } from '../../src/events.js'
import type { HttpClient } from '../../src/http.js'
import { type CallbackOptions, createCallbacks } from '../../src/media-archive/callbacks.js'
import type { MediaFailure } from '../../src/media-archive/media-failure.js'
import { createJobRunner } from '../../src/media-archive/run-job.js'
import type { MediaReference } from '../../src/media-reference.js'
import type { JobContext, JobOutcome, MediaJob, ProcessJob } from '../../src/queues.js'
import { createMemoryStorage } from '../../src/storage/memory.js'

const DAY_MS = 86_400_000

const reference = (more: object = {}): MediaReference => ({
  mediaId: '1013859600285441',
  mediaType: 'image',
  mimeType: 'image/jpeg',
  messageId: 'wamid.A',
  timestamp: new Date().toISOString(),
  receivedAt: new Date().toISOString(),
  phoneNumberId: '106540352242922',
  businessAccountId: '102290129340398',
  direction: 'inbound',
  origin: 'message',
  ...more,
})
const jobOf = (more: object = {}): MediaJob => ({ version: 1, accountId: 'pixels', media: reference(), ...more })
const old = (): MediaJob => jobOf({ media: reference({ timestamp: new Date(Date.now() - 9 * DAY_MS).toISOString() }) })

let events: MediaEvent[]
let failed: MediaFailure[]
let archived: ArchivedMessageMedia[]

beforeEach(() => {
  events = []
  failed = []
  archived = []
})
afterEach(() => {
  vi.useRealTimers()
})

const never = (): Promise<never> => new Promise(() => {})
const throwing = (error: unknown) => (): never => {
  throw error
}

interface Functions extends Partial<CallbackOptions> {
  /** What archiving does, once account and place are known. */
  transfer?: (signal: AbortSignal) => unknown
}

const create = ({ transfer = () => {}, ...functions }: Functions = {}): ProcessJob => {
  const callbacks = createCallbacks({
    accounts: () => ({ accountId: 'pixels', accessToken: 'of-a-test' }),
    storage: createMemoryStorage(),
    onArchived: (media) => archived.push(media),
    onFailed: (failure) => failed.push(failure),
    ...functions,
  })
  return createJobRunner({
    callbacks,
    maxGonePerHour: Number.POSITIVE_INFINITY,
    attempts: 1,
    onEvent: (event) => events.push(event),
    async archiveForAccount(accountId, _account, { media, signal, made = { attempts: 0 } }) {
      await callbacks.findPlace(accountId, signal)
      made.attempts++
      await transfer(signal)
      return { accountId, mediaId: media.mediaId } as ArchivedMessageMedia
    },
  })
}

const run = (process: ProcessJob, context: Partial<JobContext> = {}, job = jobOf()): Promise<JobOutcome> =>
  process(job, { attempt: 1, ...context })

const FUNCTIONS = ['accounts', 'storage', 'prefix', 'onArchived', 'onFailed'] as const
/** Media that can't be archived, so that `onFailed` is asked. */
const failing = (callback: string): Functions =>
  callback === 'onFailed' ? { transfer: throwing(new InvalidOptionError({ option: 'size', problem: 'is odd' })) } : {}

describe('processJob', () => {
  it('reports in an event which callback threw, without its words', async () => {
    const thrown = Object.assign(new Error('no row for Jane'), { code: 'ECONNREFUSED' })
    const process = create({ accounts: throwing(thrown) })
    expect(await run(process, { attempt: 3 })).toMatchObject({ outcome: 'retry', error: thrown })
    expect(events).toMatchObject([
      {
        ...{ type: 'callback-failed', callback: 'accounts', jobAttempt: 3, mediaId: '1013859600285441' },
        ...{ error: { name: 'Error', message: 'ECONNREFUSED', code: 'ECONNREFUSED' }, retryInMs: expect.any(Number) },
      },
      { type: 'job-retry', error: { message: 'ECONNREFUSED' }, jobAttempt: 3 },
    ])
    const own = new StorageFailedError({ operation: 'head', key: 'k', reason: 'AccessDenied', retryable: false })
    await run(create({ storage: throwing(own) }))
    expect(events[2]).toMatchObject({ type: 'callback-failed', callback: 'storage', error: own })
  })

  it.each([undefined, Number.NaN, 0, -1, 1.5, '2'])('takes an attempt of %s for the first', async (attempt) => {
    const fault = new StorageFailedError({ operation: 'put', key: 'k', reason: 'ECONNRESET', retryable: true })
    const outcome = await run(create({ transfer: throwing(fault) }), { attempt: attempt as number })
    expect(outcome).toMatchObject({ outcome: 'retry', isAttempt: true })
    expect((outcome as { afterSeconds: number }).afterSeconds).toBeLessThanOrEqual(5)
  })

  it('has all the time there is where the worker’s deadline is no time', async () => {
    expect(await run(create(), { deadline: new Date(Number.NaN) })).toEqual({ outcome: 'done' })
  })
})

describe('processJob, at a rate limit', () => {
  it('rests the account whose usage Meta reports as nearly full, and no other', async () => {
    const headers = { 'x-app-usage': '{"call_count":95,"total_time":20,"total_cputime":20}' }
    const http: HttpClient = async () => ({ status: 200, headers, body: Readable.from([]) })
    const process = createJobRunner({
      callbacks: createCallbacks({
        accounts: () => ({ accountId: 'pixels', accessToken: 'of-a-test' }),
        storage: createMemoryStorage(),
      }),
      maxGonePerHour: Number.POSITIVE_INFINITY,
      attempts: 1,
      onEvent: (event) => events.push(event),
      async archiveForAccount(accountId, _account, { media, signal, watch }) {
        await watch?.(http)({ method: 'GET', url: 'https://graph.facebook.com/1', headers: {}, signal })
        return { accountId, mediaId: media.mediaId } as ArchivedMessageMedia
      },
    })
    expect(await run(process)).toEqual({ outcome: 'done' })
    expect(events).toEqual([{ type: 'account-paused', accountId: 'pixels', forSeconds: 60, reason: 'rate-limit' }])
    expect(await run(process)).toMatchObject({ outcome: 'retry', isAttempt: false, error: { code: 'graph-api' } })
    expect(await run(process, {}, jobOf({ accountId: 'acme' }))).toEqual({ outcome: 'done' })
  })
})

describe('processJob, when a callback hangs', () => {
  it.each(FUNCTIONS)('%s: comes back at once, and counts no attempt, when its worker is stopped', async (callback) => {
    const controller = new AbortController()
    const hang = vi.fn(never)
    const going = run(create({ ...failing(callback), [callback]: hang }), { signal: controller.signal })
    await vi.waitFor(() => expect(hang).toHaveBeenCalledTimes(1))
    const reason = new Error('the worker leaves')
    controller.abort(reason)
    expect(await going).toMatchObject({ outcome: 'retry', afterSeconds: 0, isAttempt: false, error: reason })
    expect(getEventListeners(controller.signal, 'abort')).toEqual([])
    expect(failed).toEqual([])
  })

  it.each(FUNCTIONS)('%s: counts the attempt at the worker’s deadline', async (callback) => {
    const process = create({ ...failing(callback), [callback]: never })
    const outcome = await run(process, { deadline: new Date(Date.now() + 20), attempt: 2 })
    expect(outcome).toMatchObject({
      ...{ outcome: 'retry', isAttempt: true },
      error: { code: 'timeout', waitedFor: 'total' },
    })
    expect((outcome as { afterSeconds: number }).afterSeconds).toBeGreaterThanOrEqual(5)
    expect(failed).toEqual([])
  })

  it.each(FUNCTIONS)(
    '%s: counts the attempt after callbackTimeoutMs, with neither signal nor deadline',
    async (callback) => {
      const process = create({ ...failing(callback), [callback]: never, callbackTimeoutMs: 5 })
      expect(await run(process)).toMatchObject({
        ...{ outcome: 'retry', isAttempt: true },
        error: { code: 'timeout', waitedFor: 'callback', limitMs: 5, callback },
      })
      expect(failed).toEqual([])
    },
  )

  it('reports stored media again, when onArchived hung the first time', async () => {
    const onArchived = vi.fn().mockImplementationOnce(never).mockResolvedValueOnce(undefined)
    const transfer = vi.fn()
    const process = create({ onArchived, transfer, callbackTimeoutMs: 5 })
    expect(await run(process)).toMatchObject({ outcome: 'retry', isAttempt: true })
    expect(await run(process, { attempt: 2 })).toEqual({ outcome: 'done' })
    expect(onArchived).toHaveBeenCalledTimes(2)
    expect(transfer).toHaveBeenCalledTimes(2)
  })

  it('gives up what hangs each time, a day after the media died, and says what hung', async () => {
    const process = create({ onArchived: never, callbackTimeoutMs: 5 })
    expect(await run(process, { attempt: 9 }, old())).toMatchObject({ outcome: 'retry' })
    expect(await run(process, { attempt: 10 }, old())).toMatchObject({
      outcome: 'dead-letter',
      error: {
        code: 'callback-failed',
        callback: 'onArchived',
        cause: { message: 'onArchived did not end within 5 ms' },
      },
    })
    expect(failed).toMatchObject([{ error: { code: 'callback-failed' } }])
  })

  it('makes no dead letter of a job whose worker is stopped while onFailed hears of another’s end', async () => {
    const controller = new AbortController()
    const onFailed = vi.fn(never)
    const process = create({ onArchived: throwing(new Error('down')), onFailed })
    const going = run(process, { attempt: 10, signal: controller.signal }, old())
    await vi.waitFor(() => expect(onFailed).toHaveBeenCalledTimes(1))
    controller.abort(new Error('the worker leaves'))
    expect(await going).toMatchObject({ outcome: 'retry', afterSeconds: 0, isAttempt: false })
  })

  it('still reports what ended at the worker’s deadline', async () => {
    const deadline = new Date(Date.now() - 1)
    const atDeadline = (signal: AbortSignal): Promise<never> =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason))
      })
    const told = vi.fn((failure: MediaFailure) => new Promise((resolve) => setImmediate(resolve, failure)))
    const outcome = await run(create({ transfer: atDeadline, onFailed: told }), { deadline }, old())
    expect(outcome).toMatchObject({ outcome: 'dead-letter', error: { code: 'timeout' } })
    expect(told).toHaveBeenCalledTimes(1)
    expect(await run(create(), { deadline: new Date(Date.now() + 60_000) })).toEqual({ outcome: 'done' })
  })
})

describe('processJob, when a callback throws an error of this library', () => {
  it.each(
    FUNCTIONS.flatMap((callback) =>
      [
        new InvalidOptionError({ option: 'key', problem: 'is not theirs' }),
        new StorageFailedError({ operation: 'put', key: 'k', reason: 'AccessDenied', retryable: false }),
        new MediaGoneError({ mediaId: '1', status: 400 }),
      ].map((error) => [callback, error.code, error] as const),
    ),
  )('%s: keeps the job, whatever %s says', async (callback, _code, error) => {
    const process = create({ ...failing(callback), [callback]: throwing(error) })
    const outcome = await run(process)
    expect(outcome).toMatchObject({ outcome: 'retry', isAttempt: true, job: jobOf({ media: expect.anything() }) })
    expect('error' in outcome && outcome.error).toBe(error)
    expect(outcome).not.toHaveProperty('job.faults')
    expect(failed).toEqual([])
    expect(await run(process, { attempt: 10 }, old())).toMatchObject({
      outcome: 'dead-letter',
      error: { code: 'callback-failed', callback },
    })
  })

  it('takes what the archive itself throws for what it is', async () => {
    expect(await run(create({ accounts: () => undefined }))).toMatchObject({
      outcome: 'dead-letter',
      error: { code: 'unknown-number' },
    })
    expect(
      await run(create({ transfer: throwing(new InvalidOptionError({ option: 'size', problem: 'is odd' })) })),
    ).toMatchObject({
      outcome: 'dead-letter',
      error: { option: 'size' },
    })
    expect(await run(create({ transfer: throwing(new RangeError('of a key layout')) }))).toMatchObject({
      outcome: 'retry',
      error: { message: 'of a key layout' },
    })
  })
})

describe('processJob, with a job that can’t be read', () => {
  const broken = (more: object): MediaJob => jobOf({ media: reference(more) })

  it.each<[string, unknown, string]>([
    ['null', null, 'job.version'],
    ['a text', 'job', 'job.version'],
    ['a list', [], 'job.version'],
    ['of another version', jobOf({ version: 2 }), 'job.version'],
    ['without account', jobOf({ accountId: undefined }), 'job.accountId'],
    ['with an account in its place', jobOf({ accountId: { accountId: 'pixels' } }), 'job.accountId'],
    ['without media', jobOf({ media: undefined }), 'job.media'],
    ['with media null', jobOf({ media: null }), 'job.media'],
    ['with a list of media', jobOf({ media: [reference()] }), 'job.media'],
    ['with a text for media', jobOf({ media: 'wamid.A' }), 'job.media'],
    ['without message id', broken({ messageId: undefined }), 'job.media.messageId'],
    ['with a message id in place of the media id', broken({ mediaId: 'wamid.B' }), 'job.media.mediaId'],
    ['with a number for media id', broken({ mediaId: 7 }), 'job.media.mediaId'],
    ['with a file name null', broken({ filename: null }), 'job.media.filename'],
    ['with a time without zone', broken({ timestamp: '2026-11-22T10:00:00' }), 'job.media.timestamp'],
  ])('%s: calls onFailed once, and names the field', async (_name, job, option) => {
    const accounts = vi.fn()
    const outcome = await run(create({ accounts }), {}, job as MediaJob)
    expect(outcome).toMatchObject({ outcome: 'dead-letter', error: { code: 'invalid-option', option } })
    expect(outcome).not.toHaveProperty('job.media.downloadUrl')
    expect(failed).toHaveLength(1)
    const { media, error } = failed[0] as MediaFailure
    expect([typeof media.messageId, typeof media.mediaId]).toEqual(['string', 'string'])
    expect(error).toBe('error' in outcome ? outcome.error : undefined)
    expect(JSON.stringify([failed, events])).not.toContain('wamid')
    expect(events).toMatchObject([{ type: 'dead-letter' }])
    expect(accounts).not.toHaveBeenCalled()
  })

  it('names its valid fields, and keeps its download URL from everybody', async () => {
    const job = broken({ origin: null, downloadUrl: 'https://lookaside.fbsbx.com/x', downloadUrlExpiresAt: 'soon' })
    expect(await run(create(), {}, job)).not.toHaveProperty('job.media.downloadUrl')
    expect(failed).toMatchObject([{ accountId: 'pixels', media: { messageId: 'wamid.A', mediaId: job.media.mediaId } }])
    expect(failed[0]?.media).not.toHaveProperty('downloadUrl')
    expect(failed[0]?.media).not.toHaveProperty('origin')
    expect(events).toMatchObject([{ type: 'dead-letter', accountId: 'pixels', mediaId: job.media.mediaId }])
  })

  it('comes again ten times at most, while onFailed throws', async () => {
    const down = new Error('the database is down')
    for (const job of [null, jobOf({ media: null }), broken({ messageId: 7 })]) {
      const process = create({ onFailed: throwing(down) })
      for (const attempt of [1, 9]) {
        expect(await run(process, { attempt }, job as MediaJob)).toMatchObject({
          ...{ outcome: 'retry', isAttempt: true, error: down, until: expect.stringMatching(/^\d{4}-.*Z$/) },
        })
      }
      expect(await run(process, { attempt: 10 }, job as MediaJob)).toMatchObject({
        outcome: 'dead-letter',
        error: { code: 'callback-failed', callback: 'onFailed' },
      })
    }
  })

  it('comes back at once when its worker is stopped', async () => {
    const controller = new AbortController()
    const going = run(create({ onFailed: never }), { signal: controller.signal }, jobOf({ media: null }))
    controller.abort(new Error('the worker leaves'))
    expect(await going).toMatchObject({ outcome: 'retry', afterSeconds: 0, isAttempt: false })
  })
})

describe('processJob, with faults that nobody counted', () => {
  const gone = new MediaGoneError({ mediaId: '1', status: 400 })

  it.each([
    ['a text', { 'media-gone': 'x' }],
    ['null inside', { 'media-gone': null }],
    ['a list inside', { 'media-gone': [1] }],
    ['below nothing', { 'media-gone': -5 }],
    ['a fraction', { 'media-gone': 0.5 }],
    ['beyond all numbers', { 'media-gone': 1e308 }],
    ['no number', { 'media-gone': Number.NaN }],
    ['of another name', { other: 1, constructor: 1 }],
    ['null', null],
    ['a list', [1]],
    ['a text for all', 'media-gone'],
  ])('%s: counts from one, and gives up in time', async (_name, faults) => {
    const process = create({ transfer: throwing(gone) })
    const first = await run(process, {}, jobOf({ faults }))
    expect(first).toMatchObject({ outcome: 'retry', job: { faults: { 'media-gone': 1 } } })
    expect('job' in first && Object.keys(first.job.faults ?? {})).toEqual(['media-gone'])
    expect((first as { afterSeconds: number }).afterSeconds).toBeGreaterThanOrEqual(150)
    const second = await run(process, { attempt: 2 }, (first as { job: MediaJob }).job)
    expect(second).toMatchObject({ outcome: 'dead-letter', error: { code: 'media-gone' } })
  })

  it('keeps what was counted, and the job as it is', async () => {
    const job = jobOf({ faults: { 'integrity-mismatch': 2, 'media-gone': 1 } })
    const outcome = await run(
      create({ transfer: throwing(new TimeoutError({ waitedFor: 'store', limitMs: 1 })) }),
      {},
      job,
    )
    expect(JSON.stringify((outcome as { job: MediaJob }).job)).toBe(JSON.stringify(job))
    expect(await run(create({ transfer: throwing(gone) }), {}, job)).toMatchObject({ outcome: 'dead-letter' })
  })
})
