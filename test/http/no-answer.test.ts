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
    [thrown(TypeError), 'no answer (TypeError)'],
    [thrown(Error, { name: 'AbortError' }), 'no answer (AbortError)'],
    [thrown(Error), 'no answer'],
    [thrown(Error, { code: 'EAAGb0ZCsecret' }), 'no answer'],
    ['a text', 'no answer'],
    [undefined, 'no answer'],
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
    [thrown(Error, { name: 'EAAGb0ZCsecret', code: 'ERR_INVALID_STATE' }), 'ERR_INVALID_STATE'],
    [thrown(ReferenceError), 'ReferenceError'],
    [thrown(RangeError, { code: 'ERR_OUT_OF_RANGE' }), 'RangeError ERR_OUT_OF_RANGE'],
  ])('tells a call that could not be sent: %s', (error, fault) => {
    expect(describeNoAnswer(error)).toBe(`it could not be sent: ${fault}`)
  })
})
