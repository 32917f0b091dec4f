import { afterEach, describe, expect, it, vi } from 'vitest'
import { isRateLimit, judgeGraphError, readGraphRetryAfter, toGraphError } from '../../src/download/graph-error.js'
import { isPassingStatus } from '../../src/http/retry-after.js'

const MEDIA_ID = '1234567890123456'
const TOKEN = `EAA${'Gm0PX4ZCpsBA'.repeat(4)}`

/** A refusal as Meta writes it. */
function answer(status: number, error: object, headers: Record<string, string> = {}) {
  return { status, headers, text: JSON.stringify({ error: { type: 'OAuthException', ...error } }) }
}

type Row = readonly [code: number, subcode: number | undefined, status: number, meaning: string]

const GONE: readonly Row[] = [[100, 33, 400, 'unknown, expired, deleted, or of another business account']]

const TOKEN_DEAD: readonly Row[] = [
  [190, undefined, 401, 'token invalid'],
  ...[458, 459, 460, 463, 464, 467].map((subcode): Row => [190, subcode, 401, 'token expired, revoked or invalid']),
  [0, undefined, 401, 'auth exception'],
  [102, undefined, 401, 'session ended'],
  ...[458, 459, 460, 463, 464, 467, 492].map((subcode): Row => [102, subcode, 401, 'session ended, with the reason']),
]

const FINAL: readonly Row[] = [
  [100, undefined, 400, 'bad parameter'],
  [100, 34, 400, 'bad parameter, with a subcode'],
  [3, undefined, 500, 'missing capability, although HTTP is 500'],
  [10, undefined, 403, 'permission'],
  [200, undefined, 403, 'permission, first of the range'],
  [230, undefined, 403, 'permission, inside the range'],
  [299, undefined, 403, 'permission, last of the range'],
  [33, undefined, 400, 'business phone number deleted'],
  [368, undefined, 403, 'blocked for policy'],
  [131005, undefined, 403, 'access denied'],
  [131031, undefined, 403, 'account locked'],
  [130497, undefined, 403, 'country restriction'],
  [131052, undefined, 400, "Meta could not take the user's file"],
  [131053, undefined, 400, 'outbound media bad'],
  [131008, undefined, 400, 'parameter missing'],
  [131009, undefined, 400, 'parameter value invalid'],
]

const PASSING: readonly Row[] = [
  [1, undefined, 400, 'unknown API error'],
  [2, undefined, 503, 'temporary'],
  [4, undefined, 400, 'app rate limit'],
  [17, undefined, 400, 'user limit'],
  [32, undefined, 400, 'page rate limit'],
  [341, undefined, 400, 'app limit'],
  [613, undefined, 400, 'custom limit'],
  [80007, undefined, 400, 'WABA rate limit'],
  [130429, undefined, 400, 'throughput'],
  [131056, undefined, 400, 'pair rate limit'],
  [131000, undefined, 500, 'unknown'],
  [131016, undefined, 500, 'service unavailable'],
  [131057, undefined, 500, 'account in maintenance'],
]

/** The verdict, and whether the error that it leads to makes an account pause. */
function judge(status: number, error: object): [string, boolean] {
  return [judgeGraphError(error, status), isRateLimit(toGraphError(answer(status, error), MEDIA_ID))]
}

describe('isRateLimit', () => {
  it('is true for the codes of rate limits, whatever the HTTP status, and for 429 where no known code decides', () => {
    for (const code of [4, 17, 32, 341, 613, 80000, 80007, 80014, 130429, 131056]) {
      for (const status of [400, 429, 500]) expect(judge(status, { code })).toEqual(['rate-limit', true])
    }
    for (const error of [{}, { code: 987654 }]) expect(judge(429, error)).toEqual(['rate-limit', true])
  })

  it.each([
    [{ code: 100 }, 'final'],
    [{ code: 200 }, 'number'],
    [{ code: 2 }, 'passing'],
    [{ code: 100, is_transient: true, isTransient: true }, 'passing'],
  ])('says of %j with HTTP 429 what the verdict says', (error, verdict) => {
    expect(judge(429, error)).toEqual([verdict, false])
  })

  it('is true for a transient refusal with HTTP 429', () => {
    expect(judge(429, { is_transient: true, isTransient: true })).toEqual(['rate-limit', true])
  })
})

