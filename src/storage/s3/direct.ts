import type { Readable } from 'node:stream'
import { defined } from '../../json.js'
import { abortable } from '../../timing/abort.js'
import { createS3Clock } from './direct/clock.js'
import { createHttpPut } from './direct/http-put.js'
import { createS3Chain, type S3ChainOptions } from './direct/locate.js'
import { createS3Reader } from './direct/reader.js'
import { cacheLast, createS3Signer, encodeQuery, type S3Address, type S3Credentials } from './direct/signature-v4.js'
import { buildPath } from './encode.js'
import { buildBucketInput, buildHeaders, type ObjectOutput, type S3PutAnswer, type S3PutRequest } from './object.js'
import type { S3ConnectionOptions } from './options.js'
import type { S3Connection } from './sdk/connection.js'
import { rememberIdentity } from './secrets.js'

/**
 * Puts, reads and signed URLs without the SDK, where this library would make the SDK's client: a put for a third of the
 * CPU time, a URL for a fiftieth, and none loads that client. All results are `undefined` for buckets that only the SDK
 * knows how to reach.
 */
export interface S3Direct {
  put(body: Readable, request: S3PutRequest): Promise<S3PutAnswer | undefined>
  get(key: string, signal: AbortSignal | undefined): Promise<(ObjectOutput & { body: Readable }) | undefined>
  /** The permanent address of a key, as readers reach it. */
  findAddress(key: string): Promise<string | undefined>
  signedUrl(request: S3DirectUrl): Promise<{ url: string; expiration: Date | undefined } | undefined>
  /** Asks the provider of credentials anew. @returns whether it gave others. */
  renewCredentials(): Promise<boolean>
  /** By how much the store's clock is ahead of ours, in milliseconds, as answers have told. */
  clockOffset(): number
  /** Ends the connections of puts. */
  close(): void
}

interface S3DirectUrl {
  method: 'GET' | 'HEAD'
  key: string
  contentType: string
  contentDisposition: string
  signedAt: Date
  /** Seconds. */
  expiresIn: number
}

/** The SDK, where nothing less knows. `sign`: has a client sign a URL of the key `k`. */
interface SdkAccess {
  connect: () => Promise<S3Connection>
  sign: (client: S3Connection['client']) => Promise<string>
}

export function createS3Direct(options: S3ConnectionOptions, sdk: SdkAccess): S3Direct {
  const signer = createS3Signer()
  const clock = createS3Clock()
  const { agent } = options
  const sender = createHttpPut({ signer, clock, agent })
  const reader = createS3Reader({ signer, clock, agent })
  const { address, publicAddress, renewCredentials, ...chain } = createS3Chain({
    ...options,
    client: () => askSdk(sdk),
  })
  const credentials = async (): Promise<S3Credentials> => rememberIdentity(options, await chain.credentials())
  const owner = defined({ 'x-amz-expected-bucket-owner': buildBucketInput(options).ExpectedBucketOwner })
  const buildQuery = createQueryBuilder(owner)
  const findTarget = async (): Promise<{ address: S3Address; credentials: S3Credentials } | undefined> => {
    const found = await address()
    return found === undefined ? undefined : { address: found, credentials: await credentials() }
  }

  return {
    async put(body, { key, size, sha256, input, signal }) {
      const target = await abortable(findTarget(), signal)
      if (target === undefined) return undefined
      return sender.put(body, { key, size, sha256, headers: buildHeaders(input), ...target, signal })
    },
    async get(key, signal) {
      const target = await abortable(findTarget(), signal)
      return target === undefined ? undefined : reader.get({ key, headers: owner, ...target, signal })
    },
    async findAddress(key) {
      const found = await publicAddress()
      return found === undefined ? undefined : `${found.origin}${buildPath(found.path, key)}`
    },
    async signedUrl({ method, key, contentType, contentDisposition, signedAt, expiresIn }) {
      const found = await publicAddress()
      if (found === undefined) return undefined
      const identity = await credentials()
      const query = buildQuery(contentDisposition, contentType, method)
      const url = signer.signQuery({ method, key, query, signedAt, expiresIn }, found, identity)
      return { url, expiration: identity.expiration }
    },
    renewCredentials,
    clockOffset: clock.offset,
    close() {
      sender.close()
      reader.close()
    },
  }
}

type BuildQuery = (contentDisposition: string, contentType: string, method: 'GET' | 'HEAD') => string

/** @param parameters of all URLs. */
function createQueryBuilder(parameters: Readonly<Record<string, string>>): BuildQuery {
  // Most URLs of a page have all in common.
  return cacheLast((contentDisposition, contentType, method) =>
    encodeQuery(
      defined({
        'response-content-disposition': contentDisposition,
        'response-content-type': contentType,
        // As the SDK.
        'x-id': method === 'GET' ? 'GetObject' : undefined,
        ...parameters,
      }),
    ),
  )
}

async function askSdk({ connect, sign }: SdkAccess): ReturnType<S3ChainOptions['client']> {
  const { client, signer } = await connect()
  return {
    region: () => client.config.region(),
    credentials: (wishes) => client.config.credentials({ ...wishes }),
    sign: () => sign(client),
    signPublic: () => sign(signer),
  }
}
