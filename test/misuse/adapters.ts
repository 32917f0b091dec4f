import { createNodeHttpClient, fromFetch } from '../../src/http.js'
import { createBullMqQueue, createBullMqWorker } from '../../src/queues/bullmq.js'
import { createInProcessQueue } from '../../src/queues/in-process.js'
import { createSqsConsumer, createSqsQueue } from '../../src/queues/sqs.js'
import { createCloudFrontSigner } from '../../src/signers/cloudfront.js'
import { createFileSystemStorage } from '../../src/storage/file-system.js'
import { createMemoryStorage } from '../../src/storage/memory.js'
import { createR2Storage } from '../../src/storage/r2.js'
import { createS3Storage, probeS3 } from '../../src/storage/s3.js'
import { buildWebhook, serializeWebhook } from '../../src/testing.js'
import { createWebhookHandler, extractMedia, signPayload, verifySignature } from '../../src/webhook.js'
import { reference } from '../whole-reference.js'
import { call, type Row, SECRET } from './row.js'

const payload = buildWebhook([{ text: 'hello' }])
const rawBody = serializeWebhook(payload)
const handling = (options: object) =>
  call(createWebhookHandler, { appSecret: 'app-secret', verifyToken: 'verify-token', ...options })

/** Each throws. */
export const WEBHOOK_ROWS: readonly Row[] = [
  ['no options', call(createWebhookHandler), 'options', 'must be an object, got undefined; known are appSecret'],
  ['options null', call(createWebhookHandler, null), 'options', 'must be an object, got null'],
  [
    'a callback as options',
    call(createWebhookHandler, () => {}),
    'options',
    'must be an object, got a value of type function',
  ],
  [
    'no app secret',
    handling({ appSecret: undefined }),
    'appSecret',
    "appSecret is missing; it must be the app's secret",
  ],
  ['an empty app secret', handling({ appSecret: '' }), 'appSecret', 'got a string of 0 characters'],
  [
    'an app secret with its line end',
    handling({ appSecret: `${SECRET}\n` }),
    'appSecret',
    'without white space around',
  ],
  ['no app secret in a list', handling({ appSecret: [] }), 'appSecret', "must be the app's secret"],
  ['a promised app secret', handling({ appSecret: Promise.resolve('x') }), 'appSecret', 'got a Promise (await it)'],
  [
    'no verify token',
    handling({ verifyToken: undefined }),
    'verifyToken',
    'must be the token entered in the App Dashboard',
  ],
  [
    'a verify token with its line end',
    handling({ verifyToken: 'token\n' }),
    'verifyToken',
    'without white space around',
  ],
  ['a verify token of blanks', handling({ verifyToken: '  ' }), 'verifyToken', 'got a string of 2 characters'],
  ['onMedia as object', handling({ onMedia: {} }), 'onMedia', 'must be a function, got a value of type object'],
  [
    'onMedia as the promise of enqueue',
    handling({ onMedia: Promise.resolve() }),
    'onMedia',
    'got a Promise (await it)',
  ],
  ['neither onPayload nor onMedia', handling({}), 'onMedia', 'or onPayload is needed'],
  [
    'both undefined',
    handling({ onPayload: undefined, onMedia: undefined, onRejected() {} }),
    'onMedia',
    'each webhook is confirmed and lost',
  ],
  ['onMedia null', handling({ onMedia: null }), 'onMedia', 'must be a function, got null'],
  ['onPayload as text', handling({ onPayload: 'log' }), 'onPayload', "must be a function, got 'log'"],
  ['onRejected as list', handling({ onRejected: [] }), 'onRejected', 'must be a function, got an array of 0'],
  ['a slip', handling({ onMdia: () => {} }), 'onMdia', 'unknown option onMdia; did you mean onMedia?'],
  ['another slip', handling({ onmedia: () => {} }), 'onmedia', 'did you mean onMedia?'],
  ['a name of Meta’s', handling({ verify_token: 'x' }), 'verify_token', 'did you mean verifyToken?'],
  ['a limit in words', handling({ maxBytes: '4mb' }), 'maxBytes', 'must be a whole number'],
  ['a body timeout of 0', handling({ bodyTimeoutMs: 0 }), 'bodyTimeoutMs', 'must be a whole number'],
  [
    'a callback timeout below 0',
    handling({ callbackTimeoutMs: -1 }),
    'callbackTimeoutMs',
    'must be a positive number of milliseconds, got -1',
  ],
  ['extractMedia of a raw body', call(extractMedia, rawBody), 'payload', ': JSON.parse it first'],
  ['extractMedia of bytes', call(extractMedia, Buffer.from(rawBody)), 'payload', ': JSON.parse it first'],
  ['extractMedia of a promise', call(extractMedia, Promise.resolve(payload)), 'payload', 'got a Promise (await it)'],
  [
    'extractMedia of a request',
    call(extractMedia, new Request('https://app.example')),
    'payload',
    'give it what its json() resolves to',
  ],
  ['extractMedia with a time as options', call(extractMedia, payload, '2026-11-22'), 'options', 'must be an object'],
  [
    'extractMedia with a slip',
    call(extractMedia, payload, { recievedAt: new Date() }),
    'recievedAt',
    'did you mean receivedAt?',
  ],
  [
    'verifySignature without options',
    call(verifySignature, rawBody, 'sha256='),
    'options',
    'must be an object, got undefined',
  ],
  [
    'verifySignature with a secret as options',
    call(verifySignature, rawBody, 'sha256=', SECRET),
    'options',
    'must be an object, got a string of',
  ],
  [
    'verifySignature with a slip',
    call(verifySignature, rawBody, '', { appsecret: 'x' }),
    'appsecret',
    'did you mean appSecret?',
  ],
  [
    'verifySignature of a parsed body',
    call(verifySignature, payload, '', { appSecret: 'x' }),
    'rawBody',
    "must be the body's bytes or text",
  ],
  ['signPayload without options', call(signPayload, rawBody), 'options', 'must be an object, got undefined'],
  [
    'signPayload with options first',
    call(signPayload, { appSecret: 'x' }, rawBody),
    'options',
    'the two are swapped: rawBody comes first',
  ],
]