describe('toGraphError by Meta error code', () => {
  const refuse = ([code, subcode, status, message]: Row, extra: object = {}) =>
    toGraphError(answer(status, { code, error_subcode: subcode, message, fbtrace_id: 'AbC_1', ...extra }), MEDIA_ID)

  it.each(GONE)('calls the media gone for %i, subcode %s', (...row) => {
    const [graphCode, subcode, status] = row
    expect(refuse(row)).toMatchObject({
      name: 'MediaGoneError',
      code: 'media-gone',
      ...{ mediaId: MEDIA_ID, status, graphCode, subcode, fbtraceId: 'AbC_1' },
      retryable: false,
    })
  })

  it.each(TOKEN_DEAD)('blames the token for %i, subcode %s', (...row) => {
    const [graphCode, , status] = row
    expect(refuse(row)).toMatchObject({
      name: 'AccessTokenError',
      ...{ code: 'access-token', reason: 'rejected', status, graphCode },
      retryable: true,
    })
  })

  it.each(FINAL)('is final for %i, subcode %s, HTTP %i: %s', (...row) => {
    const [graphCode, subcode, status, meaning] = row
    const error = refuse(row)
    expect(error).toMatchObject({ name: 'GraphApiError', code: 'graph-api', retryable: false, status, graphCode })
    expect('subcode' in error ? error.subcode : undefined).toBe(subcode)
    expect(error).toMatchObject({
      fbtraceId: 'AbC_1',
      message: `The Graph API answered HTTP ${status}, Graph code ${graphCode}: ${meaning}`,
    })
  })

  it.each(PASSING)('may be tried again for %i, subcode %s, HTTP %i: %s', (...row) => {
    const [graphCode, , status] = row
    expect(refuse(row)).toMatchObject({ code: 'graph-api', retryable: true, status, graphCode })
  })

  it('decides by code, whatever the HTTP status', () => {
    for (const row of [...GONE, ...TOKEN_DEAD, ...FINAL, ...PASSING]) {
      const [graphCode, subcode, , meaning] = row
      const { code, retryable } = refuse(row)
      for (const status of [400, 401, 403, 404, 429, 500, 503]) {
        expect(refuse([graphCode, subcode, status, meaning])).toMatchObject({ code, retryable, status, graphCode })
      }
    }
  })

  it('may be tried again whenever Meta calls it transient', () => {
    for (const row of [...GONE, ...TOKEN_DEAD, ...FINAL, ...PASSING]) {
      expect(refuse(row, { is_transient: true })).toMatchObject({ code: 'graph-api', retryable: true })
    }
  })

  it('decides as ever when Meta says that it is not transient', () => {
    for (const row of [...GONE, ...TOKEN_DEAD, ...FINAL, ...PASSING]) {
      for (const is_transient of [false, 'true', 1, null]) {
        const { code, retryable } = refuse(row)
        expect(refuse(row, { is_transient })).toMatchObject({ code, retryable })
      }
    }
  })

  it('decides by HTTP status for a code that nobody knows', () => {
    expect(refuse([300, undefined, 400, 'past the permissions'])).toMatchObject({ code: 'graph-api', retryable: false })
    expect(refuse([199, undefined, 500, 'before the permissions'])).toMatchObject({ retryable: true })
    expect(refuse([987654, undefined, 400, 'new'])).toMatchObject({ retryable: false, graphCode: 987654 })
    expect(refuse([987654, undefined, 503, 'new'])).toMatchObject({ retryable: true })
    expect(refuse([987654, undefined, 401, 'new'])).toMatchObject({ code: 'access-token', graphCode: 987654 })
  })

  it('leaves out what the answer lacks', () => {
    const { message, ...fields } = toGraphError(answer(400, { code: 131009 }), MEDIA_ID).toJSON()
    expect(fields).toStrictEqual({
      ...{ name: 'GraphApiError', code: 'graph-api', retryable: false },
      ...{ status: 400, graphCode: 131009 },
    })
    expect(message).toContain('HTTP 400, Graph code 131009')
  })

  it('shows the details before the message', () => {
    const error = { code: 131009, message: 'general', error_data: { messaging_product: 'whatsapp', details: 'exact' } }
    expect(toGraphError(answer(400, error), MEDIA_ID).message).toMatch(/: exact$/)
  })

  it('cleans what the server says', () => {
    const message = `Malformed access token ${TOKEN}\u001b[2J from https://x.test/a?access_token=${TOKEN}`
    const error = toGraphError(answer(400, { code: 131009, message, fbtrace_id: `A\u0007b${TOKEN}` }), MEDIA_ID)
    expect(error.message).toBe(
      'The Graph API answered HTTP 400, Graph code 131009: Malformed access token [removed] [2J from https://x.test/a?[removed]',
    )
    expect(JSON.stringify(error)).not.toContain(TOKEN)
    expect(error).toMatchObject({ fbtraceId: expect.not.stringContaining('\u0007') })
    const gone = toGraphError(answer(400, { code: 100, error_subcode: 33, fbtrace_id: TOKEN }), MEDIA_ID)
    expect(JSON.stringify(gone)).not.toContain(TOKEN)
  })
})

