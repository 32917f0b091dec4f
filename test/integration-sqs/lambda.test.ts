import { randomUUID } from 'node:crypto'
import { text } from 'node:stream/consumers'
import type { Message } from '@aws-sdk/client-sqs'
import type { Context, SQSBatchResponse, SQSEvent } from 'aws-lambda'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import type { MediaArchiveOptions } from 'whatsapp-media-archive'
import { createWebhookFunction, createWorkerFunction, worker as exportedWorker } from '../../examples/lambda.js'
import type { ArchivedMessageMedia } from '../../src/archive.js'
import type { ObjectStorage } from '../../src/storage.js'
import { buildWebhook, signWebhook } from '../../src/testing/build-webhook.js'
import { type AddedMedia, createFakeCloudApi, type FakeCloudApi } from '../../src/testing/fake-cloud-api.js'
import { createBucket, openStorage } from '../integration/bucket.js'
import { deliverBatch } from './event-source.js'
import { frontDoors } from './front-doors.js'
import { connectionTo, count, queueNamed, receive, send } from './queues.js'

const SECRETS = { appSecret: 'example-app-secret', verifyToken: 'example-verify-token' }
const OWN_NUMBER = '123'
const EMPTY = { visible: 0, hidden: 0, delayed: 0 }

let api: FakeCloudApi
let storage: ObjectStorage
let queueUrl: string
let deadLetterQueueUrl: string
let archived: ArchivedMessageMedia[]

beforeAll(async () => {
  storage = openStorage(await createBucket(), 'own client')
})
afterAll(() => storage.close?.())
beforeEach(async () => {
  vi.spyOn(console, 'log').mockImplementation(() => {})
  api = await createFakeCloudApi()
  archived = []
  const name = `lambda-${randomUUID()}`
  // As the template has it.
  queueUrl = await queueNamed(name, { VisibilityTimeout: '90' })
  deadLetterQueueUrl = await queueNamed(`${name}-dead`)
  return () => api.close()
})

/** The example's two functions, with the fake Cloud API in Meta's place. */
function createFunctions(options: { deadLetterQueueUrl?: string } = {}) {
  const accounts: MediaArchiveOptions['accounts'] = (phoneNumberId) =>
    phoneNumberId === OWN_NUMBER ? { accountId: 'pixels_internal', accessToken: api.accessToken } : undefined
  const archive = { storage, accounts, cloudApi: api.cloudApi }
  return {
    webhook: createWebhookFunction({ ...SECRETS, archive, queue: connectionTo(queueUrl) }),
    worker: createWorkerFunction({
      archive: { ...archive, onArchived: (media) => void archived.push(media) },
      consumer: { ...connectionTo(queueUrl), deadLetterQueueUrl, ...options },
    }),
  }
}

const addText = (content: string): Promise<AddedMedia> =>
  api.addMedia({
    bytes: Buffer.from(content),
    ...{ mimeType: 'text/plain', mediaType: 'document', phoneNumberId: OWN_NUMBER },
  })

const webhookOf = (...added: AddedMedia[]) =>
  signWebhook(
    buildWebhook(
      added.map(({ mediaId, mediaObject: object }) => ({
        media: { type: 'document', object },
        messageId: `wamid.${mediaId}`,
      })),
      { phoneNumberId: OWN_NUMBER },
    ),
    SECRETS,
  )

/** The stored texts, by media id. */
async function storedTexts(): Promise<Record<string, string>> {
  const texts: Record<string, string> = {}
  for (const { mediaId, key } of archived) {
    const found = await storage.get(key)
    texts[mediaId] = found === null ? 'nothing' : await text(found.body)
  }
  return texts
}

describe.each(Object.entries(frontDoors))('The Lambda example behind a %s', (_name, toEvent) => {
  it('archives what a webhook announces, through the queue', async () => {
    const { webhook, worker } = createFunctions()
    const media = [await addText('first'), await addText('second')]
    expect(await webhook(toEvent(webhookOf(...media)))).toMatchObject({ statusCode: 200 })
    expect(await count(queueUrl)).toEqual({ ...EMPTY, visible: 2 })
    expect(archived).toEqual([])
    const { batch, reported } = await deliverBatch(queueUrl, { worker, timeoutMs: 15_000 })
    expect([batch.length, reported.length]).toEqual([2, 0])
    expect(await storedTexts()).toEqual({
      [String(media[0]?.mediaId)]: 'first',
      [String(media[1]?.mediaId)]: 'second',
    })
    expect(await count(queueUrl)).toEqual(EMPTY)
  })
})

