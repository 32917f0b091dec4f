import { configFromEnv } from '../../src/config-from-env.js'
import { buildWebhook, createFakeCloudApi, deliver, serializeWebhook, signWebhook } from '../../src/testing.js'
import { call, type Row, SECRET } from './row.js'

const api = await createFakeCloudApi({ origin: 'https://cloud-api.test' })
const failing = (fault: object) => call(api.fail, { on: 'look-up', kind: 'stall', ...fault })
const adding = (media: object) =>
  call(api.addMedia, { bytes: Buffer.from('x'), mimeType: 'text/plain', mediaType: 'document', ...media })
const signed = buildWebhook([{ text: 'hello' }])
const circle: Record<string, unknown> = {}
circle['self'] = circle

/** Each throws. */
export const TEST_KIT_ROWS: readonly Row[] = [
  ['no fault', call(api.fail), 'fault', 'must be an object, got undefined; known are on, kind, times'],
  ['a fault as text', call(api.fail, 'reset'), 'fault', "must be an object, got 'reset'"],
  ['a list of faults', call(api.fail, [{ on: 'look-up', kind: 'reset' }]), 'fault', 'got an array of 1'],
  [
    'a request without its hyphen',
    failing({ on: 'lookup' }),
    'fault.on',
    'must be look-up, download, flow-download, delete, upload,',
  ],
  ['a request nearly named', failing({ on: 'lookup' }), 'fault.on', 'did you mean look-up?'],
  [
    'no request',
    failing({ on: undefined }),
    'fault.on',
    'must be look-up, download, flow-download, delete, upload, template-begin, template, template-offset or send, got undefined',
  ],
  ['a kind with a slip', failing({ kind: 'resett' }), 'fault.kind', "got 'resett'; did you mean reset?"],
  ['a kind in snake case', failing({ kind: 'flip_bit' }), 'fault.kind', 'did you mean flip-bit?'],
  ['half a kind', failing({ kind: 'html' }), 'fault.kind', 'did you mean html-page?'],
  ['a kind that is none', failing({ kind: 'explode' }), 'fault.kind', "got 'explode'"],
  ['the name of a method as kind', failing({ kind: 'constructor' }), 'fault.kind', 'must be status, reset'],
  ['no kind', call(api.fail, { on: 'download' }), 'fault.kind', 'got undefined'],
  ['a slip in times', failing({ time: 1 }), 'fault.time', 'did you mean fault.times?'],
  ['a slip in mediaId', failing({ mediaID: '1' }), 'fault.mediaID', 'did you mean fault.mediaId?'],
  [
    'a field of another kind',
    failing({ kind: 'drip', afterBytes: 1 }),
    'fault.afterBytes',
    'did you mean fault.bytes?',
  ],
  ['a status of a stall', failing({ status: 503 }), 'fault.status', 'unknown option fault.status'],
  ['no status', failing({ kind: 'status' }), 'fault.status', 'must be a whole number from 100 to 999, got undefined'],
  ['a status as text', failing({ kind: 'status', status: '503' }), 'fault.status', "got '503'"],
  [
    'a body as object',
    failing({ kind: 'status', status: 400, body: { error: {} } }),
    'fault.body',
    'must be a string, got a value of type object',
  ],
  [
    'headers as list',
    failing({ kind: 'status', status: 429, headers: [['retry-after', '1']] }),
    'fault.headers',
    'must be an object of names and values, got an array of 1',
  ],
  ['times as text', failing({ times: '1' }), 'fault.times', "must be a whole number, 0 or more, got '1'"],
  ['half a time', failing({ times: 0.5 }), 'fault.times', 'got 0.5'],
  ['an id as number', failing({ mediaId: 17 }), 'fault.mediaId', 'must be a string'],
  ['bytes before the beginning', failing({ afterBytes: -1 }), 'fault.afterBytes', 'of bytes, 0 or more, got -1'],
  ['drops of no byte', failing({ kind: 'drip', bytes: 0 }), 'fault.bytes', 'of bytes, 1 or more, got 0'],
  [
    'drops in words',
    failing({ kind: 'drip', everyMs: '50ms' }),
    'fault.everyMs',
    "of milliseconds, 0 or more, got '50ms'",
  ],
  ['an offset as text', failing({ kind: 'flip-bit', offset: '3' }), 'fault.offset', "got '3'"],
  ['a redirect to nowhere', failing({ kind: 'redirect' }), 'fault.to', 'must be a string'],
  [
    'a redirect with status 200',
    failing({ kind: 'redirect', to: 'https://example.com', status: 200 }),
    'fault.status',
    'must be 301, 302, 303, 307 or 308, got 200',
  ],
  [
    'signWebhook of nothing',
    call(signWebhook, undefined, { appSecret: SECRET }),
    'payload',
    'such as what buildWebhook gives',
  ],
  ['signWebhook of a function', call(signWebhook, buildWebhook, { appSecret: SECRET }), 'payload', 'of type function'],
  [
    'signWebhook of a promise',
    call(signWebhook, Promise.resolve(signed), { appSecret: SECRET }),
    'payload',
    'got a Promise (await it)',
  ],
  [
    'signWebhook of a circle',
    call(signWebhook, circle, { appSecret: SECRET }),
    'payload',
    'must be what JSON can hold',
  ],
  ['signWebhook of a bigint', call(signWebhook, { id: 1n }, { appSecret: SECRET }), 'payload', 'what JSON can hold'],
  [
    'signWebhook of a body',
    call(signWebhook, JSON.stringify(signed), { appSecret: SECRET }),
    'payload',
    'must be the object, before it is serialized, got a string of',
  ],
  [
    'signWebhook of bytes',
    call(signWebhook, Buffer.from('{}'), { appSecret: SECRET }),
    'payload',
    'before it is serialized',
  ],
  ['signWebhook without options', call(signWebhook, signed), 'options', 'must be an object, got undefined'],
  ['signWebhook with a secret as options', call(signWebhook, signed, SECRET), 'options', 'must be an object'],
  ['signWebhook with a slip', call(signWebhook, signed, { appsecret: SECRET }), 'appsecret', 'did you mean appSecret?'],
  ['serializeWebhook of nothing', call(serializeWebhook), 'payload', 'got a value of type undefined'],
  ['the environment null', call(configFromEnv, null), 'env', 'must be process.env, or an object like it, got null'],
  ['no environment', call(configFromEnv), 'env', 'got undefined'],
  ['an environment as text', call(configFromEnv, 'production'), 'env', "got 'production'"],
  ['an environment as list', call(configFromEnv, ['AWS_REGION=x']), 'env', 'got an array of 1'],
  ['a promised environment', call(configFromEnv, Promise.resolve({})), 'env', 'got a Promise (await it)'],
  [
    'a variable as number',
    call(configFromEnv, { AWS_REGION: 5 }),
    'AWS_REGION',
    'must be a string, got a value of type',
  ],
  ['a variable null', call(configFromEnv, { S3_ENDPOINT: null }), 'S3_ENDPOINT', 'must be a string'],
  ['a proxy as object', call(configFromEnv, { HTTPS_PROXY: {} }), 'HTTPS_PROXY', 'must be a string'],
]

