import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ROOT } from './documents.js'
import { createProgram, type Diagnosis, locateTypeErrors } from './typed-blocks.js'

const PRELUDE = `
import { archiveMedia, buildMediaKey, configFromEnv, createMediaArchive, downloadMediaFromWhatsApp, getSignedUrl, type MediaReference, type ObjectStorage, parseMediaKey, signUrls, uploadToS3 } from 'whatsapp-media-archive'
import { createNodeHttpClient, fromFetch } from 'whatsapp-media-archive/http'
import { createBullMqQueue, createBullMqWorker } from 'whatsapp-media-archive/queues/bullmq'
import { createInProcessQueue } from 'whatsapp-media-archive/queues/in-process'
import { createSqsConsumer, createSqsQueue } from 'whatsapp-media-archive/queues/sqs'
import { createCloudFrontSigner } from 'whatsapp-media-archive/signers/cloudfront'
import { createFileSystemStorage } from 'whatsapp-media-archive/storage/file-system'
import { createMemoryStorage } from 'whatsapp-media-archive/storage/memory'
import { createS3Storage, probeS3 } from 'whatsapp-media-archive/storage/s3'
import { buildWebhook, createFakeCloudApi } from 'whatsapp-media-archive/testing'
import { createWebhookHandler, extractMedia, signPayload, toLambdaHandler, toNodeHandler, verifySignature } from 'whatsapp-media-archive/webhook'
declare const media: MediaReference
declare const storage: ObjectStorage
declare const bytes: Uint8Array
declare const accountId: string | undefined
const whole = { storage, accountId: 'a', accessToken: 't' }
const archive = createMediaArchive({ storage, accounts: () => undefined })
`.trim()

/** No such property, with and without a suggestion; another type; missing, at the argument and below it. */
const [UNKNOWN, NEAR, OTHER, ARGUMENT, LACKS] = [2353, 2561, 2322, 2345, 2741]