/** Enqueues eight good media and one that is slow, and puts one message beside them that holds no job. */
async function fillBatch(webhook: ReturnType<typeof createFunctions>['webhook']): Promise<AddedMedia[]> {
  const good = await Promise.all(Array.from({ length: 8 }, (_none, index) => addText(`good ${index}`)))
  const slow = await addText('slow')
  api.fail({ on: 'download', kind: 'stall', afterBytes: 2, mediaId: slow.mediaId })
  const toEvent = frontDoors['Function URL']
  expect(await webhook(toEvent?.(webhookOf(...good.slice(0, 4), slow, ...good.slice(4))) ?? {})).toMatchObject({
    statusCode: 200,
  })
  await send(queueUrl, 'poison')
  return good
}

function kindOf({ Body: body = '' }: Message): string {
  if (body === 'poison') return body
  return archived.some(({ mediaId }) => mediaId === JSON.parse(body).media.mediaId) ? 'good' : 'slow'
}

describe('The Lambda example', () => {
  it('reports of a batch the slow file alone: the poison is a dead letter, eight good ones are archived', async () => {
    const { webhook, worker } = createFunctions()
    const good = await fillBatch(webhook)
    const { batch, reported } = await deliverBatch(queueUrl, { worker, timeoutMs: 15_000 })
    expect(batch).toHaveLength(10)
    expect(reported.map(kindOf)).toEqual(['slow'])
    expect(Object.keys(await storedTexts()).sort()).toEqual(good.map(({ mediaId }) => mediaId).sort())
    // It comes again in a few seconds, not when the batch's visibility ends.
    expect(await count(queueUrl)).toEqual({ ...EMPTY, hidden: 1 })
    expect(await receive(deadLetterQueueUrl, 30)).toMatchObject([
      { Body: 'poison', MessageAttributes: { errorCode: { StringValue: 'invalid-option' } } },
    ])

    api.clearFaults()
    const second = await vi.waitFor(
      async () => {
        const delivered = await deliverBatch(queueUrl, { worker, timeoutMs: 15_000 })
        expect(delivered.batch).toHaveLength(1)
        return delivered
      },
      { timeout: 20_000, interval: 200 },
    )
    expect(second.reported).toEqual([])
    expect(Object.values(await storedTexts())).toContain('slow')
    expect(await count(queueUrl)).toEqual(EMPTY)
  })

  it('reports the slow file and the poison, when there is no place for dead letters', async () => {
    const { webhook, worker } = createFunctions({ deadLetterQueueUrl: `${deadLetterQueueUrl}-not-there` })
    await fillBatch(webhook)
    const { batch, reported } = await deliverBatch(queueUrl, { worker, timeoutMs: 15_000 })
    expect(batch).toHaveLength(10)
    expect(reported.map(kindOf).sort()).toEqual(['poison', 'slow'])
    expect(archived).toHaveLength(8)
  })

  it('answers 500 while the queue takes nothing, and archives once when Meta delivers again', async () => {
    const added = await addText('later')
    const event = frontDoors['HTTP API']?.(webhookOf(added)) ?? {}
    const { webhook, worker } = createFunctions()
    const broken = createWebhookFunction({
      ...SECRETS,
      archive: { storage, accounts: () => ({ accountId: 'pixels_internal', accessToken: undefined }) },
      queue: connectionTo(`${queueUrl}-not-there`),
    })
    expect(await broken(event)).toMatchObject({ statusCode: 500 })
    for (const _delivery of [1, 2]) expect(await webhook(event)).toMatchObject({ statusCode: 200 })
    await deliverBatch(queueUrl, { worker, timeoutMs: 15_000 })
    expect(new Set(archived.map(({ key }) => key)).size).toBe(1)
    expect(Object.values(await storedTexts())).toEqual(['later'])
  })

  it('has the types that Lambda’s own are', () => {
    const handler: (event: SQSEvent, context: Context) => Promise<SQSBatchResponse> = exportedWorker
    expect(handler).toBe(exportedWorker)
  })
})
