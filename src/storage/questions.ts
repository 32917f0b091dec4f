import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { defined } from '../json.js'
import type { ObjectStorage, PutOptions, PutResult, StoredObject } from '../storage.js'
import { type Refusal, readRefusal } from './refusal.js'

/** A call's value, or the reason of its failure. */
export type StoreAnswer<T> = { ok: true; value: T } | Refusal

/** A URL's answer with its whole body. */
export interface UrlAnswer {
  status: number
  headers: Headers
  bytes: Buffer
}

/**
 * The questions about one object that the doctor and `probeS3` ask a storage. Each has a signal of its own; none rejects.
 */
export interface StoreQuestions {
  put(key: string, bytes: Buffer, options: Omit<PutOptions, 'size' | 'signal'>): Promise<StoreAnswer<PutResult>>
  head(key: string): Promise<StoreAnswer<StoredObject | null>>
  /** The bytes, or null where there is no object. */
  read(key: string): Promise<StoreAnswer<Buffer | null>>
  /** Reads a signed URL as a reader does. */
  readUrl(url: string, headers?: Readonly<Record<string, string>>): Promise<StoreAnswer<UrlAnswer>>
  delete(key: string): Promise<StoreAnswer<void>>
}

type FetchUrl = (
  url: string,
  init: { signal: AbortSignal; headers?: Readonly<Record<string, string>> },
) => Promise<Response>

export function createStoreQuestions(options: {
  storage: ObjectStorage
  fetch: FetchUrl
  /** The signal of the next question. */
  startSignal: () => AbortSignal
}): StoreQuestions {
  const { storage, fetch, startSignal } = options
  const ask = <T>(call: (signal: AbortSignal) => Promise<T>): Promise<StoreAnswer<T>> => {
    const signal = startSignal()
    return awaitAnswer(() => call(signal), signal)
  }
  return {
    put: (key, bytes, putOptions) =>
      ask((signal) => storage.put(key, Readable.from([bytes]), { ...putOptions, size: bytes.length, signal })),
    head: (key) => ask((signal) => storage.head(key, { signal })),
    read: (key) =>
      ask(async (signal) => {
        const found = await storage.get(key, { signal })
        return found === null ? null : buffer(found.body)
      }),
    readUrl: (url, headers) =>
      ask(async (signal) => {
        const response = await fetch(url, defined({ signal, headers }))
        return readWhole(response)
      }),
    delete: (key) => ask((signal) => storage.delete(key, { signal })),
  }
}

export async function readWhole(response: Response): Promise<UrlAnswer> {
  const { status, headers } = response
  return { status, headers, bytes: Buffer.from(await response.arrayBuffer()) }
}

/**
 * The call's value, or the reason of its failure; never rejects. After the signal has aborted the reason is the signal's:
 * a body that is cut off says ECONNRESET.
 */
export async function awaitAnswer<T>(call: () => Promise<T>, signal?: AbortSignal): Promise<StoreAnswer<T>> {
  try {
    return { ok: true, value: await call() }
  } catch (error) {
    return readRefusal(signal?.aborted === true ? signal.reason : error)
  }
}
