import { types } from 'node:util'
import { checkOptions, type OptionNames } from './errors/check-options.js'
import { checkFunction, checkList, checkMethods, checkOneOf, checkText, checkWhole } from './errors/checks.js'
import { InvalidOptionError, StorageFailedError } from './errors.js'
import { emit, type OnEvent } from './events.js'
import { findSafeExtension } from './file-type/filename.js'
import { decideServing } from './file-type/serving.js'
import { defined } from './json.js'
import { checkAccountId, type KeyLayout, parseOwnKey } from './key.js'
import { checkObjectKey, MAX_EXPIRES_IN, type ObjectStorage, type SignedUrlOptions } from './storage.js'
import { toStorageFailure } from './upload/storage-errors.js'

/** The tenant, the lifetime of the URL, and how the file arrives at the reader. */
export type SigningOptions = AnyAccountSigningOptions | AccountSigningOptions

/** The options of signing that do not depend on who asks. */
export interface UrlOptions {
  /** Where the objects are. It must be able to sign. */
  storage: ObjectStorage
  /** Seconds that the URL works, 1 to 604,800 (AWS: Authenticating requests, query parameters). Default 3,600. */
  expiresIn?: number | undefined
  /** The name a download gets. */
  filename?: string | undefined
  /**
   * Default: inline for images, audio and video, attachment for all else. `inline` is respected only for types that may
   * be shown: those and PDF.
   */
  disposition?: 'inline' | 'attachment' | undefined
  /**
   * Seconds for which the URL stays the same, so that browsers and CDNs can cache. It then lives `expiresIn` at the
   * least and `expiresIn + cacheFor` (at most 604,800) at the most. Renewed credentials make another URL earlier, and
   * ECDSA keys of a CloudFront signer one at each call. Default 0: each call signs anew.
   */
  cacheFor?: number | undefined
  /**
   * The request that the URL is for. `HEAD`: for players and clients that ask for size and type first; S3 signs the method,
   * and answers 403 to any other. Default `GET`.
   */
  method?: 'GET' | 'HEAD' | undefined
  /** The part of keys before the account id. Default `whatsapp-media/`; empty is allowed. */
  prefix?: string | undefined
  /** The layout that reads the keys. Default: the one of `buildMediaKey`. Used with `accountId` only. */
  keyLayout?: KeyLayout | undefined
  /** Hears `expiry-clipped`. Errors that it throws are ignored. */
  onEvent?: OnEvent | undefined
}

/** Signing for one tenant. */
export interface AccountSigningOptions extends UrlOptions {
  /** The tenant that asks: the key must be its own. */
  accountId: string
  /** Absent beside `accountId`. */
  anyAccount?: never
}

/** Signing for a caller who may read everything. */
export interface AnyAccountSigningOptions extends UrlOptions {
  /** In place of `accountId`: the caller may read every account's objects, and has checked the key itself. */
  anyAccount: true
  /** Absent beside `anyAccount`. */
  accountId?: never
}

const SIGNING_OPTIONS: OptionNames<SigningOptions> = {
  ...{ storage: true, expiresIn: true, filename: true, disposition: true, cacheFor: true, prefix: true },
  ...{ keyLayout: true, onEvent: true, accountId: true, anyAccount: true, method: true },
}

/** A URL that reads one object for a while. */
export interface SignedMediaUrl {
  /** The object's key. */
  key: string
  /** The signed URL. */
  url: string
  /** When the URL expires: as asked, or earlier when the signing credentials end first. */
  expiresAt: Date
}

/**
 * A signed URL for one object, as a string; `signUrls` and `archive.signUrl` return its expiry, too. Content type and
 * disposition are forced from the key's extension through the allow-list, without a request: a stranger's file can't
 * run in the reader's browser, not even from old objects.
 *
 * Sign when somebody reads; a stored signed URL has expired by the time it is needed.
 *
 * With `accountId`, the key must be of the layout in use and that account's own. With `anyAccount: true`, it may be any
 * object's name that arrives as it was signed: at most 1,024 bytes, no control characters, no segment that is empty, `.`
 * or `..`.
 *
 * @returns the URL.
 * @throws InvalidOptionError, also without exactly one of `accountId` and `anyAccount: true`; WrongAccountError when the
 *   key is another account's; StorageFailedError, also when the signing credentials have ended.
 * @example
 * ```ts
 * import { getSignedUrl } from 'whatsapp-media-archive'
 * import { createS3Storage } from 'whatsapp-media-archive/storage/s3'
 *
 * const credentials = { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'example' }
 * const storage = createS3Storage({ bucket: 'media', region: 'eu-central-1', credentials })
 * const key = 'whatsapp-media/acme/2026-11-22/image/5ef5e495-9ea6-59d7-91c6-d39ba4699239.jpg'
 * const url = await getSignedUrl(key, { storage, accountId: 'acme', expiresIn: 600 })
 * // https://media.s3.eu-central-1.amazonaws.com/whatsapp-media/acme/…?X-Amz-Algorithm=AWS4-HMAC-SHA256&…
 * ```
 */
export async function getSignedUrl(key: string, options: SigningOptions): Promise<string> {
  checkOptions(options, SIGNING_OPTIONS, { after: { key } })
  return (await signUrl(key, options)).url
}