/** Each rejects. */
export function buildHandlerRows(): readonly Row[] {
  const handler = createWebhookHandler({ appSecret: 'app-secret', verifyToken: 'verify-token', onPayload() {} })
  return [
    ['close with milliseconds', call(handler.close, 10_000), 'options', 'must be an object, got 10000'],
    ['close with a slip', call(handler.close, { timeout: 1 }), 'timeout', 'did you mean timeoutMs?'],
    ['close with a time below 0', call(handler.close, { timeoutMs: -1 }), 'timeoutMs', 'got -1'],
  ]
}

const s3 = (options: object) => call(createS3Storage, { bucket: 'media', region: 'eu-central-1', ...options })
const files = (options: object) => call(createFileSystemStorage, { directory: '/tmp/never-made', ...options })
const signer = (options: object) =>
  call(createCloudFrontSigner, {
    domain: 'd1.cloudfront.net',
    keyPairId: 'K2JCJMDEHXQW5F',
    privateKey: () => '',
    ...options,
  })

/** Each throws. */
export const STORAGE_ROWS: readonly Row[] = [
  ['S3 without options', call(createS3Storage), 'options', 'must be an object, got undefined; known are bucket'],
  ['S3 with a bucket as options', call(createS3Storage, 'media'), 'options', "must be an object, got 'media'"],
  [
    'S3 without bucket',
    s3({ bucket: undefined }),
    'bucket',
    'bucket is missing; it must be a bucket name, without s3:// and path, got undefined',
  ],
  ['S3 with an empty bucket', s3({ bucket: '' }), 'bucket', "got ''"],
  ['S3 with a URL as bucket', s3({ bucket: 's3://media' }), 'bucket', 'must be a bucket name, without s3:// and path'],
  ['S3 with a path as bucket', s3({ bucket: 'media/whatsapp' }), 'bucket', 'without s3:// and path'],
  ['S3 with a promised bucket', s3({ bucket: Promise.resolve('media') }), 'bucket', 'got a Promise (await it)'],
  ['S3 with a slip', s3({ regoin: 'x' }), 'regoin', 'unknown option regoin; did you mean region?'],
  ['S3 with another’s name', s3({ bucketName: 'media' }), 'bucketName', 'did you mean bucket?'],
  [
    'S3 with a region with a blank',
    s3({ region: 'eu-central-1 ' }),
    'region',
    "must be a region's name such as eu-central-1, without white space",
  ],
  ['S3 with an empty region', s3({ region: '' }), 'region', "got ''"],
  [
    'S3 with a host as endpoint',
    s3({ endpoint: 'minio:9000' }),
    'endpoint',
    'must be an http(s) URL such as https://s3.example',
  ],
  [
    'S3 with an endpoint with its line end',
    s3({ endpoint: 'https://minio.example\n' }),
    'endpoint',
    'must be an http(s) URL',
  ],
  [
    'S3 with a password in the endpoint',
    s3({ endpoint: `https://me:${SECRET}@minio.example` }),
    'endpoint',
    'without user and query',
  ],
  ['S3 with a path as public endpoint', s3({ publicEndpoint: '/media' }), 'publicEndpoint', 'must be an http(s) URL'],
  [
    'S3 with a key as credentials',
    s3({ credentials: SECRET }),
    'credentials',
    'must be { accessKeyId, secretAccessKey } or a function',
  ],
  [
    'S3 with half of its credentials',
    s3({ credentials: { accessKeyId: 'AKIAEXAMPLE' } }),
    'credentials.secretAccessKey',
    'got a value of type undefined',
  ],
  [
    'S3 with a secret with its line end',
    s3({ credentials: { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: `${SECRET}\n` } }),
    'credentials.secretAccessKey',
    'must be a text without white space around it',
  ],
  ['S3 with promised credentials', s3({ credentials: Promise.resolve({}) }), 'credentials', 'got a Promise (await it)'],
  [
    'S3 with options as client',
    s3({ client: { region: 'eu-central-1' } }),
    'client',
    'must be an S3Client, and lacks the functions send',
  ],
  [
    'S3 with a signer that was not made',
    s3({ signer: createCloudFrontSigner }),
    'signer',
    'must be a UrlSigner, got a function (call it',
  ],
  ['S3 with an encryption as text', s3({ encryption: 'SSE-S3' }), 'encryption', 'must be an object'],
  [
    'S3 with an unknown encryption',
    s3({ encryption: { type: 'AES256' } }),
    'encryption.type',
    "must be SSE-S3 or SSE-KMS, got 'AES256'",
  ],
  [
    'S3 with a slip in its encryption',
    s3({ encryption: { type: 'SSE-KMS', keyid: 'x' } }),
    'encryption.keyid',
    'did you mean encryption.keyId?',
  ],
  [
    'S3 with a storage class in small letters',
    s3({ storageClass: 'standard' }),
    'storageClass',
    'must be a storage class such as STANDARD_IA',
  ],
  ['S3 with a tag as text', s3({ tags: 'team=media' }), 'tags', 'must be an object of names and values'],
  [
    'S3 with a list of tags',
    s3({ tags: ['team'] }),
    'tags',
    'must be an object of names and values, got an array of 1',
  ],
  ['S3 with a tag that is a number', s3({ tags: { team: 7 } }), 'tags', 'must have values of up to 256'],
  [
    'S3 with an owner as number',
    s3({ expectedBucketOwner: 111122223333 }),
    'expectedBucketOwner',
    'must be an account id of 12 digits',
  ],
  [
    'S3 with a switch as text',
    s3({ conditionalWrites: 'false' }),
    'conditionalWrites',
    "must be true or false, got 'false'",
  ],
  ['S3 with an age as cache control', s3({ cacheControl: 3_600 }), 'cacheControl', 'must be a header of ASCII'],
  ['files without options', call(createFileSystemStorage), 'options', 'must be an object, got undefined'],
  ['files with a directory as options', call(createFileSystemStorage, './media'), 'options', 'must be an object'],
  ['files without directory', files({ directory: undefined }), 'directory', 'directory is missing; it must be a path'],
  ['files in an empty directory', files({ directory: '' }), 'directory', "must be a path, got ''"],
  ['files with a slip', files({ dir: '/tmp' }), 'dir', 'unknown option dir; did you mean directory?'],
  ['files with another slip', files({ directroy: '/tmp' }), 'directroy', 'did you mean directory?'],
  ['files with a path as base URL', files({ baseUrl: '/media', secret: SECRET }), 'baseUrl', 'must be an http(s) URL'],
  [
    'files with a short secret',
    files({ baseUrl: 'https://example.com', secret: 'short' }),
    'secret',
    'must be a string of at least 16 characters',
  ],
  ['files with a secret alone', files({ secret: SECRET }), 'baseUrl', 'is needed with secret'],
  ['files with a switch as text', files({ durable: 'no' }), 'durable', "must be true or false, got 'no'"],
  ['R2 without options', call(createR2Storage), 'options', 'must be an object, got undefined'],
  [
    'R2 without a bucket',
    call(createR2Storage, {}),
    'bucket',
    'bucket is missing; it must be the binding of an R2 bucket, such as env.MEDIA',
  ],
  ['R2 with a name as bucket', call(createR2Storage, { bucket: 'media' }), 'bucket', "got 'media'"],
  ['R2 with a slip', call(createR2Storage, { buckett: {} }), 'buckett', 'did you mean bucket?'],
  ['memory with an account', call(createMemoryStorage, 'acme'), 'options', "must be an object, got 'acme'"],
  [
    'memory with a slip',
    call(createMemoryStorage, { baseURL: 'https://example.com' }),
    'baseURL',
    'did you mean baseUrl?',
  ],
  ['CloudFront without options', call(createCloudFrontSigner), 'options', 'must be an object, got undefined'],
  [
    'CloudFront without domain',
    signer({ domain: undefined }),
    'domain',
    'domain is missing; it must be a host or an https origin',
  ],
  ['CloudFront by http', signer({ domain: 'http://d1.cloudfront.net' }), 'domain', 'must be a host or an https origin'],
  ['CloudFront without key pair id', signer({ keyPairId: '' }), 'keyPairId', 'must be the id of a public key'],
  [
    'CloudFront with an id as key',
    signer({ privateKey: 'K2JCJMDEHXQW5F' }),
    'privateKey',
    'must be an RSA 2048 or ECDSA P-256 private key in PEM',
  ],
  [
    'CloudFront with a path without slash',
    signer({ originPath: 'media' }),
    'originPath',
    "must be empty or like '/media'",
  ],
  ['CloudFront with another hash', signer({ algorithm: 'MD5' }), 'algorithm', "must be SHA256 or SHA1, got 'MD5'"],
  ['CloudFront with a slip', signer({ keypairID: 'x' }), 'keypairID', 'did you mean keyPairId?'],
]

