import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { BackfillEntry, JobEntry } from '../../../src/cli/backfill/input.js'
import type { EntryEnd } from '../../../src/cli/backfill/record.js'
import { type RunOptions, startRun } from '../../../src/cli/backfill/run.js'
import {
  AccessTokenError,
  type AnyWhatsAppMediaError,
  DownloadFailedError,
  GraphApiError,
  MediaGoneError,
  StorageFailedError,
  TimeoutError,
  UnknownNumberError,
} from '../../../src/errors.js'
import type { JobContext, JobOutcome, MediaJob } from '../../../src/queues.js'
import { createContext } from '../command-context.js'

const NOW = Date.parse('2026-11-22T10:00:00Z')
const DAY_MS = 86_400_000
const WEEK_MS = 7 * DAY_MS
const DONE: JobOutcome = { outcome: 'done' }

beforeEach(() => void vi.useFakeTimers({ now: NOW }))
afterEach(() => void vi.useRealTimers())

function entryOf(mediaId: string, { ageDays = 1, accountId = 'a' } = {}): JobEntry {
  const timestamp = new Date(NOW - ageDays * DAY_MS).toISOString()
  const media = {
    mediaId,
    mediaType: 'image',
    mimeType: 'image/jpeg',
    messageId: '',
    timestamp,
    receivedAt: timestamp,
  } as const
  const told = { phoneNumberId: '', businessAccountId: '', direction: 'inbound', origin: 'message' } as const
  const job: MediaJob = { version: 1, accountId, media: { ...media, ...told } }
  const name = { place: Number(mediaId), line: 1, id: '0000000000' }
  return { kind: 'job', name, job, endsAt: Date.parse(timestamp) + WEEK_MS }
}

const deadLetter = (job: MediaJob, error: AnyWhatsAppMediaError): JobOutcome => ({ outcome: 'dead-letter', job, error })
const retry = (job: MediaJob, error: unknown, afterSeconds: number, isAttempt = true): JobOutcome => ({
  ...{ outcome: 'retry', until: '', job, error, afterSeconds, isAttempt },
})

/** A run whose attempts are answered by `answer`, or held until `release`. */
function start(
  entries: readonly BackfillEntry[],
  options: Partial<RunOptions> & { answer?: (job: MediaJob, context: JobContext) => JobOutcome } = {},
) {
  const { answer = () => DONE, ...rest } = options
  const context = createContext()
  const attempts: [mediaId: string, attempt: number, atSeconds: number][] = []
  const ended: [place: number, finding: EntryEnd][] = []
  const source = async function* (): AsyncGenerator<BackfillEntry> {
    yield* entries
  }
  const run = startRun({
    entries: source(),
    async processJob(job, jobContext) {
      attempts.push([job.media.mediaId, jobContext.attempt, Math.round((Date.now() - NOW) / 1_000)])
      return answer(job, jobContext)
    },
    archived: () => ({ is: 'archived', key: 'k', bytes: 1 }),
    onEnd: ({ place }, finding) => ended.push([place, finding]),
    isTokenDead: () => false,
    concurrency: 1,
    windowEntries: 10_000,
    interrupts: context.interrupts,
    ...rest,
  })
  return { run, attempts, ended, interrupt: context.interrupt, order: () => attempts.map(([mediaId]) => mediaId) }
}

it('startRun takes the most urgent of the window first, and expired media last', async () => {
  const ages = [1, 6, 30, 3, 8]
  const { run, order, ended } = start(ages.map((ageDays) => entryOf(String(ageDays), { ageDays })))
  await run.ended
  expect(order()).toEqual(['6', '3', '1', '8', '30'])
  expect(ended).toHaveLength(5)
})

