import { Readable } from 'node:stream'
import type {
  GetObjectCommandInput,
  GetObjectCommandOutput,
  HeadObjectCommandOutput,
  PutObjectCommandInput,
  S3Client,
  S3ClientConfig,
} from '@aws-sdk/client-s3'
import {
  describeValue,
  IntegrityMismatchError,
  InvalidOptionError,
  StorageFailedError,
  WhatsAppMediaError,
  withoutSecrets,
} from '../errors.js'
import type { ObjectStorage, PutOptions, PutResult, StoredObject } from '../storage.js'

/** Connections to the store at once: as many as the caller runs transfers. One that waits counts as a stalled store. */
const MAX_SOCKETS = Number.POSITIVE_INFINITY

/** The metadata name under which the hash is kept, for servers that keep no checksums. */
const SHA256_METADATA = 'sha256'

/** S3, or anything that speaks its language. */
export type S3StorageOptions = {
  bucket: string
} & (
  | {
      /** Used for everything, as it is; it stays yours to close. */
      client: S3Client
    }
  | {
      client?: never
      /** Default: the SDK's own chain (`AWS_REGION`, shared configuration). */
      region?: string
      /** An S3-compatible server, path style. Default: AWS. */
      endpoint?: string
      /** The endpoint that readers reach, for signed URLs and addresses, where the internal one is another. Default: `endpoint`. */
      publicEndpoint?: string
      /** Default: the SDK's own chain. */
      credentials?: S3ClientConfig['credentials']
    }
)

type Sdk = typeof import('@aws-sdk/client-s3')

/** What an S3 call needs: loaded at first use, because importing the SDK costs more than everything else here. */
interface Connection {
  sdk: Sdk
  client: S3Client
  /** Signs for the public endpoint. */
  signer: S3Client
}

/**
 * S3 storage: one PutObject an object, with Content-Length, SHA-256 checksum and `If-None-Match: *`. Never multipart,
 * never aws-chunked; retries are the library's, for a stream can't be sent twice.
 *
 * The AWS SDK (`@aws-sdk/client-s3` and `@aws-sdk/s3-request-presigner`) is your own copy, loaded at
 * the first call. `storage.close()` ends the connections of a client made here.
 *
 * @throws InvalidOptionError for an empty or impossible bucket name.
 */
