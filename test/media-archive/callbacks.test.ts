import { getEventListeners } from 'node:events'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { ArchivedMessageMedia } from '../../src/archive.js'
import { InvalidOptionError, UnknownNumberError } from '../../src/errors.js'
import type { Account } from '../../src/media-archive/accounts.js'
import {
  type CallbackOptions,
  type Callbacks,
  CallbackThrew,
  createCallbacks,
  unwrapThrown,
} from '../../src/media-archive/callbacks.js'
import type { MediaFailure } from '../../src/media-archive/media-failure.js'
import { createMemoryStorage } from '../../src/storage/memory.js'
import type { ObjectStorage } from '../../src/storage.js'

const account: Account = { accountId: 'acme', accessToken: 'of-a-test' }
const storage = createMemoryStorage()
const media = {} as ArchivedMessageMedia
const failure = {} as MediaFailure

const create = (more: Partial<CallbackOptions> = {}): Callbacks =>
  createCallbacks({ accounts: () => account, storage, ...more })

const CALLS: readonly [keyof CallbackOptions, (callbacks: Callbacks, signal: AbortSignal) => Promise<unknown>][] = [
  ['accounts', (callbacks, signal) => callbacks.findAccount('1', signal)],
  ['storage', (callbacks, signal) => callbacks.findPlace('acme', signal)],
  ['prefix', (callbacks, signal) => callbacks.findPlace('acme', signal)],
  ['onArchived', (callbacks, signal) => callbacks.reportArchived(media, signal)],
  ['onFailed', (callbacks, signal) => callbacks.reportFailed(failure, signal)],
]

const never = (): Promise<never> => new Promise(() => {})

afterEach(() => {
  vi.useRealTimers()
})

