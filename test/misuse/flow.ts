import {
  archiveMedia,
  buildMediaKey,
  createMediaArchive,
  downloadMediaFromWhatsApp,
  getSignedUrl,
  parseMediaKey,
  signUrls,
  uploadToS3,
} from '../../src/index.js'
import { createInProcessQueue } from '../../src/queues/in-process.js'
import { createMemoryStorage } from '../../src/storage/memory.js'
import { buildWebhook } from '../../src/testing.js'
import { extractMedia } from '../../src/webhook.js'
import { reference } from '../whole-reference.js'
import { call, type Row, SECRET } from './row.js'

const storage = createMemoryStorage({ baseUrl: 'https://example.com/media', secret: 'at least 16 characters' })
const { put, head, get, address, capabilities } = storage
const http = (): never => {
  throw new Error('a request was sent')
}
const accountId = 'acme'
const payload = buildWebhook([{ media: { type: 'image', object: { id: '1234567890', mime_type: 'image/jpeg' } } }])
const key = 'whatsapp-media/acme/2026-11-22/image/5ef5e495-9ea6-59d7-91c6-d39ba4699239.jpg'

const valid = { storage, accountId, accessToken: SECRET, http }
const archiving = (options: object) => call(archiveMedia, reference, { ...valid, ...options })
const archivingId = (options: object) => call(archiveMedia, '1234567890', { ...valid, ...options })
const downloading = (options: object) =>
  call(downloadMediaFromWhatsApp, reference, { accessToken: SECRET, http, ...options })
const uploading = (options: object) => call(uploadToS3, Buffer.from('x'), { storage, accountId, ...options })
const signing = (options: object) => call(getSignedUrl, key, { storage, accountId, ...options })

class OwnStorage {
  readonly name = 'own'
}

