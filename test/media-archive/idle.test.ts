import { setTimeout as wait } from 'node:timers/promises'
import { describe, expect, it, vi } from 'vitest'
import { createMediaArchive, type MediaArchive, type MediaArchiveOptions } from '../../src/media-archive.js'
import type { MediaReference } from '../../src/media-reference.js'
import { createInProcessQueue } from '../../src/queues/in-process.js'
import type { MediaQueue } from '../../src/queues.js'
import { createMemoryStorage } from '../../src/storage/memory.js'
import {
  addFreshPhoto,
  addGoneMedia,
  addPhoto,
  api,
  archived,
  buildJob,
  create,
  failed,
  never,
  runJob,
  WITHIN_SECONDS,
} from './archive-scene.js'

/** Whether a promise has settled, looked at after all that can happen now. */
async function hasEnded(promise: Promise<unknown>): Promise<boolean> {
  let ended = false
  const note = (): void => {
    ended = true
  }
  promise.then(note, note)
  await wait(20)
  return ended
}

/** A callback that ends when told to. */
function gate(): { promise: Promise<void>; open: () => void } {
  let open = (): void => {}
  const promise = new Promise<void>((resolve) => {
    open = resolve
  })
  return { promise, open: () => open() }
}

/** An archive whose only job waits for another attempt. */
async function createWaiting(media: MediaReference, options: Partial<MediaArchiveOptions> = {}): Promise<MediaArchive> {
  const queue = createInProcessQueue()
  const archive = create({ queue, ...options })
  await archive.enqueue(media)
  await vi.waitFor(() => expect(queue.countJobs()).toMatchObject({ open: 1, waiting: 1 }), WITHIN_SECONDS)
  return archive
}