describe('createCallbacks', () => {
  it('calls each function', async () => {
    const [onArchived, onFailed] = [vi.fn(), vi.fn(async () => {})]
    const callbacks = create({ onArchived, onFailed, storage: async () => storage, prefix: (id) => `${id}/` })
    const { signal } = new AbortController()
    expect(await callbacks.findAccount('1', signal)).toBe(account)
    expect(await callbacks.findPlace('acme', signal)).toEqual({ storage, prefix: 'acme/' })
    await callbacks.reportArchived(media, signal)
    await callbacks.reportFailed(failure, signal)
    expect([onArchived.mock.calls, onFailed.mock.calls]).toEqual([[[media]], [[failure]]])
  })

  it('needs no more than accounts and storage', async () => {
    const { signal } = new AbortController()
    expect(await create().findPlace('acme', signal)).toEqual({ storage })
    expect(await create({ prefix: 'files/' }).findPlace('acme', signal)).toEqual({ storage, prefix: 'files/' })
    await create().reportArchived(media, signal)
    await create().reportFailed(failure, signal)
  })

  it.each(CALLS)('marks what %s throws as the app’s, even an error of this library', async (callback, call) => {
    const { signal } = new AbortController()
    for (const thrown of [
      new Error('down'),
      new InvalidOptionError({ option: 'size', problem: 'is odd' }),
      new UnknownNumberError({ phoneNumberId: '2' }),
    ]) {
      const throwing = (): never => {
        throw thrown
      }
      for (const fail of [throwing, async () => throwing()]) {
        const error: unknown = await call(create({ [callback]: fail }), signal).catch((reason: unknown) => reason)
        expect(error).toBeInstanceOf(CallbackThrew)
        expect(error).toMatchObject({ callback })
        expect(unwrapThrown(error)).toBe(thrown)
      }
    }
  })

  it('throws what is wrong with an answer as this library’s own', async () => {
    const { signal } = new AbortController()
    const nobody = create({ accounts: () => undefined }).findAccount('1', signal)
    await expect(nobody).rejects.toBeInstanceOf(UnknownNumberError)
    const nowhere = create({ storage: () => undefined as unknown as ObjectStorage }).findPlace('acme', signal)
    await expect(nowhere).rejects.toMatchObject({ code: 'invalid-option', option: 'storage' })
    const odd = create({ prefix: () => 7 as unknown as string }).findPlace('acme', signal)
    await expect(odd).rejects.toMatchObject({ code: 'invalid-option', option: 'prefix' })
    expect(unwrapThrown(signal)).toBe(signal)
  })

  it.each(CALLS)('leaves %s behind when the signal aborts, and asks no more after', async (callback, call) => {
    const controller = new AbortController()
    const hang = vi.fn(never)
    const callbacks = create({ [callback]: hang })
    const going = call(callbacks, controller.signal).catch((error: unknown) => error)
    await vi.waitFor(() => expect(hang).toHaveBeenCalledTimes(1))
    const reason = new Error('the worker leaves')
    controller.abort(reason)
    expect(await going).toMatchObject({ callback, thrown: reason })
    await expect(call(callbacks, controller.signal)).rejects.toMatchObject({ callback, thrown: reason })
    expect(hang).toHaveBeenCalledTimes(1)
  })

  it.each(CALLS)('leaves %s behind after its time', async (callback, call) => {
    vi.useFakeTimers()
    const { signal } = new AbortController()
    const going = call(create({ [callback]: never }), signal).catch((error: unknown) => error)
    await vi.advanceTimersByTimeAsync(59_999)
    expect(vi.getTimerCount()).toBe(1)
    await vi.advanceTimersByTimeAsync(1)
    expect(await going).toMatchObject({
      callback,
      thrown: { code: 'timeout', waitedFor: 'callback', limitMs: 60_000, callback, retryable: true },
    })
    expect(vi.getTimerCount()).toBe(0)
  })

  it('ignores the end of a call that it left behind', async () => {
    const unheard: unknown[] = []
    const hear = (reason: unknown): void => void unheard.push(reason)
    process.on('unhandledRejection', hear)
    let fail = (_reason: Error): void => {}
    const onArchived = (): Promise<never> =>
      new Promise((_resolve, reject) => {
        fail = reject
      })
    const { signal } = new AbortController()
    await expect(create({ onArchived, callbackTimeoutMs: 1 }).reportArchived(media, signal)).rejects.toMatchObject({
      thrown: { code: 'timeout' },
    })
    fail(new Error('too late'))
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
    process.off('unhandledRejection', hear)
    expect(unheard).toEqual([])
  })

  it('leaves neither timer nor listener behind', async () => {
    vi.useFakeTimers()
    const controller = new AbortController()
    const down = (): never => {
      throw new Error('down')
    }
    for (const [callback, call] of CALLS) {
      const answer = (): unknown => (callback === 'prefix' ? '' : callback === 'accounts' ? account : storage)
      await call(create({ [callback]: answer }), controller.signal)
      await expect(call(create({ [callback]: down }), controller.signal)).rejects.toBeInstanceOf(CallbackThrew)
    }
    expect(vi.getTimerCount()).toBe(0)
    expect(getEventListeners(controller.signal, 'abort')).toEqual([])
  })

  it.each([Number.POSITIVE_INFINITY, 2 ** 31])(
    'waits without end where %d ms are allowed',
    async (callbackTimeoutMs) => {
      vi.useFakeTimers()
      const controller = new AbortController()
      const going = create({ accounts: never, callbackTimeoutMs }).findAccount('1', controller.signal)
      expect(vi.getTimerCount()).toBe(0)
      controller.abort('enough')
      await expect(going).rejects.toMatchObject({ thrown: 'enough' })
    },
  )

  it.each([0, -1, Number.NaN, '60', null])('refuses %j for callbackTimeoutMs', (callbackTimeoutMs) => {
    expect(() => create({ callbackTimeoutMs: callbackTimeoutMs as number })).toThrow(
      expect.objectContaining({ code: 'invalid-option', option: 'callbackTimeoutMs' }),
    )
  })
})