/** [the call, the code of its one message, words of it] */
const WRONG_CALLS: [call: string, code: number, ...words: string[]][] = [
  ["archiveMedia(media, { ...whole, acountId: 'x' })", NEAR, "'acountId'", "'accountId'"],
  ["archiveMedia('1', { ...whole, acountId: 'x' })", NEAR, "'acountId'", "'accountId'"],
  ["archiveMedia(media, { ...whole, sniff: 'maybe' })", OTHER, '"safe" | "trust"'],
  ['archiveMedia(media, { ...whole, accountId: 1 })', OTHER, "'number'", "'string'"],
  ["archiveMedia(media, { storage, accountId: 'a' })", ARGUMENT, "'accessToken' is missing"],
  ["archiveMedia('1', { ...whole, mediaType: 'pdf' })", OTHER, '"pdf"', 'MediaType'],
  ['archiveMedia(123, whole)', ARGUMENT, "'number'", "'string | MediaReference'"],
  ["archiveMedia({ mediaId: '1' }, whole)", ARGUMENT, 'missing', 'mediaType'],
  ['archiveMedia(media)', 2554, 'Expected 2 arguments'],
  ['archiveMedia(media, { ...whole, timeouts: { totl: 1 } })', UNKNOWN, "'totl'", "'Timeouts'"],
  ["uploadToS3('text', { storage, key: 'k' })", ARGUMENT, "'UploadBody'"],
  ["uploadToS3(bytes, { storage, key: 'k', mimetype: 'a/b' })", NEAR, "'mimetype'", "'mimeType'"],
  ["uploadToS3(bytes, { storage, key: 'k', mediaType: 'pdf' })", OTHER, '"pdf"', 'MediaType'],
  ["uploadToS3(bytes, { key: 'k' })", ARGUMENT, "'storage' is missing"],
  ["getSignedUrl('k', { storage })", ARGUMENT, "'accountId' is missing"],
  ["getSignedUrl('k', { storage, accountId })", 2379, "'accountId'", "'string | undefined'"],
  ["getSignedUrl('k', { storage, accountId: 'a', expiresin: 5 })", NEAR, "'expiresin'", "'expiresIn'"],
  ["getSignedUrl('k', { storage, accountId: 'a', expiresIn: '5' })", OTHER, "'string'", "'number'"],
  ["getSignedUrl('k', { storage, anyAccount: false })", OTHER, "'false'", "'true'"],
  ["getSignedUrl('k', { storage, anyAccount: true, disposition: 'download' })", OTHER, '"inline" | "attachment"'],
  ["signUrls(['k'], { storage, accountId: 'a', cachefor: 5 })", NEAR, "'cachefor'", "'cacheFor'"],
  ["signUrls('k', { storage, accountId: 'a' })", ARGUMENT, 'readonly string[]'],
  ["createS3Storage({ bucket: 'b', regoin: 'eu' })", NEAR, "'regoin'", "'region'"],
  ["probeS3({ bucket: 'b', regoin: 'eu' })", NEAR, "'regoin'", "'region'"],
  ["createS3Storage({ bucket: 'b', region: 5 })", OTHER, "'number'", "'string'"],
  ["createS3Storage({ region: 'eu' })", ARGUMENT, "'bucket' is missing"],
  ["createS3Storage({ bucket: 'b', credentials: { accessKey: 'a' } })", UNKNOWN, "'accessKey'"],
  ["createS3Storage({ bucket: 'b', encryption: { type: 'SSE' } })", OTHER, '"SSE-S3" | "SSE-KMS"'],
  ["createS3Storage({ bucket: 'b', client: {} })", 2739, 'S3Client'],
  ["downloadMediaFromWhatsApp('1', { accessTokn: 't' })", NEAR, "'accessTokn'", "'accessToken'"],
  ["downloadMediaFromWhatsApp('1', { accessToken: 5 })", OTHER, "'AccessToken'"],
  ["downloadMediaFromWhatsApp('1', { accessToken: 't', maxBytes: { picture: 1 } })", UNKNOWN, "'picture'"],
  ['createMediaArchive({ storage, accounts: 5 })', OTHER, "'Accounts'"],
  ['createMediaArchive({ storage, acounts: () => undefined })', NEAR, "'acounts'", "'accounts'"],
  [
    "createMediaArchive({ storage, accounts: () => ({ acountId: 'a', accessToken: 't' }) })",
    OTHER,
    "'accountId' is missing",
  ],
  [
    'createMediaArchive({ storage, accounts: () => undefined, onArchive: () => 1 })',
    NEAR,
    "'onArchive'",
    "'onArchived'",
  ],
  ['createMediaArchive({ storage, accounts: () => undefined, queue: {} })', LACKS, "'enqueue'", "'MediaQueue'"],
  ['archive.enqueue({ entry: [] })', UNKNOWN, "'entry'", 'ExtractedMedia'],
  ["archive.enqueue('1')", ARGUMENT, "'string'", 'MediaReference'],
  ["archive.archive('1')", ARGUMENT, "'MediaReference'"],
  ["archive.signUrl('k', { acountId: 'a' })", NEAR, "'acountId'", "'accountId'"],
  ["archive.upload(bytes, { accountId: 'a', key: 'k' })", UNKNOWN, "'key'", "'ArchiveUploadOptions'"],
  ["buildMediaKey({ accountId: 'a' })", ARGUMENT, 'missing', 'mediaType', 'mimeType'],
  ['parseMediaKey(5)', ARGUMENT, "'number'"],
  ['configFromEnv({ A: 5 })', OTHER, "'number'", "'string'"],
  ["createFileSystemStorage({ dir: '/a' })", UNKNOWN, "'dir'", "'FileSystemStorageOptions'"],
  ["createMemoryStorage({ nmae: 'x' })", UNKNOWN, "'nmae'", "'MemoryStorageOptions'"],
  ['createInProcessQueue({ concurency: 5 })', NEAR, "'concurency'", "'concurrency'"],
  ["createSqsQueue({ queueURL: 'q' })", NEAR, "'queueURL'", "'queueUrl'"],
  ["createSqsQueue({ queueUrl: 'q', endpiont: 'x' })", NEAR, "'endpiont'", "'endpoint'"],
  ["createSqsConsumer({ queueUrl: 'q' })", ARGUMENT, "'processJob' is missing"],
  ["createSqsConsumer({ queueUrl: 'q', processJob: archive.processJob, client: {} })", 2739, 'SQSClient'],
  ["createBullMqQueue({ conection: 'redis://a' })", NEAR, "'conection'", "'connection'"],
  ["createBullMqWorker({ connection: 'redis://a', processJob: 5 })", OTHER, "'ProcessJob'"],
  ["createCloudFrontSigner({ domain: 'd', keyPairId: 'k', privatekey: 'p' })", NEAR, "'privatekey'", "'privateKey'"],
  ["createWebhookHandler({ appSecret: 's', verifyTokn: 't' })", NEAR, "'verifyTokn'", "'verifyToken'"],
  ["createWebhookHandler({ appSecret: 's', verifyToken: 't', onMedia: {} })", OTHER, 'ExtractedMedia'],
  ["createWebhookHandler({ appSecret: 's', verifyToken: 't', onMedia: archive.archive })", OTHER, 'ExtractedMedia'],
  ['toNodeHandler(undefined)', ARGUMENT, 'WebHandler'],
  ['toLambdaHandler({})', ARGUMENT, "'receive' is missing"],
  ['extractMedia({}, { receivedAt: 5 })', OTHER, "'number'", 'Date'],
  ["signPayload(5, 's')", ARGUMENT, "'number'"],
  ["verifySignature('x', 's')", 2554, 'Expected 3 arguments'],
  ['createNodeHttpClient({ maxSocket: 5 })', NEAR, "'maxSocket'", "'maxSockets'"],
  ['fromFetch({})', ARGUMENT, "'FetchLike'"],
  ["buildWebhook([{ txt: 'x' }])", UNKNOWN, "'txt'", 'WebhookItem'],
  ['createFakeCloudApi({ mediaUrl: 5 })', UNKNOWN, "'mediaUrl'", "'FakeCloudApiOptions'"],
]

