import { checkOptions, type OptionNames } from '../errors/check-options.js'
import { checkWhole } from '../errors/checks.js'
import type { CachedMediaId, MediaIdCache } from '../media-ids.js'

/** Options of `createMemoryMediaIds`. */
export interface MemoryMediaIdsOptions {
  /** The most ids that are kept; the one that was not used for longest makes room. Default 10,000: about 4 MB. */
  maxEntries?: number | undefined
}

const MEMORY_IDS_OPTIONS: OptionNames<MemoryMediaIdsOptions> = { maxEntries: true }

/**
 * Keeps media ids in this process's memory, up to a number of them.
 *
 * @throws InvalidOptionError for options of the wrong form.
 * @example
 * ```ts
 * import { uploadMediaToWhatsApp } from 'whatsapp-media-archive'
 * import { createMemoryMediaIds } from 'whatsapp-media-archive/media-ids/memory'
 * import { createFakeCloudApi } from 'whatsapp-media-archive/testing'
 *
 * const { accessToken, cloudApi, close } = await createFakeCloudApi()
 * const mediaIds = createMemoryMediaIds()
 * const source = { body: Buffer.from('%PDF-1.7 example'), mimeType: 'application/pdf' }
 * const options = { phoneNumberId: '106540352242922', accessToken, cloudApi, mediaIds }
 * const first = await uploadMediaToWhatsApp(source, options)
 * const second = await uploadMediaToWhatsApp(source, options)
 * console.log(first.reused, second.reused, first.mediaId === second.mediaId) // false true true
 * await close()
 * ```
 */
export function createMemoryMediaIds(options: MemoryMediaIdsOptions = {}): MediaIdCache {
  checkOptions(options, MEMORY_IDS_OPTIONS)
  const { maxEntries = 10_000 } = options
  checkWhole('maxEntries', maxEntries, { unit: 'of entries' })
  // In the order of their last use: a Map keeps the order of insertion.
  const entries = new Map<string, CachedMediaId>()
  const keep = (key: string, value: CachedMediaId): void => {
    entries.delete(key)
    entries.set(key, value)
  }
  return {
    async get(key) {
      const value = entries.get(key)
      if (value === undefined) return undefined
      if (Date.parse(value.expiresAt) <= Date.now()) {
        entries.delete(key)
        return undefined
      }
      keep(key, value)
      return { ...value }
    },
    async set(key, { mediaId, expiresAt }) {
      keep(key, { mediaId, expiresAt })
      if (entries.size <= maxEntries) return
      const [oldest = key] = entries.keys()
      entries.delete(oldest)
    },
    async delete(key) {
      entries.delete(key)
    },
  }
}
