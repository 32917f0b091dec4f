import { Agent } from 'node:http'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { askUrl, createFetch } from '../../../src/cli/doctor/ask.js'
import { type Loopback, startLoopback } from '../../loopback.js'

let server: Loopback
beforeAll(async () => {
  server = await startLoopback((request, response) => {
    if (request.url === '/moved') response.writeHead(302, { location: '/elsewhere' }).end('moved')
    else if (request.url === '/none') response.writeHead(204).end()
    else response.writeHead(200, { 'x-origin': request.headers.origin ?? 'none' }).end('whole')
  })
})
afterAll(() => server.close())

/** Counts what goes through it, as a proxy would. */
class CountingAgent extends Agent {
  count = 0
  override createConnection(...args: Parameters<Agent['createConnection']>) {
    this.count++
    return super.createConnection(...args)
  }
}

const WAYS = { 'the global fetch': undefined, 'an agent': new CountingAgent() }

it.each(Object.entries(WAYS))(
  'askUrl brings whole answers, and redirects as they are, over %s',
  async (_name, agent) => {
    const fetch = createFetch(agent)
    const ask = async (path: string, headers?: Record<string, string>): Promise<unknown[]> => {
      const answer = await askUrl(`${server.origin}${path}`, { fetch, headers, timeoutMs: 10_000 })
      if (!answer.ok) return [answer.reason]
      const { status, headers: answered, bytes } = answer.value
      return [status, answered.get('x-origin') ?? answered.get('location'), bytes.toString()]
    }
    expect(await ask('/')).toEqual([200, 'none', 'whole'])
    expect(await ask('/', { origin: 'https://app.test' })).toEqual([200, 'https://app.test', 'whole'])
    expect(await ask('/moved')).toEqual([302, '/elsewhere', 'moved'])
    expect(await ask('/none')).toEqual([204, null, ''])
    const closed = await startLoopback(() => {})
    await closed.close()
    expect(await askUrl(closed.origin, { fetch, timeoutMs: 10_000 })).toMatchObject({
      ok: false,
      reason: 'ECONNREFUSED',
    })
    expect(agent?.count ?? 5).toBe(5)
  },
)
