import { Agent, type ClientRequest } from 'node:http'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { setImmediate as nextTurn, setTimeout as wait } from 'node:timers/promises'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import type { HttpRequest } from '../../src/http/client.js'
import { createNodeHttpClient, type NodeHttpClientOptions } from '../../src/http/node.js'
import { endIdleSockets, endWhenSilent, watchReusedSocket } from '../../src/http/reused-socket.js'
import { type ForgetfulNetwork, openForgetfulNetwork } from '../forgetful-network.js'
import { startLoopback } from '../loopback.js'

type Requests = string[]

/** A server that takes its time, so that requests made at once have a connection each. */
async function open(options: NodeHttpClientOptions = {}): Promise<{
  network: ForgetfulNetwork
  requests: Requests
  ask: (overrides?: Partial<HttpRequest>) => Promise<string>
}> {
  const server = await startLoopback((request, response) => {
    request.resume().once('end', () => setTimeout(() => response.end('bytes'), 20))
  })
  const network = await openForgetfulNetwork(server.origin)
  const client = createNodeHttpClient(options)
  onTestFinished(async () => {
    client.close()
    await network.close()
    await server.close()
  })
  const ask = async (overrides: Partial<HttpRequest> = {}): Promise<string> => {
    const { signal } = new AbortController()
    const request = { method: 'GET', url: network.origin, headers: {}, signal, silentMs: 200, ...overrides } as const
    const read = await text((await client(request)).body)
    await nextTurn()
    return read
  }
  return { network, requests: server.requests, ask }
}

describe('idle connections that the network has forgotten', () => {
  it.each([
    ['reset', 1],
    ['reset', 8],
    ['silence', 1],
    ['silence', 8],
  ] as const)('by %s cost one GET one new connection, when there are %i', async (how, burst) => {
    const { network, requests, ask } = await open()
    await Promise.all(Array.from({ length: burst }, () => ask()))
    network.forget(how)
    expect(await ask()).toBe('bytes')
    expect(network.count()).toBe(burst + 1)
    // The others are gone with the first.
    expect(await ask()).toBe('bytes')
    expect(network.count()).toBe(burst + 1)
    expect(requests).toHaveLength(burst + 2)
  })

  it.each(['reset', 'silence'] as const)('by %s cost many GETs at once a new connection each', async (how) => {
    const { network, ask } = await open()
    await Promise.all(Array.from({ length: 4 }, () => ask()))
    network.forget(how)
    expect(await Promise.all(Array.from({ length: 4 }, () => ask()))).toEqual(Array(4).fill('bytes'))
  })

  it('fail a POST, which the server may have got, and not the next one', async () => {
    const { network, ask } = await open()
    await Promise.all([ask(), ask()])
    network.forget('reset')
    const post = { method: 'POST', body: Buffer.from('x') } as const
    await expect(ask(post)).rejects.toMatchObject({ code: 'ECONNRESET' })
  })

  it('keep the deadline of the request', async () => {
    const { network, ask } = await open()
    await ask()
    network.forget('silence')
    const reason = new Error('the deadline')
    const controller = new AbortController()
    setTimeout(() => controller.abort(reason), 100)
    await expect(ask({ signal: controller.signal })).rejects.toBe(reason)
  })

  it('are of an agent of your own, too', async () => {
    const agent = new Agent({ keepAlive: true })
    onTestFinished(() => agent.destroy())
    const { network, ask } = await open({ agent })
    await Promise.all([ask(), ask(), ask()])
    network.forget('reset')
    expect(await ask()).toBe('bytes')
    expect(network.count()).toBe(4)
  })
})

it('a server that is gone fails a GET after one try on a new connection', async () => {
  const { network, ask } = await open()
  await ask()
  network.forget('reset')
  await network.close()
  await expect(ask()).rejects.toMatchObject({ code: 'ECONNREFUSED' })
})

it('an answer that has begun on a used connection may pause longer than a silence', async () => {
  let times = 0
  const server = await startLoopback(async (_request, response) => {
    if (times++ === 0) return void response.end('first')
    response.writeHead(200, { 'content-length': 2 }).write('a')
    await wait(300)
    response.end('b')
  })
  const client = createNodeHttpClient()
  onTestFinished(async () => {
    client.close()
    await server.close()
  })
  const { signal } = new AbortController()
  for (const expected of ['first', 'ab']) {
    const { body } = await client({ method: 'GET', url: server.origin, headers: {}, signal, silentMs: 100 })
    expect(await text(body)).toBe(expected)
    await nextTurn()
  }
  expect(server.requests).toHaveLength(2)
})

describe('idle connections of the default client', () => {
  it('end after keepAliveMs', async () => {
    const { network, ask } = await open({ keepAliveMs: 50 })
    await ask()
    await ask()
    expect(network.count()).toBe(1)
    await wait(200)
    await ask()
    expect(network.count()).toBe(2)
  })

  it('end before the first request of a function that was frozen, whose timers stood still', async () => {
    const { network, ask } = await open()
    await ask()
    const thawedAt = Date.now() + 4_001
    vi.spyOn(Date, 'now').mockImplementation(() => thawedAt)
    await ask()
    expect(network.count()).toBe(2)
  })
})

it('a stream that counts no bytes is never taken for silent', async () => {
  const request = new PassThrough() as unknown as ClientRequest
  const agent = { addRequest() {} } as unknown as Agent
  const destroy = vi.spyOn(request, 'destroy')
  const { isForgotten } = watchReusedSocket(request, new PassThrough(), { agent, silentMs: 1 })
  await wait(20)
  request.on('error', () => {}).emit('error', new Error('reset'))
  expect(destroy).not.toHaveBeenCalled()
  expect(isForgotten()).toBe(false)
})

it.each([[{}], [{ freeSockets: {} }], [{ freeSockets: { host: undefined } }]])(
  'an agent of a package, %j, has no idle connections to end',
  (agent) => {
    expect(() => endIdleSockets(agent as unknown as Agent)).not.toThrow()
  },
)

it('a body that is still on its way is no silence', () => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const request = new PassThrough()
  // A request as far as silence looks at it.
  endWhenSilent(request as unknown as ClientRequest, 100)
  for (let at = 0; at < 5; at++) {
    vi.advanceTimersByTime(90)
    expect(request.destroyed).toBe(false)
    request.emit('drain')
  }
  request.on('error', () => {})
  vi.advanceTimersByTime(101)
  expect(request.destroyed).toBe(true)
})
