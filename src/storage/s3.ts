import type { ObjectStorage } from '../storage.js'
import { createConditions } from './s3/conditions.js'
import { createS3Direct } from './s3/direct.js'
import { checkS3Options, type S3StorageOptions } from './s3/options.js'
import { checkProbeOptions, PROBE_PREFIX, type ProbeOptions, type ProbeReport, runProbe } from './s3/probe.js'
import { createPutObject } from './s3/put-object.js'
import { createRenewal, renewEach } from './s3/renewal.js'
import { runCall } from './s3/run-call.js'
import { openConnection, type S3Connection } from './s3/sdk/connection.js'
import { putWithSdk } from './s3/sdk/put.js'
import { renewSdkCredentials } from './s3/sdk/renew.js'
import { createS3Requests } from './s3/sdk/requests.js'
import { signSampleKey } from './s3/sdk/sign.js'
import { rememberCredentials } from './s3/secrets.js'
import { createS3Signing } from './s3/sign.js'

export type {
  S3BucketOptions,
  S3ClientOptions,
  S3ConnectionOptions,
  S3Encryption,
  S3ObjectOptions,
  S3StorageOptions,
} from './s3/options.js'
export type { ProbeCheck, ProbeCheckName, ProbeOptions, ProbeReport } from './s3/probe.js'

/**
 * S3 storage: one PutObject an object, with Content-Length, SHA-256 checksum, `If-None-Match: *` and a signature over the
 * body. Never multipart, never aws-chunked; retries are the library's, for a stream can't be sent twice.
 *
 * The AWS SDK (`@aws-sdk/client-s3` and `@aws-sdk/s3-request-presigner`) is your own copy, loaded at the first call
 * that needs it. Puts, reads and signed URLs do without, unless a `client` is given or only the SDK knows how to reach the
 * bucket. `storage.close()` ends the connections made here.
 *
 * @example
 * ```ts
 * import { createS3Storage } from 'whatsapp-media-archive/storage/s3'
 *
 * const storage = createS3Storage({
 *   bucket: 'media',
 *   region: 'eu-central-1',
 *   credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'example-secret' },
 *   encryption: { type: 'SSE-S3' },
 * })
 * console.log(await storage.address('whatsapp-media/acme/photo.jpg'))
 * // https://media.s3.eu-central-1.amazonaws.com/whatsapp-media/acme/photo.jpg
 * await storage.close?.()
 * ```
 *
 * @throws InvalidOptionError for an impossible bucket name, region, credential or object option. What the environment lacks
 * shows at the first call that needs it: a `StorageFailedError` that is not retryable and says in its message what to
 * install or set (`reason`: `package-missing`, `region-missing`, `CredentialsProviderError`, …).
 */
export function createS3Storage(options: S3StorageOptions): ObjectStorage {
  checkS3Options(options)
  const storageOptions = rememberCredentials(options)
  const { bucket, conditionalWrites = true } = storageOptions
  let connection: Promise<S3Connection> | undefined
  const connect = (): Promise<S3Connection> => {
    connection ??= openConnection(storageOptions).catch((error: unknown) => {
      connection = undefined
      throw error
    })
    return connection
  }
  const direct =
    storageOptions.client === undefined
      ? createS3Direct(storageOptions, { connect, sign: (signer) => signSampleKey(signer, bucket) })
      : undefined
  const conditions = createConditions(conditionalWrites)
  const requests = createS3Requests(storageOptions, { connect, direct })
  const renewal = createRenewal(() => renewEach([direct?.renewCredentials(), connection?.then(renewSdkCredentials)]))
  const repeat = <T>(signal: AbortSignal | undefined, call: () => Promise<T>): Promise<T> =>
    renewal.run(call, { isRepeatable: true, signal })
  const head: ObjectStorage['head'] = (key, call) => repeat(call?.signal, () => requests.head(key, call))
  const put = createPutObject(storageOptions, {
    head,
    send: async (body, request) => (await direct?.put(body, request)) ?? putWithSdk(await connect(), body, request),
    conditions,
  })
  return {
    name: 's3',
    bucket,
    capabilities: { conditionalCreate: conditionalWrites, checksum: true, joinsChunks: direct !== undefined },
    put: (key, body, request) =>
      renewal.run(() => put(key, body, request), { isRepeatable: false, signal: request.signal }),
    head,
    get: (key, call) => repeat(call?.signal, () => requests.get(key, call)),
    list: requests.list,
    async delete(key, call) {
      conditions.deleted(key)
      await repeat(call?.signal, () => requests.delete(key, call))
    },
    ...createS3Signing(storageOptions, { connect, direct }),
    async close() {
      direct?.close()
      await connection?.then(({ close }) => close()).catch(() => {}) // One that can't be opened needs no end.
    },
  }
}

/**
 * Tests a store for real: how it answers this library's requests, and which promise is only best effort on it. Below
 * `prefix` it writes about ten small objects, one after the other, and removes them again, after an abort, too. The
 * report's check `delete` says how many it could not remove, and where they are; an abort gives no report. Nothing else
 * is touched. It takes the permissions s3:PutObject, s3:GetObject and s3:DeleteObject there, and for tags
 * s3:PutObjectTagging and s3:GetObjectTagging.
 *
 * @param options as for `createS3Storage`: the probe sends the requests of that storage.
 * @throws InvalidOptionError for options of the wrong form; the signal's reason; StorageFailedError when the AWS SDK is
 * missing, or does not start. A store's faults, missing credentials and silence are verdicts.
 */
export async function probeS3(options: S3StorageOptions, probeOptions: ProbeOptions = {}): Promise<ProbeReport> {
  checkProbeOptions(probeOptions)
  const storage = createS3Storage(options)
  const { prefix = PROBE_PREFIX, signal } = probeOptions
  const connection = await runCall({ operation: 'list', options, key: prefix, signal }, () => openConnection(options))
  try {
    return await runProbe({ storage, connection }, options, probeOptions)
  } finally {
    await storage.close?.()
    connection.close()
  }
}
