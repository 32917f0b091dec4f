import { judgeGraphFailure } from '../download/graph-error.js'
import { readErrorName } from '../errors/thrown.js'
import { WhatsAppMediaError } from '../errors.js'
import { isRequestRefused } from '../http/no-answer.js'

/**
 * Meta's codes for a service that took nothing: overloaded, unavailable, or in maintenance. Not among them are 1 and 131000,
 * which say of themselves that the fault is unknown (Meta: Error codes).
 */
const NOT_TAKEN: readonly (number | undefined)[] = [2, 131016, 131057, 133004]

/** No connection came to be, by Node's and undici's codes (Node: Errors, "Common system errors"). */
const NO_CONNECTION =
  /^(?:ECONNREFUSED|ENOTFOUND|EAI_\w+|EHOSTUNREACH|ENETUNREACH|EHOSTDOWN|ENETDOWN|EADDRNOTAVAIL|EMFILE|UND_ERR_CONNECT_TIMEOUT|CERT_\w+|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_\w+|ERR_TLS_CERT_\w+)$/

/**
 * Whether a failed call proves that Meta accepted nothing, so that the same call can be made again without being done
 * twice: Meta refused it, or it never left.
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
    case 'graph-unreachable':
      return NO_CONNECTION.test(readErrorName(error.cause)) || isRequestRefused(error.cause)
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
