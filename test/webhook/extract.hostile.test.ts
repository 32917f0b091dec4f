import { describe, expect, it } from 'vitest'
import { extractMedia } from '../../src/webhook/extract.js'
import { flowAnswer, onlyMedia, PHOTO } from './messages.js'

describe('extractMedia on hostile payloads', () => {
  it('reads own properties only', () => {
    const payload: unknown = JSON.parse(
      '{"entry":[{"id":"waba","changes":[{"value":{"messages":[{"id":"wamid.1","__proto__":{"type":"image","image":{"id":"m1"}},"image":{"__proto__":{"id":"m2"},"constructor":"x"}}]}}]}]}',
    )
    expect(extractMedia(payload).media).toStrictEqual([])
    expect(Object.hasOwn(Object.prototype, 'image')).toBe(false)
    expect(Reflect.get({}, 'image')).toBeUndefined()
  })

  it('does not let a standby echo set the prototype of what is read', () => {
    const payload: unknown = JSON.parse(
      '{"entry":[{"changes":[{"value":{"standby":{"message_echoes":[{"id":"wamid.1","message":{"__proto__":{"image":{"id":"m1"}}}}]}}}]}]}',
    )
    expect(extractMedia(payload).media).toStrictEqual([])
  })

  it.each(['[', '{"a":'])('survives 100,000 levels of %s in body and Flow answer', (open) => {
    const close = open === '[' ? ']' : '}'
    const deep = `${open.repeat(100_000)}1${close.repeat(100_000)}`
    const payload: unknown = JSON.parse(`{"entry":[{"changes":[{"value":{"messages":[{"image":${deep}}]}}]}]}`)
    expect(extractMedia(payload).media).toStrictEqual([])
    expect(onlyMedia(flowAnswer(deep))).toStrictEqual([])
    expect(extractMedia(JSON.parse(deep)).media).toStrictEqual([])
  })

  it('takes lists longer than a call has room for arguments', () => {
    const many = (item: string): unknown => JSON.parse(`[${item}${`,${item}`.repeat(199_999)}]`)
    const messages = many('{}')
    const value = { messages, errors: many('{"code":131035}'), history: [{ threads: [{ messages }] }], calls: messages }
    expect(extractMedia({ entry: [{ changes: [{ value }] }] }).unavailable).toHaveLength(200_000)
    const files = JSON.stringify(many('{"id":"1","mime_type":"a/b"}'))
    expect(onlyMedia(flowAnswer(files))).toHaveLength(1)
  })

  it('takes 1,000 messages in 3 MB and a Flow answer with 300,000 values', () => {
    const messages = Array.from({ length: 1_000 }, (_, index) => ({
      ...PHOTO,
      id: `wamid.${index}`,
      image: { ...PHOTO.image, id: `m${index}`, caption: 'x'.repeat(3_000) },
    }))
    expect(onlyMedia(...messages)).toHaveLength(1_000)
    expect(onlyMedia(flowAnswer(`{"a":[${'1,'.repeat(300_000)}{"id":"f1","mime_type":"a/b"}]}`))).toHaveLength(1)
  })
})