it('startRun has no more entries in hand than the window, and no more attempts than its concurrency', async () => {
  let [read, ended, most] = [0, 0, 0]
  let running = 0
  const entries = async function* (): AsyncGenerator<BackfillEntry> {
    for (let place = 0; place < 50; place++) {
      expect(++read - ended).toBeLessThanOrEqual(10)
      yield entryOf(String(place))
    }
  }
  const { run } = start([], {
    entries: entries(),
    concurrency: 3,
    windowEntries: 10,
    async processJob() {
      most = Math.max(most, ++running)
      await Promise.resolve()
      running--
      return DONE
    },
    onEnd: () => ended++,
  })
  await run.ended
  expect([ended, most]).toEqual([50, 3])
})

it('startRun starts with what a slow source gives in two seconds', async () => {
  const entries = async function* (): AsyncGenerator<BackfillEntry> {
    yield entryOf('1')
    await new Promise((resolve) => setTimeout(resolve, 60_000))
    yield entryOf('2')
  }
  const { run, attempts } = start([], { entries: entries() })
  await vi.advanceTimersByTimeAsync(70_000)
  await run.ended
  expect(attempts).toEqual([
    ['1', 1, 2],
    ['2', 1, 60],
  ])
})

it('startRun waits as long as an outcome says, counts attempts, keeps the job, and lets others pass', async () => {
  const error = new DownloadFailedError({ host: 'h', problem: 'p' })
  const { run, attempts } = start([entryOf('1', { ageDays: 6 }), entryOf('2', { ageDays: 5 }), entryOf('3')], {
    answer(job, { attempt }) {
      if (job.media.mediaId === '1' && attempt < 2) return retry({ ...job, faults: { 'media-gone': 1 } }, error, 30)
      if (job.media.mediaId === '1') expect(job.faults).toEqual({ 'media-gone': 1 })
      return job.media.mediaId === '2' && Date.now() === NOW ? retry(job, error, 10, false) : DONE
    },
  })
  await vi.advanceTimersByTimeAsync(0)
  expect(run.waiting()).toBe(2)
  await vi.advanceTimersByTimeAsync(60_000)
  await run.ended
  expect(attempts).toEqual([
    ['1', 1, 0],
    ['2', 1, 0],
    ['3', 1, 0],
    ['2', 1, 10],
    ['1', 2, 30],
  ])
})

it('startRun begins no media that is under way a second time', async () => {
  const under: string[] = []
  const processJob = async ({ media: { mediaId }, accountId }: MediaJob): Promise<JobOutcome> => {
    const media = `${accountId} ${mediaId}`
    expect(under).not.toContain(media)
    under.push(media)
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    under.splice(under.indexOf(media), 1)
    return DONE
  }
  const entries = [entryOf('1'), entryOf('1'), entryOf('1', { accountId: 'b' }), entryOf('1'), entryOf('2')]
  const { run, ended } = start(entries, { processJob, concurrency: 8 })
  await vi.advanceTimersByTimeAsync(1_000)
  expect(ended).toHaveLength(3)
  await vi.advanceTimersByTimeAsync(2_000)
  await run.ended
  expect(ended).toHaveLength(5)
})

it('startRun reports how each entry ended', async () => {
  const gone = new MediaGoneError({ mediaId: '1', status: 400 })
  const outcomes: Record<string, (job: MediaJob) => JobOutcome> = {
    1: () => DONE,
    2: (job) => deadLetter(job, gone),
    3: (job) => deadLetter(job, new AccessTokenError({ reason: 'rejected' })),
  }
  const entries = [entryOf('1'), entryOf('2', { ageDays: 8.25 }), entryOf('3')]
  const lost: BackfillEntry = {
    kind: 'lost',
    name: { place: 4, line: 1, id: '0' },
    error: new UnknownNumberError({ phoneNumberId: '7' }),
  }
  const { run, ended } = start([...entries, lost], { answer: (job) => outcomes[job.media.mediaId]?.(job) ?? DONE })
  await run.ended
  expect(Object.fromEntries(ended)).toEqual({
    1: { is: 'archived', key: 'k', bytes: 1 },
    2: { is: 'gone', ageDays: 8.3 },
    3: { is: 'failed', code: 'access-token', reason: 'Meta rejected the access token' },
    4: { is: 'failed', code: 'unknown-number', reason: expect.stringContaining("'7'") },
  })
})

