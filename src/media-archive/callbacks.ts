import type { ArchivedMessageMedia } from '../archive.js'
import type { AccessToken } from '../download/access-token.js'
import { checkFunction, checkMilliseconds } from '../errors/checks.js'
import { describeValue } from '../errors/describe.js'
import { type CallbackName, InvalidOptionError, TimeoutError } from '../errors.js'
import { checkAccountId } from '../key.js'
import type { ObjectStorage } from '../storage.js'
import { abortable, within } from '../timing/abort.js'
import { checkStorage } from '../upload/put-once.js'
import { type Account, findAccount } from './accounts.js'
import type { MediaFailure } from './media-failure.js'
import type { MediaArchiveOptions } from './options.js'

/** The functions that your app gives to an archive. */
export type CallbackOptions = Pick<
  MediaArchiveOptions,
  'accounts' | 'storage' | 'prefix' | 'onArchived' | 'onFailed' | 'callbackTimeoutMs'
>

/** The place of an account's objects. */
export interface AccountPlace {
  storage: ObjectStorage
  prefix?: string | undefined
}

/**
 * Your app's functions, each call under a signal and `callbackTimeoutMs`. What such a function throws is thrown as a
 * `CallbackThrew`, and so is the signal's reason, or a `TimeoutError`, when it does not end: an app may throw this
 * library's errors, too, so the place that threw says whose fault it is. All else is thrown as it is.
 */
export interface Callbacks {
  /** All accounts have one storage. */
  readonly sharesStorage: boolean
  /** @throws UnknownNumberError, InvalidOptionError */
  findAccount(phoneNumberId: string, signal: AbortSignal): Promise<Account>
  /** @throws InvalidOptionError */
  findPlace(accountId: string, signal: AbortSignal): Promise<AccountPlace>
  /** The account's token function under `callbackTimeoutMs`: a vault that hangs must not hold workers for long. */
  limitToken(accessToken: AccessToken): AccessToken
  reportArchived(media: ArchivedMessageMedia, signal: AbortSignal): Promise<void>
  reportFailed(failure: MediaFailure, signal: AbortSignal): Promise<void>
}

/** Holds what a callback has thrown, or why it was waited for no longer. */
export class CallbackThrew extends Error {
  constructor(
    readonly callback: CallbackName,
    readonly thrown: unknown,
  ) {
    super()
  }
}

/** The error as callers of the archive get it: what the callback has thrown, itself. */
export function unwrapThrown(error: unknown): unknown {
  return error instanceof CallbackThrew ? error.thrown : error
}

const CALLBACK_TIMEOUT_MS = 60_000

/** @throws InvalidOptionError */
export function createCallbacks(options: CallbackOptions): Callbacks {
  const { accounts, storage, prefix, onArchived, onFailed, callbackTimeoutMs = CALLBACK_TIMEOUT_MS } = options
  checkCallbacks(options, callbackTimeoutMs)

  const call = <T>(callback: CallbackName, run: () => T | Promise<T>, signal: AbortSignal): Promise<T> =>
    callInTime(run, { callback, limitMs: callbackTimeoutMs, signal }).catch((thrown: unknown) => {
      throw new CallbackThrew(callback, thrown)
    })

  return {
    sharesStorage: typeof storage !== 'function',
    findAccount: (phoneNumberId, signal) =>
      findAccount((number) => call('accounts', () => accounts(number), signal), phoneNumberId),
    async findPlace(accountId, signal) {
      checkAccountId(accountId)
      const found = typeof storage === 'function' ? await call('storage', () => storage(accountId), signal) : storage
      // A function that finds no storage must not fail later, and elsewhere.
      checkStorage(found)
      if (prefix === undefined) return { storage: found }
      const own = typeof prefix === 'function' ? await call('prefix', () => prefix(accountId), signal) : prefix
      // The default would be another place than the one that the app meant to name.
      if (typeof own !== 'string')
        throw new InvalidOptionError({ option: 'prefix', problem: `must be a string, got ${describeValue(own)}` })
      return { storage: found, prefix: own }
    },
    limitToken(accessToken) {
      if (typeof accessToken !== 'function') return accessToken
      return (reason) => callInTime(() => accessToken(reason), { callback: 'accessToken', limitMs: callbackTimeoutMs })
    },
    async reportArchived(media, signal) {
      if (onArchived !== undefined) await call('onArchived', () => onArchived(media), signal)
    },
    async reportFailed(failure, signal) {
      if (onFailed !== undefined) await call('onFailed', () => onFailed(failure), signal)
    },
  }
}

interface CallLimits {
  callback: CallbackName | 'accessToken'
  limitMs: number
  /** Absent where the caller has clocks of its own, and may have left: this call's clock then keeps no process alive. */
  signal?: AbortSignal | undefined
}

/** A function that hangs is abandoned: it may still end, and its end is ignored. */
async function callInTime<T>(run: () => T | Promise<T>, { callback, limitMs, signal }: CallLimits): Promise<T> {
  signal?.throwIfAborted()
  const running = (async () => run())()
  const otherwise = (): never => {
    throw new TimeoutError({ waitedFor: 'callback', limitMs, callback })
  }
  return within(limitMs, abortable(running, signal), { otherwise, keepAlive: signal !== undefined })
}

function checkCallbacks(options: CallbackOptions, callbackTimeoutMs: number): void {
  const { storage, accounts, onArchived, onFailed } = options
  if (typeof storage !== 'function') checkStorage(storage)
  checkFunction('accounts', accounts)
  for (const [option, value] of Object.entries({ onArchived, onFailed })) {
    if (value !== undefined) checkFunction(option, value)
  }
  checkMilliseconds('callbackTimeoutMs', callbackTimeoutMs)
}
