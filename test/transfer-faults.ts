import { expect } from 'vitest'
import { type ArchivedMedia, archiveMedia } from '../src/archive.js'
import type { MediaReference } from '../src/media-reference.js'
import type { ObjectStorage } from '../src/storage.js'
import { createFakeCloudApi, type Fault } from '../src/testing/fake-cloud-api.js'
import type { Timeouts } from '../src/timing/deadlines.js'

/** What a bad source does, and the error that its archive must end in. Nothing may be left in the storage. */
interface TransferFault {
  name: string
  fault?: Fault
  /** What the storage does instead, if the source is well. */
  spoil?: (storage: ObjectStorage) => ObjectStorage
  abort?: boolean
  error: object
}

const always = { on: 'download' } as const

export const SOURCE_FAULTS: readonly TransferFault[] = [
  {
    name: 'one flipped bit',
    fault: { ...always, kind: 'flip-bit', offset: 77_777 },
    error: { code: 'integrity-mismatch' },
  },
  {
    name: 'a flipped bit in the last byte',
    fault: { ...always, kind: 'flip-bit', offset: 199_999 },
    error: { code: 'integrity-mismatch' },
  },
  { name: 'one byte short', fault: { ...always, kind: 'short-body' }, error: { code: 'integrity-mismatch' } },
  { name: 'one byte long', fault: { ...always, kind: 'long-body' }, error: { code: 'integrity-mismatch' } },
  { name: 'an empty body', fault: { ...always, kind: 'empty' }, error: { code: 'integrity-mismatch' } },
  {
    name: 'an HTML page with status 200',
    fault: { ...always, kind: 'html-page' },
    error: { code: 'integrity-mismatch' },
  },
  {
    name: 'a JSON answer with status 200',
    fault: { ...always, kind: 'json-page' },
    error: { code: 'integrity-mismatch' },
  },
  {
    name: 'a wrong size in the look-up',
    fault: { on: 'look-up', kind: 'wrong-size' },
    error: { code: 'integrity-mismatch' },
  },
  {
    name: 'a wrong hash in the look-up',
    fault: { on: 'look-up', kind: 'wrong-sha256' },
    error: { code: 'integrity-mismatch' },
  },
  {
    name: 'a reset before the answer',
    fault: { ...always, kind: 'reset' },
    error: { code: 'download-failed', cause: { code: 'ECONNRESET' } },
  },
  {
    name: 'a reset in the body',
    fault: { ...always, kind: 'reset', afterBytes: 100_000 },
    error: { code: 'download-failed', cause: { code: 'ECONNRESET' } },
  },
  {
    name: 'an early end',
    fault: { ...always, kind: 'close-early', afterBytes: 100_000 },
    error: { code: 'download-failed' },
  },
  {
    name: 'a stall before the answer',
    fault: { ...always, kind: 'stall' },
    error: { code: 'timeout', waitedFor: 'headers' },
  },
  {
    name: 'a stall in the body',
    fault: { ...always, kind: 'stall', afterBytes: 100_000 },
    error: { code: 'timeout', waitedFor: 'source' },
  },
  {
    name: 'a drip',
    fault: { ...always, kind: 'drip', bytes: 1, everyMs: 20 },
    error: { code: 'timeout', waitedFor: 'total' },
  },
  {
    name: 'a compressed answer',
    fault: { ...always, kind: 'gzip' },
    error: { code: 'download-failed', retryable: false },
  },
  {
    name: 'a redirect to another host',
    fault: { ...always, kind: 'redirect', to: 'https://evil.example/x' },
    error: { code: 'host-refused' },
  },
]

const takeHalf = async (body: AsyncIterable<Uint8Array>): Promise<void> => {
  for await (const _chunk of body) return
}

/** Storages that fail from outside the implementation: what `archiveMedia` makes of it. */
export const STORE_FAULTS: readonly TransferFault[] = [
  {
    name: 'a store that stalls without reading',
    spoil: (storage) => ({
      ...storage,
      put: (_key, body, { signal }) =>
        new Promise((_resolve, reject) => {
          signal?.addEventListener('abort', () => {
            body.destroy()
            reject(signal.reason)
          })
        }),
    }),
    error: { code: 'timeout', waitedFor: 'store' },
  },
  {
    name: 'a store that breaks off in the middle',
    spoil: (storage) => ({
      ...storage,
      put: async (_key, body) => {
        await takeHalf(body)
        throw Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' })
      },
    }),
    error: {
      code: 'storage-failed',
      reason: 'ECONNRESET',
      retryable: true,
      cause: { code: 'ECONNRESET', message: 'ECONNRESET' },
    },
  },
  {
    name: 'a caller who aborts',
    fault: { ...always, kind: 'stall', afterBytes: 100_000 },
    abort: true,
    error: { message: 'the caller left' },
  },
]

// The first bytes of a JPEG; enough of them that every fault comes in the middle.
const jpeg = Buffer.concat([Buffer.from([0xff, 0xd8, 0xff, 0xe0]), Buffer.alloc(199_996, 'jpeg')])

/** Only the deadline that must pass: on a busy machine the others would pass first. */
function shortened({ error }: TransferFault): Timeouts {
  const waitedFor: unknown = Reflect.get(error, 'waitedFor')
  if (waitedFor === 'headers') return { headersMs: 300 }
  if (waitedFor === 'source') return { idleMs: 300 }
  if (waitedFor === 'store') return { storageMs: 300 }
  return waitedFor === 'total' ? { totalMs: 1_500 } : {}
}

/** Runs one fault against one storage; afterwards the same media, without the fault, must still be archivable. */
export async function expectNothingStored(
  transfer: TransferFault,
  storage: ObjectStorage,
  prefix: string,
): Promise<void> {
  const api = await createFakeCloudApi()
  const unhandled: unknown[] = []
  const note = (error: unknown): void => void unhandled.push(error)
  process.on('unhandledRejection', note)
  try {
    const { reference } = await api.addMedia({ bytes: jpeg, mimeType: 'image/jpeg', mediaType: 'image' })
    const { downloadUrl, downloadUrlExpiresAt, ...media } = reference
    if (transfer.fault !== undefined) api.fail(transfer.fault)
    const controller = new AbortController()
    if (transfer.abort === true) setTimeout(() => controller.abort(new Error('the caller left')), 50)
    const archive = (more: object): Promise<ArchivedMedia> =>
      archiveMedia(media satisfies MediaReference, {
        storage,
        accountId: 'faults',
        accessToken: api.accessToken,
        cloudApi: api.cloudApi,
        prefix,
        attempts: 1,
        ...more,
      })
    await expect(
      archive({
        storage: transfer.spoil?.(storage) ?? storage,
        timeouts: shortened(transfer),
        signal: controller.signal,
      }),
    ).rejects.toMatchObject(transfer.error)
    api.clearFaults()
    // Had the failed attempt left an object, this one would find it.
    const { key, alreadyStored } = await archive({})
    expect(alreadyStored).toBe(false)
    expect(await storage.head(key)).toMatchObject({ size: jpeg.length })
    await storage.delete(key)
    expect(unhandled).toEqual([])
  } finally {
    process.off('unhandledRejection', note)
    await api.close()
  }
}