/** Each rejects. */
export const PROBE_ROWS: readonly Row[] = [
  ['no options', call(probeS3), 'options', 'must be an object, got undefined'],
  ['an empty prefix', call(probeS3, { bucket: 'media' }, { prefix: '' }), 'prefix', 'must be safe segments'],
  ['a time as options', call(probeS3, { bucket: 'media' }, 30_000), 'probeOptions', 'must be an object, got 30000'],
  [
    'a slip',
    call(probeS3, { bucket: 'media' }, { timeoutMS: 1 }),
    'probeOptions.timeoutMS',
    'did you mean probeOptions.timeoutMs?',
  ],
  ['a fetch that is none', call(probeS3, { bucket: 'media' }, { fetch: {} }), 'fetch', 'must be a function'],
  [
    'a controller as signal',
    call(probeS3, { bucket: 'media' }, { signal: new AbortController() }),
    'signal',
    'give its signal',
  ],
]

const processJob = async () => ({ outcome: 'done' }) as const
const queueUrl = 'https://sqs.eu-central-1.amazonaws.com/111122223333/media'
const sqs = (options: object) => call(createSqsQueue, { queueUrl, ...options })
const consumer = (options: object) => call(createSqsConsumer, { queueUrl, processJob, ...options })
const bull = (options: object) => call(createBullMqQueue, { connection: 'redis://127.0.0.1:1', ...options })
const worker = (options: object) =>
  call(createBullMqWorker, { connection: 'redis://127.0.0.1:1', processJob, ...options })

