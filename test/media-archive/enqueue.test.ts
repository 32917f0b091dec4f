import { describe, expect, it, vi } from 'vitest'
import { WrongAccountError } from '../../src/errors.js'
import { hashMessageId } from '../../src/events.js'
import type { Account } from '../../src/media-archive/accounts.js'
import { toExtractedMedia } from '../../src/media-archive/enqueue.js'
import { createMediaArchive } from '../../src/media-archive.js'
import type { MediaReference } from '../../src/media-reference.js'
import { createInProcessQueue } from '../../src/queues/in-process.js'
import type { MediaJob } from '../../src/queues.js'
import { buildWebhook } from '../../src/testing/build-webhook.js'
import { extractMedia, type UnavailableMedia } from '../../src/webhook/extract.js'
import { reference } from '../whole-reference.js'
import {
  addPhoto,
  api,
  archived,
  buildAccount,
  create,
  events,
  failed,
  jpeg,
  NUMBER,
  never,
  OTHER_NUMBER,
  queue,
  queued,
  sha256,
  storage,
  throwing,
} from './archive-scene.js'

describe('enqueue', () => {
  const extracted = (more: object = {}) => ({ media: [], unavailable: [], revoked: [], ...more })

  const unavailable = (more: Partial<UnavailableMedia> = {}): UnavailableMedia => ({
    reason: 'media-error',
    errorCode: 131_052,
    messageId: 'wamid.A',
    mediaId: '7',
    receivedAt: '2026-11-22T10:00:01.000Z',
    phoneNumberId: NUMBER,
    businessAccountId: '102290129340398',
    ...more,
  })

  it('takes one reference, several, or what extractMedia found', async () => {
    const archive = create()
    const [one, two] = [await addPhoto(), await addPhoto()]
    const jobs = [one, two].map((media): MediaJob => ({ version: 1, accountId: 'pixels', media }))
    await archive.enqueue(one)
    expect(queued.splice(0)).toEqual([jobs[0]])
    await archive.enqueue(Object.freeze([one, two]))
    expect(queued.splice(0)).toEqual(jobs)
    const added = await api.addMedia({ bytes: jpeg, mimeType: 'image/jpeg', mediaType: 'image' })
    await archive.enqueue(extractMedia(buildWebhook([{ media: { type: 'image', object: added.mediaObject } }])))
    expect(queued).toMatchObject([{ version: 1, accountId: 'pixels', media: { mediaId: added.mediaId, sha256 } }])
    expect(JSON.parse(JSON.stringify(queued))).toEqual(queued)
    expect(JSON.stringify(queued)).not.toContain(api.accessToken)
    expect([api.requests, failed, events]).toEqual([[], [], []])
  })

  it('calls the queue once a webhook, and not at all without media', async () => {
    const enqueueJobs = vi.fn(async () => {})
    const archive = create({ queue: { enqueue: enqueueJobs } })
    await archive.enqueue([await addPhoto(), await addPhoto()])
    expect(enqueueJobs).toHaveBeenCalledTimes(1)
    await archive.enqueue(extracted())
    await archive.enqueue([])
    expect(enqueueJobs).toHaveBeenCalledTimes(1)
  })

  it('looks each number up once a webhook', async () => {
    const accounts = vi.fn((number: string) => (number === NUMBER ? buildAccount() : undefined))
    const archive = create({ accounts })
    const references = [await addPhoto(), await addPhoto(), await addPhoto({ phoneNumberId: OTHER_NUMBER })]
    const lost = [unavailable(), unavailable({ phoneNumberId: OTHER_NUMBER })]
    await archive.enqueue(extracted({ media: [...references, references[2]], unavailable: lost }))
    expect(accounts.mock.calls).toEqual([[NUMBER], [OTHER_NUMBER]])
  })

  it('hands what can not be downloaded to onFailed, with its account', async () => {
    const lost = [
      unavailable(),
      unavailable({ reason: 'retention-expired', errorCode: 131_035, phoneNumberId: OTHER_NUMBER }),
    ]
    delete lost[1]?.mediaId
    await create().enqueue(extracted({ unavailable: lost }))
    expect(failed).toMatchObject([
      { media: lost[0], error: { code: 'media-unavailable', reason: 'media-error', errorCode: 131_052 } },
      { media: lost[1], error: { code: 'media-unavailable', reason: 'retention-expired', retryable: false } },
    ])
    expect(failed.map(({ accountId }) => accountId)).toEqual(['pixels', undefined])
    expect(events).toEqual([
      {
        ...{ type: 'media-unavailable', reason: 'media-error', phoneNumberId: NUMBER, mediaId: '7' },
        messageIdHash: hashMessageId('wamid.A'),
      },
      {
        ...{ type: 'media-unavailable', reason: 'retention-expired', phoneNumberId: OTHER_NUMBER },
        messageIdHash: hashMessageId('wamid.A'),
      },
    ])
    expect(queued).toEqual([])
  })

  it.each(['referral', 'placeholder'] as const)('calls a %s no failure', async (reason) => {
    await create().enqueue(extracted({ unavailable: [unavailable({ reason })] }))
    expect(failed).toEqual([])
    expect(events).toMatchObject([{ type: 'media-unavailable', reason }])
  })

  it('tells of a deleted message, and deletes nothing', async () => {
    const archive = create()
    const reference = await addPhoto()
    await archive.archive(reference)
    const { messageId, timestamp, receivedAt, phoneNumberId, businessAccountId, direction } = reference
    const revoked = {
      messageId,
      revokedBy: 'wamid.B',
      timestamp,
      receivedAt,
      phoneNumberId,
      businessAccountId,
      direction,
    }
    await archive.enqueue(extracted({ revoked: [revoked] }))
    expect(events.at(-1)).toEqual({
      type: 'message-revoked',
      messageIdHash: hashMessageId(messageId),
      phoneNumberId: NUMBER,
    })
    expect(storage.keys()).toHaveLength(1)
    expect([queued, failed]).toEqual([[], []])
  })

  it('gives media of a number with an invalid account to onFailed, and the rest to the queue', async () => {
    const queue = createInProcessQueue()
    const archive = create({
      queue,
      accounts: (id) => ({ accountId: id === '666' ? 'a/b' : 'pixels', accessToken: api.accessToken }),
    })
    const invalid = { ...(await addPhoto()), phoneNumberId: '666' }
    await archive.enqueue([invalid, await addPhoto()])
    expect(failed).toMatchObject([{ media: { phoneNumberId: '666' }, error: { code: 'invalid-option' } }])
    await archive.close()
    expect(archived).toHaveLength(1)
  })

  it('gives media of an unknown number to onFailed, and the rest to the queue', async () => {
    const [known, unknown] = [await addPhoto(), await addPhoto({ phoneNumberId: OTHER_NUMBER })]
    await create().enqueue([unknown, known])
    expect(queued).toMatchObject([{ media: { mediaId: known.mediaId } }])
    expect(failed).toMatchObject([{ media: { mediaId: unknown.mediaId }, error: { code: 'unknown-number' } }])
    expect(failed[0]).not.toHaveProperty('accountId')
    expect(failed[0]?.media).not.toHaveProperty('downloadUrl')
    expect(events).toEqual([
      {
        ...{ type: 'unknown-number', phoneNumberId: OTHER_NUMBER, mediaId: unknown.mediaId },
        ...{ mediaType: 'image', origin: 'message', messageIdHash: hashMessageId(unknown.messageId) },
      },
    ])
  })

  it.each([
    ['video_note', 'video_note'],
    ['EAAGcanary0canary0', 'a string of 18 characters'],
  ])('queues media of the unknown type %s, and tells of it', async (unknownType, shown) => {
    const photo = { ...(await addPhoto()), unknownType }
    await create().enqueue(photo)
    expect(queued).toMatchObject([{ media: photo }])
    expect(events).toMatchObject([
      {
        ...{ type: 'unknown-media-type', unknownType: shown, phoneNumberId: NUMBER, mediaId: photo.mediaId },
        messageIdHash: hashMessageId(photo.messageId),
      },
    ])
  })

  it('takes the media of a failure again, whole', async () => {
    const { downloadUrl: _url, downloadUrlExpiresAt: _expiry, ...media } = { ...(await addPhoto()), caption: 'for you' }
    const unknown = create({ accounts: () => undefined })
    await unknown.enqueue(media)
    const [failure] = failed
    await create().enqueue(failure?.media as MediaReference)
    expect(JSON.parse(JSON.stringify(queued))).toEqual([{ version: 1, accountId: 'pixels', media }])
    const { messageId, from, caption } = await create().archive(failure?.media as MediaReference)
    expect({ messageId, from, caption }).toEqual({ messageId: media.messageId, from: media.from, caption: 'for you' })
  })

  it('asks for all numbers at once, each once, and keeps their order', async () => {
    const waiting: (() => void)[] = []
    const asked: string[] = []
    const accounts = (number: string): Promise<Account | undefined> => {
      asked.push(number)
      return new Promise((resolve) => waiting.push(() => resolve(number === '5' ? undefined : buildAccount())))
    }
    const media = ['1', '5', '2', '1'].map((phoneNumberId) => ({ ...reference, phoneNumberId }))
    const broken = { ...reference, phoneNumberId: '9', mediaId: '' }
    const missing = [unavailable({ phoneNumberId: '3' }), unavailable({ reason: 'referral', phoneNumberId: '4' })]
    const enqueued = create({ accounts }).enqueue(extracted({ media: [...media, broken], unavailable: missing }))
    await vi.waitFor(() => expect(waiting).toHaveLength(4))
    for (const answer of waiting.toReversed()) answer()
    await enqueued
    expect(asked).toEqual(['1', '5', '2', '3'])
    expect(queued.map((job) => job.media.phoneNumberId)).toEqual(['1', '2', '1'])
    expect(failed.map((failure) => failure.media.phoneNumberId)).toEqual(['5', '9', '3'])
  })

  it('rejects when accounts throws, and then nothing is queued or reported', async () => {
    const down = new Error('the database is down')
    const accounts = (number: string): Account | undefined => (number === NUMBER ? buildAccount() : throwing(down)())
    const archive = create({ accounts })
    const references = [await addPhoto(), await addPhoto({ phoneNumberId: OTHER_NUMBER })]
    await expect(archive.enqueue(references)).rejects.toBe(down)
    const lost = unavailable({ phoneNumberId: OTHER_NUMBER })
    await expect(archive.enqueue(extracted({ unavailable: [lost] }))).rejects.toBe(down)
    expect([queued, failed]).toEqual([[], []])
  })

  it('rejects when the queue is full, and then nothing is reported', async () => {
    const archive = create({ queue: createInProcessQueue({ maxQueued: 1 }) })
    const references = [await addPhoto(), await addPhoto()]
    await archive.enqueue(await addPhoto())
    const full = archive.enqueue(extracted({ media: references, unavailable: [unavailable()] }))
    await expect(full).rejects.toMatchObject({ code: 'queue-full', retryable: true })
    expect(failed).toEqual([])
  })

  it('rejects when onFailed throws; the jobs are queued then', async () => {
    const down = new Error('the database is down')
    const archive = create({ onFailed: throwing(down) })
    const found = extracted({ media: [await addPhoto()], unavailable: [unavailable()] })
    await expect(archive.enqueue(found)).rejects.toBe(down)
    expect(queued).toHaveLength(1)
  })

  it('needs a queue', async () => {
    const { queue: _none, ...options } = { storage, accounts: () => undefined, queue }
    const archive = createMediaArchive(options)
    await expect(archive.enqueue(await addPhoto())).rejects.toMatchObject({ code: 'invalid-option', option: 'queue' })
  })

  it.each([
    ['media', undefined],
    ['media', null],
    ['media', 'wamid.A'],
    ['media[0]', [null]],
    ['media.messageId', { mediaId: '1', mediaType: 'image', mimeType: 'image/jpeg' }],
    ['media.unavailable', { media: [], unavailable: null, revoked: [] }],
  ])('rejects, not throws, with what is wrong: %s', async (option, nothing) => {
    await expect(create().enqueue(nothing as never)).rejects.toMatchObject({ code: 'invalid-option', option })
    expect([queued, failed]).toEqual([[], []])
  })

  it('queues nothing of a list with an invalid reference, and names its place', async () => {
    const list = [await addPhoto(), { ...(await addPhoto()), filename: null }] as MediaReference[]
    await expect(create().enqueue(list)).rejects.toMatchObject({ option: 'media[1].filename' })
    expect(queued).toEqual([])
  })

  it('hands one invalid item of a webhook to onFailed, and queues the rest', async () => {
    const odd = { ...(await addPhoto()), mediaId: 'wamid.in-the-wrong-place' }
    await create().enqueue(extracted({ media: [odd, await addPhoto(), null] }))
    expect(queued).toHaveLength(1)
    expect(failed).toMatchObject([
      { media: { messageId: odd.messageId, mediaId: '' }, error: { option: 'media.mediaId' } },
      { media: { messageId: '', mediaId: '' }, error: { option: 'media' } },
    ])
  })

  it('rejects when accounts throws an error of this library: the app threw it', async () => {
    const own = new WrongAccountError({ accountId: 'pixels' })
    await expect(create({ accounts: throwing(own) }).enqueue(await addPhoto())).rejects.toBe(own)
    expect([queued, failed]).toEqual([[], []])
  })

  it('rejects when accounts or onFailed do not end', async () => {
    const media = await addPhoto()
    const error = { code: 'timeout', waitedFor: 'callback', limitMs: 5 }
    const silent = create({ accounts: never, callbackTimeoutMs: 5 })
    await expect(silent.enqueue(media)).rejects.toMatchObject({ ...error, callback: 'accounts' })
    const deaf = create({ accounts: () => undefined, onFailed: never, callbackTimeoutMs: 5 })
    await expect(deaf.enqueue(media)).rejects.toMatchObject({ ...error, callback: 'onFailed' })
  })

  it('lets an in-process queue archive what it took', async () => {
    const archive = create({ queue: createInProcessQueue() })
    await archive.enqueue([await addPhoto(), await addPhoto()])
    expect(await archive.close()).toEqual([])
    expect(archived).toHaveLength(2)
    expect(storage.keys()).toEqual(archived.map(({ key }) => key).sort())
  })
})