const RESULTS = `
const ofReference: Promise<string> = archiveMedia(media, whole).then((archived) => archived.messageId)
const ofId: Promise<string | undefined> = archiveMedia('1', whole).then((archived) => archived.messageId)
const ofEither: Promise<string | undefined> = archiveMedia(accountId ?? media, whole).then((one) => one.messageId)
// @ts-expect-error a bare media id belongs to no message
const ofIdAlone: Promise<string> = archiveMedia('1', whole).then((archived) => archived.messageId)
// @ts-expect-error a bare media id may be among the two
const ofEitherAlone: Promise<string> = archiveMedia(accountId ?? media, whole).then((one) => one.messageId)
`.trim()

const TIMEOUT_MS = 60_000
const LONGEST_TEXT = 600
const name = join(ROOT, 'test', 'wrong-calls.virtual.ts')
const calls = WRONG_CALLS.map(([call]) => call)
let diagnoses: Diagnosis[] | undefined

/** One program for all: making it takes seconds. */
function getDiagnoses(): Diagnosis[] {
  const code = [PRELUDE, ...calls, RESULTS].join('\n')
  diagnoses ??= locateTypeErrors(createProgram([{ name, code }]), name)
  return diagnoses
}

const FIRST_LINE = PRELUDE.split('\n').length + 1

describe('a wrong call is one message of the compiler, which names what is wrong', () => {
  it.each(WRONG_CALLS.map(([call, code, ...words], at) => ({ call, code, words, line: FIRST_LINE + at })))(
    '$call',
    { timeout: TIMEOUT_MS },
    ({ code, words, line }) => {
      const found = getDiagnoses().filter((one) => one.line === line)
      expect(found.map((one) => one.code)).toEqual([code])
      const [{ text } = { text: '' }] = found
      for (const word of words) expect(text).toContain(word)
      expect(text).not.toContain('No overload matches')
      expect(text.length).toBeLessThan(LONGEST_TEXT)
    },
  )

  it('and a right call has the result of its argument', { timeout: TIMEOUT_MS }, () => {
    const pastCalls = FIRST_LINE + calls.length
    const wrong = getDiagnoses().filter(({ line }) => line < FIRST_LINE || line >= pastCalls)
    expect(wrong).toEqual([])
  })
})