/** Each throws. */
export const QUEUE_ROWS: readonly Row[] = [
  [
    'in process with a number as options',
    call(createInProcessQueue, 4),
    'options',
    'must be an object, got 4; known are concurrency, maxQueued',
  ],
  ['in process with a slip', call(createInProcessQueue, { concurency: 4 }), 'concurency', 'did you mean concurrency?'],
  ['in process with a number as text', call(createInProcessQueue, { concurrency: '4' }), 'concurrency', "got '4'"],
  [
    'in process with room for nothing',
    call(createInProcessQueue, { maxQueued: 0 }),
    'maxQueued',
    'must be a whole number, 1 or more',
  ],
  ['SQS without options', call(createSqsQueue), 'options', 'must be an object, got undefined'],
  ['SQS with a URL as options', call(createSqsQueue, queueUrl), 'options', 'must be an object'],
  [
    'SQS without URL',
    sqs({ queueUrl: undefined }),
    'queueUrl',
    'queueUrl is missing; it must be the URL of a standard SQS queue, got undefined',
  ],
  [
    'SQS with a name as URL',
    sqs({ queueUrl: 'media' }),
    'queueUrl',
    "must be the URL of a standard SQS queue, got 'media'",
  ],
  ['SQS with a slip', sqs({ queueURL: queueUrl }), 'queueURL', 'did you mean queueUrl?'],
  [
    'SQS with a client that is none',
    sqs({ client: {} }),
    'client',
    'must be an SQSClient, and lacks the functions send',
  ],
  ['SQS with a region with a blank', sqs({ region: ' eu-central-1' }), 'region', 'without white space'],
  ['SQS with a host as endpoint', sqs({ endpoint: 'localhost:4566' }), 'endpoint', 'must be an http(s) URL'],
  [
    'SQS with a key as credentials',
    sqs({ credentials: SECRET }),
    'credentials',
    'must be { accessKeyId, secretAccessKey } or a function',
  ],
  ['SQS with a tiny batch', sqs({ maxBatchBytes: 1 }), 'maxBatchBytes', 'must be a whole number from 1024'],
  ['SQS with a time as text', sqs({ timeoutMs: '10s' }), 'timeoutMs', "got '10s'"],
  [
    'a consumer without processJob',
    consumer({ processJob: undefined }),
    'processJob',
    'must be a function, got undefined',
  ],
  [
    'a consumer with an archive as processJob',
    consumer({ processJob: { processJob } }),
    'processJob',
    'must be a function',
  ],
  [
    'a consumer with a slip',
    consumer({ visibilityTimeout: 30 }),
    'visibilityTimeout',
    'unknown option visibilityTimeout',
  ],
  [
    'a consumer with a name as dead-letter queue',
    consumer({ deadLetterQueueUrl: 'dead' }),
    'deadLetterQueueUrl',
    'must be the URL of a standard SQS queue',
  ],
  ['a consumer with onError as object', consumer({ onError: {} }), 'onError', 'must be a function'],
  [
    'a consumer that hides for a day',
    consumer({ visibilitySeconds: 86_400 }),
    'visibilitySeconds',
    'must be a whole number from 1 to',
  ],
  ['BullMQ without options', call(createBullMqQueue), 'options', 'must be an object, got undefined'],
  [
    'BullMQ without connection',
    bull({ connection: undefined }),
    'connection',
    'connection is missing; it must be a URL, options or an instance, got undefined',
  ],
  [
    'BullMQ with a host as connection',
    bull({ connection: 'localhost:6379' }),
    'connection',
    'must be a redis: or rediss: URL',
  ],
  ['BullMQ with a slip', bull({ conection: 'redis://127.0.0.1:1' }), 'conection', 'did you mean connection?'],
  ['BullMQ with a colon in its name', bull({ name: 'media:jobs' }), 'name', 'must be 1 to 128 letters'],
  ['BullMQ with onError as text', bull({ onError: 'log' }), 'onError', "must be a function, got 'log'"],
  ['BullMQ with a time as text', bull({ timeoutMs: '5000' }), 'timeoutMs', "got '5000'"],
  ['a worker without processJob', worker({ processJob: undefined }), 'processJob', 'must be a function'],
  ['a worker with a slip', worker({ lockMS: 1 }), 'lockMS', 'did you mean lockMs?'],
  ['a worker with half a job at once', worker({ concurrency: 0.5 }), 'concurrency', 'must be a whole number'],
  ['a worker with onError as object', worker({ onError: {} }), 'onError', 'must be a function'],
  ['a client with a slip', call(createNodeHttpClient, { maxSocket: 5 }), 'maxSocket', 'did you mean maxSockets?'],
  [
    'a client without sockets',
    call(createNodeHttpClient, { maxSockets: 0 }),
    'maxSockets',
    'must be a whole number, 1 or more',
  ],
  [
    'a client with a switch as text',
    call(createNodeHttpClient, { reuseReadBuffer: 'no' }),
    'reuseReadBuffer',
    'must be true or false',
  ],
  ['a client with a number as options', call(createNodeHttpClient, 5), 'options', 'must be an object, got 5'],
  ['fromFetch of nothing', call(fromFetch), 'fetch', 'must be a function, got undefined'],
  ['fromFetch of an answer', call(fromFetch, Promise.resolve()), 'fetch', 'got a Promise (await it)'],
]