export function createS3Storage(options: S3StorageOptions): ObjectStorage {
  const { bucket } = options
  // The SDK would turn an empty or dotted bucket into another request altogether.
  if (typeof bucket !== 'string' || !/^(?!\.+$)(?:arn:[\w.:/-]+|[\w.-]+)$/.test(bucket)) {
    throw new InvalidOptionError('bucket', `must be a bucket name, got ${describeValue(bucket)}`)
  }
  let connection: Promise<Connection> | undefined
  const connect = (): Promise<Connection> => {
    connection ??= openConnection(options)
    return connection
  }
  let addressBase: Promise<string> | undefined
  // Learnt from the store's 501; a restart asks again, for stores do gain the feature.
  let conditionsWork = true

  const call = async <T>(
    operation: 'put' | 'head' | 'get' | 'delete',
    key: string,
    { signal, secrets }: { signal: AbortSignal | undefined; secrets?: readonly string[] },
    send: (connection: Connection, options: { abortSignal?: AbortSignal }) => Promise<T>,
  ): Promise<T> => {
    checkKey(key)
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
        client.send(new sdk.HeadObjectCommand({ Bucket: bucket, Key: key, ChecksumMode: 'ENABLED' }), sendOptions),
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

  const put = async (key: string, body: Readable, putOptions: PutOptions): Promise<PutResult> => {
    const { ifAbsent, signal } = putOptions
    if (ifAbsent && !conditionsWork) {
      const found = await head(key, signal === undefined ? {} : { signal })
      if (found === 'unknown') throw mayNotLook(key)
      if (found !== null) return { outcome: 'exists' }
    }
    const input = { ...putInput(putOptions), Bucket: bucket, Key: key, Body: body }
    const condition = ifAbsent && conditionsWork ? { IfNoneMatch: '*' } : {}
    const { ETag: etag } = await call('put', key, { signal, secrets: namesIn(putOptions) }, ({ sdk, client }) =>
      whileBodyLives(body, signal, (abortSignal) =>
        client.send(new sdk.PutObjectCommand({ ...input, ...condition }), { abortSignal }),
      ),
    )
    // Early answers are errors; a 200 among them would speak of bytes that the store never got.
    if (!body.readableEnded) {
      throw new StorageFailedError({ operation: 'put', key, reason: 'answered before the body ended', retryable: true })
    }
    // Every S3 names what it stored (AWS: PutObject); a proxy's page with status 200 does not, and stored nothing.
    if (etag === undefined) {
      throw new StorageFailedError({ operation: 'put', key, reason: 'answered without an ETag', retryable: true })
    }
    return { outcome: 'stored', etag }
  }

  return {
    name: 's3',
    bucket,
    capabilities: { conditionalCreate: true, checksum: true, signedUrls: true },
    async put(key, body, putOptions) {
      const sized = Readable.from(exactly(putOptions.size, body))
      // The bytes may fail when nobody listens any more, and that must not end the process.
      body.on('error', () => {})
      sized.on('error', () => {})
      try {
        return await put(key, sized, putOptions)
      } catch (error) {
        if (putOptions.signal?.aborted !== true && sized.errored !== null) throw bodyError(sized.errored, key)
        if (!isStorageFailure(error)) throw error
        if (error.status === 412) return { outcome: 'exists' }
        if (error.status === 501) conditionsWork = false
        throw error
      } finally {
        sized.destroy()
        body.destroy()
      }
    },
    head,
    async get(key, { signal } = {}) {
      try {
        return await call('get', key, { signal }, async ({ sdk, client }, sendOptions) => {
          const found = await client.send(new sdk.GetObjectCommand({ Bucket: bucket, Key: key }), sendOptions)
          return { ...storedObject(key, found), body: toNodeStream(found.Body) }
        })
      } catch (error) {
        if (isStorageFailure(error) && error.reason === 'NoSuchKey') return null
        throw error
      }
    },
    async delete(key, { signal } = {}) {
      await call('delete', key, { signal }, ({ sdk, client }, sendOptions) =>
        client.send(new sdk.DeleteObjectCommand({ Bucket: bucket, Key: key }), sendOptions),
      )
    },
    async address(key) {
      checkKey(key)
      // The SDK knows path style, dotted buckets and access points; what it signs for one key tells the address of all.
      addressBase ??= presign(connect, { Bucket: bucket, Key: 'k' }, { expiresIn: 60 }).then(
        (url) => url.slice(0, url.indexOf('?') - 1),
        (error: unknown) => {
          // Credentials that failed once must not fail for good.
          addressBase = undefined
          throw error
        },
      )
      return `${await addressBase}${encodeKey(key)}`
    },
    async signedUrl(key, { expiresIn, contentType, contentDisposition, signedAt = new Date() }) {
      checkKey(key)
      const input = {
        Bucket: bucket,
        Key: key,
        ResponseContentType: contentType,
        ResponseContentDisposition: contentDisposition,
      }
      const url = await presign(connect, input, { expiresIn, signingDate: signedAt })
      const wanted = signedAt.getTime() + expiresIn * 1_000
      // A role's URL dies with the role's session, whatever expiry was asked for (AWS: Using presigned URLs).
      const { expiration } = await (await connect()).signer.config.credentials()
      return { url, expiresAt: new Date(Math.min(wanted, expiration?.getTime() ?? wanted)) }
    },
    async close() {
      if (options.client !== undefined || connection === undefined) return
      const { client, signer } = await connection
      client.destroy()
      signer.destroy()
    },
  }
}

const SILENT = { debug() {}, info() {}, warn() {}, error() {} }

async function openConnection(options: S3StorageOptions): Promise<Connection> {
  const sdk = await import('@aws-sdk/client-s3')
  if (options.client !== undefined) return { sdk, client: options.client, signer: options.client }
  const { region, endpoint, publicEndpoint = endpoint, credentials } = options
  const agent = { keepAlive: true, maxSockets: MAX_SOCKETS, noDelay: true }
  const config = (url: string | undefined): S3ClientConfig => ({
    ...(region === undefined ? {} : { region }),
    ...(credentials === undefined ? {} : { credentials }),
    ...(url === undefined ? {} : { endpoint: url, forcePathStyle: true }),
    // Older and compatible stores refuse the SDK's own checksums; ours is a plain header that all of them take or ignore.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    // Waiting for "100 Continue" takes a connection of its own for each body over 2 MB.
    expectContinueHeader: false,
    requestHandler: { httpAgent: agent, httpsAgent: agent },
    // It would warn on the console that a stream can't be retried, which this library knows.
    logger: SILENT,
  })
  const client = new sdk.S3Client(config(endpoint))
  return { sdk, client, signer: publicEndpoint === endpoint ? client : new sdk.S3Client(config(publicEndpoint)) }
}

function putInput(options: PutOptions): Omit<PutObjectCommandInput, 'Bucket' | 'Key' | 'Body'> {
  const { size, sha256, contentType, contentDisposition, metadata = {}, tags } = options
  return {
    ContentLength: size,
    // With the value given, the SDK sends a plain body instead of aws-chunked; without the algorithm some servers
    // do not check the value.
    ChecksumSHA256: Buffer.from(sha256, 'hex').toString('base64'),
    ChecksumAlgorithm: 'SHA256',
    ContentType: contentType,
    ContentDisposition: contentDisposition,
    Metadata: { ...metadata, [SHA256_METADATA]: sha256 },
    ...(tags === undefined ? {} : { Tagging: new URLSearchParams(tags).toString() }),
  }
}

/** The file's name in all the forms that a store is told: some quote the headers that they refuse. */
function namesIn({ contentDisposition, metadata = {} }: PutOptions): string[] {
  const [, plain = ''] = /filename="?((?:[^"\\;]|\\.)*)/.exec(contentDisposition) ?? []
  const [, encoded = ''] = /filename\*=UTF-8''([^;]*)/i.exec(contentDisposition) ?? []
  const told = [plain, encoded, ...Object.values(metadata)]
  // Shorter ones stand in many a text by chance.
  return [...new Set([...told, ...told.map(decodePercents)])].filter(({ length }) => length > 3)
}

