import { Readable } from 'node:stream'
import { checkOptions, type OptionNames } from '../errors/check-options.js'
import { describeValue } from '../errors/describe.js'
import { InvalidOptionError } from '../errors.js'
import { defined, toObject } from '../json.js'
import { checkObjectKey, type ObjectStorage } from '../storage.js'
import { breakOffOnAbort } from '../timing/abort.js'
import type { R2Binding } from './r2/binding.js'
import { describeBound } from './r2/describe-bound.js'
import { runR2Call } from './r2/errors.js'
import { putBound } from './r2/put-bound.js'
import { serveBound } from './r2/serve-bound.js'
import { createSignedSite, encodeKey } from './signed-site.js'

export type {
  R2Binding,
  R2BoundObject,
  R2GetWishes,
  R2Page,
  R2PutValue,
  R2PutWishes,
} from './r2/binding.js'

/** Options of `createR2Storage`. */
export interface R2StorageOptions {
  /** The bucket's binding, such as `env.MEDIA`. */
  bucket: R2Binding
  /** The bucket's name, which its binding does not tell: for `storage.bucket` and addresses. */
  bucketName?: string | undefined
  /** The http(s) URL under which the Worker serves `handler`, such as `https://example.com/media`. Needed for signed URLs. */
  baseUrl?: string | undefined
  /**
   * Signs URLs: at least 16 characters, the same in all Workers that serve the bucket. Needed for signed URLs. Of a list,
   * the first one signs and all are accepted: put a new one first, and take the old one out once its URLs have expired,
   * after 7 days at most.
   */
  secret?: string | readonly string[] | undefined
}

const R2_OPTIONS: OptionNames<R2StorageOptions> = { bucket: true, bucketName: true, baseUrl: true, secret: true }

/** An `ObjectStorage` in an R2 bucket that is bound to a Cloudflare Worker. */
export interface R2Storage extends ObjectStorage {
  /**
   * Answers the signed URLs: GET and HEAD, single ranges, RFC 9110's conditions, nosniff and a CSP sandbox. A URL that is
   * unsigned, expired or signed with another secret gets 403; without `secret` every URL does. Never rejects; may be
   * passed on by itself.
   */
  handler: (request: Request) => Promise<Response>
}

/**
 * Keeps objects in a Cloudflare R2 bucket, through its binding: without credentials, and without the AWS SDK. Create if
 * absent and the check of the SHA-256 are R2's own. Bytes stream; outside of Workers, where no stream announces its
 * length, an object goes to R2 whole. Tags are ignored.
 *
 * A binding can't sign URLs. With `baseUrl` and `secret` this storage signs URLs of your Worker, which `handler` answers.
 * `createS3Storage` with R2's S3 endpoint signs URLs that R2 answers itself, and reads the same objects.
 *
 * Without `baseUrl`, `address` gives `r2://{bucketName}/{key}`.
 *
 * @throws InvalidOptionError for a bucket that is no binding, and for a base URL or secret of the wrong form. Every method:
 * for a key that is empty, over 1,024 bytes, or has control characters or empty, `.` or `..` segments.
 * @throws StorageFailedError Every method: `reason` is R2's name for the fault, such as `TooManyRequests`. `put` also
 * throws `IntegrityMismatchError` for a body of another size, the body's own error, the signal's reason.
 * @example
 * ```ts
 * import { archiveMedia } from 'whatsapp-media-archive'
 * import { createR2Storage, type R2Binding } from 'whatsapp-media-archive/storage/r2'
 *
 * export default {
 *   async fetch(request: Request, env: { MEDIA: R2Binding; TOKEN: string }): Promise<Response> {
 *     const storage = createR2Storage({ bucket: env.MEDIA, bucketName: 'media' })
 *     const { key } = await archiveMedia(await request.text(), { storage, accountId: 'acme', accessToken: env.TOKEN })
 *     return new Response(key)
 *   },
 * }
 * ```
 */
export function createR2Storage(options: R2StorageOptions): R2Storage {
  checkOptions(options, R2_OPTIONS)
  const { bucketName, baseUrl, secret } = options
  const bucket = checkBinding(options.bucket)
  checkBucketName(bucketName)
  const { findAddress, ...site } = createSignedSite({
    baseUrl,
    secret,
    checkKey: checkObjectKey,
    open: (key) => serveBound(bucket, checkObjectKey(key)),
  })
  return {
    name: 'r2',
    ...defined({ bucket: bucketName }),
    capabilities: { conditionalCreate: true, checksum: true },

    put: (key, body, put) => putBound(bucket, { ...put, key, body }),

    async head(key, { signal } = {}) {
      const found = await runR2Call({ operation: 'head', key, signal }, () => bucket.head(key))
      return found === null ? null : describeBound(found)
    },

    async get(key, { signal } = {}) {
      const found = await runR2Call({ operation: 'get', key, signal }, () => bucket.get(key))
      if (found?.body === undefined) return null
      const body = Readable.fromWeb(found.body as Parameters<typeof Readable.fromWeb>[0])
      return { ...describeBound(found), body: breakOffOnAbort(body, signal) }
    },

    delete: (key, { signal } = {}) => runR2Call({ operation: 'delete', key, signal }, () => bucket.delete(key)),

    async *list(prefix, { signal } = {}) {
      for (let cursor: string | undefined, isFirst = true; isFirst || cursor !== undefined; isFirst = false) {
        const wishes = { prefix, ...(cursor === undefined ? {} : { cursor }) }
        const page = await runR2Call({ operation: 'list', key: prefix, signal }, () => bucket.list(wishes))
        for (const { key, size } of page.objects) yield { key, size }
        cursor = page.truncated ? page.cursor : undefined
      }
    },

    async address(key) {
      checkObjectKey(key)
      return findAddress(key) ?? `r2://${bucketName ?? 'bucket'}/${encodeKey(key)}`
    },

    ...site,
  }
}

const METHODS = ['head', 'get', 'put', 'delete', 'list'] as const

function checkBinding(bucket: R2Binding): R2Binding {
  const missing = METHODS.filter((name) => typeof toObject(bucket)[name] !== 'function')
  if (missing.length === 0) return bucket
  const problem = `must be the binding of an R2 bucket, such as env.MEDIA; got ${describeValue(bucket)}`
  throw new InvalidOptionError({ option: 'bucket', problem: `${problem}, without ${missing.join(', ')}` })
}

function checkBucketName(bucketName: unknown): void {
  if (bucketName === undefined || (typeof bucketName === 'string' && /^[a-z0-9-]{3,63}$/.test(bucketName))) return
  const problem = `must be the name of an R2 bucket, got ${describeValue(bucketName)}`
  throw new InvalidOptionError({ option: 'bucketName', problem })
}