/** Each rejects. */
export const MEDIA_ROWS: readonly Row[] = [
  ['addMedia of nothing', call(api.addMedia), 'media', 'must be an object, got undefined; known are bytes, mimeType'],
  ['addMedia of bytes', call(api.addMedia, Buffer.from('x')), 'media', 'must be an object'],
  ['addMedia of null', call(api.addMedia, null), 'media', 'must be an object, got null'],
  ['addMedia with a slip', adding({ mimetype: 'image/png' }), 'media.mimetype', 'did you mean media.mimeType?'],
  ['addMedia with another slip', adding({ fileName: 'a' }), 'media.fileName', 'did you mean media.filename?'],
  ['addMedia of another type', adding({ mediaType: 'pdf' }), 'media.mediaType', 'document or sticker, got'],
  ['addMedia of a type with a slip', adding({ mediaType: 'images' }), 'media.mediaType', 'did you mean image?'],
  ['addMedia without a type', adding({ mediaType: undefined }), 'media.mediaType', 'got undefined'],
  ['addMedia without a MIME type', adding({ mimeType: undefined }), 'media.mimeType', 'must be a string'],
  ['addMedia of a text', adding({ bytes: 'hello' }), 'media.bytes', 'give it Buffer.from(text)'],
  [
    'addMedia without bytes',
    adding({ bytes: undefined }),
    'media.bytes',
    'must be bytes, or { size, sha256, stream() }',
  ],
  ['addMedia of bytes without a stream', adding({ bytes: { size: 1, sha256: 'a' } }), 'media.bytes', 'stream()'],
  ['addMedia of a promise', adding({ bytes: Promise.resolve() }), 'media.bytes', 'got a Promise (await it)'],
  ['addMedia with a caption that is none', adding({ caption: 5 }), 'media.caption', 'must be a string'],
  ['addMedia with an id as number', adding({ mediaId: 17 }), 'media.mediaId', 'must be a string'],
  ['addMedia with a switch as text', adding({ voice: 'yes' }), 'media.voice', "must be true or false, got 'yes'"],
  ['addMedia with a hash that is none', adding({ announceSha256: true }), 'media.announceSha256', 'must be a string'],
  [
    'deliver of nothing',
    call(deliver, 'http://127.0.0.1:1', undefined, { appSecret: SECRET }),
    'payload',
    'JSON can hold',
  ],
]
