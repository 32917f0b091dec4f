import { describe, expect, it } from 'vitest'
import { parseDownloadUrlExpiry, parseWebhook } from '../../src/webhook/payload.js'

describe('parseDownloadUrlExpiry', () => {
  it('reads the unix seconds of ext', () => {
    expect(parseDownloadUrlExpiry('https://lookaside.fbsbx.com/a/?mid=1&ext=1760540697&hash=x')).toBe(
      '2025-10-15T15:04:57.000Z',
    )
    expect(parseDownloadUrlExpiry('https://lookaside.fbsbx.com/a/?hash=x&ext=1760540697')).toBe(
      '2025-10-15T15:04:57.000Z',
    )
  })

  it.each([
    'https://a.example/',
    'https://a.example/?ext=',
    'https://a.example/?ext=soon',
    'https://a.example/?ext=-5',
    'https://a.example/?ext=176054069700000',
    'no url',
    '',
  ])('is undefined for %s', (url) => {
    expect(parseDownloadUrlExpiry(url)).toBeUndefined()
  })
})

describe('parseWebhook', () => {
  it('reads nothing from what is no webhook', () => {
    for (const payload of [
      undefined,
      null,
      'entry',
      5,
      [],
      {},
      { entry: {} },
      { entry: [null, 'x', []] },
      [{ entry: [] }],
    ]) {
      expect(parseWebhook(payload)).toStrictEqual([])
    }
  })

  it('keeps a change without anything, for its number', () => {
    const value = { messaging_product: 'whatsapp', metadata: { phone_number_id: '5' } }
    const contacts = { complete: expect.any(Function), findName: expect.any(Function) }
    expect(parseWebhook({ entry: [{ changes: [{ value }, {}] }] })).toStrictEqual([
      { businessAccountId: '', phoneNumberId: '5', messages: [], errors: [], contacts },
      { businessAccountId: '', phoneNumberId: '', messages: [], errors: [], contacts },
    ])
  })
})
