import * as http from 'node:http'
import * as https from 'node:https'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { checkAgents, findAgent, type HttpAgents } from '../../src/http/agents.js'
import type { HttpRequest } from '../../src/http/client.js'
import { createNodeHttpClient } from '../../src/http/node.js'
import { type Loopback, startLoopback } from '../loopback.js'
import { selfSigned } from '../self-signed.js'

const tls = selfSigned()
let plain: Loopback
let secure: Loopback
beforeAll(async () => {
  plain = await startLoopback((_request, response) => response.end('plain'))
  secure = await startLoopback((_request, response) => response.end('secure'), { tls })
})
afterAll(() => Promise.all([plain.close(), secure.close()]))

const request = (origin: string): HttpRequest => {
  return { method: 'GET', url: `${origin}/x`, headers: {}, signal: new AbortController().signal }
}

/** An agent as packages make them: it has no more than the method that `node:http` calls. */
function createForeignAgent(inner: http.Agent) {
  const added: string[] = []
  const addRequest = Reflect.get(inner, 'addRequest')
  if (typeof addRequest !== 'function') throw new Error('this Node calls agents by another method')
  const agent = {
    addRequest(asked: http.ClientRequest, ...rest: unknown[]) {
      added.push(`${asked.method} ${asked.path}`)
      return Reflect.apply(addRequest, inner, [asked, ...rest])
    },
  }
  return { agent: agent as unknown as http.Agent, added }
}

describe('checkAgents', () => {
  it.each<[string, HttpAgents]>([
    ['an Agent of node:http', new http.Agent()],
    ['one of node:https', new https.Agent()],
    ['one of a package', createForeignAgent(http.globalAgent).agent],
    ['one for http', { http: new http.Agent() }],
    ['one for https', { https: new https.Agent(), http: undefined }],
    ['one for each', { http: new http.Agent(), https: new https.Agent() }],
  ])('takes %s', (_name, agent) => {
    expect(() => checkAgents(agent)).not.toThrow()
  })

  it.each<[unknown, string]>([
    [null, 'agent must be an object, got null; known are http, https'],
    ['http://user:pass@proxy.example', 'agent must be an object, got '],
    [class HttpsProxyAgent {}, 'agent must be an object, got '],
    [true, 'agent must be an object, got true'],
    [{}, 'agent must be an Agent of node:http or node:https, or { http, https } with one'],
    [{ https: undefined }, 'agent must be an Agent of node:http or node:https, or { http, https } with one'],
    [{ httsp: 1 }, 'unknown option agent.httsp; did you mean agent.http?'],
    [{ keepAlive: true }, 'unknown option agent.keepAlive; known are http, https'],
    [{ https: {} }, 'agent.https must be an Agent of node:http or node:https, and lacks the functions addRequest'],
    [{ http: 'proxy' }, 'agent.http must be an Agent of node:http or node:https, got '],
    [{ dispatch: () => true }, 'got a dispatcher of undici: give it to fromFetch(fetch, { dispatcher })'],
  ])('refuses %j', (agent, message) => {
    expect(() => checkAgents(agent as HttpAgents)).toThrow(message)
    expect(() => createNodeHttpClient({ agent: agent as HttpAgents })).toThrow(message)
  })
})

it('findAgent picks by protocol, and none where the library has its own', () => {
  const [one, other] = [new http.Agent(), new https.Agent()]
  expect([findAgent(one, 'http:'), findAgent(one, 'https:')]).toEqual([one, one])
  expect(findAgent({ https: other }, 'https:')).toBe(other)
  expect(findAgent({ http: one, https: other }, 'http:')).toBe(one)
  expect(findAgent({ https: other }, 'http:')).toBeUndefined()
  expect(findAgent(undefined, 'http:')).toBeUndefined()
})

describe('createNodeHttpClient with an agent', () => {
  it('sends every request through it, and leaves its connections open', async () => {
    const inner = new http.Agent({ keepAlive: true })
    const { agent, added } = createForeignAgent(inner)
    const client = createNodeHttpClient({ agent })
    for (let i = 0; i < 2; i++) expect(await text((await client(request(plain.origin))).body)).toBe('plain')
    expect(added).toEqual(['GET /x', 'GET /x'])
    const destroy = vi.spyOn(inner, 'destroy')
    client.close()
    expect(destroy).not.toHaveBeenCalled()
    inner.destroy()
  })

  it('lets its connections read as they do: bytes arrive whole over TLS', async () => {
    const bytes = Buffer.alloc(300_000, 'media ')
    const big = await startLoopback((_request, response) => response.end(bytes), { tls })
    const connected: object[] = []
    class Watched extends https.Agent {
      override createConnection(options: https.RequestOptions, done?: Parameters<http.Agent['createConnection']>[1]) {
        connected.push(options)
        return super.createConnection(options, done)
      }
    }
    const agent = new Watched({ ca: tls.cert })
    const { body } = await createNodeHttpClient({ agent })(request(big.origin))
    expect((await text(body)) === bytes.toString()).toBe(true)
    expect(connected).toHaveLength(1)
    expect(connected[0]).not.toHaveProperty('onread')
    await big.close()
  })

  it('has its own agent for the protocol that is left out, and ends that', async () => {
    const agent = new https.Agent({ ca: tls.cert, keepAlive: true })
    const client = createNodeHttpClient({ agent: { https: agent } })
    const firstPlain = plain.sockets.length
    const firstSecure = secure.sockets.length
    expect(await text((await client(request(plain.origin))).body)).toBe('plain')
    expect(await text((await client(request(secure.origin))).body)).toBe('secure')
    client.close()
    await new Promise((resolve) => plain.sockets[firstPlain]?.once('close', resolve))
    expect(secure.sockets[firstSecure]?.destroyed).toBe(false)
    agent.destroy()
  })

  it('rejects with a name where an agent is for the other protocol', async () => {
    const client = createNodeHttpClient({ agent: { https: new http.Agent() } })
    await expect(client(request(secure.origin))).rejects.toMatchObject({
      name: 'TypeError',
      code: 'ERR_INVALID_PROTOCOL',
    })
  })

  it('takes no maxSockets, which the agent has', () => {
    expect(() => createNodeHttpClient({ agent: new http.Agent(), maxSockets: 2 })).toThrow(
      'maxSockets does not go with agent: set it at the agent',
    )
  })
})
