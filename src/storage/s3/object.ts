import type { GetObjectCommandOutput, HeadObjectCommandOutput, PutObjectCommandInput } from '@aws-sdk/client-s3'
import type { PutOptions, StoredObject } from '../../storage.js'
import { checkMetadata, encodeTags, type S3StorageOptions } from './options.js'

/** The metadata name under which the hash is kept, for servers that keep no checksums. */
const SHA256_METADATA = 'sha256'

/** The bucket, as every request names it. */
export function bucketInput({ bucket, expectedBucketOwner }: S3StorageOptions): {
  Bucket: string
  ExpectedBucketOwner?: string
} {
  return { Bucket: bucket, ...(expectedBucketOwner === undefined ? {} : { ExpectedBucketOwner: expectedBucketOwner }) }
}

/** Everything about an object but its key and body. */
export type PutInput = Omit<PutObjectCommandInput, 'Key' | 'Body'>

/**
 * Everything about an object but its key and body.
 *
 * @throws InvalidOptionError for tags or metadata that no store takes.
 */
export function objectInput(options: S3StorageOptions, put: PutOptions): PutInput {
  const { encryption, storageClass, cacheControl } = options
  const { size, sha256, contentType, contentDisposition } = put
  const tags = { ...options.tags, ...put.tags }
  const metadata = { ...put.metadata, [SHA256_METADATA]: sha256 }
  checkMetadata(metadata)
  const tagging = encodeTags(tags)
  return {
    ...bucketInput(options),
    ContentLength: size,
    // With the value given, the SDK sends a plain body instead of aws-chunked; without the algorithm some servers
    // do not check the value.
    ChecksumSHA256: Buffer.from(sha256, 'hex').toString('base64'),
    ChecksumAlgorithm: 'SHA256',
    ContentType: contentType,
    ContentDisposition: contentDisposition,
    Metadata: metadata,
    ...(tagging === '' ? {} : { Tagging: tagging }),
    ...(storageClass === undefined ? {} : { StorageClass: storageClass }),
    ...(cacheControl === undefined ? {} : { CacheControl: cacheControl }),
    ...(encryption === undefined ? {} : encryptionInput(encryption)),
  }
}

/** What the SDK makes of the input: the headers of the request. */
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

/** The same as headers, in lower case, without the length (AWS: PutObject). */
export function objectHeaders({ Metadata = {}, ...input }: PutInput): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const [name, header] of HEADER_NAMES) {
    const value: unknown = Reflect.get(input, name)
    if (value !== undefined) headers[header] = String(value)
  }
  for (const [name, value] of Object.entries(Metadata)) headers[`x-amz-meta-${name.toLowerCase()}`] = value
  return headers
}

function encryptionInput(encryption: NonNullable<S3StorageOptions['encryption']>): Partial<PutObjectCommandInput> {
  if (encryption.type === 'SSE-S3') return { ServerSideEncryption: 'AES256' }
  const { keyId, bucketKey } = encryption
  return {
    ServerSideEncryption: 'aws:kms',
    ...(keyId === undefined ? {} : { SSEKMSKeyId: keyId }),
    ...(bucketKey === undefined ? {} : { BucketKeyEnabled: bucketKey }),
  }
}

export function storedObject(key: string, found: HeadObjectCommandOutput | GetObjectCommandOutput): StoredObject {
  const metadata = { ...found.Metadata }
  const {
    ContentLength: size = 0,
    ETag: etag,
    ContentType: contentType = '',
    ContentDisposition: contentDisposition,
  } = found
  const sha256 = wholeHash(found.ChecksumSHA256) ?? metadata[SHA256_METADATA]
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

/** A store's SHA-256 of a whole object, in lowercase hex. A checksum of parts ends in "-n" and is no hash of the whole. */
export function wholeHash(checksum: string | undefined): string | undefined {
  const [whole] = /^[A-Za-z0-9+/]{43}=$/.exec(checksum ?? '') ?? []
  return whole === undefined ? undefined : Buffer.from(whole, 'base64').toString('hex')
}

/** The file's name in all the forms that a store is told: some quote the headers that they refuse. */
export function namesIn({ contentDisposition, metadata = {} }: PutOptions): string[] {
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
