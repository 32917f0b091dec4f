import { Readable } from 'node:stream'
import { inspect } from 'node:util'
import { afterEach, expect, it } from 'vitest'
import type { HttpClient } from '../../src/http.js'
import { dropFailedMedia, type MediaEvent, uploadMediaToWhatsApp } from '../../src/index.js'
import { createMemoryMediaIds } from '../../src/media-ids/memory.js'
import { callOptions, catchError, createApis, phoneNumberId } from './start-api.js'

const apis = createApis()
afterEach(apis.close)

const pdf = { body: Buffer.from('%PDF-1.7 example'), mimeType: 'application/pdf' }
const expiresAt = '9999-01-01T00:00:00Z'

it.each<[string, unknown]>([
  ['a number', 7],
  ['text', 'x'],
  ['a list', []],
  ['nothing', {}],
  ['an id that is a number', { mediaId: 7, expiresAt }],
  ['no id', { mediaId: '', expiresAt }],
  ['no end', { mediaId: '1' }],
  ['an end that is a number', { mediaId: '1', expiresAt: 7 }],
  ['an end that is no time', { mediaId: '1', expiresAt: 'soon' }],
  [
    'an id that throws',
    {
      get mediaId() {
        throw new Error('secret-of-the-cache')
      },
    },
  ],
  [
    'an end that throws',
    {
      mediaId: '1',
      get expiresAt() {
        throw new Error('secret-of-the-cache')
      },
    },
  ],
])('a cache that gives %s is a miss, and an event', async (_name, value) => {
  const api = await apis.start()
  const events: MediaEvent[] = []
  const mediaIds = { get: async () => value as never, set: async () => {}, delete: async () => {} }
  const onEvent = (event: MediaEvent) => events.push(event)
  const uploaded = await uploadMediaToWhatsApp(pdf, { ...callOptions(api), phoneNumberId, mediaIds, onEvent })
  expect([uploaded.reused, api.uploads.length]).toEqual([false, 1])
  expect(events).toMatchObject([{ type: 'media-ids-failed', error: { operation: 'get' } }])
  expect(inspect(events, { depth: 9 })).not.toContain('secret')
})

it.each<[string, string]>([
  ['a slash', 'Erika/Mustermann'],
  ['a backslash', 'Erika\\Mustermann.pdf'],
  ['quotes', 'Erika "Mustermann".pdf'],
  ['another type', 'Erika: Mustermann.mp4'],
  ['a line', 'Erika\r\nMustermann.exe'],
  ['a direction', 'Erika\u202eMustermann.exe'],
  ['a blank that shows as none', 'Erika\u3164Mustermann'],
  ['a colon', 'Erika: Mustermann'],
  ['marks', 'E\u0301rika? Mustermann*'],
  ['dots', '..Erika.Mustermann..'],
  ['a bar', 'Erika|Mustermann.PDF'],
  ['half a letter', 'Erika\ud83dMustermann'],
])('an error repeats no file name, also not as the form has it: %s', async (_name, filename) => {
  const api = await apis.start()
  const http: HttpClient = async ({ body }) => {
    let form = ''
    for await (const piece of body as Readable) form += String(piece)
    const [, name = 'none'] = /filename="([^"]*)"/.exec(form) ?? []
    expect(name).toMatch(/rika.*Mustermann.*\.pdf$/i)
    const error = { code: 100, message: `can not read ${name}, or ${name.replace(/\.\w*$/, '')} of it` }
    return { status: 400, headers: {}, body: Readable.from([JSON.stringify({ error })]) }
  }
  const failure = await catchError(
    uploadMediaToWhatsApp({ ...pdf, filename }, { ...callOptions(api), phoneNumberId, http }),
  )
  expect(failure).toMatchObject({ code: 'graph-api', graphCode: 100 })
  expect(inspect(failure, { depth: 9 })).not.toMatch(/rika|Mustermann/i)
})

it.each<[string, unknown]>([
  ['null', null],
  ['undefined', undefined],
  ['a number', 7],
  ['text', 'failed'],
  ['a list', []],
  ['no failure', { media: { mediaId: '1', cacheKey: 'k' } }],
  ['a failure that is text', { failure: 'media', media: { mediaId: '1', cacheKey: 'k' } }],
  ['media that is null', { failure: { kind: 'media' }, media: null }],
  ['media that is text', { failure: { kind: 'media' }, media: '1' }],
  ['no id', { failure: { kind: 'media' }, media: { cacheKey: 'absent' } }],
  ['a key that is a number', { failure: { kind: 'media' }, media: { mediaId: '1', cacheKey: 7 } }],
])('dropFailedMedia passes over what is no status: %s', async (_name, status) => {
  const mediaIds = createMemoryMediaIds()
  await mediaIds.set('k', { mediaId: '1', expiresAt })
  const good = { failure: { kind: 'media' }, media: { mediaId: '1', cacheKey: 'k' } }
  expect(await dropFailedMedia([status] as never, { mediaIds })).toEqual([])
  expect(await dropFailedMedia([status, good] as never, { mediaIds })).toEqual(['1'])
})
