import { createHash, randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import type { PutObjectCommand } from '@aws-sdk/client-s3'
import type { ObjectStorage, PutOptions } from '../../../storage.js'
import { awaitAnswer, createStoreQuestions, type StoreAnswer, type UrlAnswer } from '../../questions.js'
import { buildBucketInput, buildObjectInput } from '../object.js'
import type { S3StorageOptions } from '../options.js'
import type { S3Connection } from '../sdk/connection.js'
import { buildPutCommand } from '../sdk/put.js'
import type { Verdict } from './report.js'

/** Bytes to store, and what is known of them. */
export interface Sample {
  bytes: Buffer
  sha256: string
}

/** A store as the checks see it: every request tells its outcome, none throws. All keys lie below one base. */
export interface ProbeStore {
  /** The bytes of the first check's object, for others to compare with or to put again. */
  readonly object: Sample
  /** Through this library's own storage, as an archive puts. */
  put(name: string, sample: Sample, more?: Partial<PutOptions>): Promise<StoreAnswer<unknown>>
  /** One PutObject of the SDK with the same headers and If-None-Match. */
  create(name: string, sample: Sample): Promise<StoreAnswer<unknown>>
  /** One PutObject that announces another hash than the body has, in the checksum and in the signature. */
  putWrong(name: string, sample: Sample, sha256: string): Promise<StoreAnswer<unknown>>
  /** One PutObject in aws-chunked framing, as the SDK sends streams by default. */
  putChunked(name: string, sample: Sample): Promise<StoreAnswer<unknown>>
  head(name: string): Promise<StoreAnswer<Awaited<ReturnType<ObjectStorage['head']>>>>
  /** The bytes, or null where there is no object. */
  read(name: string): Promise<StoreAnswer<Buffer | null>>
  contentEncoding(name: string): Promise<StoreAnswer<string | undefined>>
  tags(name: string): Promise<StoreAnswer<Record<string, string>>>
  /** What a reader gets through a signed URL that forces type and disposition. */
  readSigned(name: string, forced: Forced): Promise<StoreAnswer<UrlAnswer>>
  delete(name: string): Promise<StoreAnswer<void>>
}

interface Forced {
  contentType: string
  contentDisposition: string
}

export interface RunningProbeStore extends ProbeStore {
  /** Runs a check under a deadline. @throws the caller's reason on abort. */
  within(timeoutMs: number, signal: AbortSignal | undefined, check: () => Promise<Verdict>): Promise<Verdict>
  /** Removes every object that a check may have written, and tells how many may be left. Never throws. */
  cleanUp(timeoutMs: number): Promise<number>
}

/** Larger than what some proxies buffer, small enough for any line. */
const SAMPLE_BYTES = 70_000

/** The storage tries once, and one busy moment of a store must not leave an object there for good. */
const REMOVAL_TRIES = 3

export function sample(): Sample {
  const bytes = randomBytes(SAMPLE_BYTES)
  return { bytes, sha256: createHash('sha256').update(bytes).digest('hex') }
}

const SERVED: Forced = { contentType: 'application/octet-stream', contentDisposition: 'attachment' }

export function createProbeStore(surroundings: {
  storage: ObjectStorage
  connection: S3Connection
  options: S3StorageOptions
  fetch: (url: string, init: { signal: AbortSignal }) => Promise<Response>
  base: string
}): RunningProbeStore {
  const { storage, connection, options, fetch, base } = surroundings
  const { sdk, client } = connection
  const inBucket = buildBucketInput(options)
  const written = new Set<string>()
  let signal = new AbortController().signal
  const questions = createStoreQuestions({ storage, fetch, startSignal: () => signal })

  const write = async <T>(name: string, send: (key: string) => Promise<StoreAnswer<T>>): Promise<StoreAnswer<T>> => {
    written.add(name)
    const first = await send(base + name)
    // A kept connection may have died, after an answer that refused a body for one: no verdict on the store.
    const isCut = !first.ok && first.status === undefined && !signal.aborted
    return isCut ? send(base + name) : first
  }
  const inputOf = ({ bytes, sha256 }: Sample): ReturnType<typeof buildObjectInput> =>
    buildObjectInput(options, { size: bytes.length, sha256, ...SERVED, ifAbsent: true })
  const send = (name: string, command: (key: string) => PutObjectCommand): Promise<StoreAnswer<unknown>> =>
    write(name, (key) => awaitAnswer(() => client.send(command(key), { abortSignal: signal })))

  return {
    object: sample(),
    put: (name, { bytes, sha256 }, more) =>
      write(name, (key) => questions.put(key, bytes, { sha256, ...SERVED, ifAbsent: false, ...more })),
    create: (name, object) =>
      send(name, (Key) =>
        buildPutCommand(
          { sdk },
          { ...inputOf(object), IfNoneMatch: '*', Key, Body: streamOf(object.bytes) },
          object.sha256,
        ),
      ),
    // Without the condition: a store that refuses that one would hide what it does with checksums.
    putWrong: (name, object, sha256) =>
      send(name, (Key) => {
        const input = inputOf({ ...object, sha256 })
        return buildPutCommand({ sdk }, { ...input, Key, Body: streamOf(object.bytes) }, sha256)
      }),
    putChunked: (name, object) =>
      send(name, (Key) => {
        // An algorithm without a value makes the SDK compute one on the way, for which it must frame the body.
        const { ChecksumSHA256, ...input } = inputOf(object)
        return new sdk.PutObjectCommand({ ...input, Key, Body: streamOf(object.bytes) })
      }),
    head: (name) => questions.head(base + name),
    read: (name) => questions.read(base + name),
    contentEncoding: (name) =>
      awaitAnswer(async () => {
        const command = new sdk.HeadObjectCommand({ ...inBucket, Key: base + name })
        return (await client.send(command, { abortSignal: signal })).ContentEncoding
      }),
    tags: (name) =>
      awaitAnswer(async () => {
        const command = new sdk.GetObjectTaggingCommand({ ...inBucket, Key: base + name })
        const { TagSet = [] } = await client.send(command, { abortSignal: signal })
        return Object.fromEntries(TagSet.map(({ Key, Value }) => [String(Key), String(Value)]))
      }),
    async readSigned(name, forced) {
      const signed = await awaitAnswer(async () => storage.signedUrl?.(base + name, { expiresIn: 300, ...forced }))
      if (!signed.ok) return signed
      /* v8 ignore next -- @preserve this storage does sign */
      return signed.value === undefined ? { ok: false, reason: 'no signed URL' } : questions.readUrl(signed.value.url)
    },
    delete: (name) => questions.delete(base + name),

    async within(timeoutMs, callerSignal, check) {
      const timeout = AbortSignal.timeout(timeoutMs)
      signal = callerSignal === undefined ? timeout : AbortSignal.any([timeout, callerSignal])
      const verdict = await orWhenAborted(check(), signal)
      callerSignal?.throwIfAborted()
      if (verdict !== undefined && !timeout.aborted) return verdict
      return { verdict: 'failed', detail: `The store did not answer within ${timeoutMs} ms.` }
    },
    async cleanUp(timeoutMs) {
      // Not under the caller's signal: one who leaves wants the objects gone all the same.
      signal = AbortSignal.timeout(timeoutMs)
      const left = new Set(written)
      const remove = async (name: string): Promise<void> => {
        for (let tries = 0; tries < REMOVAL_TRIES && left.has(name); tries += 1) {
          const removed = await questions.delete(base + name)
          if (removed.ok) left.delete(name)
        }
      }
      await orWhenAborted(Promise.all([...written].map(remove)), signal)
      return left.size
    },
  }
}

/** A client of the user's own may heed no signal. */
async function orWhenAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  const settled = new AbortController()
  const aborted = new Promise<undefined>((resolve) => {
    signal.addEventListener('abort', () => resolve(undefined), { once: true, signal: settled.signal })
  })
  try {
    return await Promise.race([work, aborted])
  } finally {
    settled.abort()
  }
}

function streamOf(bytes: Buffer): Readable {
  return Readable.from([bytes])
}
