import { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { judgeFault } from '../../src/archive/judge-fault.js'
import { downloadMediaFromWhatsApp } from '../../src/download.js'
import { type AnyWhatsAppMediaError, DownloadFailedError } from '../../src/errors.js'
import type { HttpClient } from '../../src/http/client.js'

const TOKEN = 'EAAGsecretOfATest0123456789'
const PHOTO = { url: 'https://lookaside.fbsbx.com/whatsapp_business/attachments/?mid=1', mime_type: 'image/jpeg' }

const coded = (Kind: new (words: string) => Error, code: string): Error => Object.assign(new Kind(TOKEN), { code })
const fetchFailed = (code: string): Error => Object.assign(new TypeError(TOKEN), { cause: coded(Error, code) })

/** What is thrown, what the error says, and whether the fault is the app's own. */
const THROWN: readonly [unknown, string, boolean][] = [
  [new ReferenceError('agent is not defined'), 'it could not be sent: ReferenceError', true],
  [new SyntaxError(TOKEN), 'the HTTP client failed: SyntaxError', false],
  [new RangeError(TOKEN), 'the HTTP client failed: RangeError', false],
  [new DOMException(TOKEN, 'SyntaxError'), 'the HTTP client failed: SyntaxError', false],
  [coded(TypeError, 'ERR_INVALID_STATE'), 'no answer (ERR_INVALID_STATE)', false],
  [coded(TypeError, 'ERR_INVALID_ARG_TYPE'), 'it could not be sent: TypeError ERR_INVALID_ARG_TYPE', true],
  [coded(TypeError, 'ERR_INVALID_PROTOCOL'), 'it could not be sent: TypeError ERR_INVALID_PROTOCOL', true],
  [fetchFailed('UND_ERR_INVALID_ARG'), 'it could not be sent: TypeError UND_ERR_INVALID_ARG', true],
  [coded(Error, 'ERR_MODULE_NOT_FOUND'), 'it could not be sent: ERR_MODULE_NOT_FOUND', true],
  [new TypeError(TOKEN), 'the HTTP client failed: TypeError', false],
  [new TypeError('client.send is not a function'), 'failed: TypeError: client.send is not a function', false],
  [new Error(TOKEN), 'the HTTP client failed: Error', false],
  [TOKEN, 'the HTTP client threw no error, but a string of 27 characters', false],
  [undefined, 'the HTTP client threw no error, but a value of type undefined', false],
  [coded(Error, 'ECONNRESET'), 'no answer (ECONNRESET)', false],
  [fetchFailed('UND_ERR_SOCKET'), 'no answer (UND_ERR_SOCKET)', false],
  [coded(Error, 'UND_ERR_REQ_RETRY'), 'no answer (UND_ERR_REQ_RETRY)', false],
]

/** A client of the user's that throws before it sends: at the look-up, or at the download. */
function failing(thrown: unknown, { at, isSync }: { at: 'look-up' | 'download'; isSync: boolean }): HttpClient {
  const fail = (): never => {
    throw thrown
  }
  const info = JSON.stringify({ ...PHOTO, id: '1', file_size: 3, sha256: 'ab'.repeat(32) })
  const working: HttpClient = async () => ({ status: 200, headers: {}, body: Readable.from([Buffer.from(info)]) })
  return (request) => {
    if (at === 'download' && !request.url.includes('lookaside')) return working(request)
    return isSync ? fail() : Promise.reject(thrown)
  }
}

const CASES = THROWN.flatMap(([thrown, words, isApps]) =>
  (['look-up', 'download'] as const).flatMap((at) =>
    [true, false].map((isSync) => ({ thrown, words, isApps, at, isSync })),
  ),
)

describe('a client of the user’s that throws before it sends', () => {
  it.each(CASES)('at the $at: $words ($isSync)', async ({ thrown, words, isApps, ...how }) => {
    const http = failing(thrown, how)
    const { error } = await downloadMediaFromWhatsApp('1', { accessToken: TOKEN, http }).then(
      async (download) => ({ error: await download.bytes().catch((late: unknown) => late) }),
      (early: unknown) => ({ error: early }),
    )
    expect(error).toBeInstanceOf(DownloadFailedError)
    const failure = error as DownloadFailedError
    expect(failure.message).toContain(words)
    expect(`${failure.message} ${failure.stack} ${String(failure.cause)}`).not.toContain(TOKEN)
    expect(failure.retryable).toBe(!isApps)
    const verdict = judgeFault(failure as AnyWhatsAppMediaError)
    expect(verdict).toEqual(isApps ? { about: 'whole', whole: 'app' } : { about: 'passing' })
  })
})
