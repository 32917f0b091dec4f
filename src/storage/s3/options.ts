import type { PutObjectCommandInput, S3Client, S3ClientConfig } from '@aws-sdk/client-s3'
import { checkOptions, type OptionNames } from '../../errors/check-options.js'
import { checkCredentials, checkFlag, checkMethods, checkRegion, checkUrl } from '../../errors/checks.js'
import { describeValue } from '../../errors/describe.js'
import { InvalidOptionError } from '../../errors.js'
import { checkAgents, type HttpAgents } from '../../http/agents.js'
import { isObject } from '../../json.js'
import type { UrlSigner } from '../../storage.js'

/** S3, or a store with S3's API. The settings that each store needs: docs/storages.md. */
export type S3StorageOptions = S3ClientOptions | S3ConnectionOptions

/** The bucket, and what holds for each of its objects. */
export interface S3BucketOptions extends S3ObjectOptions {
  /** A bucket's name, or an access point's ARN. */
  bucket: string
  /** Signs URLs instead of S3's own presigning; `createCloudFrontSigner`, say. Addresses stay the bucket's. */
  signer?: UrlSigner | undefined
}

/** A bucket that is reached by your own client. */
export interface S3ClientOptions extends S3BucketOptions {
  /** Used for everything, as it is, with its retries, agents and middleware; it stays yours to close. */
  client: S3Client
  /** Absent, as the next four: a client has its own. */
  region?: undefined
  /** Absent: the client's counts. */
  endpoint?: undefined
  /** Absent: signed URLs and addresses have the client's endpoint. */
  publicEndpoint?: undefined
  /** Absent: the client's count. */
  credentials?: undefined
  /** Absent: the client's requestHandler has its own. */
  agent?: undefined
}

/** A bucket that the storage reaches by connections of its own. */
export interface S3ConnectionOptions extends S3BucketOptions {
  /** Absent beside a region, an endpoint or credentials. */
  client?: undefined
  /** Default: the SDK's own chain (`AWS_REGION`, shared configuration). */
  region?: string | undefined
  /** An S3-compatible server, path style. Default: AWS. */
  endpoint?: string | undefined
  /** The endpoint that readers reach, for signed URLs and addresses, where the internal one is another. Default: `endpoint`. */
  publicEndpoint?: string | undefined
  /** Default: the SDK's own chain. A function is asked again when the store refuses what it gave. */
  credentials?: S3ClientConfig['credentials'] | undefined
  /**
   * Makes the connections to the store, and those of the SDK's credential providers, through a proxy say. `close()`
   * leaves it open. Default: agents of the storage's own.
   */
  agent?: HttpAgents | undefined
}

/** Options for every object of a storage. For other tags or keys by account, give each account a storage of its own. */
export interface S3ObjectOptions {
  /**
   * Default: the bucket's own setting, which on AWS is SSE-S3 at the least (AWS: Setting default server-side
   * encryption).
   */
  encryption?: S3Encryption | undefined
  /**
   * Default: the store's, on AWS `STANDARD`. The infrequent-access classes bill at least 128 KB an object, and
   * Intelligent-Tiering leaves smaller ones where they are (AWS: Understanding and managing S3 storage classes).
   */
  storageClass?: NonNullable<PutObjectCommandInput['StorageClass']> | undefined
  /**
   * At most 10, together with those of a single put, which win. Names of 1 to 128 characters, values of up to 256:
   * letters, digits, blanks and `+ - = . _ : / @`; no name starts with `aws:` (AWS: Categorizing your objects using
   * tags), at most 4,096 bytes together when percent-encoded. Writing them takes the permission `s3:PutObjectTagging`.
   */
  tags?: Readonly<Record<string, string>> | undefined
  /** The Cache-Control header of the stored object, such as `private, max-age=31536000, immutable`. Default: none. */
  cacheControl?: string | undefined
  /** The 12-digit account id that owns the bucket. Sent with every request and signed URL: a bucket of another owner answers 403. */
  expectedBucketOwner?: string | undefined
  /**
   * `false` for stores that take `If-None-Match` and ignore it: the storage then looks with a HEAD before each put.
   * Two writers at the same instant can both write. Default `true`; a 501 is detected at run time, and `probeS3` tests
   * it.
   */
  conditionalWrites?: boolean | undefined
}

