import type { ArchivedMessageMedia } from '../archive.js'
import type { AccessToken } from '../download/access-token.js'
import { describeValue } from '../errors/describe.js'
import { type CallbackFailedError, InvalidOptionError, TimeoutError } from '../errors.js'
import { checkAccountId } from '../key.js'
import type { ObjectStorage } from '../storage.js'
import { MAX_TIMER_MS } from '../timing/abort.js'
import { type Account, type Accounts, findAccount } from './accounts.js'
import type { MediaFailure } from './media-failure.js'

/** The functions that an archive's owner gives it: see `MediaArchiveOptions`. */
export interface OwnersFunctions {
  accounts: Accounts
  storage: ObjectStorage | ((accountId: string) => ObjectStorage | Promise<ObjectStorage>)
  prefix?: string | ((accountId: string) => string | Promise<string>)
  onArchived?: (media: ArchivedMessageMedia) => unknown
  onFailed?: (failure: MediaFailure) => unknown
  callbackTimeoutMs?: number
}

/** Where an account's objects lie. */
export interface Place {
  storage: ObjectStorage
  prefix?: string
}

/**
 * The archive's owner, as the rest of the archive asks and tells it. What the owner's own functions throw comes as an
 * `OwnersError`, and so does the signal's reason, or a `TimeoutError`, when one does not end: whose fault it is, is
 * told by where it was thrown, for owners throw this library's errors, too. Everything else is thrown as it is.
 */
export interface Owner {
  /** @throws UnknownNumberError, InvalidOptionError */
  account(phoneNumberId: string, signal: AbortSignal): Promise<Account>
  /** @throws InvalidOptionError */
  place(accountId: string, signal: AbortSignal): Promise<Place>
  /** The account's token function, held to `callbackTimeoutMs`: a vault that hangs must not hold workers for long. */
  token(accessToken: AccessToken): AccessToken
  archived(media: ArchivedMessageMedia, signal: AbortSignal): Promise<void>
  failed(failure: MediaFailure, signal: AbortSignal): Promise<void>
}

type Callback = CallbackFailedError['callback']

/** What a function of the owner's has thrown, or why it was waited for no longer. */
export class OwnersError extends Error {
  constructor(
    readonly callback: Callback,
    readonly thrown: unknown,
  ) {
    super()
  }
}

/** The error as callers of the archive get it: what the owner's function has thrown, itself. */
export function thrownBy(error: unknown): unknown {
  return error instanceof OwnersError ? error.thrown : error
}

const CALLBACK_TIMEOUT_MS = 60_000

/** @throws InvalidOptionError */
export function createOwner(functions: OwnersFunctions): Owner {
  const { accounts, storage, prefix, onArchived, onFailed, callbackTimeoutMs = CALLBACK_TIMEOUT_MS } = functions
  checkFunctions(functions, callbackTimeoutMs)

  /** What hangs is left behind: it may still end, and nobody listens any more. */
  const call = async <T>(callback: Callback, ask: () => T | Promise<T>, signal: AbortSignal): Promise<T> => {
    const ended = new AbortController()
    let timer: NodeJS.Timeout | undefined
    const leftBehind = new Promise<never>((_resolve, reject) => {
      const expire = (): void =>
        reject(new TimeoutError({ waitedFor: 'callback', limitMs: callbackTimeoutMs, callback }))
      if (callbackTimeoutMs <= MAX_TIMER_MS) timer = setTimeout(expire, callbackTimeoutMs)
      signal.addEventListener('abort', () => reject(signal.reason), { once: true, signal: ended.signal })
    })
    try {
      signal.throwIfAborted()
      return await Promise.race([ask(), leftBehind])
    } catch (thrown) {
      throw new OwnersError(callback, thrown)
    } finally {
      clearTimeout(timer)
      ended.abort()
    }
  }

  return {
    account: (phoneNumberId, signal) =>
      findAccount((number) => call('accounts', () => accounts(number), signal), phoneNumberId),
    async place(accountId, signal) {
      checkAccountId(accountId)
      const found = typeof storage === 'function' ? await call('storage', () => storage(accountId), signal) : storage
      checkStorage(found)
      if (prefix === undefined) return { storage: found }
      const own = typeof prefix === 'function' ? await call('prefix', () => prefix(accountId), signal) : prefix
      // The default would be another place than the one that the owner meant to name.
      if (typeof own !== 'string')
        throw new InvalidOptionError({ option: 'prefix', problem: `must be a string, got ${describeValue(own)}` })
      return { storage: found, prefix: own }
    },
    token(accessToken) {
      if (typeof accessToken !== 'function' || callbackTimeoutMs > MAX_TIMER_MS) return accessToken
      return async (reason) => {
        let timer: NodeJS.Timeout | undefined
        const leftBehind = new Promise<never>((_resolve, reject) => {
          const expire = (): void =>
            reject(new TimeoutError({ waitedFor: 'callback', limitMs: callbackTimeoutMs, callback: 'accessToken' }))
          // Whoever asks has clocks of its own, and may have left: this one keeps no process alive.
          timer = setTimeout(expire, callbackTimeoutMs).unref()
        })
        const asked = (async () => accessToken(reason))()
        return Promise.race([asked, leftBehind]).finally(() => clearTimeout(timer))
      }
    },
    async archived(media, signal) {
      if (onArchived !== undefined) await call('onArchived', () => onArchived(media), signal)
    },
    async failed(failure, signal) {
      if (onFailed !== undefined) await call('onFailed', () => onFailed(failure), signal)
    },
  }
}

function checkFunctions(functions: OwnersFunctions, callbackTimeoutMs: number): void {
  const { storage, accounts, onArchived, onFailed } = functions
  if (typeof storage !== 'function') checkStorage(storage)
  for (const [option, value] of Object.entries({ accounts, onArchived, onFailed })) {
    const isMissing = value === undefined && option !== 'accounts'
    if (typeof value !== 'function' && !isMissing) {
      throw new InvalidOptionError({ option, problem: `must be a function, got ${describeValue(value)}` })
    }
  }
  if (typeof callbackTimeoutMs !== 'number' || !(callbackTimeoutMs > 0)) {
    const problem = `must be a positive number of milliseconds, got ${describeValue(callbackTimeoutMs)}`
    throw new InvalidOptionError({ option: 'callbackTimeoutMs', problem })
  }
}

/** A function that finds no storage must not fail later, and elsewhere. */
function checkStorage(storage: ObjectStorage): void {
  if (typeof storage?.put !== 'function') {
    throw new InvalidOptionError({
      option: 'storage',
      problem: `must be an ObjectStorage, got ${describeValue(storage)}`,
    })
  }
}