/** Each rejects. */
export const FLOW_ROWS: readonly Row[] = [
  [
    'archiveMedia without options',
    call(archiveMedia, reference),
    'options',
    'must be an object, got undefined; known are storage, ',
  ],
  ['archiveMedia with options null', call(archiveMedia, reference, null), 'options', 'must be an object, got null'],
  [
    'archiveMedia with a list as options',
    call(archiveMedia, reference, [valid]),
    'options',
    'must be an object, got an array of 1',
  ],
  [
    'archiveMedia with a promise of options',
    call(archiveMedia, reference, Promise.resolve(valid)),
    'options',
    'got a Promise (await it)',
  ],
  [
    'archiveMedia with options first',
    call(archiveMedia, { storage, accountId }, reference),
    'options',
    'the two are swapped: media comes first',
  ],
  [
    'archiveMedia with options before an id',
    call(archiveMedia, { storage, accountId }, '1234567890'),
    'options',
    'the two are swapped: media comes first',
  ],
  [
    'archiveMedia of nothing',
    call(archiveMedia, undefined, valid),
    'media',
    'must be a media id or a MediaReference, got a value of type undefined',
  ],
  [
    'archiveMedia of an empty id',
    call(archiveMedia, '', valid),
    'mediaId',
    'must be a string of 1 to 512 characters, got',
  ],
  [
    'archiveMedia of a number',
    call(archiveMedia, 1234567890, valid),
    'media',
    'must be a media id or a MediaReference, got a value of type number',
  ],
  ['archiveMedia of a token', call(archiveMedia, SECRET, valid), 'mediaId', 'got what looks like a secret'],
  [
    'archiveMedia of a message id',
    call(archiveMedia, 'wamid.HBgLMTIwMjU1NTAxNDM=', valid),
    'mediaId',
    'must be the media id, got a message id',
  ],
  [
    'archiveMedia of a payload',
    call(archiveMedia, payload, valid),
    'media',
    'got a webhook payload: give it extractMedia(payload)',
  ],
  [
    'archiveMedia of all media at once',
    call(archiveMedia, extractMedia(payload), valid),
    'media',
    'got the result of extractMedia: give each of its media',
  ],
  [
    'archiveMedia of added media',
    call(archiveMedia, { mediaId: '1', reference, mediaObject: {} }, valid),
    'media',
    'got media of the fake API: give its reference',
  ],
  [
    'archiveMedia of a promise',
    call(archiveMedia, Promise.resolve(reference), valid),
    'media',
    'got a Promise (await it)',
  ],
  ['archiveMedia of a list', call(archiveMedia, [reference], valid), 'media', 'must be a media id or a MediaReference'],
  [
    'archiveMedia of an unknown type',
    archivingId({ mediaType: 'pdf' }),
    'mediaType',
    "must be image, video, audio, document or sticker, got 'pdf'",
  ],
  [
    'archiveMedia at an invalid date',
    archivingId({ timestamp: new Date('yesterday') }),
    'timestamp',
    'must be an ISO 8601 time with zone, or a Date, got an invalid Date',
  ],
  ['archiveMedia at a number', archivingId({ timestamp: 1_700_000_000 }), 'timestamp', 'must be an ISO 8601 time'],
  ['archiveMedia with a file name that is none', archivingId({ filename: 5 }), 'filename', 'must be a string'],
  ['archiveMedia without accountId', archiving({ accountId: undefined }), 'accountId', 'got undefined'],
  ['archiveMedia with an empty accountId', archiving({ accountId: '' }), 'accountId', "got ''"],
  ['archiveMedia with an accountId with a blank', archiving({ accountId: 'acme inc' }), 'accountId', 'must match'],
  [
    'archiveMedia with a promised accountId',
    archiving({ accountId: Promise.resolve('acme') }),
    'accountId',
    'got a Promise (await it)',
  ],
  [
    'archiveMedia without storage',
    archiving({ storage: undefined }),
    'storage',
    'must be an ObjectStorage, got undefined',
  ],
  [
    'archiveMedia with an empty storage',
    archiving({ storage: {} }),
    'storage',
    'lacks the functions put, head, get, delete, address',
  ],
  [
    'archiveMedia with half a storage',
    archiving({ storage: { put, head, get } }),
    'storage',
    'lacks the functions delete, address',
  ],
  [
    'archiveMedia with a factory as storage',
    archiving({ storage: createMemoryStorage }),
    'storage',
    'got a function (call it, and give what it returns)',
  ],
  [
    'archiveMedia with a class as storage',
    archiving({ storage: OwnStorage }),
    'storage',
    'got a class (give an instance of it)',
  ],
  [
    'archiveMedia with a promised storage',
    archiving({ storage: Promise.resolve(storage) }),
    'storage',
    'got a Promise (await it)',
  ],
  [
    'archiveMedia with a bucket as storage',
    archiving({ storage: 'media' }),
    'storage',
    "must be an ObjectStorage, got 'media'",
  ],
  [
    'archiveMedia with a storage without capabilities',
    archiving({ storage: { ...storage, capabilities: undefined } }),
    'storage.capabilities',
    'must say what the store can: { conditionalCreate, checksum }',
  ],
  [
    'archiveMedia with a storage of unclear capabilities',
    archiving({
      storage: { put, head, get, address, delete: put, capabilities: { ...capabilities, checksum: 'yes' } },
    }),
    'storage.capabilities.checksum',
    'must be true or false',
  ],
  [
    'archiveMedia with a token that keeps its line end',
    archiving({ accessToken: `${SECRET}\n` }),
    'accessToken',
    'must be a token without white space around it',
  ],
  [
    'archiveMedia with a promised token',
    archiving({ accessToken: Promise.resolve(SECRET) }),
    'accessToken',
    'got a Promise (await it)',
  ],
  [
    'archiveMedia with an account as token',
    archiving({ accessToken: { token: SECRET } }),
    'accessToken',
    'must be a token',
  ],
  [
    'archiveMedia with an empty app secret',
    archiving({ appSecret: '' }),
    'appSecret',
    'must be a non-empty string, or left out',
  ],
  [
    'archiveMedia with app secret null',
    archiving({ appSecret: null }),
    'appSecret',
    'must be a non-empty string, or left out',
  ],
  ['archiveMedia with no attempt', archiving({ attempts: 0 }), 'attempts', 'must be a whole number, 1 or more, got 0'],
  ['archiveMedia with attempts as text', archiving({ attempts: '3' }), 'attempts', "got '3'"],
  ['archiveMedia with attempts NaN', archiving({ attempts: Number('three') }), 'attempts', 'got NaN'],
  [
    'archiveMedia with a negative lifetime',
    archiving({ mediaLifetimeMs: -1 }),
    'mediaLifetimeMs',
    'must be a positive number, got -1',
  ],
  [
    'archiveMedia with a prefix without slash',
    archiving({ prefix: 'media' }),
    'prefix',
    "must be empty or safe segments ending in '/'",
  ],
  [
    'archiveMedia with a prefix that begins with a slash',
    archiving({ prefix: '/media/' }),
    'prefix',
    'must be empty or safe segments',
  ],
  [
    'archiveMedia with an empty layout',
    archiving({ keyLayout: {} }),
    'keyLayout',
    'must be a KeyLayout, and lacks the functions build, parse',
  ],
  [
    'archiveMedia with a build function as layout',
    archiving({ keyLayout: () => key }),
    'keyLayout',
    'must be a KeyLayout, got a function',
  ],
  ['archiveMedia with another sniff', archiving({ sniff: false }), 'sniff', 'must be safe or trust, got false'],
  [
    'archiveMedia with another integrity',
    archiving({ integrity: 'loose' }),
    'integrity',
    "must be strict or report, got 'loose'",
  ],
  [
    'archiveMedia with fetch as client',
    archiving({ http: globalThis.fetch }),
    'http',
    'got fetch: give fromFetch(fetch)',
  ],
  ['archiveMedia with an object as client', archiving({ http: {} }), 'http', 'must be a function'],
  [
    'archiveMedia with a list of events',
    archiving({ onEvent: ['archived'] }),
    'onEvent',
    'must be a function, got an array of 1',
  ],
  [
    'archiveMedia with a controller as signal',
    archiving({ signal: new AbortController() }),
    'signal',
    'must be an AbortSignal, got an AbortController (give its signal)',
  ],
  [
    'archiveMedia with milliseconds as signal',
    archiving({ signal: 5_000 }),
    'signal',
    'must be an AbortSignal, got 5000',
  ],
  [
    'archiveMedia with one timeout',
    archiving({ timeouts: 30_000 }),
    'timeouts',
    'must be an object, got 30000; known are headersMs, idleMs',
  ],
  [
    'archiveMedia with a timeout as text',
    archiving({ timeouts: { totalMs: '30' } }),
    'timeouts.totalMs',
    "must be a positive number of milliseconds, got '30'",
  ],
  [
    'archiveMedia with a timeout of 0',
    archiving({ timeouts: { idleMs: 0 } }),
    'timeouts.idleMs',
    'must be a positive number of milliseconds, got 0',
  ],
  [
    'archiveMedia with a slip in timeouts',
    archiving({ timeouts: { headerMs: 1 } }),
    'timeouts.headerMs',
    'unknown option timeouts.headerMs; did you mean timeouts.headersMs?',
  ],
  [
    'archiveMedia with a slip in cloudApi',
    archiving({ cloudApi: { baseURL: 'https://graph.example' } }),
    'cloudApi.baseURL',
    'did you mean cloudApi.baseUrl?',
  ],
  [
    'archiveMedia with a URL as cloudApi',
    archiving({ cloudApi: 'https://graph.example' }),
    'cloudApi',
    'must be an object',
  ],
  [
    'archiveMedia with a host as base URL',
    archiving({ cloudApi: { baseUrl: 'graph.example' } }),
    'cloudApi.baseUrl',
    'must be an https URL',
  ],
  [
    'archiveMedia with a version as number',
    archiving({ cloudApi: { version: 25 } }),
    'cloudApi.version',
    'must look like v25.0, got 25',
  ],
  [
    'archiveMedia with one media host',
    archiving({ cloudApi: { mediaHosts: 'lookaside.fbsbx.com' } }),
    'cloudApi.mediaHosts',
    'must be a list',
  ],
  [
    'archiveMedia with a header as authorization',
    archiving({ cloudApi: { authorization: `Bearer ${SECRET}` } }),
    'cloudApi.authorization',
    'must be a function',
  ],
  [
    'archiveMedia with a guard as text',
    archiving({ cloudApi: { guardPhoneNumber: 'false' } }),
    'cloudApi.guardPhoneNumber',
    "must be true or false, got 'false'",
  ],
  ['archiveMedia with a cap as text', archiving({ maxBytes: '1000' }), 'maxBytes', "got '1000'"],
  [
    'archiveMedia with a cap of another type',
    archiving({ maxBytes: { pdf: 1_000 } }),
    'maxBytes',
    "must be by media type, got 'pdf'",
  ],
  [
    'download without options',
    call(downloadMediaFromWhatsApp, '1234567890'),
    'options',
    'must be an object, got undefined',
  ],
  [
    'download of a payload',
    call(downloadMediaFromWhatsApp, payload, { accessToken: SECRET }),
    'media',
    'must be a media id or a MediaReference, got a webhook payload',
  ],
  [
    'download of nothing',
    call(downloadMediaFromWhatsApp, null, { accessToken: SECRET }),
    'media',
    'must be a media id or a MediaReference',
  ],
  ['download into a storage', downloading({ storage }), 'storage', 'unknown option storage; known are accessToken'],
  [
    'download with a token in quotes',
    downloading({ accessToken: ` ${SECRET}` }),
    'accessToken',
    'without white space around it',
  ],
  [
    'download with options first',
    call(downloadMediaFromWhatsApp, { accessToken: SECRET }, '1234567890'),
    'options',
    'swapped',
  ],
  ['download with a signal of another kind', downloading({ signal: 'abort' }), 'signal', 'must be an AbortSignal'],
  ['upload without options', call(uploadToS3, Buffer.from('x')), 'options', 'must be an object, got undefined'],
  [
    'upload with options first',
    call(uploadToS3, { storage, accountId }, Buffer.from('x')),
    'options',
    'the two are swapped: body comes first',
  ],
  [
    'upload of a text',
    call(uploadToS3, 'text', { storage, accountId }),
    'body',
    'must be bytes, a Blob, a stream or an async iterable',
  ],
  ['upload of nothing', call(uploadToS3, undefined, { storage, accountId }), 'body', 'got undefined'],
  [
    'upload of a promise',
    call(uploadToS3, Promise.resolve(Buffer.from('x')), { storage, accountId }),
    'body',
    'got a Promise (await it)',
  ],
  [
    'upload without key and accountId',
    uploading({ accountId: undefined }),
    'accountId',
    'or key is needed, got neither',
  ],
  ['upload to an empty key', uploading({ key: '' }), 'key', 'must be a non-empty string'],
  ['upload to a key that begins with a slash', uploading({ key: '/invoices/1.pdf' }), 'key', 'must have no empty'],
  ['upload to a URL', uploading({ key: 's3://media/1.pdf' }), 'key', 'must have no empty'],
  ['upload of an unknown type', uploading({ key: 'a.pdf', mediaType: 'pdf' }), 'mediaType', "got 'pdf'"],
  ['upload with a size as text', uploading({ size: '1' }), 'size', "got '1'"],
  ['upload with a hash in base64', uploading({ sha256: 'a'.repeat(43) }), 'sha256', 'must be 64 lowercase hex digits'],
  ['upload with another type of type', uploading({ mimeType: null }), 'mimeType', 'must be a string'],
  ['upload with options of the archive', uploading({ attempts: 3 }), 'attempts', 'unknown option attempts; known are'],
  ['getSignedUrl without options', call(getSignedUrl, key), 'options', 'must be an object, got undefined'],
  [
    'getSignedUrl with options first',
    call(getSignedUrl, { storage, accountId }, key),
    'options',
    'the two are swapped: key comes first',
  ],
  ['getSignedUrl of nothing', call(getSignedUrl, undefined, { storage, accountId }), 'key', 'got undefined'],
  ['getSignedUrl without accountId', call(getSignedUrl, key, { storage }), 'accountId', 'give exactly one of the two'],
  [
    'getSignedUrl without storage',
    call(getSignedUrl, key, { accountId }),
    'storage',
    'must be an ObjectStorage, got undefined',
  ],
  [
    'getSignedUrl with a factory as storage',
    signing({ storage: createMemoryStorage }),
    'storage',
    'got a function (call it',
  ],
  [
    'getSignedUrl of a storage that does not sign',
    signing({ storage: createMemoryStorage() }),
    'storage',
    'must be able to sign URLs',
  ],
  [
    'getSignedUrl in milliseconds',
    signing({ expiresIn: 3_600_000 }),
    'expiresIn',
    'must be a whole number of seconds from 1 to 604800, got 3600000',
  ],
  ['getSignedUrl with an expiry as text', signing({ expiresIn: '600' }), 'expiresIn', "got '600'"],
  [
    'getSignedUrl with another disposition',
    signing({ disposition: 'download' }),
    'disposition',
    "must be inline or attachment, got 'download'",
  ],
  ['getSignedUrl with a file name that is none', signing({ filename: 7 }), 'filename', 'must be a string'],
  [
    'getSignedUrl cached for half a second',
    signing({ cacheFor: 0.5 }),
    'cacheFor',
    'must be a whole number of seconds',
  ],
  ['getSignedUrl with an event that is none', signing({ onEvent: {} }), 'onEvent', 'must be a function'],
  ['signUrls of one key', call(signUrls, 'abc'), 'options', 'must be an object, got undefined'],
  [
    'signUrls of one key with options',
    call(signUrls, 'abc', { storage, accountId }),
    'keys',
    "must be a list, got 'abc'",
  ],
  ['signUrls without options', call(signUrls, [key]), 'options', 'must be an object, got undefined'],
  ['signUrls of stored media', call(signUrls, [{ key }], { storage, accountId }), 'key', 'got a value of type object'],
]

