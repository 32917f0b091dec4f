import { describe, expect, it } from 'vitest'
import { InvalidOptionError } from '../../src/errors.js'
import { shakeHands } from '../../src/webhook/handshake.js'

const TOKEN = 'Blue-Heron 7'
const SECRET = 'the-app-secret'
const SETTINGS = { verifyToken: TOKEN, appSecret: [SECRET] }
const RIGHT = { 'hub.mode': 'subscribe', 'hub.verify_token': TOKEN, 'hub.challenge': '1158201444' }

function refusal(query: string | Record<string, string> | [string, string][], settings = SETTINGS): string {
  const ended = shakeHands(new URLSearchParams(query).toString(), settings)
  if (ended.outcome !== 'rejected') throw new Error('the handshake was not refused')
  expect(ended.reason).toBe('handshake')
  expect(ended.error).toBeInstanceOf(InvalidOptionError)
  return String(ended.error)
}

describe('shakeHands', () => {
  it('answers the challenge', () => {
    const query = new URLSearchParams(RIGHT).toString()
    for (const text of [query, `?${query}`]) {
      expect(shakeHands(text, SETTINGS)).toStrictEqual({ outcome: 'challenged', challenge: '1158201444' })
    }
  })

  it('refuses no query and says who sends none', () => {
    expect(refusal('')).toMatch(/must have hub\.mode, hub\.verify_token, hub\.challenge, got none: a browser/)
  })

  it.each(['hub_mode', 'hub[mode]', 'HUB.MODE', 'Hub.Mode', 'hubMode', 'hub-mode'])('names %s', (name) => {
    const { 'hub.mode': mode, ...rest } = RIGHT
    const told = refusal({ ...rest, [name]: mode })
    expect(told).toContain(`hub.mode is missing, got ${name}`)
    expect(told).toContain('rewritten the names')
  })

  it.each([
    ['a line end', 'hub.mode\n'],
    ['a line end before it', '\r\nhub.mode'],
    ['a carriage return', 'hub.mode\r'],
    ['an escape sequence', '\u001b[hub.mode'],
    ['a null byte', 'hub\u0000mode'],
    ['a bell', 'hub.mode\u0007'],
    ['a line separator', 'hub\u2028mode'],
    ['a text that runs backwards', '\u202ehub.mode'],
    ['a zero-width space', 'hub\u200bmode'],
    ['markup', '<hub.mode>'],
    ['quotes', `"hub.mode"`],
    ['a blank', 'hub mode'],
    ['other letters around it', 'ﬀhub.modeé'],
    ['a long tail', `hub.mode${'.'.repeat(33)}`],
  ])('shows the length of a name with %s', (_what, name) => {
    const { 'hub.mode': mode, ...rest } = RIGHT
    const told = refusal({ ...rest, [name]: mode })
    expect(told).not.toContain(name)
    expect(told).toMatch(/^[ -~]+$/)
    expect(told).toContain(`hub.mode is missing, got a string of ${name.length} characters: a proxy`)
  })

  it('says that a name is missing, and shows no name of a stranger', () => {
    expect(refusal({ 'hub.mode': 'subscribe' })).toMatch(/hub\.verify_token is missing, got 1 other name$/)
    const told = refusal({ 'hub.mode': 'subscribe', 'EAAB-hidden': '', hub4915112345678challenge: '' })
    expect(told).toMatch(/hub\.verify_token is missing, got 3 other names$/)
  })

  it.each(['hub.mode', 'hub.verify_token', 'hub.challenge'] as const)('takes %s once only', (name) => {
    const twice: [string, string][] = [...Object.entries(RIGHT), [name, RIGHT[name]]]
    expect(refusal(twice)).toMatch(/must come once, got it 2 times/)
  })

  it('names another mode and an odd challenge', () => {
    expect(refusal({ ...RIGHT, 'hub.mode': 'unsubscribe' })).toMatch(/must be 'subscribe', got a string of 11/)
    for (const challenge of ['', '<b>', 'x'.repeat(257)]) {
      expect(refusal({ ...RIGHT, 'hub.challenge': challenge })).toMatch(/at most 256 letters.*got a string of \d+ char/)
    }
  })

  it.each<[string, string, string, RegExp]>([
    ['a line end in the request', `${TOKEN}\n`, TOKEN, /white space or a line end around it alone: .*13 char.*12 char/],
    ['a line end in the option', TOKEN, `${TOKEN}\r\n`, /white space or a line end around it alone/],
    ['a blank before it', ` ${TOKEN}`, TOKEN, /white space or a line end around it alone/],
    ['other case', TOKEN.toUpperCase(), TOKEN, /differs from verifyToken in upper and lower case alone/],
    ['quotes in the option', TOKEN, `"${TOKEN}"`, /quotes or white space/],
    ['quotes and a line end', `'${TOKEN}'\n`, TOKEN, /quotes or white space/],
    ['encoded twice', encodeURIComponent(TOKEN), TOKEN, /URL encoding alone/],
    ['a plus for a blank', 'Blue-Heron+7', TOKEN, /URL encoding alone/],
    ['text that can’t be decoded', '100% Blue', TOKEN, /does not fit: compare/],
    ['the app secret', SECRET, TOKEN, /is the app secret: the App Dashboard's field/],
    ['the app secret in the option', TOKEN, SECRET, /verifyToken is set to the app secret/],
    ['an access token in the option', TOKEN, `EAAB${'x1'.repeat(20)}`, /verifyToken looks like an access token/],
    ['nothing', '', TOKEN, /does not fit: compare .* \(a string of 0 characters\) and verifyToken/],
    ['another', 'Grey-Heron 7', TOKEN, /another app's webhook, or another environment's variable/],
  ])('tells of a token with %s, and shows none', (_name, given, verifyToken, told) => {
    const text = refusal({ ...RIGHT, 'hub.verify_token': given }, { ...SETTINGS, verifyToken })
    expect(text).toMatch(/^InvalidOptionError: request\.query's hub\.verify_token /)
    expect(text).toMatch(told)
    for (const secret of [TOKEN, SECRET, verifyToken.trim(), given.trim()].filter((each) => each !== '')) {
      expect(text).not.toContain(secret)
    }
  })
})
