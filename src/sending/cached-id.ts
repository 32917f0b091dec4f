import { checkMethods, checkWhole } from '../errors/checks.js'
import { readErrorName, reduceToName } from '../errors/thrown.js'
import { MediaIdsFailedError, WhatsAppMediaError } from '../errors.js'
import { emit } from '../events.js'
import { readEssence } from '../file-type/mime.js'
import { toObject } from '../json.js'
import type { CachedMediaId, MediaIdCache } from '../media-ids.js'
import { checkMediaId } from '../media-reference.js'
import { within } from '../timing/abort.js'
import type { SendingPlan } from './call-graph.js'
import type { OutboundFormat } from './outbound-limits.js'

/** Options of calls that reuse media ids. */
export interface MediaIdOptions {
  /**
   * Remembers the ids of uploads: bytes that Meta still holds for the number are not uploaded again. What is not hashed yet
   * is read first: a stream is spooled, also one of known size. Default: none.
   */
  mediaIds?: MediaIdCache | undefined
  /** Milliseconds that a call of `mediaIds` may take; then it counts as a miss. Default 2,000. */
  mediaIdsTimeoutMs?: number | undefined
}

const CACHE_METHODS = ['get', 'set', 'delete'] as const satisfies readonly (keyof MediaIdCache)[]

/** @throws InvalidOptionError */
export function checkMediaIdOptions({ mediaIds, mediaIdsTimeoutMs }: MediaIdOptions): void {
  if (mediaIds !== undefined) checkMethods('mediaIds', mediaIds, { kind: 'a MediaIdCache', methods: CACHE_METHODS })
  if (mediaIdsTimeoutMs !== undefined) checkWhole('mediaIdsTimeoutMs', mediaIdsTimeoutMs, { unit: 'of milliseconds' })
}

/**
 * The key of an upload in the cache. The kind is in it, for the first bytes are checked by kind: a WebP that went as a
 * document may be too large for a sticker. The name of the file is not: readers do not see the upload's.
 */
export function buildMediaIdKey(
  phoneNumberId: string,
  { format, sha256 }: { format: OutboundFormat; sha256: string },
): string {
  return [phoneNumberId, format.kind, readEssence(format.mimeType), sha256].join(':')
}

/** A cache that throws nothing, and answers in time. */
export interface SafeMediaIds {
  /** An id that Meta still holds for a while; undefined for a miss. */
  get(key: string): Promise<{ mediaId: string; expiresAt: Date } | undefined>
  set(key: string, value: { mediaId: string; expiresAt: Date }): Promise<void>
  delete(key: string): Promise<void>
}

type CacheOperation = MediaIdsFailedError['operation']

/** Whom a cache's faults are told. */
type TellingPlan = Pick<SendingPlan, 'subject'> & { options: Pick<SendingPlan['options'], 'onEvent'> }

/** Wraps a cache: its faults become misses, and events. */
export function guardMediaIds(
  mediaIds: MediaIdCache,
  { plan, timeoutMs = 2_000 }: { plan: TellingPlan; timeoutMs: number | undefined },
): SafeMediaIds {
  const { options, subject } = plan
  const tell = (error: MediaIdsFailedError): undefined => {
    emit(options.onEvent, { type: 'media-ids-failed', error, ...subject })
  }
  const guard = async <T>(operation: CacheOperation, run: () => Promise<T>): Promise<T | undefined> => {
    // What is no promise at all, or throws at once, fails like one.
    const call = (async () => run())()
    const otherwise = (): undefined => tell(new MediaIdsFailedError({ operation, reason: 'timeout' }))
    return within(timeoutMs, call, { otherwise }).catch((error: unknown) => tell(toMediaIdsError(error, operation)))
  }
  return {
    async get(key) {
      // Reading it may throw as well: it may be anything.
      const read = await guard('get', async () => readCached(await mediaIds.get(key)))
      return read !== undefined && read.expiresAt.getTime() - Date.now() >= MARGIN_MS ? read : undefined
    },
    async set(key, { mediaId, expiresAt }) {
      await guard('set', () => mediaIds.set(key, { mediaId, expiresAt: expiresAt.toISOString() }))
    },
    async delete(key) {
      await guard('delete', () => mediaIds.delete(key))
    },
  }
}

/** A cache of your own may throw anything, such as an error that quotes its password. */
function toMediaIdsError(error: unknown, operation: CacheOperation): MediaIdsFailedError {
  if (WhatsAppMediaError.is(error) && error.code === 'media-ids-failed') return error
  return new MediaIdsFailedError({ operation, reason: readErrorName(error), cause: reduceToName(error) })
}

/** An id is not used in its last minutes: clocks differ, and Meta reads the media some time after it took the message. */
const MARGIN_MS = 15 * 60_000

/** A cache may hold what anyone has put there. @throws MediaIdsFailedError for what is no id. */
function readCached(found: CachedMediaId | null | undefined): { mediaId: string; expiresAt: Date } | undefined {
  if (found === undefined || found === null) return undefined
  const { mediaId, expiresAt } = toObject(found)
  const time = typeof expiresAt === 'string' ? Date.parse(expiresAt) : Number.NaN
  if (!isMediaId(mediaId) || Number.isNaN(time)) throw new MediaIdsFailedError({ operation: 'get', reason: 'invalid' })
  return { mediaId, expiresAt: new Date(time) }
}

function isMediaId(value: unknown): value is string {
  if (typeof value !== 'string') return false
  try {
    checkMediaId(value)
    return true
  } catch {
    return false
  }
}
