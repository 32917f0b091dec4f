import { describe, expect, it, vi } from 'vitest'
import { hashMessageId, type MediaEvent } from '../../src/events.js'
import type { MediaArchive } from '../../src/media-archive.js'
import type { MediaReference } from '../../src/media-reference.js'
import type { JobOutcome, MediaJob } from '../../src/queues.js'
import {
  addAged,
  addFreshPhoto,
  addGoneMedia,
  api,
  buildAccount,
  buildJob,
  create,
  DAY_MS,
  events,
  failed,
  listTypes,
  runJob,
  throwing,
  WITHIN_SECONDS,
} from './archive-scene.js'

/** A job that does not wait between two attempts of one run. */
const hurry = (): void => void vi.spyOn(Math, 'random').mockReturnValue(0)

/** Runs a job to its end, as a queue does: with the number that its outcomes count up to. */
async function runToEnd(
  archive: MediaArchive,
  job: MediaJob,
  onRun: (attempt: number) => void = () => {},
): Promise<JobOutcome> {
  let kept = job
  for (let attempt = 1; ; ) {
    onRun(attempt)
    const outcome = await archive.processJob(kept, { attempt })
    if (outcome.outcome !== 'retry') return outcome
    kept = JSON.parse(JSON.stringify(outcome.job))
    if (outcome.isAttempt) attempt++
  }
}

/** Each event in a line: its type and its numbers. */
const listEvents = (): string[] =>
  events.map((event) => {
    switch (event.type) {
      case 'attempt-failed':
        return `failed ${event.attempt}${event.retryInMs === undefined ? '' : ` retry ${event.retryInMs}`}`
      case 'job-retry':
        return `job ${event.jobAttempt} again in ${event.afterSeconds} s`
      case 'archived':
      case 'already-stored':
        return `${event.type} ${event.attempt}`
      default:
        return event.type
    }
  })

