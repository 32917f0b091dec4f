import type { Readable } from 'node:stream'
import { abortable } from '../../timing/abort.js'
import { createHttpPut } from './direct/http-put.js'
import { createS3Chain } from './direct/locate.js'
import { cacheLast, createS3Signer, encodeQuery, type S3Address, type S3Credentials } from './direct/signature-v4.js'
import { buildPath } from './encode.js'
import { buildBucketInput, buildHeaders, type S3PutAnswer, type S3PutRequest } from './object.js'
import type { S3StorageOptions } from './options.js'
import type { S3Connection } from './sdk/connection.js'

/**
 * Puts and signed URLs without the SDK, where this library would make the SDK's client: a put for a third of the CPU
 * time, a URL for a fiftieth, and neither loads that client. All results are `undefined` for buckets that only the SDK
 * knows how to reach.
 */
export interface S3Direct {
  put(body: Readable, request: S3PutRequest): Promise<S3PutAnswer | undefined>
  /** The permanent address of a key, as readers reach it. */
  addressOf(key: string): Promise<string | undefined>
  signedUrl(request: S3DirectUrl): Promise<{ url: string; expiration: Date | undefined } | undefined>
  /** Ends the connections of puts. */
  close(): void
}

interface S3DirectUrl {
  key: string
  contentType: string
  contentDisposition: string
  signedAt: Date
  /** Seconds. */
  expiresIn: number
}

/** @param sdk `sign`: has a client sign a URL of the key `k`. */
export function createS3Direct(
  options: Exclude<S3StorageOptions, { client: unknown }>,
  sdk: { connect: () => Promise<S3Connection>; sign: (client: S3Connection['client']) => Promise<string> },
): S3Direct {
  const signer = createS3Signer()
  const sender = createHttpPut(signer)
  const { address, publicAddress, credentials } = createS3Chain({
    ...options,
    async client() {
      const { client, signer: publicClient } = await sdk.connect()
      return {
        region: () => client.config.region(),
        credentials: () => client.config.credentials(),
        sign: () => sdk.sign(client),
        signPublic: () => sdk.sign(publicClient),
      }
    },
  })
  const { ExpectedBucketOwner: owner } = buildBucketInput(options)
  const whereAndWho = async (): Promise<{ address: S3Address; credentials: S3Credentials } | undefined> => {
    const place = await address()
    return place === undefined ? undefined : { address: place, credentials: await credentials() }
  }
  // Most URLs of a page have both in common.
  const queryOf = cacheLast((contentDisposition: string, contentType: string) =>
    encodeQuery({
      'response-content-disposition': contentDisposition,
      'response-content-type': contentType,
      'x-id': 'GetObject',
      ...(owner === undefined ? {} : { 'x-amz-expected-bucket-owner': owner }),
    }),
  )

  return {
    async put(body, { key, size, sha256, input, signal }) {
      const place = await abortable(whereAndWho(), signal)
      if (place === undefined) return undefined
      const headers = buildHeaders(input)
      return sender.put(body, { key, size, sha256, headers, ...place, signal })
    },
    async addressOf(key) {
      const place = await publicAddress()
      return place === undefined ? undefined : `${place.origin}${buildPath(place.path, key)}`
    },
    async signedUrl({ key, contentType, contentDisposition, signedAt, expiresIn }) {
      const place = await publicAddress()
      if (place === undefined) return undefined
      const identity = await credentials()
      const query = queryOf(contentDisposition, contentType)
      const url = signer.signQuery({ key, query, signedAt, expiresIn }, place, identity)
      return { url, expiration: identity.expiration }
    },
    close: sender.close,
  }
}
