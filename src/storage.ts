import type { Readable } from 'node:stream'
import { checkOneOf, checkWhole } from './errors/checks.js'
import { describeSecret, describeValue } from './errors/describe.js'
import { InvalidOptionError } from './errors.js'

/**
 * A place for objects. An implementation is a factory that returns this interface and passes `storageConformance`
 * (from `whatsapp-media-archive/testing`). Methods throw `StorageFailedError`, or the signal's reason on abort.
 */
export interface ObjectStorage {
  /** The implementation's name in events, such as `s3` or `file-system`. */
  readonly name: string
  /** The bucket, where there is one. */
  readonly bucket?: string | undefined
  /** The store's abilities. Stated by the implementation, never probed at run time. */
  readonly capabilities: {
    /** Create-if-absent is atomic: of two concurrent writers, one gets `exists`. */
    readonly conditionalCreate: boolean
    /** The store itself refuses a body whose SHA-256 is not the one given. */
    readonly checksum: boolean
    /** `put` joins small chunks itself. Default false: chunks come joined, up to 128 KB each. */
    readonly joinsChunks?: boolean | undefined
  }

  /**
   * Stores `body` under `key`, all or nothing: when the body errors or the signal aborts, no object is left and the
   * promise rejects with the body's own error or the signal's reason. The body is consumed or destroyed in any case.
   */
  put(key: string, body: Readable, options: PutOptions): Promise<PutResult>

  /**
   * The object, or `null` when there is none.
   *
   * @throws StorageFailedError with `status` 403 when the store does not say whether there is an object. On AWS that is
   *   so for absent objects, unless the caller has the permission s3:ListBucket (AWS: HeadObject). Same in `get`.
   */
  head(key: string, options?: CallOptions): Promise<StoredObject | null>

  /**
   * The object with its bytes, or `null` when there is none. Read or destroy the body.
   *
   * @throws StorageFailedError as `head`.
   */
  get(
    key: string,
    options?: CallOptions,
  ): Promise<
    | (StoredObject & {
        /** The object's bytes. */
        body: Readable
      })
    | null
  >

  /** Removes the object. An absent one is fine. */
  delete(key: string, options?: CallOptions): Promise<void>

  /**
   * The objects whose keys start with `prefix`, each once, in no promised order; objects that come or go meanwhile may
   * show or not. Absent where the store can't be listed: nothing but `verify` needs it.
   */
  list?(prefix: string, options?: CallOptions): AsyncIterable<StoredObjectSummary>

  /** The object's permanent address. It is private: reading it takes credentials or a signed URL. */
  address(key: string): Promise<string>

  /** As `UrlSigner` says. A storage that can't sign URLs has no such method. */
  signedUrl?(
    key: string,
    options: SignedUrlOptions,
  ): Promise<{
    /** The signed URL. */
    url: string
    /** When it ends; credentials may end first. */
    expiresAt: Date
  }>

  /** Frees sockets and timers that the implementation made itself. A client given by the user stays open. */
  close?(): Promise<void>
}

/**
 * The reasons of a `StorageFailedError` that speak of credentials (AWS: Error responses). A storage that can ask for
 * others does so at once; the error is retryable when it got some.
 */
export const CREDENTIAL_FAULTS: readonly string[] = [
  ...['ExpiredToken', 'ExpiredTokenException', 'TokenRefreshRequired', 'InvalidToken', 'InvalidAccessKeyId'],
  ...['RequestExpired', 'InvalidClientTokenId', 'UnrecognizedClientException', 'AuthFailure', 'SignatureDoesNotMatch'],
]

/** Options of every call. */
export interface CallOptions {
  /** Ends the call with its reason. */
  signal?: AbortSignal | undefined
}

/** One object to be stored. */
export interface PutOptions extends CallOptions {
  /** Bytes in the body. */
  size: number
  /** SHA-256 of the body, lowercase hex. Also kept as metadata, for comparisons on stores without checksums. */
  sha256: string
  /** The object's own Content-Type. */
  contentType: string
  /** The object's own Content-Disposition, in ASCII. */
  contentDisposition: string
  /** ASCII names and values, under 2 KB in all. */
  metadata?: Readonly<Record<string, string>> | undefined
  /** At most 10. Stores without tags ignore them. */
  tags?: Readonly<Record<string, string>> | undefined
  /** Create only if no object has this key; otherwise the result says `exists` and nothing is written. */
  ifAbsent: boolean
}

