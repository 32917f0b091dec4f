import type { ObjectStorage, PutOptions } from '../../../storage.js'
import { abortable } from '../../../timing/abort.js'
import {
  awaitAnswer,
  createStoreQuestions,
  type StoreAnswer,
  type StoreQuestions,
  type UrlAnswer,
} from '../../questions.js'
import type { S3StorageOptions } from '../options.js'
import type { S3Connection } from '../sdk/connection.js'
import type { ProbeVerdict } from './report.js'
import { createProbeSample, type ForcedHeaders, type ProbeSample, SERVED } from './sample.js'
import { createSdkQuestions } from './sdk-questions.js'

/** A store as the checks see it: every request returns its outcome, none throws. All keys lie below one base. */
export interface ProbeStore {
  /** The bytes of the first check's object, for others to compare with or to put again. */
  readonly object: ProbeSample
  /** Through this library's own storage, as an archive puts. */
  put(name: string, sample: ProbeSample, more?: Partial<PutOptions>): Promise<StoreAnswer<unknown>>
  /** One PutObject of the SDK with the same headers and If-None-Match. */
  create(name: string, sample: ProbeSample): Promise<StoreAnswer<unknown>>
  /** One PutObject that announces another hash than the body has, in the checksum and in the signature. */
  putWrong(name: string, sample: ProbeSample, sha256: string): Promise<StoreAnswer<unknown>>
  /** One PutObject in aws-chunked framing, as the SDK sends streams by default. */
  putChunked(name: string, sample: ProbeSample): Promise<StoreAnswer<unknown>>
  head(name: string): Promise<StoreAnswer<Awaited<ReturnType<ObjectStorage['head']>>>>
  /** The bytes, or null where there is no object. */
  read(name: string): Promise<StoreAnswer<Buffer | null>>
  contentEncoding(name: string): Promise<StoreAnswer<string | undefined>>
  tags(name: string): Promise<StoreAnswer<Record<string, string>>>
  /** The answer that a reader gets through a signed URL that forces type and disposition. */
  readSigned(name: string, forced: ForcedHeaders): Promise<StoreAnswer<UrlAnswer>>
  delete(name: string): Promise<StoreAnswer<void>>
}

export interface RunningProbeStore extends ProbeStore {
  /** Runs a check under a deadline. @throws the caller's reason on abort. */
  within(timeoutMs: number, signal: AbortSignal | undefined, check: () => Promise<ProbeVerdict>): Promise<ProbeVerdict>
  /** Removes every object that a check may have written, and returns how many may be left. Never throws. */
  cleanUp(timeoutMs: number): Promise<number>
}

/** The storage tries once, and one busy moment of a store must not leave an object there for good. */
const REMOVAL_TRIES = 3

/** The storage under test, the SDK beside it, and the probe's settings. */
interface ProbeEnvironment {
  storage: ObjectStorage
  connection: S3Connection
  options: S3StorageOptions
  fetch: (url: string, init: { signal: AbortSignal }) => Promise<Response>
  /** The start of all keys. */
  base: string
}

export function createProbeStore(environment: ProbeEnvironment): RunningProbeStore {
  const { storage, fetch, base } = environment
  const written = new Set<string>()
  let signal = new AbortController().signal
  let running: Promise<unknown> = Promise.resolve()
  const questions = createStoreQuestions({ storage, fetch, startSignal: () => signal })
  const sdk = createSdkQuestions(environment, () => signal)

  const write = async <T>(name: string, send: (key: string) => Promise<StoreAnswer<T>>): Promise<StoreAnswer<T>> => {
    written.add(name)
    const first = await send(base + name)
    // A kept connection may have been closed, for instance after a refused body: no verdict on the store.
    const isCut = !first.ok && first.status === undefined && !signal.aborted
    return isCut ? send(base + name) : first
  }

  return {
    object: createProbeSample(),
    put: (name, { bytes, sha256 }, more) =>
      write(name, (key) => questions.put(key, bytes, { sha256, ...SERVED, ifAbsent: false, ...more })),
    create: (name, sample) => write(name, (key) => sdk.create(key, sample)),
    putWrong: (name, sample, sha256) => write(name, (key) => sdk.putWrong(key, sample, sha256)),
    putChunked: (name, sample) => write(name, (key) => sdk.putChunked(key, sample)),
    head: (name) => questions.head(base + name),
    read: (name) => questions.read(base + name),
    contentEncoding: (name) => sdk.contentEncoding(base + name),
    tags: (name) => sdk.tags(base + name),
    readSigned: (name, forced) => readSigned(base + name, { storage, questions, forced }),
    delete: (name) => questions.delete(base + name),

    async within(timeoutMs, callerSignal, check) {
      const timeout = AbortSignal.timeout(timeoutMs)
      signal = callerSignal === undefined ? timeout : AbortSignal.any([timeout, callerSignal])
      const work = check()
      running = work
      const verdict = await settleOrAbort(work, signal)
      callerSignal?.throwIfAborted()
      if (verdict !== undefined && !timeout.aborted) return verdict
      return { verdict: 'failed', detail: `The store did not answer within ${timeoutMs} ms.` }
    },
    async cleanUp(timeoutMs) {
      const limit = AbortSignal.timeout(timeoutMs)
      // An aborted check ends first, under its aborted signal: under the next one it would write again.
      await settleOrAbort(Promise.allSettled([running]), limit)
      // Not under the caller's signal: a caller who leaves wants the objects gone all the same.
      signal = limit
      return removeAll(written, { questions, base, signal })
    },
  }
}

async function readSigned(
  key: string,
  { storage, questions, forced }: { storage: ObjectStorage; questions: StoreQuestions; forced: ForcedHeaders },
): Promise<StoreAnswer<UrlAnswer>> {
  const signed = await awaitAnswer(async () => storage.signedUrl?.(key, { expiresIn: 300, ...forced }))
  if (!signed.ok) return signed
  /* v8 ignore next -- @preserve this storage does sign */
  return signed.value === undefined ? { ok: false, reason: 'no signed URL' } : questions.readUrl(signed.value.url)
}

/** @returns how many objects may be left. */
async function removeAll(
  names: ReadonlySet<string>,
  { questions, base, signal }: { questions: StoreQuestions; base: string; signal: AbortSignal },
): Promise<number> {
  const left = new Set(names)
  const remove = async (name: string): Promise<void> => {
    for (let tries = 0; tries < REMOVAL_TRIES && left.has(name); tries += 1) {
      const removed = await questions.delete(base + name)
      if (removed.ok) left.delete(name)
    }
  }
  await settleOrAbort(Promise.all([...names].map(remove)), signal)
  return left.size
}

/** The work's value; undefined when the signal aborts first: a client of the app may ignore signals. */
function settleOrAbort<T>(work: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  return abortable(work, signal).catch((error: unknown) => {
    /* v8 ignore next -- @preserve no check rejects */
    if (!signal.aborted) throw error
    return undefined
  })
}
