import { createHash, randomInt } from 'node:crypto'
import { setImmediate as turn } from 'node:timers/promises'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { ArchivedMedia } from '../../src/archive.js'
import type { MediaEvent } from '../../src/events.js'
import { type MediaContent, toContent } from '../../src/media-archive/content.js'
import type { MediaFailure } from '../../src/media-archive/media-failure.js'
import { createMediaArchive, type MediaArchive } from '../../src/media-archive.js'
import type { MediaType } from '../../src/media-reference.js'
import { createInProcessQueue } from '../../src/queues/in-process.js'
import { createMemoryStorage, type MemoryStorage } from '../../src/storage/memory.js'
import { type BuiltWebhook, buildWebhook, deliver } from '../../src/testing/build-webhook.js'
import { type AddedMedia, createFakeCloudApi, type FakeCloudApi, type Fault } from '../../src/testing/fake-cloud-api.js'
import { extractMedia } from '../../src/webhook/extract.js'
import { toNodeHandler } from '../../src/webhook/node.js'
import { createWebhookHandler, type WebhookRejection } from '../../src/webhook.js'
import { type Loopback, startLoopback } from '../loopback.js'

const APP_SECRET = 'test_app_secret'

/** A busy machine is no failure. */
const PATIENT = { timeout: 10_000 }

interface Message {
  messageId: string
  content: Partial<MediaContent> & { mediaId: string }
  mediaStatus: 'pending' | 'archived' | 'failed'
  mediaError?: string
}

/** One document for each media item, with the updates that a document database would be asked for. */
function createMessageStore() {
  const messages = new Map<string, Message>()
  const statuses = new Map<string, string[]>()
  const idOf = (messageId = '', mediaId = ''): string => JSON.stringify([messageId, mediaId])

  const set = (id: string, message: Message): void => {
    messages.set(id, message)
    statuses.set(id, [...(statuses.get(id) ?? []), message.mediaStatus])
  }

  return {
    messages,
    /** What each document's `mediaStatus` was, in order; a `$set` of the same value counts once. */
    historyOf: (messageId: string, mediaId: string): string[] =>
      (statuses.get(idOf(messageId, mediaId)) ?? []).filter((status, at, all) => status !== all[at - 1]),
    /** An upsert with `$setOnInsert`: a redelivery changes nothing. */
    async save(payload: unknown): Promise<void> {
      for (const { messageId, mediaId } of extractMedia(payload).media) {
        await turn()
        const id = idOf(messageId, mediaId)
        if (!messages.has(id)) set(id, { messageId, content: { mediaId }, mediaStatus: 'pending' })
      }
    },
    async archived(media: ArchivedMedia): Promise<void> {
      await turn()
      const id = idOf(media.messageId, media.mediaId)
      const message = messages.get(id)
      if (message !== undefined) set(id, { ...message, content: toContent(media), mediaStatus: 'archived' })
    },
    async failed({ media, error }: MediaFailure): Promise<void> {
      await turn()
      const id = idOf(media.messageId, media.mediaId)
      const message = messages.get(id)
      if (message === undefined || message.mediaStatus === 'archived') return
      set(id, { ...message, mediaStatus: 'failed', mediaError: error.code })
    },
  }
}

let api: FakeCloudApi
let storage: MemoryStorage
let store: ReturnType<typeof createMessageStore>
let archive: MediaArchive
let server: Loopback
let events: MediaEvent[]
let payloads: unknown[]
let rejections: WebhookRejection[]

beforeEach(async () => {
  api = await createFakeCloudApi()
  storage = createMemoryStorage()
  store = createMessageStore()
  events = []
  payloads = []
  rejections = []
  archive = createMediaArchive({
    storage,
    accounts: () => ({ accountId: 'pixels', accessToken: api.accessToken }),
    queue: createInProcessQueue(),
    cloudApi: api.cloudApi,
    onArchived: (media) => store.archived(media),
    onFailed: (failure) => store.failed(failure),
    onEvent: (event) => events.push(event),
  })
  const handler = toNodeHandler(
    createWebhookHandler({
      appSecret: APP_SECRET,
      verifyToken: 'test-verify-token',
      async onPayload(payload) {
        payloads.push(payload)
        await store.save(payload)
      },
      onMedia: archive.enqueue,
      onRejected: (rejection) => rejections.push(rejection),
    }),
  )
  server = await startLoopback((request, response) => void handler(request, response))
})

