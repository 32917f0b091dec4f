import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { describeNoAnswer } from '../../src/http/no-answer.js'

/** An error as Node and its libraries make them. */
function thrown(Kind: new (message: string) => Error, fields: object = {}): Error {
  return Object.assign(new Kind('quotes https://host.example/?token=EAAsecret'), fields)
}

/** `fetch` hides the fault in its cause. */
const fetchFailed = (code: string) => thrown(TypeError, { cause: thrown(Error, { code }) })

describe('describeNoAnswer', () => {
  it.each<[unknown, string]>([
    [thrown(Error, { code: 'ECONNREFUSED' }), 'no answer (ECONNREFUSED)'],
    [thrown(Error, { code: 'ERR_PROXY_TUNNEL' }), 'no answer (ERR_PROXY_TUNNEL)'],
    [thrown(Error, { code: 'ERR_TLS_CERT_ALTNAME_INVALID' }), 'no answer (ERR_TLS_CERT_ALTNAME_INVALID)'],
    [thrown(Error, { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }), 'no answer (DEPTH_ZERO_SELF_SIGNED_CERT)'],
    [thrown(Error, { name: 'FetchError', code: 'ETIMEDOUT' }), 'no answer (ETIMEDOUT)'],
    [fetchFailed('UND_ERR_CONNECT_TIMEOUT'), 'no answer (UND_ERR_CONNECT_TIMEOUT)'],
    [fetchFailed('ENOTFOUND'), 'no answer (ENOTFOUND)'],
    [thrown(Error, { name: 'AbortError' }), 'no answer (AbortError)'],
    [thrown(Error, { name: 'TimeoutError' }), 'no answer (TimeoutError)'],
    [thrown(TypeError, { code: 'ERR_INVALID_STATE' }), 'no answer (ERR_INVALID_STATE)'],
    [fetchFailed('ERR_INVALID_STATE'), 'no answer (ERR_INVALID_STATE)'],
    [thrown(TypeError, { cause: thrown(Error) }), 'no answer (TypeError)'],
    [thrown(Error, { cause: thrown(Error) }), 'no answer'],
  ])('tells a silent network: %s', (error, problem) => {
    expect(describeNoAnswer(error)).toBe(problem)
  })

  it.each<[unknown, string]>([
    [thrown(TypeError, { code: 'ERR_INVALID_ARG_TYPE' }), 'TypeError ERR_INVALID_ARG_TYPE'],
    [thrown(TypeError, { code: 'ERR_INVALID_URL' }), 'TypeError ERR_INVALID_URL'],
    [thrown(TypeError, { code: 'ERR_INVALID_PROTOCOL' }), 'TypeError ERR_INVALID_PROTOCOL'],
    [thrown(TypeError, { code: 'ERR_INVALID_CHAR' }), 'TypeError ERR_INVALID_CHAR'],
    [thrown(TypeError, { code: 'ERR_UNESCAPED_CHARACTERS' }), 'TypeError ERR_UNESCAPED_CHARACTERS'],
    [thrown(TypeError, { code: 'ERR_HTTP_INVALID_HEADER_VALUE' }), 'TypeError ERR_HTTP_INVALID_HEADER_VALUE'],
    [fetchFailed('ERR_INVALID_URL'), 'TypeError ERR_INVALID_URL'],
    [fetchFailed('UND_ERR_INVALID_ARG'), 'TypeError UND_ERR_INVALID_ARG'],
    [thrown(Error, { code: 'ERR_MODULE_NOT_FOUND' }), 'ERR_MODULE_NOT_FOUND'],
    [thrown(Error, { name: 'EAAGb0ZCsecret', code: 'ERR_INVALID_THIS' }), 'ERR_INVALID_THIS'],
    [thrown(ReferenceError), 'ReferenceError'],
    [thrown(RangeError, { code: 'ERR_OUT_OF_RANGE' }), 'RangeError ERR_OUT_OF_RANGE'],
  ])('tells a call that could not be sent: %s', (error, fault) => {
    expect(describeNoAnswer(error)).toBe(`it could not be sent: ${fault}`)
  })

  const wordy = (Kind: new (message: string) => Error, message: string, fields: object = {}): Error =>
    Object.assign(new Kind(message), fields)
  const slip = "Cannot read properties of undefined (reading 'headers')"

  it.each<[unknown, string]>([
    [thrown(TypeError), 'failed: TypeError'],
    [thrown(Error), 'failed: Error'],
    [thrown(Error, { name: 'PoolClosed' }), 'failed: PoolClosed'],
    [thrown(Error, { name: 'FetchError', code: undefined }), 'failed: FetchError'],
    [thrown(Error, { code: 'EAAGb0ZCsecret' }), 'failed: Error'],
    [thrown(Error, { name: 'EAAGb0ZCsecret' }), 'failed: Error'],
    [thrown(EvalError), 'failed: EvalError'],
    [thrown(SyntaxError), 'failed: SyntaxError'],
    [thrown(RangeError), 'failed: RangeError'],
    [wordy(TypeError, slip), `failed: TypeError: ${slip}`],
    [wordy(TypeError, 'this.pool.take is not a function'), 'failed: TypeError: this.pool.take is not a function'],
    [wordy(TypeError, `${slip} of 15551234567`), 'failed: TypeError'],
    [wordy(TypeError, 'EAAGbZCsecret is not a function'), 'failed: TypeError'],
    [wordy(TypeError, '?token=x is not a function'), 'failed: TypeError'],
    ['a text', 'threw no error, but a string of 6 characters'],
    ['', 'threw no error, but a string of 0 characters'],
    [undefined, 'threw no error, but a value of type undefined'],
    [null, 'threw no error, but a value of type object'],
    [404, 'threw no error, but a value of type number'],
    [{ code: 'ECONNRESET' }, 'threw no error, but a value of type object'],
    [runInNewContext('new TypeError("of another realm")'), 'failed: TypeError'],
  ])('tells a client that failed: %s', (error, problem) => {
    expect(describeNoAnswer(error)).toBe(`the HTTP client ${problem}`)
  })
})
