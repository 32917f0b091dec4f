import { inspect } from 'node:util'
import { afterEach, expect, it } from 'vitest'
import { type MediaEvent, sendMediaMessage } from '../../src/index.js'
import { callOptions, catchError, createApis, phoneNumberId } from './start-api.js'

const apis = createApis()
afterEach(apis.close)

const CANARIES = {
  to: '+1 (555) 000-1111',
  digits: '15550001111',
  caption: 'Erika Mustermann owes 7 euros',
  filename: 'Mahnung Mustermann.pdf',
  callbackData: 'row-of-mustermann',
  replyTo: 'wamid.HBgLMTU1NTAwMDExMTEVAgARGBI',
}

/** Texts of a server that repeats what it got, in several notations. */
const ECHOES = (token: string): string[] => {
  const all = [...Object.values(CANARIES), token]
  return [
    all.join(' | '),
    encodeURIComponent(all.join(' ')),
    JSON.stringify(all),
    Buffer.from(all.join(' ')).toString('base64'),
    all.join(' ').toUpperCase(),
    all.map((each) => [...each].join('\u200b')).join(' '),
  ]
}

it.each([
  ['a refusal', 400, 131_026],
  ['a refusal of the media', 400, 131_053],
  ['a lost outcome', 500, 131_000],
  ['a rate limit', 429, 130_429],
  ['a dead token', 401, 190],
])('%s shows nothing of the message', async (_name, status, code) => {
  const api = await apis.start()
  const { digits, ...parts } = CANARIES
  for (const echo of ECHOES(api.accessToken)) {
    api.clearFaults()
    const error = { message: echo, code, error_data: { details: echo }, fbtrace_id: echo.slice(0, 40) }
    api.fail({ on: 'send', kind: 'status', status, body: JSON.stringify({ error }) })
    const events: MediaEvent[] = []
    const media = { body: Buffer.from('%PDF-1.7 example'), mimeType: 'application/pdf' }
    const options = { ...callOptions(api), phoneNumberId, onEvent: (event: MediaEvent) => events.push(event) }
    const thrown = await catchError(sendMediaMessage({ ...parts, media }, options))
    expect(thrown).toHaveProperty('code')
    const shown = [
      String(thrown),
      JSON.stringify(thrown),
      inspect(thrown, { depth: 9 }),
      JSON.stringify(events),
      inspect(events, { depth: 9 }),
    ]
    const text = shown.join('\n').toLowerCase().replaceAll('\u200b', '')
    const packed = Buffer.from(Object.values(CANARIES).join(' ')).toString('base64').slice(0, 24).toLowerCase()
    for (const canary of [...Object.values(CANARIES), api.accessToken, packed, encodeURIComponent(CANARIES.caption)]) {
      expect(text).not.toContain(canary.toLowerCase())
    }
  }
})

it('what is refused before it is sent shows as its length', async () => {
  const api = await apis.start()
  const media = { body: Buffer.from('x'), mimeType: 'audio/mpeg' }
  const options = { ...callOptions(api), phoneNumberId }
  const wrong = [
    { to: 'Erika Mustermann', media },
    { to: '+15550001111', media, caption: CANARIES.caption },
    { to: '+15550001111', media, filename: CANARIES.filename },
    { to: '+15550001111', media, replyTo: `${CANARIES.replyTo} ` },
    { to: '+15550001111', media, callbackData: 'für Erika Mustermann' },
    { to: '+15550001111', media: { link: 'ftp://erika:mustermann@a.example/', mediaType: 'image' as const } },
  ]
  for (const message of wrong) {
    const shown = inspect(await catchError(sendMediaMessage(message, options)), { depth: 9 })
    expect(shown).toContain('invalid-option')
    expect(shown).not.toMatch(/mustermann|15550001111|HBgL/i)
  }
})
