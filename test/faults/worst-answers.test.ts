import { Buffer } from 'node:buffer'
import type { SQSClient } from '@aws-sdk/client-sqs'
import { readLine } from '../../src/cli/backfill/entry.js'
import { readLines } from '../../src/cli/backfill/lines.js'
import { judgeCorsAnswers } from '../../src/cli/doctor/cors.js'
import { parseGraphError, parseMediaInfo, parseTokenInfo, parseUsage } from '../../src/download/answers.js'
import { toGraphError } from '../../src/download/graph-error.js'
import { isPassingFault } from '../../src/errors/passing-fault.js'
import { describeLoadFailure, findSetupFault } from '../../src/errors/setup-fault.js'
import { readHeaders } from '../../src/http/headers.js'
import { describeNoAnswer } from '../../src/http/no-answer.js'
import { parseJson } from '../../src/json.js'
import { findRefusal } from '../../src/queues/bullmq/refusals.js'
import { toRedisError } from '../../src/queues/bullmq/to-redis-error.js'
import { connectSqs } from '../../src/queues/sqs/connection.js'
import { buildMediaIdKey } from '../../src/sending/cached-id.js'
import { checkNodeId } from '../../src/sending/call-graph.js'
import { checkMessage, checkParts } from '../../src/sending/check-message.js'
import { inspectOpening } from '../../src/sending/inspect-opening.js'
import { isMediaRefused, isUnsent } from '../../src/sending/judge-refusal.js'
import { buildMultipart, decideFormName } from '../../src/sending/multipart.js'
import { decideStoredType } from '../../src/sending/open-source.js'
import { findHeaderFormat, findOutboundFormat } from '../../src/sending/outbound-limits.js'
import {
  buildMessageBody,
  buildSessionQuery,
  isDeleted,
  parseHandle,
  parseOffset,
  parseSendAnswer,
  parseUploadAnswer,
  toOAuth,
} from '../../src/sending/wire.js'
import { createMemoryStorage } from '../../src/storage/memory.js'
import { runR2Call } from '../../src/storage/r2/errors.js'
import { readRefusal } from '../../src/storage/refusal.js'
import { toSdkError } from '../../src/storage/s3/direct/error-answer.js'
import { toS3StorageError } from '../../src/storage/s3/errors.js'
import { listStoreSecrets } from '../../src/storage/s3/secrets.js'
import { findUnmetCondition, isRangeCurrent } from '../../src/storage/signed-site/conditions.js'
import { parseRange } from '../../src/storage/signed-site/range.js'
import { testReaders } from './worst-texts.js'

const CALL = { operation: 'put', key: 'a/b.jpg', bucket: 'media', secrets: ['example-secret'] } as const
const VALIDATORS = { size: 5, etag: '"a"', modified: new Date(0) }
const CREDENTIALS = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'example-secret' }

/** Headers that no server has normalised. */
const headersOf = (text: string): Headers => ({ get: () => text }) as unknown as Headers
const requestOf = (text: string): Request => ({ method: 'GET', headers: headersOf(text) }) as unknown as Request
const thrown = (text: string): Error =>
  Object.assign(new Error(text), { code: text, Code: text, name: text, requireStack: [text] })

/** An error as the SDK makes it of an answer. */
const sdkError = (text: string, status: number): Error =>
  Object.assign(thrown(text), {
    Region: text,
    $metadata: { httpStatusCode: status },
    $response: { headers: { 'retry-after': text, 'x-amz-bucket-region': text, 'content-type': text } },
    $responseBodyText: text,
  })

async function readAll(text: string, maxBytes: number): Promise<void> {
  const pieces = (async function* () {
    yield Buffer.from(text)
  })()
  for await (const line of readLines(pieces, { maxBytes })) line.text?.trim()
}

const { handler: serve } = createMemoryStorage({
  baseUrl: 'https://a.test/files',
  secret: 'a secret of enough letters',
})