describe('processJob, events of a job from run to run', () => {
  it('counts attempts through, and names the time until each next one', async () => {
    hurry()
    api.fail({ on: 'look-up', kind: 'status', status: 503, times: 5 })
    expect(await runToEnd(create({ attempts: 3 }), buildJob(await addFreshPhoto()))).toEqual({ outcome: 'done' })
    expect(listEvents()).toEqual([
      ...['failed 1 retry 0', 'failed 2 retry 0', 'failed 3 retry 3000', 'job 1 again in 3 s'],
      ...['failed 4 retry 0', 'failed 5 retry 0', 'archived 6'],
    ])
  })

  it('keeps the job as it is where the count follows from its runs', async () => {
    hurry()
    api.fail({ on: 'look-up', kind: 'status', status: 503 })
    const job = buildJob(await addFreshPhoto())
    expect(await create({ attempts: 2 }).processJob(job, { attempt: 4 })).toMatchObject({ job })
    expect(listEvents()).toEqual(['failed 7 retry 0', 'failed 8 retry 20000', 'job 4 again in 20 s'])
  })

  it('tells of gone media: one late try, then the last failure', async () => {
    hurry()
    const outcome = await runToEnd(create({ attempts: 3 }), buildJob(await addGoneMedia()))
    expect(outcome).toMatchObject({ outcome: 'dead-letter', error: { code: 'media-gone' } })
    expect(outcome).not.toHaveProperty('job.counted')
    expect(listEvents()).toEqual(['failed 1 retry 150000', 'job 1 again in 150 s', 'failed 2', 'dead-letter'])
  })

  it('tells of a run that ends before its attempts do, since Meta asks for more time', async () => {
    hurry()
    api.fail({ on: 'look-up', kind: 'status', status: 503, times: 1, headers: { 'retry-after': '60' } })
    api.fail({ on: 'look-up', kind: 'status', status: 503, times: 4 })
    await runToEnd(create({ attempts: 3 }), buildJob(await addFreshPhoto()))
    expect(listEvents()).toEqual([
      ...['failed 1 retry 60000', 'job 1 again in 60 s'],
      ...['failed 2 retry 0', 'failed 3 retry 0', 'failed 4 retry 5000', 'job 2 again in 5 s'],
      ...['failed 5 retry 0', 'archived 6'],
    ])
  })

  it('tells of the pause for a rejected token, which counts no run, and of the jobs that wait in it', async () => {
    let accessToken = 'stale-token'
    const archive = create({ attempts: 3, accounts: () => buildAccount({ accessToken }) })
    hurry()
    const job = buildJob(await addFreshPhoto())
    await runToEnd(archive, job, () => {
      if (events.length === 0) return
      vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 30_000 })
      if (events.length === 4) accessToken = api.accessToken
    })
    expect(listEvents()).toEqual([
      ...['account-paused', 'failed 1 retry 60000', 'job 0 again in 60 s', 'job 0 again in 30 s', 'archived 2'],
    ])
    expect(events[3]).toMatchObject({ type: 'job-retry', error: { code: 'access-token' } })
  })

  it('tells of a callback that throws, without the attempts that it prevents', async () => {
    hurry()
    let calls = 0
    const accounts = () => (++calls < 3 ? throwing(new Error('no row for Jane'))() : buildAccount())
    const archive = create({ attempts: 3, accounts })
    await runToEnd(archive, buildJob(await addFreshPhoto()))
    expect(listEvents()).toEqual([
      ...['callback-failed', 'job 1 again in 3 s', 'callback-failed', 'job 2 again in 5 s', 'archived 1'],
    ])
    expect(JSON.stringify(events)).not.toContain('Jane')
  })

  it('counts on after onArchived has thrown', async () => {
    hurry()
    let calls = 0
    const onArchived = () => (++calls === 1 ? throwing(new Error('down'))() : undefined)
    await runToEnd(create({ attempts: 3, onArchived }), buildJob(await addFreshPhoto()))
    expect(listEvents()).toEqual(['archived 1', 'callback-failed', 'job 1 again in 3 s', 'already-stored 2'])
  })

  it('names no attempt the last, and no job dead, while onFailed throws', async () => {
    hurry()
    let calls = 0
    const onFailed = () => {
      if (++calls < 3) throw new Error('down')
      events.push({ type: 'host-refused', host: 'onFailed' })
    }
    api.fail({ on: 'look-up', kind: 'status', status: 404 })
    await runToEnd(create({ attempts: 3, onFailed }), buildJob(await addFreshPhoto()))
    expect(listEvents()).toEqual([
      ...['failed 1 retry 3000', 'callback-failed', 'job 1 again in 3 s'],
      ...['failed 2 retry 5000', 'callback-failed', 'job 2 again in 5 s'],
      // Given up now, which onFailed hears first.
      ...['host-refused', 'failed 3', 'dead-letter'],
    ])
  })

  it('tells of a job whose worker stops', async () => {
    api.fail({ on: 'look-up', kind: 'stall' })
    const controller = new AbortController()
    const going = create().processJob(buildJob(await addFreshPhoto()), { attempt: 3, signal: controller.signal })
    await vi.waitFor(() => expect(api.requests).toHaveLength(1), WITHIN_SECONDS)
    controller.abort(new Error('the worker leaves, said Jane'))
    expect(await going).toMatchObject({ outcome: 'retry', job: { counted: { jobAttempts: 2, attempts: 3 } } })
    expect(listEvents()).toEqual(['job 2 again in 0 s'])
    expect(JSON.stringify(events)).not.toContain('Jane')
  })

  it('tells of media that dies while it is tried', async () => {
    api.fail({ on: 'look-up', kind: 'status', status: 503 })
    await runToEnd(create({ attempts: 3 }), buildJob(await addAged(7 * DAY_MS + 60_000)))
    expect(listEvents()).toEqual(['failed 1', 'dead-letter'])
    expect(failed).toHaveLength(1)
  })

  it('tells of bytes that stay wrong: three tries in all', async () => {
    hurry()
    api.fail({ on: 'download', kind: 'flip-bit' })
    await runToEnd(create({ attempts: 1 }), buildJob(await addFreshPhoto()))
    expect(listEvents()).toEqual([
      ...['failed 1 retry 150000', 'job 1 again in 150 s', 'failed 2 retry 150000', 'job 2 again in 150 s'],
      ...['failed 3', 'dead-letter'],
    ])
  })

  it('names the last attempt of a call that no queue repeats, before onFailed', async () => {
    hurry()
    api.fail({ on: 'look-up', kind: 'status', status: 503 })
    const onFailed = () => void events.push({ type: 'host-refused', host: 'onFailed' })
    const archive = create({ attempts: 3, onFailed })
    await expect(archive.archive(await addFreshPhoto())).rejects.toMatchObject({ code: 'graph-api' })
    expect(listEvents()).toEqual(['failed 1 retry 0', 'failed 2 retry 0', 'failed 3', 'host-refused'])
  })

  it.each<[string, unknown]>([
    ['null', null],
    ['a text', 'x'],
    ['a list', [1, 2]],
    ['half of one', { attempts: 3 }],
    ['a fraction', { jobAttempts: 1, attempts: 0.5 }],
    ['below nothing', { jobAttempts: -1, attempts: 2 }],
    ['texts', { jobAttempts: '1', attempts: '2' }],
  ])('takes a count that is %s for none', async (_what, counted) => {
    api.fail({ on: 'look-up', kind: 'status', status: 503 })
    const job = buildJob(await addFreshPhoto(), { counted })
    const outcome = await create().processJob(job, { attempt: 2 })
    expect(outcome).not.toHaveProperty('job.counted')
    expect(events[0]).toMatchObject({ type: 'attempt-failed', attempt: 2 })
  })

  it('goes on from a count that is ahead of the queue', async () => {
    api.fail({ on: 'look-up', kind: 'status', status: 503 })
    const job = buildJob(await addFreshPhoto(), { counted: { jobAttempts: 9, attempts: 20 } })
    await create().processJob(job, { attempt: 1 })
    expect(events[0]).toMatchObject({ type: 'attempt-failed', attempt: 21 })
  })
})

