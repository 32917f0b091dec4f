import { describeSecret } from '../errors/describe.js'
import { InvalidOptionError } from '../errors.js'
import { isObject } from '../json.js'
import { checkReference } from '../media-reference.js'
import type { ExtractedMedia } from '../webhook/extract.js'

/**
 * One reference, several, or the findings of `extractMedia`, as such findings. References of a caller's own are checked
 * all together, before anything is done with them; findings are checked item by item, when each is enqueued.
 *
 * @throws InvalidOptionError
 */
export function toExtractedMedia(given: unknown): ExtractedMedia {
  if (isExtractedMedia(given)) return given
  if (Array.isArray(given)) {
    for (const [index, each] of given.entries()) checkReference(each, `media[${index}]`)
    return { media: given, unavailable: [], revoked: [] }
  }
  checkReference(given)
  return { media: [given], unavailable: [], revoked: [] }
}

function isExtractedMedia(given: unknown): given is ExtractedMedia {
  if (!isObject(given) || !('unavailable' in given)) return false
  for (const name of ['media', 'unavailable', 'revoked']) {
    const items = given[name]
    if (!Array.isArray(items)) {
      throw new InvalidOptionError({ option: `media.${name}`, problem: `must be a list, got ${describeSecret(items)}` })
    }
    const odd = name === 'media' ? -1 : items.findIndex((item) => !isObject(item))
    if (odd >= 0) {
      throw new InvalidOptionError({
        option: `media.${name}[${odd}]`,
        problem: `must be an object, got ${describeSecret(items[odd])}`,
      })
    }
  }
  return true
}
