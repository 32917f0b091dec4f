import type { Readable } from 'node:stream'
import { keepDeclaredType } from '../download/keep-declared-type.js'
import { checkOptions, type OptionNames } from '../errors/check-options.js'
import { checkList, checkSignal } from '../errors/checks.js'
import { describeSecret } from '../errors/describe.js'
import { InvalidOptionError, StorageFailedError } from '../errors.js'
import { proveBytes } from '../integrity/prove.js'
import { defined } from '../json.js'
import { type MediaKeyParts, parseOwnKey, resolveKeyLayout } from '../key.js'
import { checkReference, isKnownMedia, type MediaReference, toWantedMedia } from '../media-reference.js'
import { type SignedMediaUrl, type SigningOptions, signUrl } from '../signed-url.js'
import type { ObjectStorage, StoredObject } from '../storage.js'
import { abortable } from '../timing/abort.js'
import { checkTimeouts, startDeadlines } from '../timing/deadlines.js'
import { wrapStorage } from '../upload/storage-errors.js'
import type { Callbacks } from './callbacks.js'
import type { Calls } from './calls.js'
import type { SharedOptions } from './options.js'

/** Whose objects a call may touch. */
export interface ObjectCallOptions {
  /** The tenant that asks: the key must be its own. */
  accountId: string
  /** Ends the call with its reason. */
  signal?: AbortSignal | undefined
}

/** Whose object is signed, and how its URL serves it. */
export interface ArchiveSigningOptions
  extends Pick<SigningOptions, 'expiresIn' | 'filename' | 'disposition' | 'cacheFor' | 'method'> {
  /** The tenant that asks: the key must be its own. */
  accountId: string
}

/** An object and its bytes. */
export interface OpenedObject extends StoredObject {
  /**
   * The bytes. The stream errors before its last chunk when they are not of the recorded size and SHA-256. An object
   * without `sha256`, which this library has not stored, is held to its size alone. Read or destroy it.
   */
  body: Readable
}

/**
 * What an archive does with objects that are stored. Each call is made for one account, and another account's key is a
 * `WrongAccountError`.
 */
export interface ArchivedObjects {
  /**
   * The key that a webhook's media has, or will have: for your records, before it is archived.
   *
   * @throws InvalidOptionError that names what is missing: without a MIME type of its own the key's extension is the
   * look-up's to say, and only the result of `archive` knows it. UnknownNumberError for a number of no account.
   */
  keyOf(
    reference: MediaReference,
    options?: {
      /** Ends the call with its reason. */
      signal?: AbortSignal | undefined
    },
  ): Promise<string>
  /** Whether the object is stored. @throws WrongAccountError; StorageFailedError, also when the store does not say. */
  exists(key: string, options: ObjectCallOptions): Promise<boolean>
  /**
   * The object with its bytes, or null when there is none. The signal ends the reading, too.
   *
   * @throws WrongAccountError, StorageFailedError, TimeoutError.
   */
  open(key: string, options: ObjectCallOptions): Promise<OpenedObject | null>
  /**
   * Removes the object; an absent one is fine. A redelivered webhook stores it again, and a bucket with versions keeps the
   * older ones.
   *
   * @throws WrongAccountError, StorageFailedError.
   */
  delete(key: string, options: ObjectCallOptions): Promise<void>
  /**
   * A signed URL for one of the account's objects, as `{ key, url, expiresAt }`; `getSignedUrl` gives a string.
   *
   * @throws WrongAccountError when the key is another account's.
   */
  signUrl(key: string, options: ArchiveSigningOptions): Promise<SignedMediaUrl>
  /** Signs many keys of one account, in their order. @throws as `signUrl`. */
  signUrls(keys: readonly string[], options: ArchiveSigningOptions): Promise<SignedMediaUrl[]>
}

const KEY_CALL_OPTIONS: OptionNames<Parameters<ArchivedObjects['keyOf']>[1] & object> = { signal: true }

const OBJECT_CALL_OPTIONS: OptionNames<ObjectCallOptions> = { accountId: true, signal: true }

const ARCHIVE_SIGNING_OPTIONS: OptionNames<ArchiveSigningOptions> = {
  ...{ accountId: true, expiresIn: true, filename: true, disposition: true, cacheFor: true, method: true },
}

/** The parts of an archive that its objects take. */
export interface ObjectParts {
  shared: SharedOptions
  callbacks: Callbacks
  calls: Calls
  findPlace: Callbacks['findPlace']
}

export function createArchivedObjects(parts: ObjectParts): ArchivedObjects {
  const { shared, callbacks, calls, findPlace } = parts
  return {
    async keyOf(reference, options = {}) {
      checkOptions(options, KEY_CALL_OPTIONS, { after: { reference } })
      if (options.signal !== undefined) checkSignal('signal', options.signal)
      return calls.run(async (signal) => {
        const { phoneNumberId, ...named } = checkNamed(reference)
        const { accountId } = await callbacks.findAccount(phoneNumberId, signal)
        const { prefix } = await findPlace(accountId, signal)
        return resolveKeyLayout({ ...shared, prefix }).build({ ...named, accountId })
      }, options.signal)
    },
    ...createObjectCalls(parts),
    ...createSigningCalls(parts),
  }
}

