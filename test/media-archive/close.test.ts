import { PassThrough } from 'node:stream'
import { describe, expect, it, vi } from 'vitest'
import { createInProcessQueue } from '../../src/queues/in-process.js'
import type { MediaQueue } from '../../src/queues.js'
import { createMemoryStorage } from '../../src/storage/memory.js'
import type { ObjectStorage } from '../../src/storage.js'
import {
  addFreshPhoto,
  addGoneMedia,
  addPhoto,
  api,
  archived,
  buildAccount,
  create,
  failed,
  jpeg,
  never,
  OTHER_NUMBER,
  queue,
  sha256,
  storage,
  throwing,
  WITHIN_SECONDS,
} from './archive-scene.js'

describe('close', () => {
  const closing = (name: string, closed: string[]): ObjectStorage => ({
    ...createMemoryStorage(),
    close: async () => void closed.push(name),
  })

  it('waits for what is under way, closes each storage once, and takes nothing more', async () => {
    const order: string[] = []
    const shared = closing('shared', order)
    let free = (): void => {}
    const held = new Promise<void>((resolve) => {
      free = resolve
    })
    const archive = create({ storage: shared, onArchived: () => held.then(() => order.push('reported')) })
    const going = archive.archive(await addPhoto())
    const closed = archive.close().then((left) => {
      order.push('closed')
      return left
    })
    const reference = await addPhoto()
    for (const refused of [
      archive.archive(reference),
      archive.enqueue(reference),
      archive.upload(jpeg, { accountId: 'pixels' }),
      archive.signUrl('whatsapp-media/x', { accountId: 'pixels' }),
    ])
      await expect(refused).rejects.toMatchObject({ code: 'invalid-option', message: 'archive is closed' })
    expect(order).toEqual([])
    free()
    expect(await closed).toEqual([])
    expect(await going).toMatchObject({ sha256 })
    expect(order).toEqual(['reported', 'shared', 'closed'])
  })

  it('ends well after what was under way has failed', async () => {
    const closed: string[] = []
    const archive = create({ storage: closing('shared', closed) })
    const going = archive.archive(await addGoneMedia())
    const [left] = await Promise.all([archive.close(), expect(going).rejects.toMatchObject({ code: 'media-gone' })])
    expect(left).toEqual([])
    expect(closed).toEqual(['shared'])
  })

  it('closes the storages of all accounts that were used', async () => {
    const closed: string[] = []
    const stores = new Map(['pixels', 'acme', 'idle'].map((name) => [name, closing(name, closed)]))
    const archive = create({ storage: (accountId) => stores.get(accountId) as ObjectStorage })
    for (const accountId of ['pixels', 'acme', 'pixels']) await archive.upload(jpeg, { accountId })
    await archive.close()
    expect(closed.sort()).toEqual(['acme', 'pixels'])
  })

  it.each([
    ['rejects', () => Promise.reject(new Error('down'))],
    ['throws', throwing(new Error('down'))],
  ])('hands back what is left though a storage’s close %s', async (_how, close) => {
    const closed: string[] = []
    const stores = [{ ...createMemoryStorage(), close }, closing('acme', closed)]
    const archive = create({
      storage: (accountId) => stores[accountId === 'acme' ? 1 : 0] as ObjectStorage,
      queue: createInProcessQueue(),
    })
    for (const accountId of ['pixels', 'acme']) await archive.upload(jpeg, { accountId })
    api.fail({ on: 'look-up', kind: 'status', status: 503 })
    await archive.enqueue(await addFreshPhoto())
    expect(await archive.close()).toHaveLength(1)
    expect(closed).toEqual(['acme'])
  })

  it('closes the storages, too, where the queue can’t close', async () => {
    const closed: string[] = []
    const broken: MediaQueue = { ...queue, close: throwing(new Error('down')) }
    await expect(create({ storage: closing('shared', closed), queue: broken }).close()).rejects.toThrow('down')
    expect(closed).toEqual(['shared'])
  })

  it('works off the queue, and hands back what waits for a retry', async () => {
    const [fine, unlucky] = [await addFreshPhoto(), await addFreshPhoto()]
    api.fail({ on: 'look-up', kind: 'status', status: 503, mediaId: unlucky.mediaId })
    const archive = create({ queue: createInProcessQueue() })
    await archive.enqueue([fine, unlucky])
    expect(await archive.close()).toEqual([{ version: 1, accountId: 'pixels', media: unlucky }])
    expect(archived).toMatchObject([{ mediaId: fine.mediaId }])
    expect(failed).toEqual([])
    // Asked again, it says the same.
    expect(await archive.close()).toHaveLength(1)
  })

  it('stops in time what its callers wait for', async () => {
    api.fail({ on: 'look-up', kind: 'stall' })
    const archive = create({})
    const [archiving, uploading] = [
      archive.archive(await addFreshPhoto()),
      archive.upload(new PassThrough(), { accountId: 'pixels' }),
    ]
    const outcomes = Promise.allSettled([archiving, uploading])
    await archive.close({ timeoutMs: 30 })
    expect(await outcomes).toMatchObject([
      { status: 'rejected', reason: { option: 'archive' } },
      { status: 'rejected', reason: { option: 'archive' } },
    ])
  })

  it.each(['accounts', 'storage', 'prefix', 'onArchived'])(
    'ends, and hands the jobs back, when %s hangs',
    async (callback) => {
      const hang = vi.fn(never)
      const archive = create({ [callback]: hang, queue: createInProcessQueue({ concurrency: 1 }) })
      const references = [await addPhoto(), await addPhoto()]
      // `accounts` is asked by enqueue, too.
      const queueing =
        callback === 'accounts' ? hang.mockImplementationOnce(async () => buildAccount() as never) : undefined
      await archive.enqueue(references)
      await vi.waitFor(() => expect(hang).toHaveBeenCalledTimes(queueing === undefined ? 1 : 2), WITHIN_SECONDS)
      const outcomes = Promise.allSettled([
        archive.archive(await addPhoto()),
        archive.enqueue(await addPhoto({ phoneNumberId: OTHER_NUMBER })),
        archive.upload(jpeg, { accountId: 'pixels' }),
        archive.signUrl('whatsapp-media/x', { accountId: 'pixels' }),
      ])
      expect((await archive.close({ timeoutMs: 20 })).map(({ media }) => media)).toEqual(references)
      const [archiving, enqueuing, uploading, signing] = await outcomes
      const closed = { status: 'rejected', reason: { option: 'archive' } }
      expect(archiving).toMatchObject(closed)
      if (callback === 'accounts') expect(enqueuing).toMatchObject(closed)
      if (callback === 'storage' || callback === 'prefix') expect([uploading, signing]).toMatchObject([closed, closed])
      expect(failed.filter(({ error }) => error.code !== 'unknown-number')).toEqual([])
    },
  )

  it('leaves a queue and a storage behind that do not close, and hears no more of them', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const closeStorage = vi.fn(never)
    const archive = create({
      queue: { enqueue: async () => {}, close: never },
      storage: { ...storage, close: closeStorage },
    })
    let isClosed = false
    const closing = archive.close({ timeoutMs: 1_000 }).then((left) => {
      isClosed = true
      return left
    })
    await vi.advanceTimersByTimeAsync(2_999)
    expect(isClosed).toBe(false)
    await vi.advanceTimersByTimeAsync(1)
    expect(await closing).toEqual([])
    expect(closeStorage).toHaveBeenCalledTimes(1)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('rejects with what the queue’s close throws, and leaves no timer behind', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const down = new Error('the queue is down')
    const archive = create({ queue: { enqueue: async () => {}, close: async () => throwing(down)() } })
    await expect(archive.close({ timeoutMs: 1_000 })).rejects.toBe(down)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('hands back what does not end in time', async () => {
    api.fail({ on: 'look-up', kind: 'stall' })
    const archive = create({ queue: createInProcessQueue({ concurrency: 1 }) })
    const references = [await addFreshPhoto(), await addFreshPhoto()]
    await archive.enqueue(references)
    expect((await archive.close({ timeoutMs: 30 })).map(({ media }) => media)).toEqual(references)
    expect(failed).toEqual([])
  })
})
