import { Readable } from 'node:stream'
import type { GetObjectCommandInput, S3Client } from '@aws-sdk/client-s3'
import { describeValue } from '../errors/describe.js'
import { InvalidOptionError, StorageFailedError } from '../errors.js'
import type { ObjectStorage, PutOptions, PutResult } from '../storage.js'
import { createConditions } from './s3/create-if-absent.js'
import { pathOf } from './s3/direct/signature-v4.js'
import { createS3Direct } from './s3/direct.js'
import { isStorageFailure, mayNotLook, NOT_IMPLEMENTED, storageError } from './s3/errors.js'
import { bucketInput, namesIn, objectInput, storedObject, wholeHash } from './s3/object.js'
import { checkS3Options, type S3StorageOptions } from './s3/options.js'
import type { ProbeReport } from './s3/probe/report.js'
import { checkProbeOptions, type ProbeOptions, runProbe } from './s3/probe.js'
import { bodyError } from './s3/sdk/body.js'
import { openConnection, type S3Connection } from './s3/sdk/connection.js'
import { putWithSdk } from './s3/sdk/put.js'

export type { S3Encryption, S3ObjectOptions, S3StorageOptions } from './s3/options.js'
export type { ProbeCheck, ProbeCheckName, ProbeReport } from './s3/probe/report.js'
export type { ProbeOptions } from './s3/probe.js'