describe('toGraphError without a Graph error', () => {
  const HTML = '<!DOCTYPE html>\n<html><head><title>Error</title></head><body>Sorry</body></html>'
  const BODIES: readonly [string, string][] = [
    ['nothing', ''],
    ['text', 'upstream connect error'],
    ['a page', HTML],
    ['broken JSON', '{"error":{"code":190'],
    ['JSON of another form', '{"meta":{"developer_message":"no such channel"}}'],
    ['an error of another form', '{"error":"invalid_request"}'],
    ['a list', '[1]'],
    ['null', 'null'],
    ['a code that is none', '{"error":{"code":"190 "}}'],
  ]

  it.each(BODIES)('decides by HTTP status for %s', (_name, text) => {
    const judge = (status: number) => toGraphError({ status, headers: {}, text }, MEDIA_ID)
    for (const status of [408, 425, 429, 500, 502, 503, 504, 599]) {
      expect(judge(status)).toMatchObject({ code: 'graph-api', status, retryable: true })
    }
    for (const status of [204, 302, 400, 403, 404, 410, 418]) {
      expect(judge(status)).toMatchObject({ code: 'graph-api', status, retryable: false })
    }
    expect(judge(401)).toMatchObject({ code: 'access-token', reason: 'rejected', status: 401 })
    expect(judge(500)).not.toHaveProperty('graphCode')
  })

  it('shows what came', () => {
    const shown = (text: string) => toGraphError({ status: 502, headers: {}, text }, MEDIA_ID).message
    expect(shown('')).toBe('The Graph API answered HTTP 502')
    expect(shown(' \r\n ')).toBe('The Graph API answered HTTP 502')
    expect(shown('upstream connect error')).toBe('The Graph API answered HTTP 502: upstream connect error')
    expect(shown(HTML)).toBe(`The Graph API answered HTTP 502: ${HTML.replace('\n', ' ')}`)
    expect(shown('x'.repeat(100_000)).length).toBeLessThan(1_200)
    expect(shown(`{"got":"${TOKEN}"}`)).not.toContain(TOKEN)
  })

  it('tells what the server asked us to wait', () => {
    const headers = { 'retry-after': '7' }
    expect(toGraphError({ status: 429, headers, text: '' }, MEDIA_ID)).toMatchObject({ retryAfterMs: 7_000 })
    expect(toGraphError(answer(400, { code: 80007 }, headers), MEDIA_ID)).toMatchObject({ retryAfterMs: 7_000 })
  })
})

describe('judgeGraphError', () => {
  it.each([4, 17, 32, 341, 613, 80007, 130429, 131056])('takes code %i for a rate limit, transient or not', (code) => {
    expect(judgeGraphError({ code }, 400)).toBe('rate-limit')
    expect(judgeGraphError({ code, isTransient: true }, 400)).toBe('rate-limit')
  })

  it('takes HTTP 429 for a rate limit only without a known code', () => {
    expect(judgeGraphError({}, 429)).toBe('rate-limit')
    expect(judgeGraphError({ code: 987654 }, 429)).toBe('rate-limit')
    expect(judgeGraphError({ code: 190 }, 429)).toBe('dead-token')
    expect(judgeGraphError({ code: 2 }, 429)).toBe('passing')
  })

  it('judges a session error with another subcode by its HTTP status', () => {
    expect(judgeGraphError({ code: 102, subcode: 1 }, 400)).toBe('final')
    expect(judgeGraphError({ code: 102, subcode: 1 }, 401)).toBe('dead-token')
    expect(judgeGraphError({ code: 102, subcode: 1 }, 500)).toBe('passing')
  })
})