/**
 * Signed URLs for many objects: a list of `{ key, url, expiresAt }` in the order of the keys, where `getSignedUrl` gives
 * one string. One key that can't be signed fails the call.
 *
 * @throws as `getSignedUrl`.
 * @example
 * ```ts
 * import { signUrls } from 'whatsapp-media-archive'
 * import { createS3Storage } from 'whatsapp-media-archive/storage/s3'
 *
 * const credentials = { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'example' }
 * const storage = createS3Storage({ bucket: 'media', region: 'eu-central-1', credentials })
 * const keys = ['invoices/2025/1.pdf', 'invoices/2025/2.pdf']
 * // The same URLs for an hour, so that browsers can cache.
 * const signed = await signUrls(keys, { storage, anyAccount: true, cacheFor: 3_600 })
 * for (const { url, expiresAt } of signed) console.log(url, expiresAt)
 * ```
 */
export async function signUrls(keys: readonly string[], options: SigningOptions): Promise<SignedMediaUrl[]> {
  checkOptions(options, SIGNING_OPTIONS, { after: { keys } })
  checkList('keys', keys)
  // Without keys, too: a missing choice must show before the first key does.
  checkTenant(options)
  return Promise.all(keys.map((key) => signUrl(key, options)))
}

/** As `getSignedUrl`, with the effective expiry. */
export async function signUrl(key: string, options: SigningOptions): Promise<SignedMediaUrl> {
  const accountId = checkTenant(options)
  const { storage, expiresIn = 3_600, cacheFor = 0, onEvent } = options
  if (onEvent !== undefined) checkFunction('onEvent', onEvent)
  checkWhole('expiresIn', expiresIn, { most: MAX_EXPIRES_IN, unit: 'of seconds' })
  checkWhole('cacheFor', cacheFor, { least: 0, most: MAX_EXPIRES_IN, unit: 'of seconds' })
  const lifetime = expiresIn + cacheFor
  checkWhole('expiresIn + cacheFor', lifetime, { most: MAX_EXPIRES_IN, unit: 'of seconds' })
  const extension = checkReadable(key, accountId, options)
  // Signatures count in whole seconds; without the floor `expiresAt` would promise up to one too many.
  const now = Date.now()
  const signedAt = new Date(floorTo(now, Math.max(cacheFor, 1) * 1_000))
  const { disposition, filename, method } = options
  if (method !== undefined) checkOneOf('method', method, ['GET', 'HEAD'])
  if (disposition !== undefined) checkOneOf('disposition', disposition, ['inline', 'attachment'])
  if (filename !== undefined) checkText('filename', filename)
  const isSound = key.split('/').at(-2) === 'audio'
  const { contentType, contentDisposition } = decideServing({ extension, filename, disposition, isSound })
  const urlOptions = { contentType, contentDisposition, expiresIn: lifetime, signedAt, ...defined({ method }) }
  const { url, expiresAt } = await askForUrl(storage, key, urlOptions)
  const askedFor = signedAt.getTime() + lifetime * 1_000
  if (expiresAt.getTime() < askedFor) {
    if (expiresAt.getTime() <= now) throw describeEndedCredentials(key)
    emit(onEvent, { type: 'expiry-clipped', key, expiresAt, askedFor: new Date(askedFor) })
  }
  return { key, url, expiresAt }
}

async function askForUrl(
  storage: ObjectStorage,
  key: string,
  options: SignedUrlOptions,
): Promise<{ url: string; expiresAt: Date }> {
  if (storage.signedUrl === undefined) {
    const advice = 'Storages that serve files through your app (r2, file-system, memory) sign with baseUrl and secret'
    throw new InvalidOptionError({
      option: 'storage',
      problem: `must be able to sign URLs, and ${storage.name} is not. ${advice}; createS3Storage signs by itself, for R2 through its S3 endpoint`,
    })
  }
  try {
    const { url, expiresAt } = await storage.signedUrl(key, options)
    if (typeof url === 'string' && types.isDate(expiresAt) && expiresAt.getTime() > 0) return { url, expiresAt }
  } catch (error) {
    throw toStorageFailure(error, { operation: 'sign', key })
  }
  throw new StorageFailedError({ operation: 'sign', key, reason: 'gave no URL with its expiry', retryable: true })
}

/**
 * Checks that there is a storage, and exactly one of `accountId` and `anyAccount: true`.
 *
 * @returns the tenant; undefined for any account. @throws InvalidOptionError
 */
function checkTenant(options: SigningOptions): string | undefined {
  checkMethods('storage', options.storage, { kind: 'an ObjectStorage', methods: [] })
  // Only the options' own: a polluted `Object.prototype` must not open every account.
  const anyAccount = Object.hasOwn(options, 'anyAccount') ? options.anyAccount : undefined
  const { accountId } = options
  // Absence is no choice: a tenant that the caller failed to find must not read everybody's media.
  if (anyAccount === true && !('accountId' in options)) return undefined
  if (accountId === undefined || anyAccount !== undefined) {
    const problem =
      'must be the account whose key it is, or left out beside anyAccount: true; give exactly one of the two'
    throw new InvalidOptionError({ option: 'accountId', problem })
  }
  checkAccountId(accountId)
  return accountId
}

/** The key's extension, after the check that the tenant (undefined: any) may read the key. */
function checkReadable(key: string, accountId: string | undefined, options: SigningOptions): string | undefined {
  if (accountId === undefined) return findSafeExtension(checkObjectKey(key))
  const { prefix, keyLayout } = options
  const parsed = parseOwnKey(key, { accountId, prefix, keyLayout })
  return parsed.extension ?? findSafeExtension(key)
}

function describeEndedCredentials(key: string): StorageFailedError {
  const reason = 'the signing credentials have ended'
  return new StorageFailedError({ operation: 'sign', key, reason, retryable: true })
}

function floorTo(value: number, step: number): number {
  return Math.floor(value / step) * step
}
