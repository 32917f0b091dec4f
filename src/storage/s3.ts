import { Readable } from 'node:stream'
import type { GetObjectCommandInput } from '@aws-sdk/client-s3'
import { describeValue, InvalidOptionError, StorageFailedError } from '../errors.js'
import type { ObjectStorage, PutOptions, PutResult } from '../storage.js'
import { bodyError, type ExactBody, exactBody, whileBodyLives } from './s3-body.js'
import { createConditions } from './s3-conditions.js'
import { openConnection, type S3Connection } from './s3-connection.js'
import { isStorageFailure, mayNotLook, NOT_IMPLEMENTED, storageError } from './s3-failure.js'
import { bucketInput, namesIn, objectInput, storedObject, wholeHash } from './s3-object.js'
import { checkS3Options, type S3StorageOptions } from './s3-options.js'
import { checkProbeOptions, type ProbeOptions, runProbe } from './s3-probe.js'
import type { ProbeReport } from './s3-probe-report.js'
import { putCommand } from './s3-put-command.js'

export type { S3Encryption, S3ObjectOptions, S3StorageOptions } from './s3-options.js'
export type { ProbeOptions } from './s3-probe.js'
export type { ProbeCheck, ProbeCheckName, ProbeReport } from './s3-probe-report.js'

/**
 * S3 storage: one PutObject an object, with Content-Length, SHA-256 checksum, `If-None-Match: *` and a signature over the
 * body. Never multipart, never aws-chunked; retries are the library's, for a stream can't be sent twice.
 *
 * The AWS SDK (`@aws-sdk/client-s3` and `@aws-sdk/s3-request-presigner`) is your own copy, loaded at
 * the first call. `storage.close()` ends the connections of a client made here.
 *
 * @throws InvalidOptionError for an impossible bucket name or object option.
 */
