import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createNodeHttpClient } from '../../src/http/node.js'
import { type Loopback, startLoopback } from '../loopback.js'
import { watchOpenRequests } from './open-requests.js'

let server: Loopback
beforeAll(async () => {
  server = await startLoopback((_request, response) => Readable.from(['a ', 'body']).pipe(response))
})
afterAll(() => server.close())

it('watchOpenRequests sees an answer that nobody reads, until somebody does', async () => {
  const requests = watchOpenRequests()
  const http = createNodeHttpClient()
  const port = Number(new URL(server.origin).port)
  const ask = () => http({ method: 'GET', url: server.origin, headers: {}, signal: new AbortController().signal })
  const [unread, left] = await Promise.all([ask(), ask()])
  expect(await requests.to([port])).toBe(2)
  expect(await requests.to([port + 1])).toBe(0)
  left.body.destroy()
  expect(await requests.to([port])).toBe(1)
  expect(await text(unread.body)).toBe('a body')
  // Kept alive, and free.
  expect(await requests.to([port])).toBe(0)
  requests.stop()
  http.close()
})
