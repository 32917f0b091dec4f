import type { StorageFailedError } from '../../errors.js'
import { PROXY_PAGE } from '../refusal.js'
import { makePassing } from './errors.js'

/** An unexplained refusal of the same key counts as final when it has come so often. */
const MOST_UNEXPLAINED = 3
/** Enough for the media of one outage; memory does not grow with the archive. */
const COUNTED_KEYS = 1_000

/**
 * Makes a judge of refusals. A 400 without a code of S3's may be a proxy's, for a connection that it lost, so it passes
 * twice for each key.
 */
export function createRefusalJudge(): (error: StorageFailedError) => StorageFailedError {
  const counts = new Map<string, number>()
  return (error) => {
    if (!isUnexplained(error)) return error
    const { key } = error
    const count = (counts.get(key) ?? 0) + 1
    counts.delete(key)
    if (count === MOST_UNEXPLAINED) return error
    counts.set(key, count)
    const [oldest] = counts.keys()
    if (counts.size > COUNTED_KEYS && oldest !== undefined) counts.delete(oldest)
    return makePassing(error)
  }
}

function isUnexplained({ status, reason }: StorageFailedError): boolean {
  return status === 400 && (reason === 'BadRequest' || reason === PROXY_PAGE)
}
