import { judgeGraphFailure } from '../download/graph-error.js'
import { WhatsAppMediaError } from '../errors.js'

/**
 * Meta's codes for a service that took nothing: overloaded, unavailable, or in maintenance. Not among them are 1 and 131000,
 * which say of themselves that the fault is unknown (Meta: Error codes).
 */
const NOT_TAKEN: readonly (number | undefined)[] = [2, 131016, 131057, 133004]

/**
 * Whether a failed call proves that Meta accepted nothing, so that the same call can be made again without being done
 * twice: Meta refused it.
 */
export function isUnsent(error: unknown): boolean {
  if (!WhatsAppMediaError.is(error)) return false
  switch (error.code) {
    case 'access-token':
    case 'media-gone':
    case 'invalid-option':
      return true
    case 'graph-api':
      // An answer of a server between, with a status of the 500s, may come after Meta has the call.
      return judgeGraphFailure(error) !== 'passing' || NOT_TAKEN.includes(error.graphCode)
    default:
      return false
  }
}

const MEDIA_UPLOAD_ERROR = 131053

/** Whether Meta refused a message for its media: the id is gone, or leads to nothing that can be sent (Meta: Error codes). */
export function isMediaRefused(error: unknown): boolean {
  if (!WhatsAppMediaError.is(error)) return false
  return error.code === 'media-gone' || (error.code === 'graph-api' && error.graphCode === MEDIA_UPLOAD_ERROR)
}
