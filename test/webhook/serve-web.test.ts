import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, request as httpRequest, IncomingMessage, type Server, ServerResponse } from 'node:http'
import { type AddressInfo, connect, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import express from 'express'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { getSignedUrl } from '../../src/signed-url.js'
import { createFileSystemStorage } from '../../src/storage/file-system.js'
import { uploadToS3 } from '../../src/upload.js'
import { toNodeHandler } from '../../src/webhook/node.js'
import type { WebHandler } from '../../src/webhook/serve-web.js'

const cleanUps: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0)) await cleanUp()
  vi.restoreAllMocks()
})

async function listen(server: Server): Promise<string> {
  cleanUps.push(() => {
    server.close()
    server.closeAllConnections()
  })
  if (!server.listening) await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function serve(handle: WebHandler): Promise<string> {
  return listen(createServer(toNodeHandler(handle)).listen(0, '127.0.0.1'))
}

function muteConsole() {
  return vi.spyOn(console, 'error').mockImplementation(() => {})
}

describe('toNodeHandler of a web-standard handler', () => {
  it('hands over method, URL, headers and body', async () => {
    const origin = await serve(async (request) => {
      const { method, url, headers } = request
      return Response.json({ method, url, kind: headers.get('x-kind'), text: await request.text() })
    })
    const init = { method: 'PUT', body: 'ä'.repeat(100_000), headers: { 'x-kind': 'a, b' } }
    const answer = await (await fetch(`${origin}/a%20b?c=d`, init)).json()
    expect(answer).toEqual({ method: 'PUT', url: `${origin}/a%20b?c=d`, kind: 'a, b', text: init.body })
    expect(await (await fetch(origin)).json()).toMatchObject({ method: 'GET', text: '' })
  })

  it.each([
    ['/webhook', 'a', 'http://a/webhook'],
    ['//evil.example/x', 'a', 'http://a//evil.example/x'],
    ['http://elsewhere.example/x?y', 'a:8080', 'http://a:8080/x?y'],
    ['*', 'a', 'http://a/*'],
    ['/x', 'not a host', 'http://localhost/x'],
    ['/x', '', 'http://localhost/x'],
  ])('asked for %s of host %j, its URL is %s', async (target, host, url) => {
    const origin = await serve((request) => new Response(request.url))
    const socket = connect(Number(new URL(origin).port), '127.0.0.1')
    cleanUps.push(() => socket.destroy())
    socket.write(`GET ${target} HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`)
    let answer = ''
    for await (const chunk of socket) answer += String(chunk)
    expect(answer.split('\r\n')).toContain(url)
  })

  it('reads requests of adapters and of HTTP/2, which have less', async () => {
    const seen: [string, string][] = []
    const handle = toNodeHandler((request) => {
      seen.push([request.url, [...request.headers.keys()].join()])
      throw new Error('seen')
    })
    const http2 = { ':authority': 'a.example', ':path': '/', 'x-a': undefined }
    for (const fields of [{ url: undefined }, { url: '/b', headers: http2, socket: { encrypted: true } }]) {
      const request = Object.assign(new IncomingMessage(new Socket()), fields)
      await handle(request, new ServerResponse(request), () => {})
    }
    expect(seen).toEqual([
      ['http://localhost/', ''],
      ['https://a.example/b', 'x-a'],
    ])
  })

  it('sends status, text and headers, several cookies too', async () => {
    const headers = new Headers([
      ['set-cookie', 'a=1'],
      ['set-cookie', 'b=2'],
      ['x-kind', 'c'],
    ])
    const origin = await serve(() => new Response(null, { status: 299, statusText: 'Odd', headers }))
    const answer = await fetch(origin)
    expect([answer.status, answer.statusText, answer.headers.get('x-kind'), answer.headers.getSetCookie()]).toEqual([
      ...[299, 'Odd', 'c'],
      ['a=1', 'b=2'],
    ])
  })

  it('sends no body to HEAD, and lets go of it', async () => {
    const cancelled = vi.fn()
    const origin = await serve(
      () => new Response(new ReadableStream({ cancel: cancelled }), { headers: { 'x-a': 'b' } }),
    )
    const answer = await fetch(origin, { method: 'HEAD' })
    expect([answer.status, answer.headers.get('x-a'), await answer.text()]).toEqual([200, 'b', ''])
    expect(cancelled).toHaveBeenCalledOnce()
  })

  it('answers 405 to a method that no Request may have', async () => {
    const handle = vi.fn(() => new Response('x'))
    const origin = await serve(handle)
    const request = httpRequest(origin, { method: 'TRACE' }).end()
    const [answer] = (await once(request, 'response')) as [IncomingMessage]
    expect(answer.resume().statusCode).toBe(405)
    expect(handle).not.toHaveBeenCalled()
  })

  it('closes the connection of a body that the handler did not read', async () => {
    const origin = await serve(() => new Response('no', { status: 413 }))
    const request = httpRequest(origin, { method: 'POST', headers: { 'content-length': 1_000_000 } })
    request.on('error', () => {})
    request.write('x')
    const [answer] = (await once(request, 'response')) as [IncomingMessage]
    expect([answer.statusCode, answer.headers.connection]).toEqual([413, 'close'])
    request.destroy()
  })

  it('waits for a slow reader, and tells the handler that a client left', async () => {
    let given = 0
    let aborted = (): void => {}
    let cancelled = (): void => {}
    const ends = [
      new Promise<void>((resolve) => (aborted = resolve)),
      new Promise<void>((resolve) => (cancelled = resolve)),
    ]
    const log = muteConsole()
    const origin = await serve((request) => {
      request.signal.addEventListener('abort', () => aborted())
      const pull = (controller: ReadableStreamDefaultController): void => {
        given += 65_536
        controller.enqueue(new Uint8Array(65_536))
      }
      return new Response(new ReadableStream({ pull, cancel: () => cancelled() }))
    })
    const socket = connect(Number(new URL(origin).port), '127.0.0.1')
    socket.on('error', () => {})
    socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n')
    await once(socket, 'readable')
    await vi.waitFor(() => {
      const before = given
      return new Promise<void>((resolve, reject) =>
        setTimeout(() => (given === before ? resolve() : reject(new Error('it still reads'))), 20),
      )
    })
    expect(given).toBeLessThan(50_000_000)
    socket.destroy()
    await Promise.all(ends)
    expect(log).not.toHaveBeenCalled()
  })

  it('answers 500 to what the handler throws, and logs it', async () => {
    const log = muteConsole()
    const origin = await serve(() => Promise.reject(new Error('disk full')))
    const answer = await fetch(origin)
    expect([answer.status, await answer.text()]).toEqual([500, 'Internal Server Error'])
    expect(log.mock.calls.flat().join()).toMatch(/web-standard handler.*\n {2}Error\n {4}at .*serve-web/)
    expect(log.mock.calls.flat().join()).not.toContain('disk full')
  })

  it('hands what the handler throws to Express', async () => {
    const app = express()
    app.use(toNodeHandler(() => Promise.reject(new Error('disk full'))))
    app.use(((error, _request, response, _next) =>
      response.status(507).send(error.message)) as express.ErrorRequestHandler)
    const answer = await fetch(await listen(app.listen(0, '127.0.0.1')))
    expect([answer.status, await answer.text()]).toEqual([507, 'disk full'])
  })

  it('cuts off an answer whose body fails', async () => {
    vi.useFakeTimers({ toFake: ['performance'], now: 10_000_000 })
    cleanUps.push(() => vi.useRealTimers())
    const origin = await serve(() => {
      const pull = (controller: ReadableStreamDefaultController): void => controller.error(new Error('shorter'))
      const start = (controller: ReadableStreamDefaultController): void => controller.enqueue(Buffer.from('half'))
      return new Response(new ReadableStream({ start, pull }, { highWaterMark: 0 }))
    })
    await expect(fetch(origin).then((answer) => answer.text())).rejects.toThrow()
    expect((await fetch(origin, { method: 'HEAD' })).status).toBe(200)
  })

  it('leaves an answer alone that someone else began', async () => {
    const cancelled = vi.fn()
    const handle = toNodeHandler(() => new Response(new ReadableStream({ cancel: cancelled })))
    const server = createServer((request, response) => {
      response.writeHead(503).end('busy')
      void handle(request, response)
    })
    const answer = await fetch(await listen(server.listen(0, '127.0.0.1')))
    expect([answer.status, await answer.text()]).toEqual([503, 'busy'])
    await vi.waitFor(() => expect(cancelled).toHaveBeenCalledOnce())
  })

  it('reads the body that a parser kept, and says what to change where none did', async () => {
    const app = express()
    app.post('/kept', express.text({ type: '*/*' }))
    app.post('/parsed', express.json())
    app.use(toNodeHandler(async (request) => new Response(await request.text().catch(String))))
    const origin = await listen(app.listen(0, '127.0.0.1'))
    const post = async (path: string): Promise<string> => {
      const headers = { 'content-type': 'application/json' }
      return (await fetch(`${origin}${path}`, { method: 'POST', body: '{"a":1}', headers })).text()
    }
    expect(await post('/kept')).toBe('{"a":1}')
    expect(await post('/parsed')).toMatch(/InvalidOptionError: request\.body was read.*express\.json/)
  })

  it('serves the files of the file-system storage below a path of Express', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'serve-web-'))
    cleanUps.push(() => rm(directory, { recursive: true }))
    const app = express()
    const origin = await listen(app.listen(0, '127.0.0.1'))
    const storage = createFileSystemStorage({ directory, baseUrl: `${origin}/media`, secret: 'at least 16 characters' })
    app.use('/media', toNodeHandler(storage.handler))
    const bytes = Buffer.from('0123456789')
    const { key } = await uploadToS3(bytes, { storage, accountId: 'acme', mimeType: 'text/plain' })
    const url = await getSignedUrl(key, { storage, accountId: 'acme' })
    expect(await (await fetch(url)).text()).toBe('0123456789')
    const part = await fetch(url, { headers: { range: 'bytes=2-4' } })
    expect([part.status, part.headers.get('content-range'), await part.text()]).toEqual([206, 'bytes 2-4/10', '234'])
    const head = await fetch(url, { method: 'HEAD' })
    expect([head.status, head.headers.get('content-length')]).toEqual([200, '10'])
    expect((await fetch(`${origin}/media/${key}`)).status).toBe(403)
  })
})

it.each<[string, unknown, RegExp]>([
  ['nothing', undefined, /got undefined$/],
  ['null', null, /got null$/],
  ['an empty object', {}, /got a value of type object$/],
  ['options', { appSecret: 's' }, /got a value of type object$/],
  ['a storage', createFileSystemStorage({ directory: 'x' }), /: give it storage\.handler$/],
  ['text', 'handler', /got 'handler'$/],
  ['a list', [], /got an array of 0$/],
])('toNodeHandler refuses %s at once', (_name, handler, told) => {
  expect(() => toNodeHandler(handler as never)).toThrow(/^handler (?:is missing; it )?must be a function of a Request/)
  expect(() => toNodeHandler(handler as never)).toThrow(told)
})