it.each([
  ['a download', new DownloadFailedError({ host: 'h', problem: 'p' }), 3],
  ['a deadline', new TimeoutError({ waitedFor: 'total', limitMs: 1 }), 3],
  ['the storage', new StorageFailedError({ operation: 'put', key: 'k', reason: 'r', retryable: true }), 3],
  ['the Graph API', new GraphApiError({ status: 500, retryable: true }), 3],
  ['a limit', new GraphApiError({ status: 429, retryable: true }), 3],
  ['the storage for good', new StorageFailedError({ operation: 'put', key: 'k', reason: 'r', retryable: false }), 1],
  ['the token', new AccessTokenError({ reason: 'rejected' }), 1],
])('startRun tries media whose time is over again when %s failed', async (_name, error, times) => {
  const { run, attempts, ended } = start([entryOf('1', { ageDays: 30 })], { answer: (job) => deadLetter(job, error) })
  await vi.advanceTimersByTimeAsync(300_000)
  await run.ended
  expect(attempts.map(([, attempt]) => attempt)).toEqual([1, 2, 3].slice(0, times))
  expect(ended).toMatchObject([[1, { is: 'failed', code: error.code }]])
})

it('startRun respects a server’s wait when it tries such media again', async () => {
  const asked = new GraphApiError({ status: 500, retryable: true, retryAfterMs: 100_000 })
  const { run, attempts } = start([entryOf('1', { ageDays: 30 })], {
    answer: (job, { attempt }) => (attempt === 1 ? deadLetter(job, asked) : DONE),
  })
  await vi.advanceTimersByTimeAsync(300_000)
  await run.ended
  expect(attempts[1]?.[2]).toBeGreaterThanOrEqual(100)
  const limit = new GraphApiError({ status: 429, retryable: true })
  const again = start([entryOf('1', { ageDays: 30 })], {
    answer: (job, { attempt }) => (attempt === 1 ? deadLetter(job, limit) : DONE),
  })
  await vi.advanceTimersByTimeAsync(300_000)
  await again.run.ended
  expect((again.attempts[1]?.[2] ?? 0) - 300).toBeGreaterThanOrEqual(60)
})

it("startRun gives an account up whose token is rejected, and goes on with the others'", async () => {
  const error = new AccessTokenError({ reason: 'rejected' })
  const { run, ended } = start([entryOf('1'), entryOf('2', { accountId: 'b' }), entryOf('3', { accountId: 'c' })], {
    answer: (job) => (job.accountId === 'c' ? DONE : retry(job, error, 60, false)),
    isTokenDead: ({ accountId }) => accountId === 'a' || Date.now() > NOW,
  })
  await vi.advanceTimersByTimeAsync(0)
  expect(ended.map(([place, { is }]) => [place, is])).toEqual([
    [1, 'failed'],
    [3, 'archived'],
  ])
  await vi.advanceTimersByTimeAsync(60_000)
  await run.ended
  expect(ended.at(-1)).toMatchObject([2, { is: 'failed', code: 'access-token' }])
})

it('startRun ends what waits for a storage that is set up wrongly, and stops after twenty', async () => {
  const error = new StorageFailedError({ operation: 'put', key: 'k', reason: 'region-missing', retryable: false })
  const entries = Array.from({ length: 100 }, (_, place) => entryOf(String(place)))
  const answer = (job: MediaJob): JobOutcome => ({
    ...{ outcome: 'retry', afterSeconds: 60, until: job.media.timestamp, isAttempt: false, job, error },
  })
  const { run, ended } = start(entries, { answer })
  await expect(run.ended).rejects.toMatchObject({ code: 'storage-failed', message: expect.stringContaining('last 20') })
  expect(ended).toHaveLength(20)
})

