import { Readable } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { MediaGoneError } from '../../src/errors.js'
import type { HttpClient } from '../../src/http.js'
import { createLimits } from '../../src/media-archive/known-gone.js'

let rests: { accountId: string; seconds: number; error: unknown }[]
const limitsOf = (maxGonePerHour = Number.POSITIVE_INFINITY) =>
  createLimits({ maxGonePerHour, rest: (accountId, seconds, error) => rests.push({ accountId, seconds, error }) })
const gone = (mediaId: string): MediaGoneError => new MediaGoneError({ mediaId, status: 400 })
const pass = (seconds: number): void => void vi.setSystemTime(Date.now() + seconds * 1_000)

beforeEach(() => {
  rests = []
  vi.useFakeTimers({ toFake: ['Date'] })
})
afterEach(() => vi.useRealTimers())

describe('watch', () => {
  const ask = (headers: Record<string, string>): ReturnType<HttpClient> => {
    const http: HttpClient = async () => ({ status: 200, headers, body: Readable.from([]) })
    const { signal } = new AbortController()
    return limitsOf().watch('acme', http)({ method: 'GET', url: 'https://graph.facebook.com/1', headers: {}, signal })
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
    await limitsOf().watch('acme', http)(request)
    expect(rests).toHaveLength(1)
    // Whoever asked refuses it.
    expect(await limitsOf().watch('acme', async () => ({}) as never)(request)).toEqual({})
  })

  it('lets an account rest that has used up nearly all of a limit', async () => {
    expect(await ask(usage(90))).toMatchObject({ status: 200 })
    expect(rests).toMatchObject([{ accountId: 'acme', seconds: 60, error: { code: 'graph-api', retryable: true } }])
  })

  it('lets it rest as long as Meta says', async () => {
    await ask(usage(100, 7))
    expect(rests).toMatchObject([{ seconds: 420, error: { retryAfterMs: 420_000 } }])
  })

  it('reads the usage of the app, too', async () => {
    await ask({ 'x-app-usage': '{"call_count":95,"total_time":20,"total_cputime":20}' })
    expect(rests).toHaveLength(1)
  })

  it.each([{}, usage(89), { 'x-app-usage': 'not JSON' }])(
    'leaves an account alone that is told %o',
    async (headers) => {
      await ask(headers)
      expect(rests).toEqual([])
    },
  )
})

describe('knownGone', () => {
  it('knows media that was gone twice in the last hour, by account', () => {
    const limits = limitsOf()
    limits.noteGone('acme', gone('1'))
    pass(119)
    limits.noteGone('acme', gone('1'))
    expect(limits.knownGone('acme', '1')).toBeUndefined()
    pass(1)
    const second = gone('1')
    limits.noteGone('acme', second)
    expect(limits.knownGone('acme', '1')).toBe(second)
    expect(limits.knownGone('acme', '2')).toBeUndefined()
    expect(limits.knownGone('other', '1')).toBeUndefined()
    pass(3_600)
    expect(limits.knownGone('acme', '1')).toBeUndefined()
  })

  it('does not count what was not asked for again', () => {
    const limits = limitsOf(3)
    const error = gone('1')
    for (let times = 0; times < 5; times++) limits.noteGone('acme', error)
    expect(limits.knownGone('acme', '1')).toBeUndefined()
    expect(rests).toEqual([])
  })

  it('forgets the oldest of more than ten thousand', () => {
    const limits = limitsOf()
    for (let times = 0; times < 2; times++) {
      for (const mediaId of ['first', 'second']) limits.noteGone('acme', gone(mediaId))
      pass(120)
    }
    for (let other = 0; other < 9_999; other++) limits.noteGone('acme', { mediaId: `${other}` } as MediaGoneError)
    expect(limits.knownGone('acme', 'first')).toBeUndefined()
    expect(limits.knownGone('acme', 'second')).toBeDefined()
  })
})

describe('maxGonePerHour', () => {
  it('lets the account rest until the oldest failure is an hour old', () => {
    const limits = limitsOf(3)
    for (const mediaId of ['1', '2']) {
      limits.noteGone('acme', gone(mediaId))
      pass(600)
    }
    limits.noteGone('other', gone('3'))
    expect(rests).toEqual([])
    limits.noteGone('acme', gone('3'))
    expect(rests).toMatchObject([{ accountId: 'acme', seconds: 2_400, error: { mediaId: '3' } }])
    pass(3_601)
    limits.noteGone('acme', gone('4'))
    expect(rests).toHaveLength(1)
  })
})
