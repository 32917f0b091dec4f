import { describe, expect, it, vi } from 'vitest'
import type { ArchivedMedia } from '../../src/archive.js'
import { AccessTokenError, QueueFullError, WrongAccountError } from '../../src/errors.js'
import type { Account } from '../../src/media-archive/accounts.js'
import type { MediaArchiveOptions } from '../../src/media-archive.js'
import type { MediaJob } from '../../src/queues.js'
import {
  addAged,
  addFreshPhoto,
  addGoneMedia,
  addPhoto,
  api,
  archived,
  buildAccount,
  buildJob,
  create,
  DAY_MS,
  events,
  failed,
  listTypes,
  OTHER_NUMBER,
  runAgain,
  runJob,
  sha256,
  storage,
  throwing,
  WITHIN_SECONDS,
} from './archive-scene.js'

describe('processJob, what becomes of a job', () => {
  it('archives, tells and is done', async () => {
    expect(await runJob(create(), await addPhoto())).toEqual({ outcome: 'done' })
    expect(archived).toMatchObject([{ sha256, accountId: 'pixels' }])
    expect(listTypes()).toEqual(['archived'])
  })

  it('keeps the account that the job was made for', async () => {
    const archive = create({ accounts: () => buildAccount({ accountId: 'new-owner' }) })
    await runJob(archive, await addPhoto())
    expect(archived).toMatchObject([{ accountId: 'pixels', key: expect.stringContaining('/pixels/') }])
  })

  it('retries after the time that Meta asks for, while the media lives', async () => {
    api.fail({ on: 'look-up', kind: 'status', status: 429, headers: { 'retry-after': '4000' } })
    const reference = await addFreshPhoto()
    vi.spyOn(Math, 'random').mockReturnValue(0)
    expect(await runJob(create(), reference)).toEqual({
      outcome: 'retry',
      job: buildJob(reference),
      afterSeconds: 4_000,
      isAttempt: true,
      until: new Date(Date.parse(reference.timestamp) + 7 * DAY_MS).toISOString(),
      error: expect.objectContaining({ code: 'graph-api', status: 429 }),
    })
    expect(failed).toEqual([])
  })

  it('waits longer with each attempt', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.5)
    api.fail({ on: 'look-up', kind: 'status', status: 503 })
    const archive = create()
    const reference = await addFreshPhoto()
    const delays: unknown[] = []
    for (const attempt of [1, 2, 5, 500]) delays.push(await runJob(archive, reference, attempt))
    expect(delays).toMatchObject([4, 8, 60, 2_700].map((afterSeconds) => ({ outcome: 'retry', afterSeconds })))
  })

  it.each([
    ['media-gone', 2],
    ['integrity-mismatch', 3],
  ])('gives %s up when it has come %d times, however many attempts failed otherwise', async (code, most) => {
    const archive = create()
    const reference = code === 'media-gone' ? await addGoneMedia() : await addFreshPhoto()
    api.fail({ on: 'look-up', kind: 'status', status: 503 })
    let outcome = await runJob(archive, reference, 4)
    expect(outcome).toMatchObject({ outcome: 'retry', error: { code: 'graph-api' } })
    api.clearFaults()
    if (code === 'integrity-mismatch') api.fail({ on: 'download', kind: 'flip-bit' })
    for (let times = 1; times < most; times++) {
      outcome = await runAgain(archive, outcome, 4 + times)
      expect(outcome).toMatchObject({ outcome: 'retry', error: { code }, job: { faults: { [code]: times } } })
      const { afterSeconds } = outcome as { afterSeconds: number }
      expect(afterSeconds).toBeGreaterThanOrEqual(150)
      expect(afterSeconds).toBeLessThanOrEqual(300)
    }
    expect(failed).toEqual([])
    outcome = await runAgain(archive, outcome, 4 + most)
    expect(outcome).toMatchObject({ outcome: 'dead-letter', error: { code } })
    expect(outcome).not.toHaveProperty('job.faults')
    expect(outcome).not.toHaveProperty('job.media.downloadUrl')
    expect(failed).toMatchObject([{ accountId: 'pixels', media: { mediaId: reference.mediaId }, error: { code } }])
    expect(events.at(-1)).toMatchObject({ type: 'dead-letter', mediaId: reference.mediaId, accountId: 'pixels' })
    expect(storage.keys()).toEqual([])
  })

  it('gives up at once what no retry can mend', async () => {
    api.fail({ on: 'look-up', kind: 'status', status: 404 })
    expect(await runJob(create(), await addFreshPhoto())).toMatchObject({
      outcome: 'dead-letter',
      error: { code: 'graph-api', retryable: false },
    })
    expect(failed).toHaveLength(1)
  })

  it('gives up what still fails when Meta has forgotten the media, after a first attempt', async () => {
    api.fail({ on: 'look-up', kind: 'status', status: 503 })
    const archive = create()
    expect(await runJob(archive, await addAged(7 * DAY_MS - 60_000))).toMatchObject({ outcome: 'retry' })
    expect(await runJob(archive, await addAged(7 * DAY_MS + 60_000))).toMatchObject({
      outcome: 'dead-letter',
      error: { code: 'graph-api', retryable: true },
    })
    const brief = create({ accounts: () => buildAccount({ mediaLifetimeMs: 3_600_000 }) })
    expect(await runJob(brief, await addAged(3_660_000))).toMatchObject({ outcome: 'dead-letter' })
    expect(failed).toHaveLength(2)
    api.clearFaults()
    expect(await runJob(archive, await addAged(8 * DAY_MS))).toEqual({ outcome: 'done' })
  })

  it('gives up a job whose number has no account any more', async () => {
    expect(await runJob(create(), await addPhoto({ phoneNumberId: OTHER_NUMBER }))).toMatchObject({
      outcome: 'dead-letter',
      error: { code: 'unknown-number' },
    })
    expect(failed).toMatchObject([{ accountId: 'pixels' }])
  })

  it('keeps a job while accounts throws', async () => {
    const down = new Error('the database is down')
    const before = Date.now()
    const outcome = await runJob(create({ accounts: throwing(down) }), await addPhoto())
    expect(outcome).toMatchObject({ outcome: 'retry', error: down, isAttempt: true })
    const until = outcome.outcome === 'retry' ? Date.parse(outcome.until) : Number.NaN
    expect(until).toBeGreaterThanOrEqual(before + 7 * DAY_MS)
    expect(until).toBeLessThanOrEqual(Date.now() + 7 * DAY_MS)
    expect(failed).toEqual([])
  })

  it('keeps a job whose failure onFailed did not take', async () => {
    const down = new Error('the database is down')
    api.fail({ on: 'look-up', kind: 'status', status: 404 })
    const outcome = await runJob(create({ onFailed: throwing(down) }), await addFreshPhoto(), 2)
    expect(outcome).toMatchObject({ outcome: 'retry', error: down, isAttempt: true })
    expect(listTypes()).toEqual(['attempt-failed', 'callback-failed', 'job-retry'])
  })

  it.each([
    ['an error', new Error('the database is down')],
    ['one of our errors', new WrongAccountError({ accountId: 'pixels' })],
    ['a rejected token', new AccessTokenError({ reason: 'rejected' })],
  ])('keeps a job whose media onArchived did not take, and finds the object next time: %s', async (_name, error) => {
    let isDown = true
    const onArchived = async (media: ArchivedMedia): Promise<void> => {
      if (isDown) throw error
      archived.push(media)
    }
    const archive = create({ onArchived })
    const reference = await addPhoto()
    const outcome = await runJob(archive, reference)
    expect(outcome).toMatchObject({ outcome: 'retry', isAttempt: true })
    expect(outcome.outcome === 'retry' && outcome.error).toBe(error)
    isDown = false
    expect(await runJob(archive, reference, 2)).toEqual({ outcome: 'done' })
    expect(archived).toMatchObject([{ alreadyStored: true, sha256 }])
    expect(failed).toEqual([])
    expect(listTypes()).toEqual(['archived', 'callback-failed', 'job-retry', 'already-stored'])
  })

  it('keeps a job whose worker is stopped, however old it is', async () => {
    api.fail({ on: 'look-up', kind: 'stall' })
    const reason = new QueueFullError({ limit: 1, problem: 'is closed' })
    const controller = new AbortController()
    const job = buildJob(await addAged(8 * DAY_MS))
    const going = create().processJob(job, { attempt: 1, signal: controller.signal })
    await vi.waitFor(() => expect(api.requests).toHaveLength(1), WITHIN_SECONDS)
    controller.abort(reason)
    expect(await going).toMatchObject({ outcome: 'retry', error: reason, isAttempt: false, afterSeconds: 0 })
    expect(failed).toEqual([])
  })

  it('refuses a job of a form it does not know', async () => {
    const job = buildJob(await addPhoto(), { version: 2 }) as MediaJob
    expect(await create().processJob(job, { attempt: 1 })).toMatchObject({
      outcome: 'dead-letter',
      error: { code: 'invalid-option', option: 'job.version' },
    })
    expect(failed).toHaveLength(1)
    expect(api.requests).toEqual([])
  })

  it.each([
    ['another version', { version: 2, accountId: 'pixels', medium: {} }, 'job.version'],
    ['no media', { version: 1, accountId: 'pixels' }, 'job.media'],
    ['nothing', null, 'job.version'],
    ['media without a type', { version: 1, accountId: 'pixels', media: { mediaId: '1' } }, 'job.media.mediaType'],
    ['no account', { version: 1, media: { mediaId: '1', timestamp: '2026-11-22T10:00:00Z' } }, 'job.accountId'],
  ])('makes a dead letter of a job that can’t be read, and calls onFailed: %s', async (_name, job, option) => {
    const outcome = await create().processJob(job as unknown as MediaJob, { attempt: 1 })
    expect(outcome).toEqual({
      outcome: 'dead-letter',
      job,
      error: expect.objectContaining({ code: 'invalid-option', option }),
    })
    expect(listTypes()).toEqual(['dead-letter'])
    expect(failed).toHaveLength(1)
    expect(api.requests).toEqual([])
  })

  it.each<[string, (down: () => never) => Partial<MediaArchiveOptions>, string]>([
    ['accounts', (down) => ({ accounts: down }), 'retry'],
    ['storage', (down) => ({ storage: down }), 'retry'],
    ['onArchived', (down) => ({ onArchived: down }), 'retry'],
    ['onFailed', (down) => ({ onFailed: down, accounts: () => undefined }), 'retry'],
  ])('calls %s that throws ten times at least, and gives up a day after the media died', async (callback, options) => {
    // Such errors may quote whatever they were asked for.
    const down = Object.assign(new Error('no row for +1 202 555 0143'), { code: 'ECONNREFUSED' })
    const archive = create(options(throwing(down)))
    const young = await addAged(8 * DAY_MS - 60_000)
    const old = await addAged(8 * DAY_MS + 60_000)
    expect(await runJob(archive, young, 500)).toMatchObject({ outcome: 'retry', error: down })
    expect(await runJob(archive, old, 9)).toMatchObject({ outcome: 'retry', error: down })
    expect(failed).toEqual([])
    expect(await runJob(archive, old, 10)).toMatchObject({
      outcome: 'dead-letter',
      error: {
        code: 'callback-failed',
        callback,
        retryable: true,
        cause: { code: 'ECONNREFUSED', message: 'ECONNREFUSED' },
      },
    })
    expect(failed).toHaveLength(callback === 'onFailed' ? 0 : 1)
    expect(listTypes().at(-1)).toBe('dead-letter')
  })

  it('makes a dead letter although neither onArchived nor onFailed answers', async () => {
    const down = throwing(new Error('the database is down'))
    const archive = create({ onArchived: down, onFailed: down })
    expect(await runJob(archive, await addAged(9 * DAY_MS), 10)).toMatchObject({
      outcome: 'dead-letter',
      error: { code: 'callback-failed', callback: 'onArchived' },
    })
  })

  it('tries once more before the media dies, when Meta asks for more time than it has', async () => {
    api.fail({ on: 'look-up', kind: 'status', status: 503, headers: { 'retry-after': '7200' } })
    const archive = create()
    const waits: unknown[] = []
    for (const leftMs of [3_600_000, 60_000, 10_000])
      waits.push(await runJob(archive, await addAged(7 * DAY_MS - leftMs)))
    expect(waits).toMatchObject([{ outcome: 'retry' }, { outcome: 'retry' }, { outcome: 'dead-letter' }])
    const seconds = waits.flatMap((outcome) => (outcome as { afterSeconds?: number }).afterSeconds ?? [])
    expect(seconds[0]).toBeGreaterThan(3_530)
    expect(seconds[0]).toBeLessThanOrEqual(3_540)
    expect(seconds[1]).toBeGreaterThan(20)
    expect(seconds[1]).toBeLessThanOrEqual(30)
  })

  it.each([
    [400, 130429],
    [400, 4],
    [429, undefined],
  ])('waits a minute at least for a rate limit that names no time: HTTP %i, code %s', async (status, code) => {
    vi.spyOn(Math, 'random').mockReturnValue(0)
    const body = code === undefined ? '' : JSON.stringify({ error: { message: 'too many calls', code } })
    api.fail({ on: 'look-up', kind: 'status', status, body })
    expect(await runJob(create(), await addFreshPhoto())).toMatchObject({ outcome: 'retry', afterSeconds: 60 })
  })

  it('stops at the worker’s deadline, and counts the attempt', async () => {
    api.fail({ on: 'look-up', kind: 'stall' })
    const job = buildJob(await addFreshPhoto())
    const { signal } = new AbortController()
    const context = { attempt: 1, deadline: new Date(Date.now() + 50) }
    const outcomes = await Promise.all([
      create().processJob(job, context),
      create().processJob(job, { ...context, signal }),
    ])
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({ outcome: 'retry', isAttempt: true, error: { code: 'timeout' } })
    }
    expect(failed).toEqual([])
  })

  it.each([
    ['before', true],
    ['during', false],
  ])('heeds its signal beside a deadline: aborted %s the attempt', async (_name, isBefore) => {
    api.fail({ on: 'look-up', kind: 'stall' })
    const reason = new Error('the worker leaves')
    const controller = new AbortController()
    if (isBefore) controller.abort(reason)
    const context = { attempt: 1, signal: controller.signal, deadline: new Date(Date.now() + 3_600_000) }
    const going = create().processJob(buildJob(await addFreshPhoto()), context)
    if (!isBefore) {
      await vi.waitFor(() => expect(api.requests).toHaveLength(1), WITHIN_SECONDS)
      controller.abort(reason)
    }
    expect(await going).toMatchObject({ outcome: 'retry', isAttempt: false, afterSeconds: 0, error: reason })
  })
  it('never rejects a job, whatever its account says', async () => {
    const lifetime = { accountId: 'pixels', accessToken: api.accessToken, mediaLifetimeMs: Number.NaN }
    const archive = create({ accounts: () => lifetime, onFailed: throwing(new Error('down')) })
    const media = await addPhoto()
    const outcome = await archive.processJob({ version: 1, accountId: 'pixels', media }, { attempt: 1 })
    const until = new Date(Date.parse(media.timestamp) + 7 * DAY_MS).toISOString()
    expect(outcome).toMatchObject({ outcome: 'retry', until })
  })

  it('keeps no download URL in the dead letter of a job that can’t be run', async () => {
    const job = buildJob(await addPhoto(), { accountId: 'bad id' })
    const outcome = await create().processJob(job, { attempt: 1 })
    expect(outcome).toMatchObject({ outcome: 'dead-letter', error: { option: 'job.accountId' } })
    expect(outcome).not.toHaveProperty('job.media.downloadUrl')
  })

  it.each<[string, unknown]>([
    ['a bigint', 3_600_000n],
    ['a text', '3600000'],
    ['null', null],
  ])('names the lifetime that is %s, and does not come again', async (_what, mediaLifetimeMs) => {
    const archive = create({ accounts: () => ({ ...buildAccount(), mediaLifetimeMs }) as Account })
    expect(await runJob(archive, await addFreshPhoto())).toMatchObject({
      outcome: 'dead-letter',
      error: { code: 'invalid-option', option: 'mediaLifetimeMs' },
    })
    expect(failed).toHaveLength(1)
  })
})
