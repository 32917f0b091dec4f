import type { MediaIdCache } from '../media-ids.js'
import { type UploadCall, type UploadedMedia, uploadAnew } from './attempt-upload.js'
import { buildMediaIdKey, guardMediaIds } from './cached-id.js'
import { makeSendingPlan, runTimed } from './call-graph.js'
import { findOutboundFormat } from './outbound-limits.js'
import { shareUpload } from './share-upload.js'

/** How an upload may be reused. */
interface Reuse {
  mediaIds: MediaIdCache
  /** An id that Meta no longer knows. */
  staleMediaId: string | undefined
  /** Gets what is done from this call's source, which others may wait for. */
  noteLead(work: Promise<unknown>): void
}

/** The media id of these bytes from the cache, or from the one upload of all calls that want it now. */
export async function uploadOnce(call: UploadCall, reuse: Reuse): Promise<UploadedMedia> {
  const { reader, options, plan } = call
  const { mediaIds, staleMediaId, noteLead } = reuse
  const { phoneNumberId, mediaType, signal } = options
  const findFormat = (mimeType: string) => findOutboundFormat(mimeType, mediaType)
  const { mimeType, sha256 } = await runTimed(plan, ({ deadlines }) => reader.identify(deadlines, findFormat), reader)
  const key = buildMediaIdKey(phoneNumberId, { format: findFormat(mimeType), sha256 })
  let isLeading = false
  const begin = (shared: AbortSignal): Promise<UploadedMedia> => {
    isLeading = true
    const work = findOrUpload(call, { key, mediaIds, staleMediaId, signal: shared })
    noteLead(work)
    return work
  }
  const media = await shareUpload({ cache: mediaIds, key, staleMediaId, signal, begin })
  return isLeading ? media : { ...media, reused: true }
}

async function findOrUpload(
  { reader, options }: UploadCall,
  want: { key: string; signal: AbortSignal } & Pick<Reuse, 'mediaIds' | 'staleMediaId'>,
): Promise<UploadedMedia> {
  const { key, mediaIds, staleMediaId, signal } = want
  // The upload is no longer this caller's alone: its own signal ends the wait, not the work.
  const shared = { ...options, signal }
  const plan = makeSendingPlan(shared)
  const cache = guardMediaIds(mediaIds, { plan, timeoutMs: options.mediaIdsTimeoutMs })
  const found = await cache.get(key)
  if (found !== undefined && found.mediaId !== staleMediaId) return { ...found, reused: true, cacheKey: key }
  if (found !== undefined) await cache.delete(key)
  const media = await uploadAnew({ reader, options: shared, plan })
  await cache.set(key, media)
  return { ...media, cacheKey: key }
}
