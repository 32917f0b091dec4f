import { describe, expect, it } from 'vitest'
import { judgeFault } from '../../src/archive/judge-fault.js'
import { toGraphError } from '../../src/download/graph-error.js'
import {
  AccessTokenError,
  type AnyWhatsAppMediaError,
  DownloadFailedError,
  GraphApiError,
  HostRefusedError,
  InvalidOptionError,
  MediaGoneError,
  SizeLimitError,
  StorageFailedError,
  TimeoutError,
} from '../../src/errors.js'

const host = 'media.example'
const graph = (status: number, graphCode?: number, more: object = {}): GraphApiError =>
  new GraphApiError({ status, graphCode, retryable: false, ...more })
const store = (reason: string, status?: number, retryable = false): StorageFailedError =>
  new StorageFailedError({ operation: 'put', key: 'k', reason, status, retryable })
const download = (status?: number, retryable = false): DownloadFailedError =>
  new DownloadFailedError({ host, problem: 'x', status, retryable })

describe('judgeFault', () => {
  it.each<[AnyWhatsAppMediaError, string]>([
    [new AccessTokenError({ reason: 'missing' }), 'token'],
    [graph(401, 190), 'token'],
    ...[3, 10, 33, 200, 230, 299, 131_005, 133_010].map((code): [GraphApiError, string] => [
      graph(400, code),
      'number',
    ]),
    [graph(403), 'number'],
    [graph(403, 987_654), 'number'],
    ...[104, 368, 130_497, 131_031, 131_042].map((code): [GraphApiError, string] => [graph(400, code), 'account']),
    [graph(400, 100, { text: 'API calls from the server require an appsecret_proof argument' }), 'account'],
    [graph(402), 'account'],
    [graph(400, 101), 'app'],
    [graph(302), 'app'],
    [graph(407), 'app'],
    [graph(405), 'app'],
    [graph(400, 80_007, { retryable: true }), 'rate-limit'],
    [graph(429, undefined, { retryable: true }), 'rate-limit'],
    [new HostRefusedError({ host, problem: 'x' }), 'app'],
    [download(407), 'app'],
    [download(), 'app'],
    [download(302), 'app'],
    [store('AccessDenied', 403), 'storage'],
    [store('AccessDenied', 403, true), 'storage'],
    [store('KMS.DisabledException', 400), 'storage'],
    [store('KMSInvalidStateException', 400), 'storage'],
    [store('XMinioStorageFull', 507, true), 'storage'],
    [store('UnknownError', 507, true), 'storage'],
    [store('UnknownError', 405), 'storage'],
    [store('EROFS'), 'storage'],
    [new InvalidOptionError({ option: 'accessToken', problem: 'has a line end' }), 'account'],
  ])('%s is about the %s', (error, whole) => {
    expect(judgeFault(error)).toEqual({ about: 'whole', whole })
  })

  it.each<[AnyWhatsAppMediaError, string]>([
    [graph(503, 2, { retryable: true }), 'passing'],
    [graph(400, 10, { retryable: true }), 'passing'], // Meta said that it is transient
    [graph(400, 100), 'object'],
    [graph(400, 131_052), 'object'],
    [graph(404), 'object'],
    [graph(400, 100, { subcode: 33 }), 'object'],
    [download(404, true), 'passing'],
    [download(400), 'object'],
    [store('SlowDown', 503, true), 'passing'],
    [store('UnknownError', 503, true), 'passing'],
    [store('SlowDown', 503), 'passing'],
    [store('EntityTooLarge', 400), 'object'],
    [store('UnknownError', 413), 'object'],
    [store('says no'), 'object'],
    [new TimeoutError({ waitedFor: 'store', limitMs: 1 }), 'passing'],
    [new SizeLimitError({ limitBytes: 1, bytes: 2 }), 'object'],
    [new MediaGoneError({ mediaId: '1', status: 400 }), 'object'],
    [new InvalidOptionError({ option: 'filename', problem: 'is odd' }), 'object'],
  ])('%s is %s', (error, about) => {
    expect(judgeFault(error)).toEqual({ about })
  })

  const required = 'API calls from the server require an appsecret_proof argument'
  const token = `EAA${'Gm0PX4ZCpsBA'.repeat(4)}`

  it.each<[what: string, message: string, secrets: readonly string[]]>([
    ['a text without secrets', required, [token]],
    ['a token of one letter', required, ['T']],
    ['a secret that is a word of the text', required, ['server']],
    ['a secret that is the word itself', required, ['appsecret_proof']],
    ['a secret that is a part of the word', required, ['secret']],
    ['a secret in other letters', required, ['APPSECRET_PROOF']],
    ['a wrong proof', 'Invalid appsecret_proof provided in the API argument', [token]],
    ['a wrong proof that is repeated', `Invalid appsecret_proof=${'ab'.repeat(32)} provided`, ['ab'.repeat(32)]],
    ['the token in base64', `${required} ${Buffer.from(token).toString('base64')}`, [token]],
    ['a text of 5 KB before the word', `${'x'.repeat(5_000)} ${required}`, [token]],
    ['a text that ends in the word where errors cut', `${'x '.repeat(504)}appsecret_proof`, [token]],
    ['a word that errors cut in its middle', `${'x '.repeat(508)}appsecret_proof`, [token]],
    ['a text with the word at its beginning', `appsecret_proof is missing ${'x'.repeat(5_000)}`, [token]],
  ])('judges a refused proof whatever the error may show of it: %s', (_, message, secrets) => {
    const text = JSON.stringify({ error: { message, type: 'GraphMethodException', code: 100 } })
    const error = toGraphError({ status: 400, headers: {}, text, secrets }, '1234567890123456')
    expect(judgeFault(error)).toEqual({ about: 'whole', whole: 'account' })
    expect(error.message).not.toContain(token)
  })
})
