import { types } from 'node:util'
import { describeSecret, describeValue } from './errors/describe.js'
import { InvalidOptionError, StorageFailedError, WrongAccountError } from './errors.js'
import { emit, type OnEvent } from './events.js'
import { contentDisposition, safeExtension, safeFilename } from './file-type/filename.js'
import { contentTypeForExtension, mayShowInline, servedAs } from './file-type/mime.js'
import { checkAccountId, type KeyLayout, type KeyOptions, resolveKeyLayout } from './key.js'
import { checkObjectKey, type ObjectStorage, type SignedUrlOptions } from './storage.js'
import { storageFailure } from './upload/storage-errors.js'

export interface SigningOptions extends KeyOptions {
  storage: ObjectStorage
  /** The tenant that asks. Given, the key must be its own; a property that is there but undefined is refused. */
  accountId?: string
  /** Seconds that the URL lives, 1 to 604,800 (AWS: Authenticating requests, query parameters). Default 3,600. */
  expiresIn?: number
  /** The name a download gets. */
  filename?: string
  /** Default: inline for images, audio and video, attachment for all else. `inline` is heeded only for what may be shown: those and PDF. */
  disposition?: 'inline' | 'attachment'
  /**
   * Seconds for which the URL stays the same, so that browsers and CDNs can cache. It then lives `expiresIn` at the
   * least and `expiresIn + cacheFor` (at most 604,800) at the most. Renewed credentials make another URL earlier, and
   * ECDSA keys of a CloudFront signer one at each call. Default 0: each call signs anew.
   */
  cacheFor?: number
  keyLayout?: KeyLayout
  onEvent?: OnEvent
}

/** A URL that reads one object for a while. */
export interface SignedMediaUrl {
  key: string
  url: string
  /** When the URL dies: as asked, or earlier when the signing credentials end first. */
  expiresAt: Date
}

/** AWS: the longest life of a signature version 4 URL, 7 days. */
const MAX_EXPIRES_IN = 604_800

/**
 * A signed URL for one object. Content type and disposition are forced from the key's extension through the
 * allow-list, without a request: what a stranger sent can't run in the reader's browser, not even from old objects.
 *
 * Sign when somebody reads; a stored signed URL is dead by the time it is needed.
 *
 * With `accountId`, the key must be of the layout in use and that account's own. Without, it may be any object's name
 * that arrives as it was signed: at most 1,024 bytes, no control characters, no segment that is empty, `.` or `..`.
 *
 * @throws InvalidOptionError, WrongAccountError when the key is another account's, StorageFailedError also when the
 *   signing credentials have ended.
 */
export async function getSignedUrl(key: string, options: SigningOptions): Promise<string> {
  return (await signUrl(key, options)).url
}

/** Signed URLs for many objects, in the order of the keys. One key that can't be signed fails the call. */
export async function signUrls(keys: readonly string[], options: SigningOptions): Promise<SignedMediaUrl[]> {
  return Promise.all(keys.map((key) => signUrl(key, options)))
}

/** As `getSignedUrl`, with the effective expiry. */
export async function signUrl(key: string, options: SigningOptions): Promise<SignedMediaUrl> {
  const { storage, expiresIn = 3_600, cacheFor = 0, onEvent } = options
  checkSeconds('expiresIn', expiresIn, 1)
  checkSeconds('cacheFor', cacheFor, 0)
  const lifetime = expiresIn + cacheFor
  if (lifetime > MAX_EXPIRES_IN) {
    throw new InvalidOptionError({
      option: 'expiresIn + cacheFor',
      problem: `must be at most ${MAX_EXPIRES_IN} seconds, got ${lifetime}`,
    })
  }
  const extension = checkTenant(key, options)
  // Signatures count in whole seconds; without the floor `expiresAt` would promise up to one too many.
  const now = Date.now()
  const signedAt = new Date(floorTo(now, Math.max(cacheFor, 1) * 1_000))
  const { contentType, contentDisposition } = serving(extension, options)
  const wishes = { contentType, contentDisposition, expiresIn: lifetime, signedAt }
  const { url, expiresAt } = await sign(storage, key, wishes)
  const askedFor = signedAt.getTime() + lifetime * 1_000
  if (expiresAt.getTime() < askedFor) {
    if (expiresAt.getTime() <= now) throw credentialsEnded(key)
    emit(onEvent, { type: 'expiry-clipped', key, expiresAt, askedFor: new Date(askedFor) })
  }
  return { key, url, expiresAt }
}

async function sign(
  storage: ObjectStorage,
  key: string,
  options: SignedUrlOptions,
): Promise<{ url: string; expiresAt: Date }> {
  if (storage.signedUrl === undefined) {
    throw new InvalidOptionError({
      option: 'storage',
      problem: `must be able to sign URLs, and ${storage.name} is not`,
    })
  }
  try {
    const { url, expiresAt } = await storage.signedUrl(key, options)
    if (typeof url === 'string' && types.isDate(expiresAt) && expiresAt.getTime() > 0) return { url, expiresAt }
  } catch (error) {
    throw storageFailure(error, { operation: 'sign', key })
  }
  throw new StorageFailedError({ operation: 'sign', key, reason: 'gave no URL with its expiry', retryable: true })
}

/** The key's extension, after the check that the key is the account's. */
function checkTenant(key: string, options: SigningOptions): string | undefined {
  const { accountId } = options
  if (accountId !== undefined) {
    checkAccountId(accountId)
    const parsed = resolveKeyLayout(options).parse(key)
    if (parsed.accountId !== accountId) throw new WrongAccountError({ accountId })
    return parsed.extension ?? safeExtension(key)
  }
  // A tenant whom the caller failed to find must not read everybody's media.
  if ('accountId' in options)
    throw new InvalidOptionError({ option: 'accountId', problem: 'must be left out or an account id, got undefined' })
  return safeExtension(checkObjectKey(key))
}

function credentialsEnded(key: string): StorageFailedError {
  const reason = 'the signing credentials have ended'
  return new StorageFailedError({ operation: 'sign', key, reason, retryable: true })
}

function serving(
  extension: string | undefined,
  { disposition, filename }: SigningOptions,
): { contentType: string; contentDisposition: string } {
  if (disposition !== undefined && disposition !== 'inline' && disposition !== 'attachment') {
    throw new InvalidOptionError({
      option: 'disposition',
      problem: `must be inline or attachment, got ${describeValue(disposition)}`,
    })
  }
  if (filename !== undefined && typeof filename !== 'string') {
    throw new InvalidOptionError({ option: 'filename', problem: `must be a string, got ${describeSecret(filename)}` })
  }
  const { contentType, inline } = servedAs(contentTypeForExtension(extension ?? 'bin') ?? 'application/octet-stream')
  const isShown = disposition === undefined ? inline : disposition === 'inline' && mayShowInline(contentType)
  const name = filename === undefined ? undefined : safeFilename(filename, extension === undefined ? {} : { extension })
  return { contentType, contentDisposition: contentDisposition(isShown ? 'inline' : 'attachment', name) }
}

function checkSeconds(option: string, value: number, least: number): void {
  if (!Number.isSafeInteger(value) || value < least || value > MAX_EXPIRES_IN) {
    throw new InvalidOptionError({
      option,
      problem: `must be whole seconds from ${least} to ${MAX_EXPIRES_IN}, got ${describeValue(value)}`,
    })
  }
}

function floorTo(value: number, step: number): number {
  return Math.floor(value / step) * step
}