/** Each rejects. */
export function buildQueueRows(): readonly Row[] {
  const inProcess = createInProcessQueue()
  const remote = createSqsQueue({ queueUrl })
  return [
    ['media given to a queue itself', call(inProcess.enqueue, [reference]), 'jobs[0]', 'give media to archive.enqueue'],
    ['one job', call(inProcess.enqueue, { version: 1, accountId: 'acme', media: reference }), 'jobs', 'must be a list'],
    ['no jobs for SQS', call(remote.enqueue), 'jobs', 'must be a list, got undefined'],
    ['close with milliseconds', call(inProcess.close, 10_000), 'options', 'must be an object, got 10000'],
    ['close with a slip', call(inProcess.close, { timeoutMS: 1 }), 'timeoutMS', 'did you mean timeoutMs?'],
    ['idle with milliseconds', call(inProcess.idle, 5), 'options', 'must be an object, got 5'],
    [
      'idle with a time',
      call(inProcess.idle, { timeoutMs: 1 }),
      'timeoutMs',
      'unknown option timeoutMs; known are signal',
    ],
    ['idle with a signal that is none', call(inProcess.idle, { signal: 'x' }), 'signal', 'must be an AbortSignal'],
    ['close of SQS with a slip', call(remote.close, { timeout: 1 }), 'timeout', 'did you mean timeoutMs?'],
    [
      'close of a consumer',
      call(createSqsConsumer({ queueUrl, processJob }).close, 'SIGTERM'),
      'options',
      "got 'SIGTERM'",
    ],
  ]
}
