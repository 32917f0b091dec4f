import { checkOptions, type OptionNames } from '../errors/check-options.js'
import { checkFunction, checkList, checkMethods } from '../errors/checks.js'
import type { OnEvent } from '../events.js'
import { readOwn, readString } from '../json.js'
import type { MediaIdCache } from '../media-ids.js'
import type { SendStatus } from '../webhook/send-status.js'
import { checkMediaIdOptions, guardMediaIds } from './cached-id.js'

/** Options of `dropFailedMedia`. */
export interface DropMediaOptions {
  /** The cache that the messages were sent with. */
  mediaIds: MediaIdCache
  /** Milliseconds that a call of `mediaIds` may take. Default 2,000. */
  mediaIdsTimeoutMs?: number | undefined
  /** Hears `media-ids-failed`: a cache that fails keeps the id. */
  onEvent?: OnEvent | undefined
}

const DROP_OPTIONS: OptionNames<DropMediaOptions> = { mediaIds: true, mediaIdsTimeoutMs: true, onEvent: true }

/**
 * Forgets the media ids of messages that failed for their media, so that the next message uploads the file anew. An id
 * that is in the cache since is left there.
 *
 * @param statuses what `readSendStatuses` found. Those of other failures, of messages without a cached id, and what is no
 * status are passed over.
 * @returns the ids that it forgot.
 * @throws InvalidOptionError. A cache that throws or hangs is no failure.
 * @example
 * ```ts
 * import { dropFailedMedia } from 'whatsapp-media-archive'
 * import { createMemoryMediaIds } from 'whatsapp-media-archive/media-ids/memory'
 * import { buildWebhook } from 'whatsapp-media-archive/testing'
 * import { readSendStatuses } from 'whatsapp-media-archive/webhook'
 *
 * const mediaIds = createMemoryMediaIds() // the one that the messages are sent with
 * const payload = buildWebhook([{ status: 'failed', errorCode: 131053 }]) // or what onPayload gets
 * console.log(await dropFailedMedia(readSendStatuses(payload), { mediaIds })) // []
 * ```
 */
export async function dropFailedMedia(statuses: readonly SendStatus[], options: DropMediaOptions): Promise<string[]> {
  checkOptions(options, DROP_OPTIONS, { after: { statuses } })
  checkList('statuses', statuses)
  const { mediaIds, mediaIdsTimeoutMs, onEvent } = options
  checkMethods('mediaIds', mediaIds, { kind: 'a MediaIdCache', methods: ['get', 'delete'] })
  checkMediaIdOptions(options)
  if (onEvent !== undefined) checkFunction('onEvent', onEvent)
  const cache = guardMediaIds(mediaIds, { plan: { options: { onEvent }, subject: {} }, timeoutMs: mediaIdsTimeoutMs })
  const dropped: string[] = []
  for (const status of statuses) {
    const media = readOwn(status, 'media')
    const [mediaId, cacheKey] = [readString(media, 'mediaId'), readString(media, 'cacheKey')]
    const isAboutMedia = readOwn(readOwn(status, 'failure'), 'kind') === 'media'
    if (!isAboutMedia || mediaId === undefined || cacheKey === undefined) continue
    const cached = await cache.get(cacheKey)
    if (cached?.mediaId !== mediaId) continue
    await cache.delete(cacheKey)
    dropped.push(mediaId)
  }
  return dropped
}