/**
 * S3 storage: one PutObject an object, with Content-Length, SHA-256 checksum, `If-None-Match: *` and a signature over the
 * body. Never multipart, never aws-chunked; retries are the library's, for a stream can't be sent twice.
 *
 * The AWS SDK (`@aws-sdk/client-s3` and `@aws-sdk/s3-request-presigner`) is your own copy, loaded at the first call
 * that needs it. Puts and signed URLs do without, unless a `client` is given or only the SDK knows how to reach the
 * bucket. `storage.close()` ends the connections made here.
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
  const signAnyKey = async (signer: S3Client): Promise<string> =>
    (await signWithSdk({ signer }, { Bucket: bucket, Key: 'k' }, { expiresIn: 60 })).url
  const direct = options.client === undefined ? createS3Direct(options, { connect, sign: signAnyKey }) : undefined
  const conditions = createConditions(conditionalWrites)
  let addressBase: Promise<string> | undefined

  const call = async <T>(
    operation: StorageFailedError['operation'],
    key: string,
    { signal, secrets }: { signal?: AbortSignal | undefined; secrets?: () => readonly string[] },
    send: (connect: () => Promise<S3Connection>, options: { abortSignal?: AbortSignal }) => Promise<T>,
  ): Promise<T> => {
    // A prefix is no key: the empty one is the whole bucket.
    if (operation !== 'list') checkKey(key)
    signal?.throwIfAborted()
    try {
      return await send(connect, signal === undefined ? {} : { abortSignal: signal })
    } catch (error) {
      if (signal?.aborted === true) throw signal.reason
      throw storageError(error, { operation, key, secrets: secrets?.() })
    }
  }

  const head: ObjectStorage['head'] = async (key, { signal } = {}) => {
    try {
      const found = await call('head', key, { signal }, async (connected, sendOptions) => {
        const { sdk, client } = await connected()
        return client.send(new sdk.HeadObjectCommand({ ...inBucket, Key: key, ChecksumMode: 'ENABLED' }), sendOptions)
      })
      return storedObject(key, found)
    } catch (error) {
      // A HEAD's answer has no body: 404 is all it tells of a missing object, and of a missing bucket alike.
      if (isStorageFailure(error) && error.status === 404) return null
      throw error
    }
  }

  const put = async (key: string, body: Readable, putOptions: PutOptions): Promise<PutResult> => {
    const { ifAbsent, signal, sha256, size } = putOptions
    const input = objectInput(options, putOptions)
    const { isSent, looksFirst } = conditions.plan(ifAbsent)
    if (looksFirst) {
      const found = await head(key, signal === undefined ? {} : { signal }).catch((error: unknown) => {
        if (!isStorageFailure(error) || error.status !== 403) throw error
        if (isSent) return null
        throw mayNotLook(error)
      })
      if (found !== null) return { outcome: 'exists' }
    }
    const conditioned = isSent ? { ...input, IfNoneMatch: '*' } : input
    const answer = await call('put', key, { signal, secrets: () => namesIn(putOptions) }, async (connected) => {
      const taken = await direct?.put(body, { key, size, sha256, input: conditioned, signal })
      return taken ?? putWithSdk(await connected(), body, { key, size, sha256, input: conditioned, signal })
    }).catch((error: unknown) => {
      if (!isStorageFailure(error) || error.status !== NOT_IMPLEMENTED) throw error
      throw conditions.refuse(isSent) ? againWithoutCondition(error) : error
    })
    // Early answers are errors; a 200 among them would speak of bytes that the store never got.
    if (answer.isEarly) throw unbelievable(key, 'answered before the body ended')
    // Every S3 names what it stored (AWS: PutObject); a proxy's page with status 200 does not, and stored nothing.
    if (answer.etag === undefined) throw unbelievable(key, 'answered without an ETag')
    const acknowledged = wholeHash(answer.checksum)
    // It holds other bytes by its own word, which no look at our metadata can disprove, and no other put replaces.
    if (acknowledged !== undefined && acknowledged !== sha256) {
      throw unbelievable(key, 'acknowledged another SHA-256', { retryable: false })
    }
    const isIgnored = isSent && conditions.stored(key)
    return { outcome: isIgnored ? 'condition-ignored' : 'stored', etag: answer.etag }
  }

  return {
    name: 's3',
    bucket,
    capabilities: { conditionalCreate: conditionalWrites, checksum: true, joinsChunks: direct !== undefined },
    async put(key, body, putOptions) {
      // The bytes may fail when nobody listens any more, and that must not end the process.
      body.on('error', () => {})
      try {
        return await put(key, body, putOptions)
      } catch (error) {
        if (putOptions.signal?.aborted === true) throw putOptions.signal.reason
        if (!isStorageFailure(error)) throw error
        if (body.errored !== null) throw bodyError(body.errored, key)
        if (error.status === 412) return { outcome: 'exists' }
        throw error
      } finally {
        body.destroy()
      }
    },
    head,
    async get(key, { signal } = {}) {
      try {
        return await call('get', key, { signal }, async (connected, sendOptions) => {
          const { sdk, client } = await connected()
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
      await call('delete', key, { signal }, async (connected, sendOptions) => {
        const { sdk, client } = await connected()
        await client.send(new sdk.DeleteObjectCommand({ ...inBucket, Key: key }), sendOptions)
      })
    },
    async *list(prefix, { signal } = {}) {
      for (let token: string | undefined, isFirst = true; isFirst || token !== undefined; isFirst = false) {
        const input = { ...inBucket, Prefix: prefix, ContinuationToken: token }
        const page = await call('list', prefix, { signal }, async (connected, sendOptions) => {
          const { sdk, client } = await connected()
          return client.send(new sdk.ListObjectsV2Command(input), sendOptions)
        })
        for (const { Key: key = '', Size: size = 0 } of page.Contents ?? []) yield { key, size }
        token = page.NextContinuationToken
      }
    },
    address: (key) =>
      call('sign', key, {}, async (connected) => {
        const known = await direct?.addressOf(key)
        if (known !== undefined) return known
        // The SDK knows access points and much more; what it signs for one key tells the address of all.
        addressBase ??= connected().then(async ({ signer }) => {
          const url = await signAnyKey(signer)
          return url.slice(0, url.indexOf('?') - 2)
        })
        try {
          return pathOf({ path: await addressBase }, key)
        } catch (error) {
          // Credentials that failed once must not fail for good.
          addressBase = undefined
          throw error
        }
      }),
    async signedUrl(key, signing) {
      checkKey(key)
      if (options.signer !== undefined) return options.signer.signedUrl(key, signing)
      return call('sign', key, {}, async (connected) => {
        const { expiresIn, contentType, contentDisposition, signedAt = new Date() } = signing
        const wishes = { ResponseContentType: contentType, ResponseContentDisposition: contentDisposition }
        const { url, expiration } =
          (await direct?.signedUrl({ key, contentType, contentDisposition, signedAt, expiresIn })) ??
          (await signWithSdk(
            await connected(),
            { ...inBucket, Key: key, ...wishes },
            { expiresIn, signingDate: signedAt },
          ))
        const wanted = signedAt.getTime() + expiresIn * 1_000
        // A role's URL dies with the role's session, whatever expiry was asked for (AWS: Using presigned URLs).
        return { url, expiresAt: new Date(Math.min(wanted, expiration?.getTime() ?? wanted)) }
      })
    },
    async close() {
      direct?.close()
      if (connection !== undefined) (await connection).close()
    },
  }
}

/**
 * Tests a store for real: what it does with this library's requests, and which promise is only best effort on it. Below
 * `prefix` it writes about ten small objects, one after the other, and removes them again, after an abort, too. The
 * report's check `delete` tells how many it could not remove, and where they are; an abort gives no report. Nothing else
 * is touched. It takes the permissions s3:PutObject, s3:GetObject and s3:DeleteObject there, and for tags
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
  return new StorageFailedError({
    operation,
    key,
    reason,
    status: NOT_IMPLEMENTED,
    retryable: true,
    cause: error.cause,
  })
}

/** An answer of success that can't be true. */
function unbelievable(key: string, reason: string, { retryable = true } = {}): StorageFailedError {
  return new StorageFailedError({ operation: 'put', key, reason, retryable })
}

interface SignedBySdk {
  url: string
  expiration: Date | undefined
}

async function signWithSdk(
  { signer }: Pick<S3Connection, 'signer'>,
  input: GetObjectCommandInput,
  options: { expiresIn: number; signingDate?: Date },
): Promise<SignedBySdk> {
  const [{ GetObjectCommand }, { getSignedUrl }] = await Promise.all([
    import('@aws-sdk/client-s3'),
    import('@aws-sdk/s3-request-presigner'),
  ])
  // Read before signing: the SDK may renew the credentials in between, and those live longer.
  const { expiration } = await signer.config.credentials()
  return { url: await getSignedUrl(signer, new GetObjectCommand(input), options), expiration }
}

function toNodeStream(body: unknown): Readable {
  if (body instanceof Readable) return body
  throw new Error('the SDK gave no Node stream')
}

/** An empty key asks for the bucket, and dot segments are resolved by browsers before they ask. */
function checkKey(key: string): void {
  if (typeof key !== 'string' || key === '' || /(?:^|\/)\.\.?(?:\/|$)/.test(key)) {
    throw new InvalidOptionError({
      option: 'key',
      problem: `must be non-empty and without dot segments, got ${describeValue(key)}`,
    })
  }
}