const S3_OPTIONS: OptionNames<S3StorageOptions> = {
  ...{ bucket: true, signer: true, client: true, region: true, endpoint: true, publicEndpoint: true },
  ...{ credentials: true, agent: true, encryption: true, storageClass: true, tags: true, cacheControl: true },
  ...{ expectedBucketOwner: true, conditionalWrites: true },
}

const ENCRYPTION_OPTIONS: OptionNames<S3Encryption> = { type: true, keyId: true, bucketKey: true }

/** Server-side encryption of each object. */
export type S3Encryption =
  | { type: 'SSE-S3' }
  | {
      type: 'SSE-KMS'
      /** Id, ARN or alias ARN. Default: the AWS managed key `aws/s3`. */
      keyId?: string | undefined
      /** One key for many objects: fewer calls to KMS. Default: the bucket's setting. */
      bucketKey?: boolean | undefined
    }

/** AWS: Categorizing your objects using tags. */
const MAX_TAGS = 10
const MAX_TAG_NAME = 128
const MAX_TAG_VALUE = 256
/** AWS: PutObject takes 8 KB of headers, of which metadata may be 2 KB. Ten plain tags of full length fit. */
const MAX_TAGGING_BYTES = 4_096
const TAG_TEXT = /^[\p{L}\p{N}\p{Z}+\-=._:/@]*$/u

/** AWS: Working with object metadata: names and values together. */
const MAX_METADATA_BYTES = 2_048

/** @throws InvalidOptionError for anything that the store would refuse later, or turn into another request. */
export function checkS3Options(options: S3StorageOptions): void {
  checkOptions(options, S3_OPTIONS)
  const { bucket, storageClass, tags = {}, cacheControl, expectedBucketOwner, conditionalWrites } = options
  checkBucket(bucket)
  check('storageClass', storageClass, /^[A-Z][A-Z0-9_]{0,63}$/, 'must be a storage class such as STANDARD_IA')
  check('cacheControl', cacheControl, /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/, 'must be a header of ASCII')
  check('expectedBucketOwner', expectedBucketOwner, /^\d{12}$/, 'must be an account id of 12 digits')
  if (conditionalWrites !== undefined) checkFlag('conditionalWrites', conditionalWrites)
  checkPlace(options)
  checkEncryption(options)
  encodeTags(tags)
}

/**
 * The SDK would turn an empty or dotted bucket into another request altogether. `xn--` begins an international host name,
 * and URLs with a host that is none can't be made (AWS: General purpose bucket naming rules).
 */
function checkBucket(bucket: unknown): void {
  const isWell = typeof bucket === 'string' && /^(?!\.+$)(?:arn:[\w.:/-]+|[\w.-]+)$/.test(bucket)
  if (isWell && !/^xn--/i.test(bucket)) return
  const rule = isWell ? 'must not begin with xn--' : 'must be a bucket name, without s3:// and path'
  // A bucket's name is no secret.
  const shown = typeof bucket === 'string' && /^[\w.:/ -]{1,100}$/.test(bucket) ? `'${bucket}'` : describeValue(bucket)
  throw new InvalidOptionError({ option: 'bucket', problem: `${rule}, got ${shown}` })
}

type OptionValues = { readonly [Name in keyof typeof S3_OPTIONS]?: unknown }

/** How the store is reached, and who signs. */
function checkPlace(options: S3StorageOptions): void {
  const { client, signer, region, endpoint, publicEndpoint, credentials }: OptionValues = options
  const { agent } = options
  if (agent !== undefined) checkAgents(agent)
  if (agent !== undefined && client !== undefined) {
    throw new InvalidOptionError({
      option: 'agent',
      problem: "does not go with client: give it to the client's requestHandler",
    })
  }
  if (client !== undefined) checkMethods('client', client, { kind: 'an S3Client', methods: ['send'] })
  if (signer !== undefined) checkMethods('signer', signer, { kind: 'a UrlSigner', methods: ['signedUrl'] })
  if (region !== undefined) checkRegion('region', region)
  if (endpoint !== undefined) checkUrl('endpoint', endpoint)
  if (publicEndpoint !== undefined) checkUrl('publicEndpoint', publicEndpoint)
  if (credentials !== undefined) checkCredentials('credentials', credentials)
}

function check(option: keyof S3StorageOptions, value: unknown, pattern: RegExp, rule: string): void {
  if (value === undefined) return
  if (typeof value === 'string' && pattern.test(value)) return
  throw new InvalidOptionError({ option, problem: `${rule}, got ${describeValue(value)}` })
}

