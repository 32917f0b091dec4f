import { Readable } from 'node:stream'
import { S3Client } from '@aws-sdk/client-s3'
import { SQSClient } from '@aws-sdk/client-sqs'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { createSqsConsumer, createSqsQueue, type SqsConnectionOptions } from '../../src/queues/sqs.js'
import type { MediaJob } from '../../src/queues.js'
import { createS3Storage, probeS3, type S3StorageOptions } from '../../src/storage/s3.js'
import { uploadToS3 } from '../../src/upload.js'
import { createCanaryNotes } from './canary-notes.js'
import { CANARIES, personal } from './canary-scenes.js'
import { createParrot, MANNERS, type Parrot } from './parrot.js'

/** Session tokens of AWS have a form that anybody knows; those of other stores have not. */
const TOKENS = ['IQoJb3JpZ2luX2VjEXAMPLEcanary0123456789', 'canary.session~token-9x8y7z'] as const

const CREDENTIALS = {
  accessKeyId: 'AKIACANARY0EXAMPLE0',
  secretAccessKey: CANARIES['secret access key'],
}
const KMS_KEY = 'canary-kms-1234-5678'
const KEY = 'whatsapp-media/aviary/2026-11-22/document/5ef5e495-9ea6-59d7-91c6-d39ba4699239.pdf'
const LOGGER = { debug() {}, info() {}, warn() {}, error() {} }

async function readAll(pages: Iterable<unknown> | AsyncIterable<unknown>): Promise<void> {
  for await (const _each of pages);
}

