import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { describeValue } from '../../src/errors/describe.js'
import { isError, isName, readErrorName, readFaultName, readField, readTextField } from '../../src/errors/thrown.js'

const TOKEN = `EAA${'Gm0PX4ZCpsBA'.repeat(4)}`
const PHONE = '12025550143'

describe('isName', () => {
  it.each([
    ...['ECONNRESET', 'ERR_STREAM_PREMATURE_CLOSE', 'ERR_HTTP2_STREAM_ERROR', 'ERR_TLS_CERT_ALTNAME_INVALID', 'P2002'],
    ...['DEPTH_ZERO_SELF_SIGNED_CERT', 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'NOAUTH', 'EAI_AGAIN', 'UND_ERR_SOCKET'],
    ...['NoSuchBucket', 'XAmzContentSHA256Mismatch', 'AccessDenied', 'NoSuchCORSConfiguration', 'S3ServiceException'],
    ...['ServerSideEncryptionConfigurationNotFoundError', 'AWS.SimpleQueueService.NonExistentQueue', 'SlowDown'],
    ...[
      'KMS.KMSInvalidStateException',
      'TypeError',
      'DOMException',
      'MissingAuthenticationTokenException',
      'HTTPError',
    ],
    ...['rate_limit_exceeded', 'access-token', 'timeout'],
  ])('knows %s', (name) => {
    expect(isName(name)).toBe(true)
  })

  it.each([
    ...['', 'two words', TOKEN, 'EAAGabcdefghijklmnop', `Bearer ${TOKEN}`, PHONE, `E${PHONE}`, 'E_1202_555_0143'],
    ...['payslip.pdf', 'Payslip.PDF', 'Payslip-Jane.pdf', 'wamid.HBgLMTIwMjU1NTAxNDM', 'canary5ecret0a1b2c3d4e5f'],
    ...['kJhGfDsAqWeRtYuIoPlK', 'JBSWY3DPEHPK3PXP', 'AKIAIOSFODNN7EXAMPLE', 'abcdefghijklmnopqrstu', 'x'.repeat(49)],
    ...['EAeAtAAsAnumerable', 'KjhgFdsaABCDEFGHIJ'],
    ...[7, undefined, null, { name: 'TypeError' }],
  ])('takes %o for none', (name) => {
    expect(isName(name)).toBe(false)
  })
})

describe('what was thrown', () => {
  const foreign: unknown = runInNewContext("Object.assign(new TypeError('x'), { code: 'ECONNRESET' })")
  const throwing = new Proxy(new Error('x'), {
    get: () => {
      throw new Error(TOKEN)
    },
  })
  const revoked = (): unknown => {
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    return proxy
  }

  it('is an error in any realm', () => {
    expect(foreign).not.toBeInstanceOf(Error)
    expect(isError(foreign)).toBe(true)
    expect(readErrorName(foreign)).toBe('ECONNRESET')
    expect(isError(new DOMException('x'))).toBe(true)
    expect(isError({ name: 'DOMException', [Symbol.toStringTag]: 'DOMException' })).toBe(true)
    expect(isError({ name: 'Error', message: 'x' })).toBe(false)
  })

  it('may answer nothing', () => {
    expect(isError(revoked())).toBe(false)
    expect(readErrorName(revoked())).toBe('a value of type object')
    expect(describeValue(revoked())).toBe('a value of type object')
    expect(readField(revoked(), 'code')).toBeUndefined()
    expect(readErrorName(throwing)).toBe('Error')
    expect(readTextField(throwing, 'message')).toBe('')
    expect(readTextField({ message: 7 }, 'message')).toBe('')
  })

  it('is named by its code, its cause’s code, or its class, and by none of them when they repeat a secret', () => {
    const cause = Object.assign(new Error('x'), { code: 'UND_ERR_SOCKET' })
    expect(readErrorName(new TypeError('fetch failed', { cause }))).toBe('UND_ERR_SOCKET')
    expect(readErrorName(new TypeError('x'))).toBe('TypeError')
    expect(readErrorName(Object.assign(new Error('x'), { code: PHONE, name: `Bearer ${TOKEN}` }))).toBe('Error')
    const named = Object.assign(new TypeError('x'), { code: 'Quimby' })
    expect([readErrorName(named), readErrorName(named, ['quimby'])]).toEqual(['Quimby', 'TypeError'])
  })
})

describe('readFaultName', () => {
  it.each([
    [{ Code: 'NoSuchBucket', name: 'Error' }, 'NoSuchBucket'],
    [{ Code: `bad ${TOKEN}`, name: 'TypeError' }, 'TypeError'],
    [{ Code: 7 }, 'unknown'],
    [undefined, 'unknown'],
  ])('of %o is %s', (thrown, name) => {
    expect(readFaultName(thrown, ['Code', 'name'])).toBe(name)
  })
})
