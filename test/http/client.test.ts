import { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { type HttpResponse, sendRequest } from '../../src/http/client.js'

describe('sendRequest', () => {
  const answering = (answer: unknown): Promise<HttpResponse> =>
    sendRequest(
      async () => answer as HttpResponse,
      () => ({ method: 'GET', url: 'https://graph.facebook.com/1', headers: {}, signal: new AbortController().signal }),
    )
  const body = Readable.from([])

  it('hands the answer on', async () => {
    const headers = { 'content-type': 'image/jpeg' }
    expect(await answering({ status: 200, headers, body, more: 1 })).toEqual({ status: 200, headers, body })
  })

  it.each<[string, object, Record<string, string>]>([
    ['lists', { 'content-type': ['image/jpeg'], 'x-a': ['1', '2'] }, { 'content-type': 'image/jpeg', 'x-a': '1, 2' }],
    ['numbers', { 'content-length': 7 }, { 'content-length': '7' }],
    ['names in capitals', { Location: 'https://b.test/' }, { location: 'https://b.test/' }],
    ['a Headers', new Headers({ 'Content-Encoding': 'gzip' }), { 'content-encoding': 'gzip' }],
    ['what is no pair', new Set(['a', ['b', 'c'], 7]), { b: 'c' }],
    ['what is no value', { a: undefined, b: null, c: {}, d: () => 1, e: 'x' }, { e: 'x' }],
    ['names of prototypes', JSON.parse('{"__proto__":"x","a":"y"}'), { a: 'y' }],
  ])('reads headers of %s', async (_name, headers, read) => {
    expect((await answering({ status: 200, headers, body })).headers).toEqual(read)
  })

  it.each([
    undefined,
    null,
    'OK',
    {},
    { status: 200 },
    { status: '200', headers: {}, body },
    { status: 200, headers: null, body },
    { status: 200, headers: 'none', body },
    { status: 200, body },
    { status: 200, headers: {}, body: 'text' },
    { status: 200, headers: {}, body: null },
  ])('takes %j for no answer', async (answer) => {
    await expect(answering(answer)).rejects.toThrow('no answer with status, headers and a Node stream as body')
  })
})