describe.each(TOKENS)('no canary sings in errors of AWS, with the session token %s', (sessionToken) => {
  const { note, seen, takeSinging } = createCanaryNotes()
  const canaries: Record<string, string> = {
    ...CANARIES,
    ...{ 'access key id': CREDENTIALS.accessKeyId, 'session token': sessionToken, 'KMS key': KMS_KEY },
  }
  const credentials = { ...CREDENTIALS, sessionToken }
  let parrot: Parrot

  beforeAll(async () => {
    parrot = await createParrot(canaries)
  })
  afterAll(() => parrot.close())

  const hear = (from: string, call: Promise<unknown>): Promise<void> =>
    call.then(
      (answer) => note(`${from}: went well`, answer),
      (error: unknown) => note(from, error),
    )
  const expectSilence = (own: { signatures: boolean }): void => {
    const signed = own.signatures ? parrot.signatures.map((each, at) => [`signature ${at}`, each] as const) : []
    const failures = [...seen].filter((from) => !from.endsWith('went well'))
    expect(failures.length).toBeGreaterThan(MANNERS.length)
    expect(takeSinging({ ...canaries, ...Object.fromEntries(signed) })).toEqual([])
  }

  const stubChain = (): void => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', credentials.accessKeyId)
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', credentials.secretAccessKey)
    vi.stubEnv('AWS_SESSION_TOKEN', sessionToken)
  }

  const stores: Record<string, (endpoint: string) => S3StorageOptions> = {
    'its own requests': (endpoint) => ({ bucket: 'media', region: 'eu-central-1', endpoint, credentials }),
    'a function of credentials': (endpoint) => ({
      ...{ bucket: 'media', region: 'eu-central-1', endpoint },
      credentials: async () => credentials,
    }),
    'the SDK’s chain': (endpoint) => ({ bucket: 'media', region: 'eu-central-1', endpoint }),
    'a given client': (endpoint) => ({
      bucket: 'media',
      client: new S3Client({
        ...{ region: 'eu-central-1', endpoint, credentials, forcePathStyle: true, logger: LOGGER, maxAttempts: 1 },
      }),
    }),
  }

  it.each(Object.entries(stores))('of S3, with %s', async (way, toOptions) => {
    stubChain()
    const options = { ...toOptions(parrot.origin), encryption: { type: 'SSE-KMS', keyId: KMS_KEY } } as const
    const storage = createS3Storage(options)
    const filename = CANARIES['file name']
    const put = { size: 4, sha256: 'ab'.repeat(32), contentType: 'application/pdf', ifAbsent: true } as const
    const first = parrot.signatures.length
    for (const { notation, ...manner } of MANNERS) {
      parrot.speak({ ...manner, language: 'xml' })
      const from = `${way}, ${notation}`
      const upload = { storage, accountId: 'aviary', key: KEY, filename, mimeType: 'application/pdf' }
      await hear(`${from}, upload`, uploadToS3(Buffer.from('%PDF'), upload))
      const body = Readable.from([Buffer.from('%PDF')])
      await hear(`${from}, put`, storage.put(KEY, body, { ...put, contentDisposition: 'attachment' }))
      await hear(`${from}, get`, storage.get?.(KEY) ?? Promise.resolve())
      await hear(`${from}, head`, storage.head(KEY))
      await hear(`${from}, delete`, storage.delete?.(KEY) ?? Promise.resolve())
      await hear(`${from}, list`, readAll(storage.list?.('whatsapp-media/') ?? []))
    }
    await hear(`${way}, probe`, probeS3(options))
    expect(parrot.signatures.length).toBeGreaterThan(first + MANNERS.length)
    await storage.close?.()
    // The requests of a client of the app's own are its own; in the field that S3 has for it, a signature is removed.
    expectSilence({ signatures: options.client === undefined })
  })

  const queueUrl = '/111122223333/media'
  const PASSWORD = 'canary-password-of-a-proxy'
  const queues: Record<string, (origin: string) => SqsConnectionOptions> = {
    credentials: (origin) => ({ queueUrl: origin + queueUrl, endpoint: origin, region: 'eu-central-1', credentials }),
    'a function of credentials': (origin) => ({
      ...{ queueUrl: origin + queueUrl, endpoint: origin, region: 'eu-central-1' },
      credentials: async () => credentials,
    }),
    'the SDK’s chain': (origin) => ({
      queueUrl: `${origin.replace('://', `://proxy:${PASSWORD}@`)}${queueUrl}`,
      endpoint: origin,
      region: 'eu-central-1',
    }),
    'a given client': (origin) => ({
      queueUrl: origin + queueUrl,
      client: new SQSClient({ region: 'eu-central-1', endpoint: origin, credentials, logger: LOGGER, maxAttempts: 1 }),
    }),
  }

  it.each(Object.entries(queues))('of SQS, with %s', async (way, toOptions) => {
    stubChain()
    canaries['password of a URL'] = PASSWORD
    const options = toOptions(parrot.origin)
    const media = personal({
      ...{ mediaId: '1', mediaType: 'document', phoneNumberId: '1', timestamp: '2026-11-22T10:00:00.000Z' },
      ...{ messageId: CANARIES['message id'], filename: CANARIES['file name'], caption: CANARIES.caption },
    } as MediaJob['media'])
    const queue = createSqsQueue(options)
    for (const language of ['json', 'batch'] as const) {
      for (const { notation, ...manner } of MANNERS) {
        // Those that pass are tried again, with waits.
        if (manner.status === 500 && notation !== 'in base64') continue
        parrot.speak({ ...manner, language, status: language === 'batch' ? 200 : manner.status })
        await hear(`${way}, ${notation}, ${language}`, queue.enqueue([{ version: 1, accountId: 'aviary', media }]))
      }
    }
    await queue.close()
    const failed = new Promise<void>((resolve) => {
      const consumer = createSqsConsumer({
        ...options,
        processJob: async () => ({ outcome: 'done' }),
        onError(error) {
          note(`${way}, consumer`, error)
          resolve()
          void consumer.close()
        },
      })
      parrot.speak({ status: 403, language: 'json', code: 'AccessDenied', write: (text) => text })
      consumer.start()
    })
    await failed
    expectSilence({ signatures: false })
  })
})
