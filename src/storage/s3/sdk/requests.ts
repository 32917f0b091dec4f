import { Readable } from 'node:stream'
import { defined, isObject } from '../../../json.js'
import type { ObjectStorage } from '../../../storage.js'
import type { S3Direct } from '../direct.js'
import { isStorageFailure } from '../errors.js'
import { buildBucketInput, toStoredObject } from '../object.js'
import type { S3StorageOptions } from '../options.js'
import { runCall } from '../run-call.js'
import type { S3Connection } from './connection.js'

/** Everything that the SDK does for the storage, apart from puts and signatures. */
export type S3Requests = Required<Pick<ObjectStorage, 'head' | 'get' | 'delete' | 'list'>>

/** @param ways `direct`: reads without the SDK where that is possible. */
export function createS3Requests(
  options: S3StorageOptions,
  { connect, direct }: { connect: () => Promise<S3Connection>; direct: Pick<S3Direct, 'get'> | undefined },
): S3Requests {
  const bucketInput = buildBucketInput(options)
  return {
    async head(key, { signal } = {}) {
      const found = runCall({ operation: 'head', options, key, signal }, async () => {
        const { sdk, client } = await connect()
        const command = new sdk.HeadObjectCommand({ ...bucketInput, Key: key, ChecksumMode: 'ENABLED' })
        return toStoredObject(key, await client.send(command, defined({ abortSignal: signal })))
      })
      // A HEAD's answer has no body: 404 is all it says of a missing object, and of a missing bucket alike.
      return found.catch(nullIf(({ status }) => status === 404))
    },
    async get(key, { signal } = {}) {
      const found = runCall({ operation: 'get', options, key, signal }, async () => {
        const read = await direct?.get(key, signal)
        if (read !== undefined) return { ...toStoredObject(key, read), body: read.body }
        const { sdk, client } = await connect()
        const command = new sdk.GetObjectCommand({ ...bucketInput, Key: key })
        const answer = await client.send(command, defined({ abortSignal: signal }))
        return { ...toStoredObject(key, answer), body: toNodeStream(answer.Body) }
      })
      return found.catch(nullIf(({ reason }) => reason === 'NoSuchKey'))
    },
    async delete(key, { signal } = {}) {
      await runCall({ operation: 'delete', options, key, signal }, async () => {
        const { sdk, client } = await connect()
        await client.send(new sdk.DeleteObjectCommand({ ...bucketInput, Key: key }), defined({ abortSignal: signal }))
      })
    },
    async *list(prefix, { signal } = {}) {
      for (let token: string | undefined, isFirst = true; isFirst || token !== undefined; isFirst = false) {
        const input = { ...bucketInput, Prefix: prefix, ContinuationToken: token }
        const page = await runCall({ operation: 'list', options, key: prefix, signal }, async () => {
          const { sdk, client } = await connect()
          return client.send(new sdk.ListObjectsV2Command(input), defined({ abortSignal: signal }))
        })
        for (const { Key: key = '', Size: size = 0 } of page.Contents ?? []) yield { key, size }
        token = page.NextContinuationToken
      }
    },
  }
}

function nullIf(
  isAbsent: (failure: { status?: number | undefined; reason: string }) => boolean,
): (error: unknown) => null {
  return (error) => {
    if (isStorageFailure(error) && isAbsent(error)) return null
    throw error
  }
}

function toNodeStream(body: unknown): Readable {
  if (body instanceof Readable) return body
  // The SDK's build for browsers, which bundlers take for Cloudflare Workers, gives a stream of the web.
  if (isObject(body) && 'getReader' in body) {
    return Readable.fromWeb(body as unknown as Parameters<typeof Readable.fromWeb>[0])
  }
  throw new Error('the SDK gave no stream')
}