describe('archive.idle', () => {
  it('resolves at once for an archive that does nothing, with a queue, without one, and closed', async () => {
    await create().idle()
    await create({ queue: undefined }).idle()
    const archive = create({ queue: createInProcessQueue() })
    await archive.idle({ timeoutMs: Number.POSITIVE_INFINITY })
    await archive.close()
    await archive.idle()
  })

  it('waits for all jobs of an in-process queue, ready ones too', async () => {
    const archive = create({ queue: createInProcessQueue({ concurrency: 1 }) })
    await archive.enqueue([await addPhoto(), await addPhoto(), await addPhoto()])
    await archive.idle()
    expect(archived).toHaveLength(3)
  })

  it('waits for onArchived and onFailed', async () => {
    const { promise, open } = gate()
    const archive = create({ queue: createInProcessQueue(), onArchived: () => promise })
    await archive.enqueue(await addPhoto())
    const idle = archive.idle()
    expect(await hasEnded(idle)).toBe(false)
    open()
    await idle
  })

  it('waits for calls, however they end', async () => {
    const { promise, open } = gate()
    const archive = create({ onFailed: () => promise })
    const call = archive.archive(await addGoneMedia()).catch((error: unknown) => error)
    const idle = archive.idle()
    expect(await hasEnded(idle)).toBe(false)
    open()
    await idle
    expect(await call).toMatchObject({ code: 'media-gone' })
  })

  it('waits for attempts that a worker of this process runs, and not for jobs that wait in a durable queue', async () => {
    const { promise, open } = gate()
    const archive = create({ onArchived: () => promise })
    await archive.enqueue(await addPhoto())
    await archive.idle()
    const run = runJob(archive, await addPhoto())
    const idle = archive.idle()
    expect(await hasEnded(idle)).toBe(false)
    open()
    await idle
    expect(await run).toEqual({ outcome: 'done' })
  })

  it('waits for work that begins while it waits', async () => {
    const archive = create({
      queue: createInProcessQueue(),
      onArchived: async (media) => {
        archived.push(media)
        if (archived.length < 3) await archive.enqueue(await addPhoto())
      },
    })
    await archive.enqueue(await addPhoto())
    await archive.idle()
    expect(archived).toHaveLength(3)
  })

  it('may be called several times at once', async () => {
    const archive = create({ queue: createInProcessQueue() })
    await archive.enqueue(await addPhoto())
    await Promise.all([archive.idle(), archive.idle(), archive.idle()])
    expect(archived).toHaveLength(1)
  })

  it('says how many jobs wait, until when, and why', async () => {
    const before = Date.now()
    const archive = await createWaiting(await addGoneMedia())
    const error = await archive.idle({ timeoutMs: 50 }).catch((reason: unknown) => reason)
    const text =
      /^The archive was not idle within 50 ms: jobs in the queue: 1 \(waiting for another attempt: 1, the first until (.*Z)\); calls and attempts under way: 0$/
    expect(error).toMatchObject({
      code: 'timeout',
      waitedFor: 'idle',
      limitMs: 50,
      retryable: true,
      message: expect.stringMatching(text),
      cause: { code: 'media-gone' },
    })
    const [, until = ''] = text.exec((error as Error).message) ?? []
    expect(new Date(until).getTime()).toBeGreaterThan(before + 100_000)
    expect(new Date(until).getTime()).toBeLessThan(Date.now() + 310_000)
    const [left] = await archive.close()
    expect(left?.media.mediaId).toBe('404404')
    await archive.idle()
  })

  it('says of calls that hang how many they are, without a queue of this process', async () => {
    const archive = create({ onArchived: never })
    const call = archive.archive(await addPhoto()).catch(() => {})
    const run = runJob(archive, await addPhoto())
    await expect(archive.idle({ timeoutMs: 50 })).rejects.toMatchObject({
      message: 'The archive was not idle within 50 ms: calls and attempts under way: 2',
    })
    await archive.close({ timeoutMs: 1 })
    await call
    void run
  })

  it('says of jobs that run that none of them waits', async () => {
    const { promise, open } = gate()
    const archive = create({ queue: createInProcessQueue({ concurrency: 1 }), onArchived: () => promise })
    await archive.enqueue([await addPhoto(), await addPhoto()])
    const error = await archive.idle({ timeoutMs: 50 }).catch((reason: unknown) => reason)
    expect(error).toMatchObject({
      message: 'The archive was not idle within 50 ms: jobs in the queue: 2; calls and attempts under way: 1',
    })
    expect(error).not.toHaveProperty('cause')
    open()
    await archive.idle()
  })

  it('gives no cause that is not of this library', async () => {
    const archive = await createWaiting(await addPhoto(), {
      onArchived: () => {
        throw new Error('of the app')
      },
    })
    const error = await archive.idle({ timeoutMs: 50 }).catch((reason: unknown) => reason)
    expect(error).toMatchObject({ message: expect.stringContaining('waiting for another attempt: 1') })
    expect(error).not.toHaveProperty('cause')
    await archive.close()
  })

  it('ends with its signal, whose reason it throws', async () => {
    const archive = await createWaiting(await addGoneMedia())
    const reason = new Error('the test is over')
    const idle = archive.idle({ signal: AbortSignal.abort(reason) })
    await expect(idle).rejects.toBe(reason)
    const controller = new AbortController()
    const later = archive.idle({ signal: controller.signal, timeoutMs: Number.POSITIVE_INFINITY })
    expect(await hasEnded(later)).toBe(false)
    controller.abort(reason)
    await expect(later).rejects.toBe(reason)
    await archive.close()
  })

  it('waits for a close that hands jobs back', async () => {
    const archive = await createWaiting(await addGoneMedia())
    const idle = archive.idle()
    expect(await archive.close()).toHaveLength(1)
    await idle
  })

  it.each([0, -1, Number.NaN, '1'])('refuses timeoutMs %s', async (timeoutMs) => {
    await expect(create().idle({ timeoutMs: timeoutMs as number })).rejects.toMatchObject({
      code: 'invalid-option',
      option: 'timeoutMs',
    })
  })

  it.each<[string, Partial<MediaQueue>]>([
    ['counts jobs and is never idle', { countJobs: () => ({ open: 1, waiting: 0 }) }],
    ['is idle and counts nothing', { idle: async () => {} }],
    ['has neither', {}],
  ])('takes a queue of its own that %s', async (_, more) => {
    await create({ queue: { enqueue: async () => {}, ...more } }).idle()
  })

  it('lets timers run beside a queue that says it is idle and has jobs', async () => {
    const queue: MediaQueue = {
      enqueue: async () => {},
      idle: async () => {},
      countJobs: () => ({ open: 1, waiting: 1, next: { at: new Date(0), error: undefined } }),
    }
    await expect(create({ queue }).idle({ timeoutMs: 30 })).rejects.toMatchObject({
      message: expect.stringContaining('another attempt: 1, the first until 1970-01-01T00:00:00.000Z'),
    })
  })
})

