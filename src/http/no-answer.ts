import { hasSecret } from '../errors/redaction.js'
import { isError, isName, readErrorName, readField, readTextField } from '../errors/thrown.js'

/** Faults of a call, by Node's and undici's codes: they are thrown before anything is sent (Node: Errors). */
const CALL_FAULT =
  /^(?:UND_)?ERR_(?:INVALID|HTTP_INVALID|UNESCAPED|MISSING|OUT_OF_RANGE|ILLEGAL|NOT_SUPPORTED|UNSUPPORTED|MODULE)(?:_|$)/

const CALL_FAULTS: readonly string[] = ['ReferenceError', 'SyntaxError', 'RangeError']

/** Whether the call itself was at fault, so that nothing was sent. */
export function isCallFault(thrown: unknown): boolean {
  return CALL_FAULT.test(readErrorName(thrown)) || CALL_FAULTS.includes(readTextField(thrown, 'name'))
}

/** Ends that clients name in place of a code. */
const NAMED_ENDS: readonly string[] = ['AbortError', 'TimeoutError']

/** V8's words for a slip in a program: they quote its source, and no data. */
const SLIP =
  /^(?!.*EAA)(?:Cannot (?:read|set) properties of (?:undefined|null) \((?:reading|setting) '[A-Za-z_$]{1,24}'\)|[A-Za-z_$.]{1,48} is not (?:a function|a constructor|iterable))$/

/**
 * Why an HTTP client brought no answer: `no answer (ECONNREFUSED)` where a code tells so, on the error or on its cause;
 * `it could not be sent: TypeError ERR_INVALID_URL` for an error of the call itself; `the HTTP client failed: TypeError` for
 * anything else that a client of the user's throws. Messages are left out, because they quote URLs and headers.
 */
export function describeNoAnswer(thrown: unknown): string {
  const fault = readErrorName(thrown)
  if (!isError(thrown)) return `the HTTP client threw no error, but ${fault}`
  const name = readTextField(thrown, 'name')
  const isNamed = name !== fault && name !== 'Error' && isName(name)
  if (isCallFault(thrown)) {
    return `it could not be sent: ${isNamed ? `${name} ${fault}` : fault}`
  }
  // Without a code it is the name. A `fetch` hides what the network said in the cause.
  const hasCode = fault !== name && fault !== 'Error'
  if (hasCode || NAMED_ENDS.includes(fault) || isError(readField(thrown, 'cause'))) {
    return fault === 'Error' ? 'no answer' : `no answer (${fault})`
  }
  const message = readTextField(thrown, 'message')
  return `the HTTP client failed: ${SLIP.test(message) && !hasSecret(message) ? `${fault}: ${message}` : fault}`
}
