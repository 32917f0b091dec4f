import { createHash, randomBytes } from 'node:crypto'

/** Bytes to store, with their hash. */
export interface ProbeSample {
  bytes: Buffer
  sha256: string
}

/** How a reader gets an object. */
export interface ForcedHeaders {
  contentType: string
  contentDisposition: string
}

/** Larger than the buffers of some proxies, small enough for any line. */
const SAMPLE_BYTES = 70_000

export function createProbeSample(): ProbeSample {
  const bytes = randomBytes(SAMPLE_BYTES)
  return { bytes, sha256: createHash('sha256').update(bytes).digest('hex') }
}

export const SERVED: ForcedHeaders = { contentType: 'application/octet-stream', contentDisposition: 'attachment' }