describe('toExtractedMedia', () => {
  const nothing = { media: [], unavailable: [], revoked: [] }

  it('takes one reference, several, or what extractMedia found', () => {
    expect(toExtractedMedia(reference)).toEqual({ ...nothing, media: [reference] })
    expect(toExtractedMedia(Object.freeze([reference, reference]))).toEqual({
      ...nothing,
      media: [reference, reference],
    })
    const found = { ...nothing, media: [null], unavailable: [{}] }
    expect(toExtractedMedia(found)).toBe(found)
  })

  it.each<[string, unknown]>([
    ['media', undefined],
    ['media', null],
    ['media', 'wamid.A'],
    ['media.mediaId', {}],
    ['media.messageId', { ...reference, messageId: 7 }],
    ['media[0]', [null]],
    ['media[1]', [reference, 'wamid.A']],
    ['media[1].mediaId', [reference, { ...reference, mediaId: 7 }]],
    ['media.media', { unavailable: [] }],
    ['media.unavailable', { ...nothing, unavailable: null }],
    ['media.revoked', { ...nothing, revoked: {} }],
    ['media.unavailable[0]', { ...nothing, unavailable: [null] }],
    ['media.revoked[1]', { ...nothing, revoked: [{}, 'wamid.A'] }],
  ])('names %s as what is wrong', (option, given) => {
    expect(() => toExtractedMedia(given)).toThrow(expect.objectContaining({ code: 'invalid-option', option }))
  })
})
