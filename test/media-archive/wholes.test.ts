import { describe, expect, it, vi } from 'vitest'
import { GraphApiError, StorageFailedError } from '../../src/errors.js'
import type { MediaEvent } from '../../src/events.js'
import { getDefaultHttpClient } from '../../src/http/node.js'
import type { MediaArchive, MediaArchiveOptions } from '../../src/media-archive.js'
import type { MediaReference } from '../../src/media-reference.js'
import { createInProcessQueue } from '../../src/queues/in-process.js'
import { createMemoryStorage } from '../../src/storage/memory.js'
import type { ObjectStorage } from '../../src/storage.js'
import {
  addFreshPhoto,
  addPhoto,
  api,
  archived,
  buildAccount,
  create,
  events,
  failed,
  NUMBER,
  OTHER_NUMBER,
  storage,
  WITHIN_SECONDS,
} from './archive-scene.js'

/** The tests' five seconds are five milliseconds. */
const SCALE = 0.001

type Fault = { reason: string; status?: number; retryable?: boolean }

/** The storage, refusing the keys for which `refuses` gives a fault. Counts its puts. */
function guard(inner: ObjectStorage, refuses: (key: string) => Fault | undefined): ObjectStorage & { puts: number } {
  const guarded: ObjectStorage & { puts: number } = {
    ...inner,
    puts: 0,
    async put(key, body, options) {
      guarded.puts++
      const fault = refuses(key)
      if (fault === undefined) return inner.put(key, body, options)
      body.destroy()
      throw new StorageFailedError({ operation: 'put', key, retryable: false, ...fault })
    },
  }
  return guarded
}

const open = (options: Partial<MediaArchiveOptions>): MediaArchive =>
  create({
    queue: createInProcessQueue({ concurrency: 4 }),
    waitScale: SCALE,
    accounts: (number) => buildAccount({ accountId: number === NUMBER ? 'pixels' : 'acme' }),
    ...options,
  })

const listPauses = () => events.filter((event): event is PauseEvent => event.type === 'account-paused')
type PauseEvent = Extract<MediaEvent, { type: 'account-paused' }>

const addMany = async (count: number, phoneNumberId = NUMBER): Promise<MediaReference[]> =>
  Promise.all(Array.from({ length: count }, () => addPhoto({ phoneNumberId })))

const untilArchived = (count: number): Promise<void> =>
  vi.waitFor(() => expect(archived.length).toBe(count), WITHIN_SECONDS)

const denied: Fault = { reason: 'AccessDenied', status: 403 }

describe('a storage that refuses', () => {
  it('one key holds back no other, though it comes first, and keeps trying it', async () => {
    let poisoned = ''
    const guarded = guard(storage, (key) => {
      if (poisoned === '') poisoned = key
      return key === poisoned ? denied : undefined
    })
    const archive = open({ storage: guarded, queue: createInProcessQueue({ concurrency: 1 }) })
    await archive.enqueue(await addMany(20))
    await untilArchived(19)
    await vi.waitFor(
      () => expect(events.filter((event) => event.type === 'job-retry').length).toBeGreaterThan(3),
      WITHIN_SECONDS,
    )
    expect(listPauses().length).toBeLessThan(2)
    poisoned = 'none'
    await untilArchived(20)
    expect(failed).toEqual([])
    await archive.close()
  })

  it('one tenant’s prefix holds back that tenant alone', async () => {
    let isDenied = true
    const guarded = guard(storage, (key) => (isDenied && key.includes('/acme/') ? denied : undefined))
    const archive = open({ storage: guarded })
    await archive.enqueue([...(await addMany(10, OTHER_NUMBER)), ...(await addMany(30))])
    await untilArchived(30)
    expect(archived.every(({ accountId }) => accountId === 'pixels')).toBe(true)
    expect(listPauses().every(({ accountId, reason }) => accountId === 'acme' && reason === 'storage')).toBe(true)
    isDenied = false
    await untilArchived(40)
    expect(failed).toEqual([])
    await archive.close()
  })

  it.each<[string, Fault]>([
    ['all rights', denied],
    ['a bucket that is gone', { reason: 'NoSuchBucket', status: 404 }],
    ['a bucket that has moved', { reason: 'PermanentRedirect', status: 301 }],
    ['a quota', { reason: 'QuotaExceeded', status: 403 }],
    ['a full disk', { reason: 'ENOSPC', retryable: true }],
    ['a disabled key', { reason: 'KMS.DisabledException', status: 400 }],
    ['expired credentials', { reason: 'ExpiredToken', status: 400 }],
  ])('everything is tried a few times, with one event a pause: %s', async (_what, fault) => {
    let isDown = false
    const guarded = guard(storage, () => (isDown ? fault : undefined))
    const archive = open({ storage: guarded, waitScale: 1 })
    await archive.enqueue(await addMany(10))
    await untilArchived(10)
    isDown = true
    // The pause lasts until the test's end, however slow the machine is.
    vi.useFakeTimers({ toFake: ['Date'] })
    await archive.enqueue([...(await addMany(20)), ...(await addMany(20, OTHER_NUMBER))])
    const listWaiting = () => new Set(events.filter(({ type }) => type === 'job-retry').map(({ mediaId }) => mediaId))
    await vi.waitFor(() => expect(listWaiting().size).toBe(40), WITHIN_SECONDS)
    expect(guarded.puts - 10).toBeLessThan(20)
    expect(listPauses()).toMatchObject([{ forSeconds: 5, reason: 'storage' }])
    expect(failed).toEqual([])
    expect(await archive.close({ timeoutMs: 0 })).toHaveLength(40)
  })

  it('everything for a while loses nothing', async () => {
    let isDown = true
    const archive = open({ storage: guard(storage, () => (isDown ? denied : undefined)) })
    await archive.enqueue([...(await addMany(20)), ...(await addMany(20, OTHER_NUMBER))])
    await vi.waitFor(() => expect(listPauses().length).toBeGreaterThan(2), WITHIN_SECONDS)
    isDown = false
    await untilArchived(40)
    expect(failed).toEqual([])
    await archive.close()
  })

  it('of one account holds back no other, where each has its own', async () => {
    const own = guard(createMemoryStorage(), () => denied)
    const archive = open({ storage: (accountId) => (accountId === 'acme' ? own : storage) })
    await archive.enqueue([...(await addMany(10, OTHER_NUMBER)), ...(await addMany(20))])
    await untilArchived(20)
    expect(new Set(listPauses().map(({ accountId }) => accountId))).toEqual(new Set(['acme']))
    expect(failed).toEqual([])
    await archive.close()
  })
})