function createObjectCalls({
  shared,
  calls,
  findPlace,
}: ObjectParts): Pick<ArchivedObjects, 'exists' | 'open' | 'delete'> {
  /** Runs a call on the account's own object. */
  const runFor = <T>(
    key: string,
    options: ObjectCallOptions,
    run: (storage: ObjectStorage, signal: AbortSignal) => Promise<T>,
  ): Promise<T> => {
    checkOptions(options, OBJECT_CALL_OPTIONS, { after: { key } })
    const { accountId, signal: own } = options
    if (own !== undefined) checkSignal('signal', own)
    return calls.run(async (signal) => {
      const { storage, prefix } = await findPlace(accountId, signal)
      parseOwnKey(key, { accountId, prefix, keyLayout: shared.keyLayout })
      return run(wrapStorage(storage, undefined), signal)
    }, own)
  }
  return {
    exists: async (key, options) =>
      runFor(key, options, async (storage, signal) => (await storage.head(key, { signal })) !== null),
    open: async (key, options) =>
      runFor(key, options, (storage, callSignal) =>
        openProven(key, { storage, timeouts: shared.timeouts, callSignal, signal: options.signal }),
      ),
    delete: async (key, options) => runFor(key, options, (storage, signal) => storage.delete(key, { signal })),
  }
}

function createSigningCalls({ shared, calls, findPlace }: ObjectParts): Pick<ArchivedObjects, 'signUrl' | 'signUrls'> {
  /** Signs for an account whose place was looked up once. */
  const runSigning = <T>(
    options: ArchiveSigningOptions,
    run: (sign: (key: string) => Promise<SignedMediaUrl>) => Promise<T>,
  ): Promise<T> =>
    calls.run(async (signal) => {
      // By name: a `keyLayout` or `storage` from JavaScript must not replace the archive's own.
      const { accountId, expiresIn, filename, disposition, cacheFor, method } = options
      const place = await findPlace(accountId, signal)
      const wishes = defined({ expiresIn, filename, disposition, cacheFor, method })
      return run((key) => signUrl(key, { ...shared, ...wishes, ...place, accountId }))
    })
  return {
    async signUrl(key, options) {
      checkOptions(options, ARCHIVE_SIGNING_OPTIONS, { after: { key } })
      return runSigning(options, (sign) => sign(key))
    },
    async signUrls(keys, options) {
      checkList('keys', keys)
      checkOptions(options, ARCHIVE_SIGNING_OPTIONS, { after: { keys } })
      return runSigning(options, (sign) => Promise.all(keys.map(sign)))
    },
  }
}

interface OpeningCall {
  storage: ObjectStorage
  timeouts: SharedOptions['timeouts']
  /** Of the call, which ends with the opening. */
  callSignal: AbortSignal
  /** The caller's: the reading goes on when the call has ended. */
  signal: AbortSignal | undefined
}

/** The parts of a reference that a key takes. @throws InvalidOptionError */
function checkNamed(reference: MediaReference): Omit<MediaKeyParts, 'accountId'> & { phoneNumberId: string } {
  checkReference(reference, 'reference')
  const wanted = keepDeclaredType(toWantedMedia(reference))
  if (isKnownMedia(wanted)) {
    const { mediaId, mediaType, mimeType, filename, timestamp } = wanted
    return { mediaId, mediaType, mimeType, filename, timestamp, phoneNumberId: reference.phoneNumberId }
  }
  const problem = `must tell the file's type, got ${describeSecret(reference.mimeType)}: the look-up does, and the result of archive() has the key`
  throw new InvalidOptionError({ option: 'reference.mimeType', problem })
}

async function openProven(
  key: string,
  { storage, timeouts, callSignal, signal }: OpeningCall,
): Promise<OpenedObject | null> {
  const deadlines = startDeadlines(checkTimeouts(timeouts), signal)
  let isLeft = false
  try {
    deadlines.waitFor('store')
    const opening = storage.get(key, { signal: deadlines.signal })
    // A storage may ignore the signal: abandoned, it may still fail, or bring a body that comes too late.
    opening.then(
      (late) => isLeft && late?.body.destroy(),
      () => {},
    )
    const found = await abortable(abortable(opening, deadlines.signal), callSignal)
    if (found === null) {
      deadlines.clear()
      return null
    }
    const { size, sha256 } = found
    const onSourceError = (cause: Error | undefined): StorageFailedError =>
      new StorageFailedError({ operation: 'get', key, reason: 'the body broke off', retryable: true, cause })
    const proof = { size, sha256, maxBytes: Number.POSITIVE_INFINITY, hashesAll: false, onSourceError, deadlines }
    const { body } = proveBytes(found.body, { ...proof, reader: 'reader' })
    body.once('close', deadlines.clear)
    return { ...found, body }
  } catch (error) {
    isLeft = true
    deadlines.clear()
    throw deadlines.signal.aborted ? deadlines.signal.reason : error
  }
}