function decodePercents(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/**
 * The body, if it has so many bytes: with fewer the store would wait for the rest until its own deadline, and of more it
 * would keep the first. The last chunk is held back until the count is right.
 */
async function* exactly(size: number, body: Readable): AsyncGenerator<Uint8Array, void, undefined> {
  let count = 0
  let held: Uint8Array | undefined
  for await (const chunk of body) {
    const bytes: Uint8Array = typeof chunk === 'string' ? Buffer.from(chunk) : chunk
    count += bytes.byteLength
    if (count > size) break
    if (held !== undefined) yield held
    held = bytes
  }
  if (count !== size) {
    throw new IntegrityMismatchError({
      problem: `The body is ${count > size ? 'longer' : 'shorter'} than announced`,
      expectedSize: size,
      observedSize: count,
    })
  }
  if (held !== undefined) yield held
}

/** The body's own error as it is; for one that closed without any, a failure that another attempt can mend. */
function bodyError(error: Error, key: string): Error {
  const reason = 'ERR_STREAM_PREMATURE_CLOSE'
  if (field(error, 'code') !== reason) return error
  return new StorageFailedError({ operation: 'put', key, reason, retryable: true }, error)
}

/** Without conditions and without a look, a put would overwrite what others stored. */
function mayNotLook(key: string): StorageFailedError {
  const advice = 'The store knows no create-if-absent, and looking first takes the permission s3:GetObject'
  return new StorageFailedError({
    operation: 'head',
    key,
    reason: 'AccessDenied',
    status: 403,
    retryable: false,
    advice,
  })
}

/** Runs a PUT of `body`, and aborts it when the body fails: left to itself, the SDK would never settle. */
async function whileBodyLives<T>(
  body: Readable,
  signal: AbortSignal | undefined,
  send: (abortSignal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController()
  const abort = (): void => controller.abort()
  body.once('error', abort)
  signal?.addEventListener('abort', abort, { once: true })
  // Either may have happened while the SDK was loaded.
  if (signal?.aborted === true || body.errored !== null) abort()
  try {
    return await send(controller.signal)
  } finally {
    body.off('error', abort)
    signal?.removeEventListener('abort', abort)
  }
}

async function presign(
  connect: () => Promise<Connection>,
  input: GetObjectCommandInput & { Key: string },
  options: { expiresIn: number; signingDate?: Date },
): Promise<string> {
  try {
    const { sdk, signer } = await connect()
    const { getSignedUrl } = await import('@aws-sdk/s3-request-presigner')
    return await getSignedUrl(signer, new sdk.GetObjectCommand(input), options)
  } catch (error) {
    throw storageError(error, { operation: 'sign', key: input.Key })
  }
}

function storedObject(key: string, found: HeadObjectCommandOutput | GetObjectCommandOutput): StoredObject {
  const metadata = { ...found.Metadata }
  const {
    ContentLength: size = 0,
    ETag: etag,
    ContentType: contentType = '',
    ContentDisposition: contentDisposition,
  } = found
  const recorded = metadata[SHA256_METADATA]
  // A checksum of parts ends in "-n" and is no hash of the whole.
  const checksum = /^[A-Za-z0-9+/]{43}=$/.test(found.ChecksumSHA256 ?? '') ? found.ChecksumSHA256 : undefined
  const sha256 = checksum === undefined ? recorded : Buffer.from(checksum, 'base64').toString('hex')
  return {
    key,
    size,
    contentType,
    metadata,
    ...(sha256 === undefined ? {} : { sha256 }),
    ...(etag === undefined ? {} : { etag }),
    ...(contentDisposition === undefined ? {} : { contentDisposition }),
  }
}

/** Faults of the bytes on their way, which another attempt can mend (AWS: Error responses). */
const BROKEN_BODY = ['BadDigest', 'XAmzContentSHA256Mismatch', 'IncompleteBody', 'RequestTimeout']

function storageError(
  error: unknown,
  context: { operation: StorageFailedError['operation']; key: string; secrets?: readonly string[] | undefined },
): unknown {
  const { operation, key, secrets = [] } = context
  if (WhatsAppMediaError.is(error)) return error
  const answered: unknown = field(field(error, '$metadata'), 'httpStatusCode')
  const status = typeof answered === 'number' ? answered : undefined
  // Ceph's error bodies have no message, so the SDK calls them UnknownError: `Code` and the status tell more.
  const reason = ['Code', 'code', 'name'].map((name) => field(error, name)).find(isCode) ?? 'unknown'
  const isPassing =
    status === undefined ? isNetworkError(error) : status === 408 || status === 409 || status === 429 || status >= 500
  const retryable = isPassing || BROKEN_BODY.includes(reason)
  return new StorageFailedError(
    { operation, key, reason, retryable, ...(status === undefined ? {} : { status }) },
    withoutSecrets(error, secrets),
  )
}

/** Without an answer, faults of configuration (no credentials, no region) stay; the network's pass. */
function isNetworkError(error: unknown): boolean {
  return isText(field(error, 'code')) || field(error, 'name') === 'TimeoutError'
}

function isStorageFailure(error: unknown): error is StorageFailedError {
  return WhatsAppMediaError.is(error) && error.code === 'storage-failed'
}

/** A property of whatever was thrown. */
function field(value: unknown, name: string): unknown {
  return Reflect.get(Object(value), name)
}

/** A store may write anything where its error codes belong. */
function isCode(value: unknown): value is string {
  return typeof value === 'string' && /^[A-Za-z][\w.-]{0,63}$/.test(value)
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
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