/**
 * - `stored`: the store has acknowledged the bytes.
 * - `exists`: there already was an object, and it was left alone.
 * - `condition-ignored`: as `stored`, but the store has created this key twice, so it seems to ignore `ifAbsent`.
 */
export type PutResult =
  | {
      /** The bytes are in the store. */
      outcome: 'stored' | 'condition-ignored'
      /** The store's ETag of the object, where it gives one. */
      etag?: string | undefined
    }
  | { outcome: 'exists' }

/** One object as the storage describes it. */
export interface StoredObject {
  /** The object's name. */
  key: string
  /** Bytes. */
  size: number
  /** Lowercase hex: the store's own checksum, else the hash kept as metadata. */
  sha256?: string | undefined
  /** The store's ETag, as it has it. */
  etag?: string | undefined
  /** As it was put. */
  contentType: string
  /** As it was put. */
  contentDisposition?: string | undefined
  /** As it was put, by lower-case name. */
  metadata: Readonly<Record<string, string>>
}

/** Makes URLs that read an object for a while: a storage itself, or a signer that a storage is given. */
export interface UrlSigner {
  /**
   * Signs without a request to the object. The same key and options with the same `signedAt` give the same URL, as long
   * as the signing key stays and its signatures are deterministic (ECDSA's are not).
   *
   * @returns the URL, and when it expires: as asked, or earlier when the signing credentials end first.
   * @throws InvalidOptionError for a key or options that no such URL could have; StorageFailedError.
   */
  signedUrl(
    key: string,
    options: SignedUrlOptions,
  ): Promise<{
    /** The signed URL. */
    url: string
    /** When it ends. */
    expiresAt: Date
  }>
}

/** One object of a listing. */
export interface StoredObjectSummary {
  /** The object's name. */
  key: string
  /** Bytes. */
  size: number
}

/** The answer that a signed URL gives, and for how long. */
export interface SignedUrlOptions {
  /** Seconds from now, a whole number from 1 to 604,800. */
  expiresIn: number
  /** The Content-Type that the URL forces on the answer. */
  contentType: string
  /** The Content-Disposition that the URL forces on the answer. */
  contentDisposition: string
  /** When signing happens, for URLs that stay the same within a window. Default: now. */
  signedAt?: Date | undefined
  /** The request that the URL is for. S3 refuses any other one. Default `GET`. */
  method?: 'GET' | 'HEAD' | undefined
}

/** S3's limit (AWS: Object key names). */
const MAX_KEY_BYTES = 1_024

/**
 * The key, checked. Browsers resolve dot segments and proxies merge slashes: a URL signed for a key with such a part
 * would read another object.
 *
 * @throws InvalidOptionError unless it is a string of at most 1,024 bytes, without control characters and without empty,
 *   `.` or `..` segments.
 */
export function checkObjectKey(key: string, option = 'key'): string {
  if (typeof key !== 'string' || /[\p{Cc}\p{Cs}]/u.test(key)) {
    const problem = `must be a string without control characters, got ${describeValue(key)}`
    throw new InvalidOptionError({ option, problem })
  }
  if (key.split('/').some((segment) => segment === '' || segment === '.' || segment === '..')) {
    const problem = `must have no empty, '.' or '..' segment, got ${describeValue(key)}`
    throw new InvalidOptionError({ option, problem })
  }
  const bytes = Buffer.byteLength(key)
  if (bytes <= MAX_KEY_BYTES) return key
  throw new InvalidOptionError({ option, problem: `must have at most ${MAX_KEY_BYTES} bytes, got ${bytes}` })
}

/** AWS: the longest life of a signature version 4 URL, 7 days. The same for other signers, so that a change of signer changes no limit. */
export const MAX_EXPIRES_IN = 604_800

/**
 * The checks that signers have in common.
 *
 * @throws InvalidOptionError for an expiry outside 1 to 604,800 whole seconds, and for a content type or disposition that
 *   is not printable ASCII: no answer could have it.
 */
export function checkSignedUrlOptions(options: SignedUrlOptions): void {
  const { expiresIn, contentType, contentDisposition, method } = options
  if (method !== undefined) checkOneOf('method', method, ['GET', 'HEAD'])
  checkWhole('expiresIn', expiresIn, { most: MAX_EXPIRES_IN, unit: 'of seconds' })
  for (const [option, value] of Object.entries({ contentType, contentDisposition })) {
    if (typeof value === 'string' && /^[\x20-\x7e]+$/.test(value)) continue
    throw new InvalidOptionError({ option, problem: `must be printable ASCII, got ${describeSecret(value)}` })
  }
}