export function createS3Storage(options: S3StorageOptions): ObjectStorage {
  const { bucket, conditionalWrites = true } = options
  checkS3Options(options)
  const inBucket = bucketInput(options)
  let connection: Promise<S3Connection> | undefined
  const connect = (): Promise<S3Connection> => {
    connection ??= openConnection(options)
    return connection
  }
  const conditions = createConditions(conditionalWrites)
  let addressBase: Promise<string> | undefined

  const call = async <T>(
    operation: 'put' | 'head' | 'get' | 'delete' | 'list',
    key: string,
    { signal, secrets }: { signal: AbortSignal | undefined; secrets?: readonly string[] },
    send: (connection: S3Connection, options: { abortSignal?: AbortSignal }) => Promise<T>,
  ): Promise<T> => {
    // A prefix is no key: the empty one is the whole bucket.
    if (operation !== 'list') checkKey(key)
    signal?.throwIfAborted()
    try {
      return await send(await connect(), signal === undefined ? {} : { abortSignal: signal })
    } catch (error) {
      if (signal?.aborted === true) throw signal.reason
      throw storageError(error, { operation, key, secrets })
    }
  }

  const head: ObjectStorage['head'] = async (key, { signal } = {}) => {
    try {
      const found = await call('head', key, { signal }, ({ sdk, client }, sendOptions) =>
        client.send(new sdk.HeadObjectCommand({ ...inBucket, Key: key, ChecksumMode: 'ENABLED' }), sendOptions),
      )
      return storedObject(key, found)
    } catch (error) {
      const status = isStorageFailure(error) ? error.status : undefined
      // A HEAD's answer has no body: 404 is all it tells of a missing object, and of a missing bucket alike.
      if (status === 404) return null
      if (status === 403) return 'unknown'
      throw error
    }
  }

  const put = async (key: string, body: ExactBody, putOptions: PutOptions): Promise<PutResult> => {
    const { ifAbsent, signal, sha256, size } = putOptions
    // A store answers a put of nothing at once, so what is said to be nothing must be known to be before.
    if (size === 0) await body.readNothing(signal)
    const input = { ...objectInput(options, putOptions), Key: key, Body: size === 0 ? '' : body.stream }
    const { isSent, looksFirst } = conditions.plan(ifAbsent)
    if (looksFirst) {
      const found = await head(key, signal === undefined ? {} : { signal })
      if (found === 'unknown' && !isSent) throw mayNotLook(key)
      if (found !== null && found !== 'unknown') return { outcome: 'exists' }
    }
    const condition = isSent ? { IfNoneMatch: '*' } : {}
    const answer = await call('put', key, { signal, secrets: namesIn(putOptions) }, ({ sdk, client }) =>
      whileBodyLives(body.stream, signal, (abortSignal) =>
        client.send(putCommand({ sdk }, { ...input, ...condition }, sha256), { abortSignal }),
      ),
    ).catch((error: unknown) => {
      if (!isStorageFailure(error) || error.status !== NOT_IMPLEMENTED) throw error
      throw conditions.refuse(isSent) ? againWithoutCondition(error) : error
    })
    // Early answers are errors; a 200 among them would speak of bytes that the store never got.
    if (!body.isTaken()) throw unbelievable(key, 'answered before the body ended')
    // Every S3 names what it stored (AWS: PutObject); a proxy's page with status 200 does not, and stored nothing.
    if (answer.ETag === undefined) throw unbelievable(key, 'answered without an ETag')
    const acknowledged = wholeHash(answer.ChecksumSHA256)
    // It holds other bytes by its own word, which no look at our metadata can disprove, and no other put replaces.
    if (acknowledged !== undefined && acknowledged !== sha256) {
      throw unbelievable(key, 'acknowledged another SHA-256', { retryable: false })
    }
    const isIgnored = isSent && conditions.stored(key)
    return { outcome: 'stored', etag: answer.ETag, ...(isIgnored ? { conditionIgnored: true } : {}) }
  }

  return {
    name: 's3',
    bucket,
    capabilities: { conditionalCreate: conditionalWrites, checksum: true, signedUrls: true },
    async put(key, body, putOptions) {
      const { signal } = putOptions
      const exact = exactBody(putOptions.size, body)
      // The bytes may fail when nobody listens any more, and that must not end the process.
      body.on('error', () => {})
      exact.stream.on('error', () => {})
      try {
        return await put(key, exact, putOptions)
      } catch (error) {
        if (signal?.aborted === true) throw signal.reason
        if (exact.stream.errored !== null) throw bodyError(exact.stream.errored, key)
        if (!isStorageFailure(error)) throw error
        if (error.status === 412) return { outcome: 'exists' }
        throw error
      } finally {
        // A fast store answers before the stream tells its end. Destroyed then, it would leave the request unfinished, and its
        // connection unfit for another; read to its end, it has no more to give.
        if (exact.isTaken()) exact.stream.resume()
        else exact.stream.destroy()
        body.destroy()
      }
    },
    head,
    async get(key, { signal } = {}) {
      try {
        return await call('get', key, { signal }, async ({ sdk, client }, sendOptions) => {
          const found = await client.send(new sdk.GetObjectCommand({ ...inBucket, Key: key }), sendOptions)
          return { ...storedObject(key, found), body: toNodeStream(found.Body) }
        })
      } catch (error) {
        if (isStorageFailure(error) && error.reason === 'NoSuchKey') return null
        throw error
      }
    },
    async delete(key, { signal } = {}) {
      conditions.deleted(key)
      await call('delete', key, { signal }, ({ sdk, client }, sendOptions) =>
        client.send(new sdk.DeleteObjectCommand({ ...inBucket, Key: key }), sendOptions),
      )
    },
    async *list(prefix, { signal } = {}) {
      for (let token: string | undefined, isFirst = true; isFirst || token !== undefined; isFirst = false) {
        const input = { ...inBucket, Prefix: prefix, ContinuationToken: token }
        const page = await call('list', prefix, { signal }, ({ sdk, client }, sendOptions) =>
          client.send(new sdk.ListObjectsV2Command(input), sendOptions),
        )
        for (const { Key: key = '', Size: size = 0 } of page.Contents ?? []) yield { key, size }
        token = page.NextContinuationToken
      }
    },
    async address(key) {
      checkKey(key)
      // The SDK knows path style, dotted buckets and access points; what it signs for one key tells the address of all.
      addressBase ??= presign(connect, { Bucket: bucket, Key: 'k' }, { expiresIn: 60 }).then(
        ({ url }) => url.slice(0, url.indexOf('?') - 1),
        (error: unknown) => {
          // Credentials that failed once must not fail for good.
          addressBase = undefined
          throw error
        },
      )
      return `${await addressBase}${encodeKey(key)}`
    },
    async signedUrl(key, signing) {
      checkKey(key)
      if (options.signer !== undefined) return options.signer.signedUrl(key, signing)
      const { expiresIn, contentType, contentDisposition, signedAt = new Date() } = signing
      const input = {
        ...inBucket,
        Key: key,
        ResponseContentType: contentType,
        ResponseContentDisposition: contentDisposition,
      }
      const { url, credentialsEnd } = await presign(connect, input, { expiresIn, signingDate: signedAt })
      const wanted = signedAt.getTime() + expiresIn * 1_000
      return { url, expiresAt: new Date(Math.min(wanted, credentialsEnd?.getTime() ?? wanted)) }
    },
    async close() {
      if (connection !== undefined) (await connection).close()
    },
  }
}

