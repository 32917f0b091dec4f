import { hasSecret } from '../errors/redaction.js'
import { isError, isName, readErrorName, readField, readTextField } from '../errors/thrown.js'

/**
 * Faults of a call, by Node's and undici's codes (Node: Errors). `ERR_INVALID_STATE` is none: streams of the web that were
 * closed while an answer came have it.
 */
const CALL_FAULT =
  /^(?:UND_)?ERR_(?:INVALID(?!_STATE)|HTTP_INVALID|UNESCAPED|MISSING|OUT_OF_RANGE|ILLEGAL|NOT_SUPPORTED|UNSUPPORTED|MODULE)(?:_|$)/

/**
 * Whether the call itself was at fault, so that the next one will be, too. Most likely nothing was sent. A `SyntaxError` or
 * `RangeError` without a code tells of data: a client that parses a proxy's page throws one after the answer.
 */
export function isCallFault(thrown: unknown): boolean {
  return CALL_FAULT.test(readErrorName(thrown)) || readTextField(thrown, 'name') === 'ReferenceError'
}

/** Node and undici refuse a request's address or headers so, before they open a connection (Node: Errors). */
const REFUSED_REQUEST =
  /^(?:ERR_INVALID_(?:URL|PROTOCOL|CHAR|HTTP_TOKEN)|ERR_HTTP_INVALID_HEADER_VALUE|ERR_UNESCAPED_CHARACTERS|UND_ERR_INVALID_ARG)$/

/** No connection came to be, by Node's and undici's codes (Node: Errors, "Common system errors"). */
const NO_CONNECTION =
  /^(?:ECONNREFUSED|ENOTFOUND|EAI_\w+|EHOSTUNREACH|ENETUNREACH|EHOSTDOWN|ENETDOWN|EADDRNOTAVAIL|EMFILE|UND_ERR_CONNECT_TIMEOUT|CERT_\w+|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_\w+|ERR_TLS_CERT_\w+)$/

/** On a connection that stands, Linux names the network's last message in place of a timeout: the request has left. */
const ON_CONNECTION: readonly unknown[] = ['read', 'write', 'writev', 'shutdown']

/**
 * Whether what an HTTP client threw in place of an answer proves that nothing was sent. `isCallFault` proves less: a client
 * of the user's may make a mistake of its own once it has the answer.
 */
export function isNeverSent(thrown: unknown): boolean {
  // `fetch` hides in the cause what the network said.
  return [thrown, readField(thrown, 'cause')].some((each) => {
    const code = readTextField(each, 'code')
    const isProof = NO_CONNECTION.test(code) || REFUSED_REQUEST.test(code)
    return isProof && !ON_CONNECTION.includes(readField(each, 'syscall'))
  })
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