afterEach(async () => {
  await server.close()
  await archive.close({ timeoutMs: 0 })
  await api.close()
})

const post = (payload: BuiltWebhook): Promise<{ status: number }> =>
  deliver(`${server.origin}/webhook`, payload, { appSecret: APP_SECRET })

const KINDS: readonly { mediaType: MediaType; mimeType: string; opening: string }[] = [
  { mediaType: 'image', mimeType: 'image/jpeg', opening: '\xff\xd8\xff\xe0' },
  { mediaType: 'audio', mimeType: 'audio/ogg; codecs=opus', opening: 'OggS' },
  { mediaType: 'document', mimeType: 'application/pdf', opening: '%PDF-1.7' },
]

interface Sent extends AddedMedia {
  bytes: Buffer
  mediaType: MediaType
  mimeType: string
  messageId: string
  payload: BuiltWebhook
}

/** A message with media that no other has, and the webhook that brings it; some webhooks bring more than that. */
async function makeMessage(index: number): Promise<Sent> {
  const { opening, ...kind } = KINDS[index % KINDS.length] as (typeof KINDS)[number]
  const bytes = Buffer.concat([Buffer.from(opening, 'latin1'), Buffer.alloc(300 + index, `media ${index} `)])
  const media = { bytes, ...kind }
  const added = await api.addMedia({ ...media, ...(index % 4 === 0 ? { caption: `Nº ${index} 📷` } : {}) })
  const messageId = `wamid.${Buffer.from(`message ${index}`).toString('base64')}`
  const items = [
    { messageId, media: { type: media.mediaType, object: added.mediaObject } },
    ...(index % 5 === 0 ? [{ text: 'Grüße' }] : []),
    ...(index % 7 === 0 ? [{ status: 'read' as const }] : []),
  ]
  return { ...added, ...media, messageId, payload: buildWebhook(items) }
}

/** Runs `task` for all, some at once. */
async function inParallel<T>(all: readonly T[], task: (each: T) => Promise<void>): Promise<void> {
  const left = all.values()
  const work = async (): Promise<void> => {
    for (const each of left) await task(each)
  }
  await Promise.all(Array.from({ length: 16 }, work))
}

// Each shows only in the body: no look-up within the same attempt can help.
const BODY_FAULTS: readonly Fault[] = [
  { on: 'download', kind: 'flip-bit', offset: 200 },
  { on: 'download', kind: 'close-early', afterBytes: 100 },
  { on: 'download', kind: 'short-body' },
  { on: 'download', kind: 'long-body' },
]

it('1,000 webhooks, delivered twice each in random order, archive each message once, with failing downloads', async ({
  annotate,
}) => {
  const sent: Sent[] = []
  for (let index = 0; index < 1_000; index++) sent.push(await makeMessage(index))
  const unlucky = sent.filter((_message, index) => index % 20 === 0)
  for (const [index, { mediaId }] of unlucky.entries()) {
    api.fail({ ...(BODY_FAULTS[index % BODY_FAULTS.length] as Fault), mediaId, times: 1 })
  }
  const seed = randomInt(1_000_000)
  // Shown when the test fails.
  await annotate(`The order came from the seed ${seed}`)
  const deliveries = shuffled([...sent, ...sent], seed)
  await inParallel(deliveries, async ({ payload }) => expect(await post(payload)).toMatchObject({ status: 200 }))
  expect(await archive.close()).toEqual([])

  expect(rejections).toEqual([])
  expect(payloads).toHaveLength(2_000)
  expect(storage.keys()).toHaveLength(1_000)
  expect(store.messages.size).toBe(1_000)
  for (const message of sent) await expectArchived(message)
  // One event says that bytes were stored; all later ones that they were there.
  expect(mediaIdsOf('archived').sort()).toEqual(sent.map(({ mediaId }) => mediaId).sort())
  expect(mediaIdsOf('attempt-failed')).toEqual(expect.arrayContaining(unlucky.map(({ mediaId }) => mediaId)))
  expect(mediaIdsOf('dead-letter')).toEqual([])
}, 60_000)

