import { checkWhole } from '../errors/checks.js'
import { describeValue } from '../errors/describe.js'
import { InvalidOptionError, SizeLimitError } from '../errors.js'
import { isMediaType, type MediaType } from '../media-reference.js'

/** A cap in bytes, at most 5,368,709,120: one for all media, or one for each type. Types left out have the default. */
export type MaxBytes = number | { readonly [Type in MediaType]?: number | undefined }

/** Above what WhatsApp delivers: documents have at most 100 MB, and other media less (Meta: Media). */
const DEFAULT_MEDIA_MAX_BYTES = 104_857_600

/** The largest object of one PutObject (AWS: Uploading objects, 5 GB). There is no multipart here. */
const MAX_PUT_BYTES = 5_368_709_120

/** @throws InvalidOptionError unless each cap is a positive whole number of at most 5 GB (5,368,709,120 bytes). */
export function checkMaxBytes(maxBytes: MaxBytes | undefined): void {
  if (maxBytes === undefined) return
  const caps = typeof maxBytes === 'object' && maxBytes !== null ? Object.entries(maxBytes) : [['', maxBytes] as const]
  for (const [type, cap] of caps) {
    if (type !== '' && !isMediaType(type)) {
      throw new InvalidOptionError({ option: 'maxBytes', problem: `must be by media type, got ${describeValue(type)}` })
    }
    checkWhole('maxBytes', cap, { unit: 'of bytes' })
    if (cap > MAX_PUT_BYTES) {
      const problem = `must be at most ${MAX_PUT_BYTES}, the largest size of one put, got ${describeValue(cap)}`
      throw new InvalidOptionError({ option: 'maxBytes', problem })
    }
  }
}

/** @throws SizeLimitError when a size that was announced is over the cap. */
export function checkAnnouncedSize(bytes: number | undefined, maxBytes: number): void {
  if (bytes !== undefined && bytes > maxBytes) {
    throw new SizeLimitError({ limitBytes: maxBytes, bytes })
  }
}

/** The cap for one media type. */
export function getMaxBytes(maxBytes: MaxBytes | undefined, mediaType: MediaType): number {
  return findMaxBytes(maxBytes, mediaType) ?? DEFAULT_MEDIA_MAX_BYTES
}

/** The cap for one media type; undefined where the default holds. */
export function findMaxBytes(maxBytes: MaxBytes | undefined, mediaType: MediaType): number | undefined {
  return typeof maxBytes === 'object' ? maxBytes[mediaType] : maxBytes
}