describe('events about media', () => {
  const isAboutMedia = ({ type }: MediaEvent): boolean =>
    !['account-paused', 'condition-unsupported', 'message-revoked', 'expiry-clipped'].includes(type)

  it.each<[string, (archive: MediaArchive, media: MediaReference) => Promise<unknown>, string[]]>([
    ['archived', (archive, media) => runJob(archive, media), ['archived']],
    [
      'already stored',
      async (archive, media) => {
        await archive.archive(media)
        await archive.archive(media)
      },
      ['archived', 'already-stored'],
    ],
    [
      'gone',
      (archive, media) => runToEnd(archive, buildJob(media, { faults: { 'media-gone': 1 } })),
      ['attempt-failed', 'dead-letter'],
    ],
    [
      'of a fault that passes',
      (archive, media) => {
        api.fail({ on: 'look-up', kind: 'status', status: 503 })
        return runJob(archive, media)
      },
      ['attempt-failed', 'job-retry'],
    ],
    [
      'at a foreign host',
      (archive, media) => {
        api.fail({ on: 'download', kind: 'redirect', to: 'https://evil.example/file' })
        return runJob(archive, media)
      },
      ['host-refused', 'account-paused', 'attempt-failed', 'job-retry'],
    ],
    [
      'of another type than declared',
      async (archive) => {
        const bytes = Buffer.from('%PDF-1.7 no picture')
        const { reference } = await api.addMedia({ bytes, mimeType: 'image/png', mediaType: 'image' })
        await runJob(archive, { ...reference, origin: 'call-recording' })
      },
      ['type-mismatch', 'archived'],
    ],
    [
      'that a webhook says is lost',
      (archive, media) =>
        archive.enqueue({ media: [], revoked: [], unavailable: [{ ...media, reason: 'media-error' }] }),
      ['media-unavailable'],
    ],
    [
      'of an unknown number',
      (archive, media) => archive.enqueue({ ...media, phoneNumberId: '999' }),
      ['unknown-number'],
    ],
    [
      'in a job that can’t be read',
      (archive, media) => archive.processJob(buildJob({ ...media, timestamp: 'soon' }), { attempt: 1 }),
      ['dead-letter'],
    ],
  ])('name type, origin and message of media that is %s', async (what, run, types) => {
    const fresh = what === 'gone' ? await addGoneMedia() : await addFreshPhoto()
    const media: MediaReference = { ...fresh, origin: 'call-recording' }
    await run(create(), media)
    expect(listTypes()).toEqual(types)
    for (const event of events.filter(isAboutMedia)) {
      expect(event).toMatchObject({ mediaType: 'image', origin: 'call-recording' })
      expect(event.messageIdHash).toMatch(/^[0-9a-f]{64}$/)
      if (what !== 'of another type than declared') {
        expect(event).toMatchObject({ mediaId: media.mediaId, messageIdHash: hashMessageId(media.messageId) })
      }
    }
  })
})
