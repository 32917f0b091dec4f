import type { GetObjectCommandOutput, PutObjectCommandInput } from '@aws-sdk/client-s3'
import { defined } from '../../json.js'
import type { PutOptions, StoredObject } from '../../storage.js'
import type { ProxyPage } from '../refusal.js'
import { checkMetadata, encodeTags, type S3StorageOptions } from './options.js'

/** The metadata name under which the hash is kept, for servers that keep no checksums. */
const SHA256_METADATA = 'sha256'

/** The bucket, as every request names it. */
export function buildBucketInput({ bucket, expectedBucketOwner }: S3StorageOptions): {
  Bucket: string
  ExpectedBucketOwner?: string | undefined
} {
  return defined({ Bucket: bucket, ExpectedBucketOwner: expectedBucketOwner })
}

/** One put, as both ways to send it take it. */
export interface S3PutRequest {
  key: string
  /** Bytes in the body. */
  size: number
  /** SHA-256 of the body, lowercase hex. */
  sha256: string
  input: PutInput
  signal: AbortSignal | undefined
}

/** A store's answer of success to a put. */
export interface S3PutAnswer {
  etag: string | undefined
  /** The store's own SHA-256, in base64. */
  checksum: string | undefined
  /** It came before the body's end was sent, so it can't speak of the whole. */
  isEarly: boolean
  /** A web page came in its place, with a status of success. */
  page?: (ProxyPage & { status: number | undefined }) | undefined
}

/** Everything about an object apart from its key and body. */
export type PutInput = Omit<PutObjectCommandInput, 'Key' | 'Body'>

/**
 * Describes an object as the SDK does.
 *
 * @throws InvalidOptionError for tags or metadata that no store takes.
 */
export function buildObjectInput(options: S3StorageOptions, put: PutOptions): PutInput {
  const { encryption, storageClass, cacheControl } = options
  const { size, sha256, contentType, contentDisposition } = put
  const tags = { ...options.tags, ...put.tags }
  const metadata = { ...put.metadata, [SHA256_METADATA]: sha256 }
  checkMetadata(metadata)
  const tagging = encodeTags(tags)
  return {
    ...buildBucketInput(options),
    ContentLength: size,
    // With the value given, the SDK sends a plain body instead of aws-chunked; without the algorithm some servers
    // do not check the value.
    ChecksumSHA256: Buffer.from(sha256, 'hex').toString('base64'),
    ChecksumAlgorithm: 'SHA256',
    ContentType: contentType,
    ContentDisposition: contentDisposition,
    Metadata: metadata,
    ...defined({
      Tagging: tagging === '' ? undefined : tagging,
      StorageClass: storageClass,
      CacheControl: cacheControl,
    }),
    ...(encryption === undefined ? {} : buildEncryptionInput(encryption)),
  }
}

/** The headers that the SDK makes of its input (AWS: PutObject). */
const HEADER_NAMES = Object.entries({
  CacheControl: 'cache-control',
  ContentDisposition: 'content-disposition',
  ContentType: 'content-type',
  IfNoneMatch: 'if-none-match',
  BucketKeyEnabled: 'x-amz-server-side-encryption-bucket-key-enabled',
  ChecksumAlgorithm: 'x-amz-sdk-checksum-algorithm',
  ChecksumSHA256: 'x-amz-checksum-sha256',
  ExpectedBucketOwner: 'x-amz-expected-bucket-owner',
  SSEKMSKeyId: 'x-amz-server-side-encryption-aws-kms-key-id',
  ServerSideEncryption: 'x-amz-server-side-encryption',
  StorageClass: 'x-amz-storage-class',
  Tagging: 'x-amz-tagging',
} satisfies Partial<Record<keyof PutObjectCommandInput, string>>)

/** The headers of a put, in lower case, without its length. */
export function buildHeaders({ Metadata = {}, ...input }: PutInput): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const [name, header] of HEADER_NAMES) {
    const value: unknown = Reflect.get(input, name)
    if (value !== undefined) headers[header] = String(value)
  }
  for (const [name, value] of Object.entries(Metadata)) headers[`x-amz-meta-${name.toLowerCase()}`] = value
  return headers
}

function buildEncryptionInput(encryption: NonNullable<S3StorageOptions['encryption']>): Partial<PutObjectCommandInput> {
  if (encryption.type === 'SSE-S3') return { ServerSideEncryption: 'AES256' }
  const { keyId, bucketKey } = encryption
  return defined({ ServerSideEncryption: 'aws:kms', SSEKMSKeyId: keyId, BucketKeyEnabled: bucketKey } as const)
}

/** What an answer tells of an object. */
export type ObjectOutput = Pick<
  GetObjectCommandOutput,
  'ContentLength' | 'ContentType' | 'ContentDisposition' | 'ETag' | 'ChecksumSHA256' | 'Metadata'
>

export function toStoredObject(key: string, found: ObjectOutput): StoredObject {
  const metadata = { ...found.Metadata }
  const { ContentLength: size = 0, ContentType: contentType = '' } = found
  return defined({
    key,
    size,
    sha256: parseWholeHash(found.ChecksumSHA256) ?? metadata[SHA256_METADATA],
    etag: found.ETag,
    contentType,
    contentDisposition: found.ContentDisposition,
    metadata,
  })
}

/** A store's SHA-256 of a whole object, in lowercase hex. A checksum of parts ends in "-n" and is no hash of the whole. */
export function parseWholeHash(checksum: string | undefined): string | undefined {
  const [whole] = /^[A-Za-z0-9+/]{43}=$/.exec(checksum ?? '') ?? []
  return whole === undefined ? undefined : Buffer.from(whole, 'base64').toString('hex')
}

/** The file's name in all forms that a store gets. Some stores quote the headers that they refuse. */
export function findNames({ contentDisposition, metadata = {} }: PutOptions): string[] {
  const [, plain = ''] = /filename="?((?:[^"\\;]|\\.)*)/.exec(contentDisposition) ?? []
  const [, encoded = ''] = /filename\*=UTF-8''([^;]*)/i.exec(contentDisposition) ?? []
  const sent = [plain, encoded, ...Object.values(metadata)]
  // Shorter ones stand in many a text by chance.
  return [...new Set([...sent, ...sent.map(decodePercents)])].filter(({ length }) => length > 3)
}

function decodePercents(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