/** Each throws. */
export const KEY_ROWS: readonly Row[] = [
  ['buildMediaKey without parts', call(buildMediaKey), 'parts', 'must be an object, got undefined'],
  ['buildMediaKey of an id', call(buildMediaKey, '1234567890'), 'parts', 'must be an object'],
  [
    'buildMediaKey with a slip',
    call(buildMediaKey, { accountId, mediaType: 'image', mimeType: 'image/jpeg', mediaID: '1' }),
    'parts.mediaID',
    'did you mean parts.mediaId?',
  ],
  [
    'buildMediaKey of another type',
    call(buildMediaKey, { accountId, mediaType: 'pdf', mimeType: 'application/pdf' }),
    'mediaType',
    "got 'pdf'",
  ],
  [
    'buildMediaKey without MIME type',
    call(buildMediaKey, { accountId, mediaType: 'image' }),
    'mimeType',
    'must be a string',
  ],
  [
    'buildMediaKey with a prefix as options',
    call(buildMediaKey, { accountId, mediaType: 'image', mimeType: 'image/png' }, 'media/'),
    'options',
    'must be an object',
  ],
  ['parseMediaKey of nothing', call(parseMediaKey), 'key', 'got undefined'],
  ['parseMediaKey with a prefix as options', call(parseMediaKey, key, 'media/'), 'options', 'must be an object'],
]