/**
 * Tests a store for real: what it does with this library's requests, and which promise is only best effort on it. Below
 * `prefix` it writes about ten small objects, one after the other, and removes them, whatever happens; nothing else is
 * touched. It takes the permissions s3:PutObject, s3:GetObject and s3:DeleteObject there, and for tags
 * s3:PutObjectTagging and s3:GetObjectTagging.
 *
 * @param options as for `createS3Storage`: the probe sends what that storage would.
 * @throws InvalidOptionError for options of the wrong form, and the signal's reason. A store's faults, missing
 * credentials and silence are verdicts.
 */
export async function probeS3(options: S3StorageOptions, probeOptions: ProbeOptions = {}): Promise<ProbeReport> {
  checkProbeOptions(probeOptions)
  const storage = createS3Storage(options)
  const connection = await openConnection(options)
  try {
    return await runProbe({ storage, connection }, options, probeOptions)
  } finally {
    await storage.close?.()
    connection.close()
  }
}

/** The bytes are spent, but a put of the same again looks first and sends no condition. */
function againWithoutCondition(error: StorageFailedError): StorageFailedError {
  const { operation, key, reason } = error
  return new StorageFailedError({ operation, key, reason, status: NOT_IMPLEMENTED, retryable: true }, error.cause)
}

/** An answer of success that can't be true. */
function unbelievable(key: string, reason: string, { retryable = true } = {}): StorageFailedError {
  return new StorageFailedError({ operation: 'put', key, reason, retryable })
}

async function presign(
  connect: () => Promise<S3Connection>,
  input: GetObjectCommandInput & { Key: string },
  options: { expiresIn: number; signingDate?: Date },
): Promise<{ url: string; credentialsEnd: Date | undefined }> {
  try {
    const { sdk, signer } = await connect()
    // A role's URL dies with the role's session, whatever expiry was asked for (AWS: Using presigned URLs). Read before
    // signing: the SDK may renew the credentials in between, and those live longer.
    const { expiration: credentialsEnd } = await signer.config.credentials()
    const { getSignedUrl } = await import('@aws-sdk/s3-request-presigner')
    return { url: await getSignedUrl(signer, new sdk.GetObjectCommand(input), options), credentialsEnd }
  } catch (error) {
    throw storageError(error, { operation: 'sign', key: input.Key })
  }
}

function toNodeStream(body: unknown): Readable {
  if (body instanceof Readable) return body
  throw new Error('the SDK gave no Node stream')
}

/** An empty key asks for the bucket, and dot segments are resolved by browsers before they ask. */
function checkKey(key: string): void {
  if (typeof key !== 'string' || key === '' || key.split('/').some((segment) => segment === '.' || segment === '..')) {
    throw new InvalidOptionError('key', `must be non-empty and without dot segments, got ${describeValue(key)}`)
  }
}

/** As the SDK encodes keys: RFC 3986, slashes kept. */
function encodeKey(key: string): string {
  return encodeURIComponent(key)
    .replaceAll('%2F', '/')
    .replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
}