describe('isPassingStatus', () => {
  it('is true for what may be different next time', () => {
    const passing = Array.from({ length: 600 }, (_, status) => status).filter(isPassingStatus)
    expect(passing).toEqual([408, 425, 429, ...Array.from({ length: 100 }, (_, i) => 500 + i)])
  })
})

describe('readRetryAfter', () => {
  const DAY_MS = 86_400_000
  const usage = (...minutes: readonly number[]) => {
    const calls = minutes.map((estimated) => ({
      ...{ type: 'whatsapp', call_count: 100, total_cputime: 1, total_time: 1 },
      estimated_time_to_regain_access: estimated,
    }))
    return { 'x-business-use-case-usage': JSON.stringify({ '1045': calls }) }
  }
  afterEach(() => {
    vi.useRealTimers()
  })

  it('is absent without a header', () => {
    expect(readGraphRetryAfter({})).toBeUndefined()
    expect(readGraphRetryAfter({ 'x-app-usage': '{"call_count":100}' })).toBeUndefined()
  })

  it.each([
    ['0', 0],
    ['1', 1_000],
    ['120', 120_000],
    ['86400', DAY_MS],
    ['86401', DAY_MS],
    ['9'.repeat(400), DAY_MS],
  ])('reads %s seconds, at most a day', (header, ms) => {
    expect(readGraphRetryAfter({ 'retry-after': header })).toBe(ms)
  })

  it('reads a date', () => {
    vi.useFakeTimers({ now: Date.UTC(2026, 10, 22, 12) })
    const read = (header: string) => readGraphRetryAfter({ 'retry-after': header })
    expect(read('Sun, 22 Nov 2026 12:00:30 GMT')).toBe(30_000)
    expect(read('Sunday, 22-Nov-26 12:00:30 GMT')).toBe(30_000)
    expect(read('Sun, 22 Nov 2026 11:59:59 GMT')).toBe(0)
    expect(read('Fri, 31 Dec 2027 23:59:59 GMT')).toBe(DAY_MS)
  })

  it.each(['', 'soon', '-5', '1.5', 'in 5', 'later 2099', '120, 60', '5 minutes', 'Sun, 99 Nov 2026 99:99:99 GMT'])(
    'ignores %j, which is no such header, for the usage header',
    (header) => {
      expect(readGraphRetryAfter({ 'retry-after': header })).toBeUndefined()
      expect(readGraphRetryAfter({ 'retry-after': header, ...usage(2) })).toBe(120_000)
    },
  )

  it('prefers Retry-After', () => {
    expect(readGraphRetryAfter({ 'retry-after': '3', ...usage(2) })).toBe(3_000)
  })

  it("reads the longest wait of Meta's usage header, in minutes", () => {
    expect(readGraphRetryAfter(usage(5))).toBe(300_000)
    expect(readGraphRetryAfter(usage(1, 7, 0))).toBe(420_000)
    expect(readGraphRetryAfter(usage(1_440))).toBe(DAY_MS)
    expect(readGraphRetryAfter(usage(999_999_999))).toBe(DAY_MS)
    expect(readGraphRetryAfter({ 'x-business-use-case-usage': '{"estimated_time_to_regain_access": 3}' })).toBe(180_000)
  })

  it('takes a usage header without a wait for none', () => {
    expect(readGraphRetryAfter(usage(0))).toBeUndefined()
    expect(readGraphRetryAfter({ 'x-business-use-case-usage': 'garbage' })).toBeUndefined()
    expect(
      readGraphRetryAfter({ 'x-business-use-case-usage': '{"estimated_time_to_regain_access":-1}' }),
    ).toBeUndefined()
  })
})