const accounts = () => ({ accountId, accessToken: SECRET })
const creating = (options: object) => call(createMediaArchive, { storage, accounts, ...options })

/** Each throws. */
export const ARCHIVE_OPTION_ROWS: readonly Row[] = [
  ['no options', call(createMediaArchive), 'options', 'must be an object, got undefined; known are storage'],
  ['a storage as options', call(createMediaArchive, storage), 'name', 'unknown option'],
  ['no accounts', creating({ accounts: undefined }), 'accounts', 'accounts is missing; it must be a function'],
  ['accounts as object', creating({ accounts: {} }), 'accounts', 'must be a function'],
  ['accounts as list', creating({ accounts: [] }), 'accounts', 'must be a function, got an array of 0'],
  [
    'a token in place of accounts',
    call(createMediaArchive, { storage, accessToken: SECRET }),
    'accessToken',
    'unknown option accessToken; known are',
  ],
  ['no storage', creating({ storage: undefined }), 'storage', 'must be an ObjectStorage, got undefined'],
  ['an empty storage', creating({ storage: {} }), 'storage', 'lacks the functions put, head'],
  [
    'a queue that was not made',
    creating({ queue: createInProcessQueue }),
    'queue',
    'got a function (call it, and give what it returns)',
  ],
  ['the name of a queue', creating({ queue: 'media' }), 'queue', "must be a MediaQueue, got 'media'"],
  ['queue null', creating({ queue: null }), 'queue', 'must be a MediaQueue, got null'],
  ['an empty queue', creating({ queue: {} }), 'queue', 'lacks the functions enqueue'],
  ['a prefix that is none', creating({ prefix: 5 }), 'prefix', 'must be empty or safe segments'],
  ['onArchived as object', creating({ onArchived: {} }), 'onArchived', 'must be a function'],
  ['onFailed as text', creating({ onFailed: 'log' }), 'onFailed', "must be a function, got 'log'"],
  ['onEvent as object', creating({ onEvent: {} }), 'onEvent', 'must be a function'],
  [
    'a callback timeout of 0',
    creating({ callbackTimeoutMs: 0 }),
    'callbackTimeoutMs',
    'must be a positive number of milliseconds, got 0',
  ],
  ['a limit of gone media as text', creating({ maxGonePerHour: '20' }), 'maxGonePerHour', "got '20'"],
  ['a slip', creating({ onArchive: () => {} }), 'onArchive', 'did you mean onArchived?'],
  ['the retry of another library', creating({ retry: { attempts: 3 } }), 'retry', 'unknown option retry'],
]