testReaders({
  'an answer to our own put': (text) => toS3StorageError(toSdkError({ status: 400, headers: {} }, text), CALL),
  'the elements of such an answer': (text) => {
    const document = `<Error><Code>${text}</Code><Message>${text}</Message><Region>${text}</Region></Error>`
    return toS3StorageError(toSdkError({ status: 400, headers: { 'retry-after': text } }, document), CALL)
  },
  'such an answer that breaks off': (text) => toSdkError({ status: 400, headers: {} }, `<Error><Code>${text}`),
  'an error of the SDK, with its answer': (text) => toS3StorageError(sdkError(text, 400), CALL),
  'a redirect': (text) => toS3StorageError(sdkError(text, 301), CALL),
  'an error of the SDK, without an answer': (text) => toS3StorageError(thrown(text), CALL),
  'a refusal': (text) => readRefusal(sdkError(text, 400)),
  'the secrets of a storage': (text) =>
    listStoreSecrets({ bucket: 'a', credentials: { ...CREDENTIALS, sessionToken: text } }),
  'an error of R2': (text) => runR2Call({ operation: 'get', key: 'a/b.jpg' }, () => Promise.reject(thrown(text))),
  'an error of R2 with a number': (text) =>
    runR2Call({ operation: 'get', key: 'a/b.jpg' }, () => Promise.reject(new Error(`(10001)${text}`))),
  findRefusal: (text) => findRefusal(thrown(text)),
  'an error of Redis': (text) => toRedisError('enqueue', thrown(text)),
  'a lost lock of BullMQ': (text) => toRedisError('settle', new Error(`Job ${text} is not in the state`)),
  'an error of SQS': (text) =>
    connectSqs({ queueUrl: 'https://sqs.test/1/media', client: { send() {} } as unknown as SQSClient }).call(
      { operation: 'enqueue', limitMs: 5_000, secrets: ['example-secret'] },
      () => Promise.reject(sdkError(text, 400)),
    ),
  findSetupFault: (text) => findSetupFault(Object.assign(new Error(text), { code: 'MODULE_NOT_FOUND' })),
  'a load that fails': (text) => describeLoadFailure({ name: 'a' }, new Error(`Cannot find package ${text}`)),
  isPassingFault: (text) => isPassingFault(thrown(text)),
  describeNoAnswer: (text) => describeNoAnswer(thrown(text)),
  readHeaders: (text) => readHeaders({ a: text, [text]: 'a' }),
  parseUsage: (text) => parseUsage({ 'x-business-use-case-usage': text, 'x-app-usage': text }),
  'Range of a signed URL': (text) => [
    parseRange(requestOf(text), VALIDATORS),
    parseRange(requestOf(`bytes=${text}`), VALIDATORS),
  ],
  'If-Match and If-None-Match of a signed URL': (text) => findUnmetCondition(headersOf(text), VALIDATORS),
  'tags of a signed URL that end': (text) => findUnmetCondition(headersOf(`${text}"a"`), VALIDATORS),
  'If-Range of a signed URL': (text) => isRangeCurrent(headersOf(text), VALIDATORS),
  'the path of a signed URL': (text) => serve(new Request(`https://a.test/files/${text}`)),
  'the query of a signed URL': (text) =>
    serve(new Request(`https://a.test/files/a?signature=${text}&type=${text}&disposition=${text}&expires=${text}`)),
  'the CORS headers of a store': (text) =>
    judgeCorsAnswers({
      connection: { command: () => 'aws' },
      origins: ['https://a.test'],
      existing: { kind: 'absent', reason: 'a', status: 404 },
      fetchFor: async () =>
        ({
          get: (name: string) => (name === 'access-control-allow-origin' ? '*' : `x${text}x`),
        }) as unknown as Headers,
    }),
  'lines that are too long': (text) => readAll(text, 1_000),
  'a line of a back-fill': (text) => {
    const media = { mediaId: text, mediaType: text, mimeType: text, filename: text, sha256: text }
    const line = { messageId: text, phoneNumberId: text, timestamp: '1700000000' }
    return readLine(JSON.stringify({ ...line, content: media }), '2026-11-22T10:00:00.000Z')
  },
  'the time of a line': (text) =>
    readLine(
      JSON.stringify({ mediaId: '1', mediaType: 'image', timestamp: { $date: text } }),
      '2026-11-22T10:00:00.000Z',
    ),
  'an answer of Graph’s': (text) => {
    const json = parseJson(text)
    const read = [parseMediaInfo, parseTokenInfo, parseGraphError, parseUploadAnswer, isDeleted, parseOffset]
    return [...read, parseHandle, parseSendAnswer].map((parse) => parse(json))
  },
  'the fields of Graph’s answers': (text) => {
    const contacts = [{ wa_id: text, user_id: text }]
    const json = { url: text, mime_type: text, sha256: text, file_size: text, id: text, h: text, file_offset: text }
    parseSendAnswer({ messages: [{ id: text }], contacts })
    return [parseMediaInfo, parseUploadAnswer, parseOffset, parseHandle].map((parse) => parse(json))
  },
  'a refusal of Graph’s': (text) => {
    const error = { message: text, fbtrace_id: text, type: text, error_data: { details: text }, code: text }
    const answers = [text, JSON.stringify({ error }), `{"error":{"code":131053,"message":"${text}`]
    const failures = answers.map((body) =>
      toGraphError({ status: 400, headers: { 'retry-after': text }, text: body, secrets: ['example-token'] }, '1'),
    )
    return failures.map((failure) => [isUnsent(failure), isMediaRefused(failure)])
  },
  'headers for another scheme': (text) => toOAuth({ authorization: `Bearer ${text}`, other: text }),
  'a MIME type to send': (text) => findOutboundFormat(text),
  'a MIME type to send, of a kind': (text) => findOutboundFormat(`image/${text}`, 'image'),
  'a MIME type of a header': (text) => findHeaderFormat(text, 'image'),
  'a stored type and its key': (text) => [decideStoredType(text, 'a/b.jpg'), decideStoredType('', text)],
  decideFormName: (text) => decideFormName({ filename: text, extensions: ['jpg', 'jpeg'] }),
  'the file name of a form': (text) =>
    buildMultipart({ type: text }, { filename: text, mimeType: text, extensions: ['jpg'], size: 5 }),
  'the file name of a sample': (text) => buildSessionQuery({ filename: text, size: 5, mimeType: text }),
  'the opening of a file': (text) => {
    const format = { extensions: ['a'], limitBytes: 5_000_000 } as const
    for (const mimeType of ['image/webp', 'image/png', 'audio/ogg']) {
      inspectOpening(Buffer.from(text), { ...format, kind: 'image', mimeType }, 1_000_000)
    }
  },
  'an id of a node': (text) => checkNodeId('phoneNumberId', text),
  'the recipient of a message': (text) => checkMessage({ to: text, media: {} }),
  'other recipients': (text) => [checkMessage({ recipient: `IN.${text}` }), checkMessage({ group: text })],
  'the words of a message': (text) =>
    checkMessage({ to: '+15550001111', caption: text, filename: text, replyTo: text, callbackData: text }),
  'the caption of a message': (text) => checkParts({ caption: text, filename: text }, 'document'),
  'the body of a message': (text) =>
    buildMessageBody({ to: text, mediaType: 'document', mediaId: text, caption: text, filename: text }),
  'the key of a media id': (text) =>
    buildMediaIdKey('1', { format: { kind: 'image', mimeType: text, extensions: ['a'], limitBytes: 5 }, sha256: text }),
})
