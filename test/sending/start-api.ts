import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { createFakeCloudApi, type FakeCloudApi, type FakeCloudApiOptions } from '../../src/testing.js'

export const phoneNumberId = '106540352242922'

/** 400,000 bytes without a pattern. */
export const BYTES: Buffer = createHash('shake256', { outputLength: 400_000 }).update('bytes').digest()

/** Fake APIs of a test file, and how to close them after each test. */
export function createApis(): { start(options?: FakeCloudApiOptions): Promise<FakeCloudApi>; close(): Promise<void> } {
  const open: FakeCloudApi[] = []
  return {
    async start(options = {}) {
      const api = await createFakeCloudApi(options)
      open.push(api)
      return api
    },
    async close() {
      await Promise.all(open.splice(0).map((api) => api.close()))
    },
  }
}

/** What a call needs of an API to be answered, without long waits. */
export function callOptions({ accessToken, cloudApi }: FakeCloudApi) {
  return { accessToken, cloudApi, waitScale: 0.001 }
}

export function streamInPieces(data: Uint8Array, pieceBytes = 7_000): Readable {
  const pieces = Array.from({ length: Math.ceil(data.length / pieceBytes) }, (_, at) =>
    data.subarray(at * pieceBytes, (at + 1) * pieceBytes),
  )
  return Readable.from(pieces)
}

export async function catchError(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => {
      throw new Error('it did not fail')
    },
    (error: unknown) => error,
  )
}