/** An order that its seed brings back. */
function shuffled<T>(all: readonly T[], seed: number): T[] {
  const rankOf = (index: number): string => createHash('sha256').update(`${seed} ${index}`).digest('hex')
  const ranked = all.map((each, index) => ({ each, rank: rankOf(index) }))
  return ranked.sort((one, other) => (one.rank < other.rank ? -1 : 1)).map(({ each }) => each)
}

function mediaIdsOf(type: MediaEvent['type']): unknown[] {
  return events.flatMap((event) => (event.type === type && 'mediaId' in event ? [event.mediaId] : []))
}

async function expectArchived({ messageId, mediaId, bytes, sha256, ...sent }: Sent): Promise<void> {
  const message = store.messages.get(JSON.stringify([messageId, mediaId]))
  const { caption } = sent.mediaObject
  const key = message?.content.s3Key ?? ''
  expect(message).toEqual({
    messageId,
    mediaStatus: 'archived',
    content: {
      ...{ mediaId, sha256, mediaType: sent.mediaType, mimeType: sent.mimeType, fileSize: bytes.length },
      ...{ s3Key: expect.stringContaining('/pixels/'), mediaUrl: expect.stringContaining(key) },
      ...(caption === undefined ? {} : { caption }),
      contact: { phone: '15550001111' },
    },
  })
  expect(store.historyOf(messageId, mediaId)).toEqual(['pending', 'archived'])
  const object = await storage.get(key)
  expect(Buffer.concat((await object?.body.toArray()) ?? []).equals(bytes)).toBe(true)
}

it('a webhook’s other messages go on when one media is refused, and a later delivery brings it', async () => {
  const [refused, fine] = [await makeMessage(1), await makeMessage(2)]
  const body = JSON.stringify({ error: { message: '(#131009) Parameter value is not valid', code: 131_009 } })
  for (const on of ['look-up', 'download'] as const) {
    api.fail({ on, kind: 'status', status: 400, body, mediaId: refused.mediaId })
  }
  const payload = buildWebhook(
    [refused, fine].map(({ messageId, mediaType, mediaObject }) => ({
      messageId,
      media: { type: mediaType, object: mediaObject },
    })),
  )
  expect(await post(payload)).toMatchObject({ status: 200 })
  await expect.poll(() => store.historyOf(refused.messageId, refused.mediaId), PATIENT).toEqual(['pending', 'failed'])
  await expect.poll(() => store.historyOf(fine.messageId, fine.mediaId), PATIENT).toEqual(['pending', 'archived'])
  expect(store.messages.get(JSON.stringify([refused.messageId, refused.mediaId]))).toMatchObject({
    mediaStatus: 'failed',
    mediaError: 'graph-api',
  })
  expect(mediaIdsOf('dead-letter')).toEqual([refused.mediaId])

  api.clearFaults()
  expect(await post(payload)).toMatchObject({ status: 200 })
  expect(await archive.close()).toEqual([])
  expect(store.historyOf(refused.messageId, refused.mediaId)).toEqual(['pending', 'failed', 'archived'])
  await expectArchived(fine)
  expect(storage.keys()).toHaveLength(2)
})

it('a deleted message is reported, and its media stays archived', async () => {
  const message = await makeMessage(3)
  await post(message.payload)
  await expect.poll(() => store.historyOf(message.messageId, message.mediaId), PATIENT).toEqual(['pending', 'archived'])
  const revoke = { type: 'revoke', object: { original_message_id: message.messageId } }
  await post(buildWebhook([{ messageId: 'wamid.cmV2b2tl', media: revoke }]))
  expect(await archive.close()).toEqual([])
  expect(payloads).toHaveLength(2)
  expect(events.at(-1)).toMatchObject({ type: 'message-revoked', phoneNumberId: '106540352242922' })
  await expectArchived(message)
})
