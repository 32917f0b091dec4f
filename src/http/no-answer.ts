import { isError, isName, readErrorName, readTextField } from '../errors/thrown.js'

/** Faults of a call, by Node's and undici's codes: they are thrown before anything is sent (Node: Errors). */
const CALL_FAULT =
  /^(?:UND_)?ERR_(?:INVALID|HTTP_INVALID|UNESCAPED|MISSING|OUT_OF_RANGE|ILLEGAL|NOT_SUPPORTED|UNSUPPORTED|MODULE)(?:_|$)/

const CALL_FAULTS: readonly string[] = ['ReferenceError', 'SyntaxError', 'RangeError']

/** Whether the call itself was at fault, so that nothing was sent. */
export function isCallFault(thrown: unknown): boolean {
  return CALL_FAULT.test(readErrorName(thrown)) || CALL_FAULTS.includes(readTextField(thrown, 'name'))
}

/**
 * Why an HTTP client brought no answer: `no answer (ECONNREFUSED)`, or, for an error of the call itself, `it could not be
 * sent: TypeError ERR_INVALID_URL`. Messages are left out, because they quote URLs and headers.
 */
export function describeNoAnswer(thrown: unknown): string {
  if (!isError(thrown)) return 'no answer'
  const fault = readErrorName(thrown)
  const name = readTextField(thrown, 'name')
  const isNamed = name !== fault && name !== 'Error' && isName(name)
  if (isCallFault(thrown)) {
    return `it could not be sent: ${isNamed ? `${name} ${fault}` : fault}`
  }
  return fault === 'Error' ? 'no answer' : `no answer (${fault})`
}