describe('Meta refuses', () => {
  const REFUSALS: [string, { status: number; code: number; message?: string }, PauseEvent['reason']][] = [
    ['a permission', { status: 403, code: 10 }, 'permission'],
    ['a permission of the range', { status: 403, code: 230 }, 'permission'],
    ['a capability', { status: 500, code: 3 }, 'permission'],
    ['a proof', { status: 400, code: 100, message: 'Invalid appsecret_proof provided in the API argument' }, 'account'],
    ['a blocked app', { status: 400, code: 368 }, 'account'],
    ['a locked account', { status: 403, code: 131_031 }, 'account'],
  ]

  it.each(REFUSALS)('%s: the jobs wait, and go on once that is mended', async (_what, refusal, reason) => {
    const { status, code, message = 'x' } = refusal
    api.fail({ on: 'look-up', kind: 'status', status, body: JSON.stringify({ error: { code, message } }) })
    const archive = open({})
    await archive.enqueue(await Promise.all(Array.from({ length: 20 }, addFreshPhoto)))
    await vi.waitFor(() => expect(listPauses().length).toBeGreaterThan(1), WITHIN_SECONDS)
    expect(listPauses()[0]).toMatchObject({ accountId: 'pixels', forSeconds: 60, reason })
    api.clearFaults()
    await untilArchived(20)
    expect(failed).toEqual([])
    await archive.close()
  })

  it('one media while it serves the others: that job alone is tried again', async () => {
    const [first, ...others] = await Promise.all(Array.from({ length: 12 }, addFreshPhoto))
    let isRefused = true
    const http: MediaArchiveOptions['http'] = async (request) => {
      if (isRefused && first !== undefined && request.url.includes(first.mediaId)) {
        throw new GraphApiError({ status: 403, graphCode: 10, retryable: false })
      }
      return getDefaultHttpClient()(request)
    }
    const archive = open({ http })
    await archive.enqueue(first === undefined ? others : [first, ...others])
    await untilArchived(11)
    isRefused = false
    await untilArchived(12)
    expect(failed).toEqual([])
    await archive.close()
  })

  it('a URL at a host that is not configured: the jobs wait', async () => {
    api.fail({ on: 'download', kind: 'redirect', to: 'https://elsewhere.example/file' })
    const archive = open({})
    await archive.enqueue(await Promise.all(Array.from({ length: 10 }, addFreshPhoto)))
    await vi.waitFor(() => expect(listPauses().length).toBeGreaterThan(1), WITHIN_SECONDS)
    expect(listPauses()[0]).toMatchObject({ reason: 'app' })
    api.clearFaults()
    await untilArchived(10)
    expect(failed).toEqual([])
    await archive.close()
  })
})
