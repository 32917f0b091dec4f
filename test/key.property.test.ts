import fc from 'fast-check'
import { v5 } from 'uuid'
import { expect, it } from 'vitest'
import { WhatsAppMediaError } from '../src/errors.js'
import { buildMediaKey, MEDIA_ID_NAMESPACE, parseMediaKey } from '../src/key.js'
import type { MediaType } from '../src/media-reference.js'

const accountId = fc.stringMatching(/^[A-Za-z0-9_-]{1,128}$/)
const mediaId = fc.string({ minLength: 1, maxLength: 200, unit: 'binary' })
const mediaType = fc.constantFrom<MediaType>('image', 'video', 'audio', 'document', 'sticker')
const timestamp = fc.date({ min: new Date(0), max: new Date('9999-12-31T23:59:59Z'), noInvalidDate: true })
const hostile = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom(
    '../../x',
    '/etc/passwd',
    'a\r\nb',
    'image/../x',
    '.exe',
    'x.\u202Egpj',
    'a.b/c',
    '%2e%2e/',
    '\u0000',
  ),
)

it('buildMediaKey and parseMediaKey agree, and nothing hostile leaves its place', () => {
  fc.assert(
    fc.property(
      accountId,
      mediaId,
      mediaType,
      timestamp,
      hostile,
      hostile,
      (account, id, type, sent, mimeType, filename) => {
        const parts = { accountId: account, mediaId: id, mediaType: type, mimeType, filename, timestamp: sent }
        const key = buildMediaKey(parts)
        expect(key).toMatch(/^whatsapp-media\/[\w-]+\/\d{4}-\d\d-\d\d\/[a-z]+\/[0-9a-f-]{36}\.[a-z0-9]{1,16}$/)
        expect(parseMediaKey(key)).toMatchObject({
          accountId: account,
          mediaType: type,
          uuid: v5(id, MEDIA_ID_NAMESPACE),
        })
        expect(buildMediaKey({ ...parts, timestamp: sent.toISOString() })).toBe(key)
        expect(new URL(key, 'https://bucket.example/').pathname).toBe(`/${key}`)
      },
    ),
  )
})

it('buildMediaKey never gives two accounts one key', () => {
  fc.assert(
    fc.property(accountId, accountId, mediaId, timestamp, (one, other, id, sent) => {
      fc.pre(one !== other)
      const parts = { mediaId: id, mediaType: 'image', mimeType: 'image/png', timestamp: sent } as const
      expect(buildMediaKey({ ...parts, accountId: one })).not.toBe(buildMediaKey({ ...parts, accountId: other }))
    }),
  )
})

it('buildMediaKey refuses every account id that is not plainly safe', () => {
  fc.assert(
    fc.property(hostile, (account) => {
      fc.pre(!/^[A-Za-z0-9_-]{1,128}$/.test(account))
      try {
        buildMediaKey({ accountId: account, mediaType: 'image', mimeType: 'image/png' })
        expect.unreachable()
      } catch (error) {
        expect(WhatsAppMediaError.is(error) && error.code).toBe('invalid-option')
      }
    }),
  )
})