describe('waitScale', () => {
  const fast = 0.001

  it('gives media that is gone up in the time of a test', async () => {
    const archive = create({ queue: createInProcessQueue(), attempts: 3, waitScale: fast })
    await archive.enqueue(await addGoneMedia())
    await archive.idle()
    expect(failed.map(({ error }) => error.code)).toEqual(['media-gone'])
  })

  it('lets a fault pass over many attempts', async () => {
    api.fail({ on: 'look-up', kind: 'status', status: 503, times: 8 })
    const archive = create({ queue: createInProcessQueue(), attempts: 2, waitScale: fast })
    await archive.enqueue(await addFreshPhoto())
    await archive.idle()
    expect(archived).toHaveLength(1)
  })

  it('keeps pauses for rejected tokens, as much shorter, without asking at every turn', async () => {
    let accessToken = 'EAAexpired'
    let asked = 0
    const archive = create({
      queue: createInProcessQueue(),
      waitScale: fast,
      accounts: () => ({
        accountId: 'pixels',
        accessToken: () => {
          asked++
          return accessToken
        },
      }),
    })
    await archive.enqueue(await addFreshPhoto())
    // The cause is told while the job waits, and not while it asks.
    await vi.waitFor(
      () => expect(archive.idle({ timeoutMs: 200 })).rejects.toMatchObject({ cause: { code: 'access-token' } }),
      WITHIN_SECONDS,
    )
    await vi.waitFor(() => expect(asked).toBeGreaterThan(1), WITHIN_SECONDS)
    expect(archived).toEqual([])
    expect(asked).toBeLessThan(400)
    accessToken = api.accessToken
    await archive.idle()
    expect(archived).toHaveLength(1)
  })

  it('shortens waits of one call', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(1)
    api.fail({ on: 'look-up', kind: 'status', status: 429, headers: { 'retry-after': '12' }, times: 2 })
    const before = Date.now()
    await create({ attempts: 3, waitScale: fast }).archive(await addFreshPhoto())
    expect(Date.now() - before).toBeLessThan(12_000)
    expect(archived).toHaveLength(1)
    vi.restoreAllMocks()
  })

  it('shortens what a durable queue is told', async () => {
    const archive = create({ waitScale: 0.01 })
    const outcome = await archive.processJob(buildJob(await addGoneMedia()), { attempt: 1 })
    expect(outcome).toMatchObject({ outcome: 'retry' })
    expect('afterSeconds' in outcome && outcome.afterSeconds).toBeLessThanOrEqual(3)
    expect('afterSeconds' in outcome && outcome.afterSeconds).toBeGreaterThanOrEqual(1.5)
  })

  it.each([0, -1, 1.1, 0.00001, Number.NaN, Number.POSITIVE_INFINITY, '0.5', null])('refuses %s', (waitScale) => {
    expect(() => create({ waitScale: waitScale as number })).toThrow(
      expect.objectContaining({ option: 'waitScale', message: expect.stringContaining('from 0.0001 to 1, got') }),
    )
  })

  it.each([
    undefined,
    {},
    { baseUrl: 'https://graph.facebook.com' },
    { baseUrl: 'https://waba-v2.360dialog.io' },
    { baseUrl: 'https://127.0.0.1.example.com' },
    { baseUrl: 'https://test' },
    { baseUrl: 'https://notatest' },
  ])('is refused where a real API may answer: %o', (cloudApi) => {
    const build = (waitScale: number) => () =>
      createMediaArchive({ storage: createMemoryStorage(), accounts: () => undefined, cloudApi, waitScale })
    expect(build(0.5)).toThrow(
      expect.objectContaining({ code: 'invalid-option', message: expect.stringContaining('waitScale is for tests') }),
    )
    expect(build(1)).not.toThrow()
  })

  it.each(['http://127.0.0.1:4010', 'http://[::1]:1', 'https://cloud-api.test', 'https://a.b.test/path'])(
    'is taken where only a fake can answer: %s',
    (baseUrl) => {
      expect(() => create({ cloudApi: { baseUrl }, waitScale: 0.5 })).not.toThrow()
    },
  )
})