/** Each rejects. */
export function buildArchiveRows(): readonly Row[] {
  const archive = createMediaArchive({ storage, accounts, http, queue: createInProcessQueue() })
  const bare = createMediaArchive({ storage, accounts, http })
  return [
    [
      'enqueue of a payload',
      call(archive.enqueue, payload),
      'media',
      'got a webhook payload: give it extractMedia(payload)',
    ],
    ['enqueue of payloads', call(archive.enqueue, [payload]), 'media[0]', 'give it extractMedia(payload)'],
    ['enqueue of nothing', call(archive.enqueue), 'media', 'must be a MediaReference'],
    ['enqueue of an id', call(archive.enqueue, '1234567890'), 'media', 'must be a MediaReference'],
    ['enqueue of a promise', call(archive.enqueue, Promise.resolve(reference)), 'media', 'got a Promise (await it)'],
    [
      'enqueue of a reference with a hole',
      call(archive.enqueue, { ...reference, messageId: undefined }),
      'media.messageId',
      'must be a string',
    ],
    ['enqueue without a queue', call(bare.enqueue, reference), 'queue', 'is needed to enqueue'],
    ['archive of a payload', call(archive.archive, payload), 'media', 'give it extractMedia(payload)'],
    [
      'archive with an index, as map gives one',
      call(archive.archive, reference, 0),
      'options',
      'must be an object, got 0',
    ],
    [
      'archive with a slip',
      call(archive.archive, reference, { singal: undefined, signals: 1 }),
      'signals',
      'did you mean signal?',
    ],
    [
      'archive with a controller',
      call(archive.archive, reference, { signal: new AbortController() }),
      'signal',
      'give its signal',
    ],
    ['upload without options', call(archive.upload, Buffer.from('x')), 'options', 'must be an object, got undefined'],
    [
      'upload to a storage',
      call(archive.upload, Buffer.from('x'), { accountId, storage }),
      'storage',
      'unknown option storage',
    ],
    ['upload without accountId', call(archive.upload, Buffer.from('x'), {}), 'accountId', 'got undefined'],
    [
      'upload with a signal of another kind',
      call(archive.upload, Buffer.from('x'), { accountId, signal: true }),
      'signal',
      'must be an AbortSignal',
    ],
    [
      'signUrl without options',
      call(archive.signUrl, key),
      'options',
      'must be an object, got undefined; known are accountId',
    ],
    [
      'signUrl with an account as options',
      call(archive.signUrl, key, accountId),
      'options',
      "must be an object, got 'acme'",
    ],
    [
      'signUrl with a slip',
      call(archive.signUrl, key, { accountId, expireIn: 5 }),
      'expireIn',
      'did you mean expiresIn?',
    ],
    ['exists without options', call(archive.exists, key), 'options', 'must be an object, got undefined'],
    ['open with an account as options', call(archive.open, key, accountId), 'options', "got 'acme'"],
    ['delete with a slip', call(archive.delete, key, { accountID: accountId }), 'accountID', 'did you mean accountId?'],
    ['signUrls of one key', call(archive.signUrls, key, { accountId }), 'keys', 'must be a list'],
    ['keyOf a media id', call(archive.keyOf, '1234567890'), 'reference', 'must be a MediaReference'],
    ['send without options', call(archive.send, { to: '+15550001111', media: { key } }), 'options', 'got undefined'],
    [
      'send with a token',
      call(archive.send, { to: '+15550001111', media: { key } }, { phoneNumberId: '1', accessToken: 'x' }),
      'accessToken',
      'unknown option accessToken',
    ],
    ['send of a path', call(archive.send, '/tmp/x.pdf', { phoneNumberId: '1' }), 'message', 'must be an object'],
    [
      'send of a file',
      call(archive.send, { to: '+15550001111', media: '/tmp/x.pdf' }, { phoneNumberId: '1' }),
      'message.media',
      'must be an object',
    ],
    [
      'close with a signal name',
      call(archive.close, 'SIGTERM'),
      'options',
      "must be an object, got 'SIGTERM'; known are timeoutMs",
    ],
    ['close with milliseconds', call(archive.close, 10_000), 'options', 'must be an object, got 10000'],
    ['close with a slip', call(archive.close, { timeout: 10_000 }), 'timeout', 'did you mean timeoutMs?'],
    ['close with a time as text', call(archive.close, { timeoutMs: '10' }), 'timeoutMs', "got '10'"],
    [
      'idle with milliseconds',
      call(archive.idle, 5),
      'options',
      'must be an object, got 5; known are timeoutMs, signal',
    ],
    ['idle with null', call(archive.idle, null), 'options', 'must be an object, got null'],
    ['idle with a list', call(archive.idle, []), 'options', 'must be an object, got an array of 0'],
    ['idle with a signal as options', call(archive.idle, AbortSignal.timeout(1)), 'options', 'must be an object'],
    ['idle with a slip', call(archive.idle, { timeoutMS: 1 }), 'timeoutMS', 'did you mean timeoutMs?'],
    ['idle with another name', call(archive.idle, { timeout: 1 }), 'timeout', 'did you mean timeoutMs?'],
    ['idle with a time as text', call(archive.idle, { timeoutMs: '10' }), 'timeoutMs', "got '10'"],
    ['idle in no time', call(archive.idle, { timeoutMs: 0 }), 'timeoutMs', 'must be a positive number of milliseconds'],
    [
      'idle with a signal that is none',
      call(archive.idle, { signal: 'x' }),
      'signal',
      "must be an AbortSignal, got 'x'",
    ],
    ['idle with signal null', call(archive.idle, { signal: null }), 'signal', 'must be an AbortSignal, got null'],
    [
      'idle with a controller',
      call(archive.idle, { signal: new AbortController() }),
      'signal',
      'got an AbortController (give its signal)',
    ],
    ['close in no time', call(archive.close, { timeoutMs: Number.NaN }), 'timeoutMs', 'got NaN'],
  ]
}