function checkEncryption({ encryption }: S3ObjectOptions): void {
  if (encryption === undefined) return
  checkOptions(encryption, ENCRYPTION_OPTIONS, { option: 'encryption' })
  const { type, keyId, bucketKey }: { type?: unknown; keyId?: unknown; bucketKey?: unknown } = { ...encryption }
  if (type !== 'SSE-S3' && type !== 'SSE-KMS') {
    throw new InvalidOptionError({
      option: 'encryption.type',
      problem: `must be SSE-S3 or SSE-KMS, got ${describeValue(type)}`,
    })
  }
  if (type === 'SSE-S3' && (keyId !== undefined || bucketKey !== undefined)) {
    throw new InvalidOptionError({ option: 'encryption', problem: 'takes keyId and bucketKey only with type SSE-KMS' })
  }
  if (keyId !== undefined && !(typeof keyId === 'string' && /^[\w:/.-]{1,2048}$/.test(keyId))) {
    throw new InvalidOptionError({
      option: 'encryption.keyId',
      problem: `must be a KMS key id, ARN or alias, got ${describeValue(keyId)}`,
    })
  }
  if (bucketKey !== undefined) checkFlag('encryption.bucketKey', bucketKey)
}

/**
 * Tags as `x-amz-tagging` takes them. Each part is encoded: a value with `&` would otherwise set tags of its own.
 *
 * @throws InvalidOptionError for tags that S3 does not take.
 */
export function encodeTags(tags: Readonly<Record<string, string>>): string {
  if (!isObject(tags)) {
    throw new InvalidOptionError({
      option: 'tags',
      problem: `must be an object of names and values, got ${describeValue(tags)}`,
    })
  }
  const entries = Object.entries(tags)
  if (entries.length > MAX_TAGS) {
    throw new InvalidOptionError({ option: 'tags', problem: `must be at most ${MAX_TAGS}, got ${entries.length}` })
  }
  for (const [name, value] of entries) {
    const isName = TAG_TEXT.test(name) && name.length >= 1 && name.length <= MAX_TAG_NAME
    if (!isName || /^aws:/i.test(name)) {
      const rule = `must have names of 1 to ${MAX_TAG_NAME} letters, digits, blanks and + - = . _ : / @, not starting with aws:`
      throw new InvalidOptionError({ option: 'tags', problem: `${rule}, got ${describeValue(name)}` })
    }
    if (typeof value !== 'string' || !TAG_TEXT.test(value) || value.length > MAX_TAG_VALUE) {
      const rule = `must have values of up to ${MAX_TAG_VALUE} letters, digits, blanks and + - = . _ : / @`
      throw new InvalidOptionError({
        option: 'tags',
        problem: `${rule}, got ${describeValue(value)} for ${describeValue(name)}`,
      })
    }
  }
  const encoded = entries.map((pair) => pair.map(encodeURIComponent).join('=')).join('&')
  if (encoded.length > MAX_TAGGING_BYTES) {
    throw new InvalidOptionError({
      option: 'tags',
      problem: `must have at most ${MAX_TAGGING_BYTES} bytes encoded, got ${encoded.length}`,
    })
  }
  return encoded
}

/**
 * Metadata becomes headers: text that is not ASCII breaks signatures or arrives changed, and S3 refuses more than 2 KB.
 *
 * @throws InvalidOptionError
 */
export function checkMetadata(metadata: Readonly<Record<string, string>>): void {
  let bytes = 0
  for (const [name, value] of Object.entries(metadata)) {
    if (!/^[\w.-]{1,128}$/.test(name)) {
      throw new InvalidOptionError({
        option: 'metadata',
        problem: `must have names of letters, digits and . _ -, got ${describeValue(name)}`,
      })
    }
    // Outer blanks are lost on the way, and with them the comparison of the returned metadata.
    if (typeof value !== 'string' || !/^(?:[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?)?$/.test(value)) {
      throw new InvalidOptionError({
        option: 'metadata',
        problem: `must have values of printable ASCII, and '${name}' has not`,
      })
    }
    bytes += name.length + value.length
  }
  if (bytes > MAX_METADATA_BYTES) {
    throw new InvalidOptionError({
      option: 'metadata',
      problem: `must have at most ${MAX_METADATA_BYTES} bytes, got ${bytes}`,
    })
  }
}
