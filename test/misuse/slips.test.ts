import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import * as http from '../../src/http.js'
import * as root from '../../src/index.js'
import { createFileMediaIds } from '../../src/media-ids/file.js'
import { createMemoryMediaIds } from '../../src/media-ids/memory.js'
import { createRedisMediaIds } from '../../src/media-ids/redis.js'
import * as bullmq from '../../src/queues/bullmq.js'
import { createDeferredQueue } from '../../src/queues/deferred.js'
import { createInProcessQueue } from '../../src/queues/in-process.js'
import * as sqs from '../../src/queues/sqs.js'
import { createCloudFrontSigner } from '../../src/signers/cloudfront.js'
import { createFileSystemStorage } from '../../src/storage/file-system.js'
import { createMemoryStorage } from '../../src/storage/memory.js'
import { createR2Storage } from '../../src/storage/r2.js'
import * as s3 from '../../src/storage/s3.js'
import * as testing from '../../src/testing.js'
import * as webhook from '../../src/webhook.js'
import { reference } from '../whole-reference.js'
import { readRefusal, refuse } from './row.js'

const key = 'whatsapp-media/acme/2026-11-22/image/5ef5e495-9ea6-59d7-91c6-d39ba4699239.jpg'
const parts = { accountId: 'acme', mediaType: 'image', mimeType: 'image/jpeg' }

/** Every public function with options: the arguments before them. An open one may get other names, and lists its own. */
const FUNCTIONS: Readonly<
  Record<string, { run: (...args: never[]) => unknown; before?: readonly unknown[]; names?: readonly string[] }>
> = {
  archiveMedia: { run: root.archiveMedia, before: [reference] },
  buildMediaKey: { run: root.buildMediaKey, before: [parts] },
  createMediaArchive: { run: root.createMediaArchive },
  deleteMediaFromWhatsApp: { run: root.deleteMediaFromWhatsApp, before: ['1013859600285441'] },
  downloadMediaFromWhatsApp: { run: root.downloadMediaFromWhatsApp, before: [reference] },
  decryptFlowMedia: { run: root.decryptFlowMedia, before: [{}] },
  dropFailedMedia: { run: root.dropFailedMedia, before: [{}] },
  extractFlowMedia: { run: root.extractFlowMedia, before: [{}] },
  getSignedUrl: { run: root.getSignedUrl, before: [key] },
  parseMediaKey: { run: root.parseMediaKey, before: [key] },
  signUrls: { run: root.signUrls, before: [[key]] },
  sendMediaMessage: { run: root.sendMediaMessage, before: [{ to: '+15550001111', media: { mediaId: '1' } }] },
  uploadMediaToWhatsApp: {
    run: root.uploadMediaToWhatsApp,
    before: [{ body: Buffer.from('x'), mimeType: 'application/pdf' }],
  },
  uploadTemplateMedia: {
    run: root.uploadTemplateMedia,
    before: [{ body: Buffer.from('x'), mimeType: 'application/pdf' }],
  },
  uploadToS3: { run: root.uploadToS3, before: [Buffer.from('x')] },
  createWebhookHandler: { run: webhook.createWebhookHandler },
  extractMedia: { run: webhook.extractMedia, before: [{}], names: ['receivedAt'] },
  readMessages: { run: webhook.readMessages, before: [{}], names: ['receivedAt'] },
  readSendStatuses: { run: webhook.readSendStatuses, before: [{}], names: ['receivedAt'] },
  signPayload: { run: webhook.signPayload, before: ['x'], names: ['appSecret'] },
  verifySignature: { run: webhook.verifySignature, before: ['x', ''], names: ['appSecret'] },
  createNodeHttpClient: { run: http.createNodeHttpClient },
  createS3Storage: { run: s3.createS3Storage },
  probeS3: { run: s3.probeS3, before: [{ bucket: 'media', region: 'eu-central-1' }] },
  createFileSystemStorage: { run: createFileSystemStorage },
  createMemoryStorage: { run: createMemoryStorage },
  createR2Storage: { run: createR2Storage },
  createCloudFrontSigner: { run: createCloudFrontSigner },
  fromFetch: { run: http.fromFetch, before: [fetch] },
  createFileMediaIds: { run: createFileMediaIds },
  createMemoryMediaIds: { run: createMemoryMediaIds },
  createRedisMediaIds: { run: createRedisMediaIds },
  createDeferredQueue: { run: createDeferredQueue },
  createInProcessQueue: { run: createInProcessQueue },
  createSqsConsumer: { run: sqs.createSqsConsumer },
  createSqsQueue: { run: sqs.createSqsQueue },
  createBullMqQueue: { run: bullmq.createBullMqQueue },
  createBullMqWorker: { run: bullmq.createBullMqWorker },
  buildWebhook: { run: testing.buildWebhook, before: [[]] },
  createFakeCloudApi: { run: testing.createFakeCloudApi },
  createGeneratedBytes: { run: testing.createGeneratedBytes },
  deliver: { run: testing.deliver, before: ['http://127.0.0.1:1', {}], names: ['appSecret'] },
  queueConformance: { run: testing.queueConformance },
  signWebhook: { run: testing.signWebhook, before: [{}], names: ['appSecret'] },
  storageConformance: { run: testing.storageConformance },
}

/** The options of an interface that storages of your own implement: a later version may hand them more. */
const OPEN_TO_ALL = ['checkSignedUrlOptions']

async function readMessage(name: string, options: object): Promise<string> {
  const { run, before = [] } = FUNCTIONS[name] ?? { run: () => {} }
  return readRefusal(await refuse(() => Reflect.apply(run, undefined, [...before, options]))).message
}

/** With its last two letters swapped, or with one of them, where they are the same. */
function slip(name: string): string {
  const [last = '', before = ''] = [name.at(-1), name.at(-2)]
  return last === before ? name.slice(0, -1) : `${name.slice(0, -2)}${last}${before}`
}

describe.each(Object.keys(FUNCTIONS))('%s', (name) => {
  it('refuses a slip in each of its options, with the right name', async () => {
    const known = FUNCTIONS[name]?.names ?? (await listKnown(name))
    expect(known.length).toBeGreaterThan(0)
    for (const option of known) {
      const message = await readMessage(name, { [slip(option)]: 1 })
      expect(message).toMatch(
        new RegExp(`^unknown option (\\w+\\.)?${slip(option)}; did you mean (\\w+\\.)?${option}\\?$`),
      )
    }
  })
})

async function listKnown(name: string): Promise<string[]> {
  const message = await readMessage(name, { qqqqqqqq: 1 })
  expect(message).toMatch(/^unknown option (\w+\.)?qqqqqqqq; known are /)
  return message.replace(/^.* known are /, '').split(', ')
}

it('every public function with options has its row', () => {
  const snapshot = readFileSync(new URL('../api.snapshot.md', import.meta.url), 'utf8')
  const signatures = snapshot.matchAll(/^function (\w+)(?:<[^(]*>)?\(([\s\S]*?)\): /gm)
  const found = new Set<string>()
  for (const [, name = '', parameters = ''] of signatures) {
    if (/\w*[oO]ptions\??: |^\{|, \{ /.test(parameters)) found.add(name)
  }
  expect([...found].sort()).toEqual([...Object.keys(FUNCTIONS), ...OPEN_TO_ALL].sort())
})
