import { Readable } from 'node:stream'
import { afterEach, expect, it } from 'vitest'
import { fromFetch, type HttpClient } from '../../src/http.js'
import { sendMediaMessage } from '../../src/index.js'
import type { FakeCloudApi } from '../../src/testing.js'
import { callOptions, catchError, createApis, phoneNumberId } from './start-api.js'

const apis = createApis()
afterEach(apis.close)

const send = (api: FakeCloudApi, http: HttpClient) =>
  sendMediaMessage(
    { to: '+15550001111', media: { body: Buffer.from('%PDF-1.7 example'), mimeType: 'application/pdf' } },
    { ...callOptions(api), phoneNumberId, http },
  )

const real = fromFetch(fetch)
const coded = (code: string, more: object = {}): Error => Object.assign(new Error('x'), { code, ...more })
const fetchFailed = (cause: Error): Error => new TypeError('fetch failed', { cause })

/** Meta gets each message, and the client then fails. */
const failAfter =
  (error: Error): HttpClient =>
  async (request) => {
    const answer = await real(request)
    if (!request.url.includes('/messages')) return answer
    answer.body.destroy()
    throw error
  }

it.each<[string, Error]>([
  ['JSON that it can not parse', new SyntaxError('Unexpected token <')],
  ['a range', new RangeError('Invalid array length')],
  ['a name', new ReferenceError('response is not defined')],
  ['a slip', new TypeError("Cannot read properties of undefined (reading 'body')")],
  ['a web stream that is none', coded('ERR_INVALID_ARG_TYPE')],
  ['a stream in use', coded('ERR_INVALID_STATE')],
  ['a value', coded('ERR_OUT_OF_RANGE')],
  ['a module', coded('ERR_MODULE_NOT_FOUND')],
  ['a client that was ended', fetchFailed(coded('UND_ERR_DESTROYED'))],
  ['a host that no longer answers', coded('EHOSTUNREACH', { syscall: 'read' })],
  ['a network that went away', coded('ENETUNREACH', { syscall: 'write' })],
  ['a port that was closed', coded('ECONNREFUSED', { syscall: 'read' })],
  ['a network that is down', coded('ENETDOWN', { syscall: 'writev' })],
  ['a host that no longer answers fetch', fetchFailed(coded('EHOSTUNREACH', { syscall: 'read' }))],
  ['a reset', coded('ECONNRESET', { syscall: 'read' })],
])('a client that fails after Meta has the message sends it once: %s', async (_name, error) => {
  const api = await apis.start()
  expect(await catchError(send(api, failAfter(error)))).toMatchObject({ code: 'send-outcome-unknown' })
  expect(api.messages).toHaveLength(1)
})

it.each(['ECONNREFUSED', 'EHOSTUNREACH', 'EMFILE', 'ERR_INVALID_URL', 'CERT_HAS_EXPIRED', 'ERR_INVALID_CHAR'])(
  'an answer that breaks off sends it once, whatever broke it: %s',
  async (code) => {
    const api = await apis.start()
    const http: HttpClient = async (request) => {
      const answer = await real(request)
      if (!request.url.includes('/messages')) return answer
      answer.body.destroy()
      const body = new Readable({ read: () => body.destroy(coded(code)) })
      return { ...answer, body }
    }
    expect(await catchError(send(api, http))).toMatchObject({ code: 'send-outcome-unknown' })
    expect(api.messages).toHaveLength(1)
  },
)

it.each<[string, Error]>([
  ['refused', coded('ECONNREFUSED', { syscall: 'connect' })],
  ['no route', coded('EHOSTUNREACH', { syscall: 'connect' })],
  ['no name', coded('ENOTFOUND', { syscall: 'getaddrinfo' })],
  ['refused at all addresses', Object.assign(new AggregateError([]), { code: 'ECONNREFUSED' })],
  ['refused, by fetch', fetchFailed(coded('ECONNREFUSED', { syscall: 'connect' }))],
  ['refused at all addresses, by fetch', fetchFailed(Object.assign(new AggregateError([]), { code: 'ECONNREFUSED' }))],
  ['no name, by fetch', fetchFailed(coded('EAI_AGAIN', { syscall: 'getaddrinfo' }))],
  ['no connection in time, by fetch', fetchFailed(coded('UND_ERR_CONNECT_TIMEOUT'))],
  ['a certificate, by fetch', fetchFailed(coded('SELF_SIGNED_CERT_IN_CHAIN'))],
  ['no connection, by axios', coded('ERR_NETWORK', { cause: coded('ECONNREFUSED') })],
])('without a connection it is sent again: %s', async (_name, error) => {
  const api = await apis.start()
  let failed = 0
  const http: HttpClient = async (request) => {
    if (!request.url.includes('/messages') || failed > 0) return real(request)
    failed += 1
    throw error
  }
  await send(api, http)
  expect([failed, api.messages.length]).toEqual([1, 1])
})
