import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checkReference } from '../../src/media-reference.js'
import { extractMedia } from '../../src/webhook/extract.js'

/** Names that mean something on the wire or in JavaScript, so that arbitrary JSON gets past the first level. */
const NAMES = [
  'object entry id changes field value metadata display_phone_number phone_number_id messages message_echoes history',
  'threads standby calls call_recording call_transcript errors code title type from from_user_id to timestamp edit',
  'message revoke original_message_id interactive nfm_reply response_json referral image_url video_url thumbnail_url',
  'image video audio voice document sticker mime_type sha256 filename file_name caption animated url unsupported',
  '__proto__ constructor prototype toString length',
].flatMap((line) => line.split(' '))

const leaf = fc.oneof(
  fc.constantFrom(
    '',
    'image',
    'media_placeholder',
    'unsupported',
    'edit',
    '1760540395',
    'history',
    '[{"id":"1","mime_type":"a/b"}]',
  ),
  fc.string(),
  fc.double(),
  fc.integer(),
  fc.constantFrom(null, true, false),
)

const wireLike = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 9, depthSize: 'large' },
    leaf,
    fc.array(tie('value'), { maxLength: 3 }),
    fc.array(fc.tuple(fc.constantFrom(...NAMES), tie('value')), { maxLength: 6 }).map(asJsonObject),
  ),
})).value

/** As JSON.parse makes it: `__proto__` is an own property. */
function asJsonObject(entries: [string, unknown][]): unknown {
  return JSON.parse(
    `{${entries.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value) ?? null}`).join(',')}}`,
  )
}

/** Nearly right media: each field is of its type, or anything, or absent. */
const media = fc.record(
  {
    id: fc.oneof(fc.string(), wireLike),
    mime_type: fc.oneof(fc.constantFrom('image/jpeg', 'audio/ogg; codecs=opus'), fc.string(), wireLike),
    sha256: fc.oneof(fc.base64String({ minLength: 44, maxLength: 44 }), wireLike),
    url: fc.oneof(fc.webUrl(), wireLike),
    filename: fc.oneof(fc.string(), wireLike),
    voice: fc.oneof(fc.boolean(), wireLike),
  },
  { requiredKeys: [] },
)

/** Nearly right messages, in nearly all places where messages can be. */
const message = fc.record(
  {
    id: fc.oneof(fc.string(), wireLike),
    from: fc.oneof(fc.string(), wireLike),
    timestamp: fc.oneof(fc.nat().map(String), fc.integer(), wireLike),
    type: fc.oneof(fc.constantFrom(...NAMES), wireLike),
    image: fc.oneof(media, wireLike),
    voice: fc.oneof(media, wireLike),
    edit: fc.record({ message: fc.oneof(fc.record({ video: media }), wireLike) }),
    interactive: fc.record({
      nfm_reply: fc.record({ response_json: fc.array(media).map((files) => JSON.stringify({ files })) }),
    }),
    errors: fc.array(fc.oneof(wireLike, fc.record({ code: fc.constantFrom(131051, 131052), title: wireLike })), {
      maxLength: 1,
    }),
    call_recording: fc.oneof(fc.record({ audio: media }), wireLike),
    message: fc.oneof(fc.record({ document: media }), wireLike),
  },
  { requiredKeys: [] },
)

const webhook = fc
  .tuple(
    fc.constantFrom('messages', 'history', 'calls'),
    fc.array(fc.oneof(message, wireLike), { maxLength: 3 }),
    wireLike,
  )
  .map(([field, messages, metadata]) => {
    const echoes = { messages, message_echoes: messages }
    const value = { metadata, ...echoes, standby: echoes, calls: messages, history: [{ threads: [{ messages }] }] }
    return { entry: [{ id: 'waba', changes: [{ field, value }] }] }
  })

const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/

function check(payload: unknown): number {
  const before = JSON.stringify(payload)
  const found = extractMedia(payload)
  for (const reference of found.media) {
    // All but the media id, which anyone may have written, is fit for a queue.
    checkReference({ ...reference, mediaId: '1' })
    expect(reference.mediaId).toEqual(expect.any(String))
    expect(reference.mediaId).not.toBe('')
    expect(reference.mimeType).toEqual(expect.any(String))
    expect(reference.timestamp).toMatch(ISO)
    expect(reference.receivedAt).toMatch(ISO)
    expect(['image', 'video', 'audio', 'document', 'sticker']).toContain(reference.mediaType)
    if (reference.sha256 !== undefined) expect(reference.sha256).toMatch(/^[0-9a-f]{64}$/)
  }
  expect(JSON.parse(JSON.stringify(found))).toStrictEqual(found)
  expect(JSON.stringify(payload)).toBe(before)
  return found.media.length
}

describe('extractMedia', () => {
  it('never throws and never yields a reference without a media id, for any JSON', () => {
    let references = 0
    const count = (payload: unknown): void => {
      references += check(payload)
    }
    fc.assert(fc.property(fc.jsonValue({ maxDepth: 6 }), count), { numRuns: 300 })
    fc.assert(fc.property(wireLike, count), { numRuns: 300 })
    fc.assert(fc.property(webhook, count), { numRuns: 300 })
    // Or the runs above would have checked nothing.
    expect(references).toBeGreaterThan(0)
  })

  it('takes undefined and what no JSON holds', () => {
    fc.assert(
      fc.property(fc.anything(), (payload) => void extractMedia(payload)),
      { numRuns: 300 },
    )
  })

  it('finds each of the messages, however they are spread over entries, changes and places', () => {
    const place = fc.constantFrom('messages', 'message_echoes', 'standby', 'history')
    const message = fc.record({ place, entry: fc.nat(4), change: fc.nat(4), batch: fc.nat(2) })
    fc.assert(
      fc.property(fc.array(message, { maxLength: 40 }), (messages) => {
        const entries = Array.from({ length: 5 }, (_, entry) => ({
          id: `waba-${entry}`,
          changes: Array.from({ length: 5 }, (_, change) => {
            const here = messages.flatMap((one, index) =>
              one.entry === entry && one.change === change
                ? [
                    {
                      ...one,
                      wire: { id: `wamid.${index}`, type: 'video', video: { id: `m${index}`, mime_type: 'video/mp4' } },
                    },
                  ]
                : [],
            )
            const at = (name: string): unknown[] => here.filter((one) => one.place === name).map(({ wire }) => wire)
            return {
              field: 'messages',
              value: {
                messages: at('messages'),
                message_echoes: at('message_echoes'),
                standby: { messages: at('standby') },
                history: at('history').map((one) => ({ threads: [{ messages: [one] }] })),
              },
            }
          }),
        }))
        const found = extractMedia({ entry: entries }).media.map(({ mediaId }) => mediaId)
        expect(found.sort()).toStrictEqual(messages.map((_, index) => `m${index}`).sort())
      }),
    )
  })
})
