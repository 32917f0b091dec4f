import { Readable } from 'node:stream'
import { beforeEach, describe, expect, it } from 'vitest'
import type { HttpClient } from '../../src/http/client.js'
import { watchUsage } from '../../src/media-archive/watch-usage.js'

let rests: { seconds: number; error: unknown }[]
const watch = (http: HttpClient): HttpClient => watchUsage(http, (seconds, error) => rests.push({ seconds, error }))

beforeEach(() => {
  rests = []
})

describe('watchUsage', () => {
  const ask = (headers: Record<string, string>): ReturnType<HttpClient> => {
    const http: HttpClient = async () => ({ status: 200, headers, body: Readable.from([]) })
    const { signal } = new AbortController()
    return watch(http)({ method: 'GET', url: 'https://graph.facebook.com/1', headers: {}, signal })
  }
  const usage = (percent: number, minutes = 0): Record<string, string> => ({
    'x-business-use-case-usage': JSON.stringify({
      '102290129340398': [
        {
          type: 'whatsapp',
          call_count: 1,
          total_cputime: percent,
          total_time: 3,
          estimated_time_to_regain_access: minutes,
        },
      ],
    }),
  })

  it('reads headers as clients of the user’s own give them', async () => {
    const [name = '', value] = Object.entries(usage(90))[0] ?? []
    const http = async () => ({ status: 200, headers: { [name]: [value] } as never, body: Readable.from([]) })
    const { signal } = new AbortController()
    const request = { method: 'GET', url: 'https://graph.facebook.com/1', headers: {}, signal } as const
    await watch(http)(request)
    expect(rests).toHaveLength(1)
    // Whoever asked refuses it.
    expect(await watch(async () => ({}) as never)(request)).toEqual({})
  })

  it('lets an account rest that has used up nearly all of a limit', async () => {
    expect(await ask(usage(90))).toMatchObject({ status: 200 })
    expect(rests).toMatchObject([{ seconds: 60, error: { code: 'graph-api', retryable: true } }])
  })

  it('lets it rest as long as Meta says', async () => {
    await ask(usage(100, 7))
    expect(rests).toMatchObject([{ seconds: 420, error: { retryAfterMs: 420_000 } }])
  })

  it('reads the usage of the app, too', async () => {
    await ask({ 'x-app-usage': '{"call_count":95,"total_time":20,"total_cputime":20}' })
    expect(rests).toHaveLength(1)
  })

  it.each([{}, usage(89), { 'x-app-usage': 'not JSON' }])('leaves an account alone at %o', async (headers) => {
    await ask(headers)
    expect(rests).toEqual([])
  })
})