it('startRun stops when the storage refuses twenty objects in a row, and not before', async () => {
  const error = new StorageFailedError({ operation: 'put', key: 'k', reason: 'AccessDenied', retryable: false })
  const entries = Array.from({ length: 100 }, (_, place) => entryOf(String(place)))
  const { run, ended } = start(entries, { answer: (job) => deadLetter(job, error) })
  await expect(run.ended).rejects.toMatchObject({ code: 'storage-failed', message: expect.stringContaining('last 20') })
  expect(ended).toHaveLength(20)
  const mixed = start(entries, {
    answer: (job) => (Number(job.media.mediaId) % 20 === 19 ? DONE : deadLetter(job, error)),
  })
  await mixed.run.ended
  expect(mixed.ended).toHaveLength(100)
})

it('startRun finishes what is under way at Ctrl-C, and starts nothing more', async () => {
  let release = (): void => {}
  const error = new DownloadFailedError({ host: 'h', problem: 'p' })
  const { run, order, ended, interrupt } = start(
    [entryOf('1', { ageDays: 6 }), entryOf('2', { ageDays: 5 }), entryOf('3')],
    {
      async processJob(job) {
        if (job.media.mediaId === '1') return retry(job, error, 60)
        return new Promise((resolve) => {
          release = () => resolve(job.media.mediaId === '2' ? DONE : retry(job, error, 0, false))
        })
      },
      onEnd: ({ place }, finding) => ended.push([place, finding]),
    },
  )
  await vi.advanceTimersByTimeAsync(0)
  interrupt()
  let isOver = false
  void run.ended.then(() => {
    isOver = true
  })
  await vi.advanceTimersByTimeAsync(120_000)
  expect(isOver).toBe(false)
  release()
  await run.ended
  expect(ended).toEqual([[2, { is: 'archived', key: 'k', bytes: 1 }]])
  expect(order()).toEqual([])
})

it('startRun hands the second Ctrl-C on, and leaves what it stopped', async () => {
  const { run, ended, interrupt } = start([entryOf('1')], {
    processJob: (job, { signal }) =>
      new Promise((resolve) => {
        signal?.addEventListener('abort', () => resolve(retry(job, signal.reason, 0, false)))
      }),
  })
  await vi.advanceTimersByTimeAsync(0)
  interrupt()
  interrupt()
  await run.ended
  expect(ended).toEqual([])
  expect(vi.getTimerCount()).toBe(0)
})

it('startRun does nothing when Ctrl-C came before it', async () => {
  const context = createContext()
  context.interrupt()
  const { run, order } = start([entryOf('1')], { interrupts: context.interrupts })
  await run.ended
  expect(order()).toEqual([])
})

it('startRun rejects when the source or the journal fails, after what is under way', async () => {
  const failing = async function* (): AsyncGenerator<BackfillEntry> {
    yield entryOf('1')
    throw new Error('no more')
  }
  const first = start([], { entries: failing() })
  await expect(first.run.ended).rejects.toThrow('no more')
  const full = (): never => {
    throw new Error('disk full')
  }
  await expect(start([entryOf('1'), entryOf('2')], { onEnd: full }).run.ended).rejects.toThrow('disk full')
  const lost: BackfillEntry = {
    kind: 'lost',
    name: { place: 4, line: 1, id: '0' },
    error: new UnknownNumberError({ phoneNumberId: '7' }),
  }
  await expect(start([lost], { onEnd: full }).run.ended).rejects.toThrow('disk full')
})

it('startRun ignores how a source fails that a stop has closed', async () => {
  let fail = (): void => {}
  const entries = async function* (): AsyncGenerator<BackfillEntry> {
    yield entryOf('1')
    await new Promise((_resolve, reject) => {
      fail = () => reject(new Error('closed'))
    })
  }
  const { run, interrupt } = start([], { entries: entries() })
  await vi.advanceTimersByTimeAsync(5_000)
  interrupt()
  fail()
  await expect(run.ended).resolves.toBeUndefined()
})
